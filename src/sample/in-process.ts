import type { AccountOptions } from "./options.ts";
import type { SampleRequest } from "./reply.ts";
import { openService, type Service } from "./service.ts";

/** What a client without a socket gets. */
interface Received {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A Chorus account without a socket. */
export interface InProcess extends Omit<Service, "handle"> {
  /**
   * Asks a route under `/_sample/`, and gives what it answers, parsed. Throws an Error with the answer when it is
   * refused.
   */
  control(method: "GET" | "POST", path: string, body?: unknown): unknown;
  /** Rejects with an Error of code ECONNRESET where a server would cut the connection; nothing is slow here. */
  send(request: SampleRequest): Promise<Received>;
}

/**
 * The same account as `startSampleApi` serves, answered in this process: with a `clock` of its own, days pass in no
 * time. Recordings are at `http://media.sample.test`.
 */
export async function sampleInProcess(options: AccountOptions = {}): Promise<InProcess> {
  const { handle, ...service } = await openService(options, () => "http://media.sample.test");
  return {
    ...service,
    control(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const reply = handle({ method, url: path, headers: {}, body: text });
      if (reply === "reset") throw reset();
      if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${reply.body.toString()}`);
      return JSON.parse(reply.body.toString()) as unknown;
    },
    // A promise even where it throws, as a client over a network would have it.
    send: (request) =>
      new Promise((resolve, reject) => {
        const headers = Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
        const reply = handle({ ...request, headers: Object.fromEntries(headers) });
        if (reply === "reset") reject(reset());
        else resolve({ status: reply.status, headers: reply.headers, body: reply.body });
      }),
  };
}

function reset(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
}
