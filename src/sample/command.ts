import { once } from "node:events";
import type { Env } from "../core/env.ts";
import type { Out } from "../io/out.ts";
import { startSampleApi, type SampleOptions } from "./server.ts";

/** Says `listening on http://127.0.0.1:PORT` on stdout once it is ready, and serves until `signal` aborts. */
export async function runSampleApi(
  options: SampleOptions,
  { signal }: Pick<Env, "signal">,
  out: Pick<Out, "line">,
): Promise<void> {
  await using api = await startSampleApi(options);
  await out.line(`listening on ${api.url}`);
  if (!signal.aborted) await once(signal, "abort");
}
