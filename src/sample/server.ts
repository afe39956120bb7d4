import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EltError } from "../core/errors.ts";
import { Account, HOUR_MS } from "./account.ts";
import { Changes } from "./changes.ts";
import { controlRoutes } from "./control.ts";
import { readCorpus } from "./corpus.ts";
import { callsFlavour } from "./flavours/calls.ts";
import { generate } from "./generator.ts";
import { handler } from "./handler.ts";
import { QuirkSet } from "./quirks/set.ts";
import { tokenBucket } from "./rate.ts";
import { RequestCounts } from "./request-counts.ts";
import { semarizeApi, type Semarize, type SemarizeOptions } from "./semarize/api.ts";

export interface SampleOptions {
  /** On 127.0.0.1; 0 takes a free one, as does its absence. */
  readonly port?: number;
  /** What clients must send; `sample-token` when absent. */
  readonly token?: string;
  /** A file of calls, one JSON object a line, possibly gzipped; in the place of generated ones. */
  readonly corpus?: string;
  /** How many calls to generate; 200 when absent. */
  readonly calls?: number;
  readonly seed?: number;
  /** Ids of quirks to switch on from the start. */
  readonly quirks?: readonly string[];
  /** Requests a second, twice as many at once; no limit when absent. */
  readonly rate?: number;
  /** The most rows that a list gives at once; 100 when absent. */
  readonly limitCap?: number;
  /** What the server's clock shows at the start, in milliseconds since 1970; the real time when absent. */
  readonly now?: number;
  /** The Semarize workspace that is served beside the account. */
  readonly semarize?: SemarizeOptions;
}

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
  const { token = "sample-token", limitCap = 100, now = Date.now() } = options;
  const quirks = new QuirkSet(options.quirks);
  const source = await openSource(options, now);
  const account = new Account(source, quirks, now);
  const changes = new Changes(account);
  const counts = new RequestCounts();
  const handle = handler({
    account,
    counts,
    isAllowed: (authorization) => authorization === token || authorization === `Bearer ${token}`,
    takeToken: tokenBucket(options.rate, () => performance.now()),
    api: callsFlavour(account, changes, { limitCap }),
    control: controlRoutes(account, changes, counts),
  });
  const semarize = semarizeApi(options.semarize ?? {});
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const isSemarize = /^\/(v1|_sample\/semarize)\//.test(request.url ?? "");
    const answered = isSemarize ? semarize.handle(request, response) : handle(request, response);
    // What nobody foresaw is shown to whoever asked; the server goes on.
    answered.catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(options.port ?? 0, cause)));
    server.listen(options.port ?? 0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://127.0.0.1:${port}`, account, changes, semarize, close, [Symbol.asyncDispose]: close };
}

async function openSource({ corpus, calls = 200, seed = 1 }: SampleOptions, nowMs: number) {
  if (corpus !== undefined) return readCorpus(corpus);
  return generate({ calls, seed, nowMs: Math.floor(nowMs / HOUR_MS) * HOUR_MS });
}

function cannotListen(port: number, cause: Error): EltError {
  const message = `the sample API cannot listen on 127.0.0.1:${port} (${cause.message}); choose another port, or 0 for a free one`;
  return new EltError("CONFIG_INVALID", message, { cause });
}
