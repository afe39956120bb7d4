import type { Env } from "../core/env.ts";
import type { Out } from "../io/out.ts";
import { startSampleApi, type SampleOptions } from "./server.ts";

/** Serves until the process is asked to stop. `listening on …` on stdout says that it is ready. */
export async function runSampleApi(options: SampleOptions, { signal }: Env, out: Out): Promise<void> {
  await using api = await startSampleApi(options);
  void out.line(`listening on ${api.url}`);
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
