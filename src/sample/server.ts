import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { EltError } from "../core/errors.ts";
import type { Account } from "./account.ts";
import type { Changes } from "./changes.ts";
import type { SampleOptions } from "./options.ts";
import { write } from "./reply.ts";
import { semarizeApi, type Semarize } from "./semarize/api.ts";
import { openService, type Service } from "./service.ts";

export type { SampleOptions } from "./options.ts";

/** Where recordings are: another host than the API's, on this machine. */
const MEDIA_HOST = "127.0.0.2";

export interface SampleApi extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly account: Account;
  readonly changes: Changes;
  readonly semarize: Semarize;
  /** Cuts open connections. */
  close(): Promise<void>;
}

/**
 * Starts a Chorus account, and a Semarize workspace beside it, on this machine. Throws CONFIG_INVALID for an unknown quirk, a corpus that cannot be read or
 * a port that is taken.
 */
export async function startSampleApi(options: SampleOptions = {}): Promise<SampleApi> {
  const service = await openService(options, () => `http://${MEDIA_HOST}:${port}`);
  const semarize = semarizeApi(options.semarize ?? {});
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const isSemarize = /^\/(v1|_sample\/semarize)\//.test(request.url ?? "");
    answered(isSemarize ? semarize.handle(request, response) : serve(service, request, response), response);
  });
  const media = createServer((request, response) => answered(serve(service, request, response), response));
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(options.port ?? 0, cause)));
    server.listen(options.port ?? 0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
  // Not every system has a second loopback address; there, recordings cannot be fetched.
  await new Promise<void>((resolve) => {
    media.once("error", () => resolve());
    media.listen(port, MEDIA_HOST, () => resolve());
  });
  const close = async () => {
    await Promise.all([closed(server), closed(media)]);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    account: service.account,
    changes: service.changes,
    semarize,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function serve({ handle }: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "GET", url = "/", headers } = request;
  let body = "";
  if (method === "GET") request.resume();
  else for await (const chunk of request.setEncoding("utf8")) body += chunk as string;
  await write(request, response, handle({ method, url, headers, body }));
}

/** What nobody foresaw is shown to whoever asked; the server goes on. */
function answered(answering: Promise<void>, response: ServerResponse): void {
  answering.catch((error: unknown) => {
    if (!response.headersSent) response.writeHead(500);
    response.end(String(error));
  });
}

function closed(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return ended;
}

function cannotListen(port: number, cause: Error): EltError {
  const message = `the sample API cannot listen on 127.0.0.1:${port} (${cause.message}); choose another port, or 0 for a free one`;
  return new EltError("CONFIG_INVALID", message, { cause });
}
