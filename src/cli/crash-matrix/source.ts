import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownProgram, type Program } from "./programs.ts";

/** What is loaded: a tap that gives the same records whenever it is started. */
export interface Source extends AsyncDisposable {
  /** The tap, going on from the state in this file. */
  tap(stateFile: string | undefined): Program;
}

/** The user's own account, as their config of tap-chorus narrows it down. */
export function ownAccount(configs: readonly string[], catalog?: string): Source {
  return {
    tap: (stateFile) => tapChorus(configs, { catalog, stateFile }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A sample account of a few calls, with windows so short that states come between them. */
export async function sampleAccount(
  folder: string,
  { catalog, ...options }: { calls: number; seed: number; catalog: string | undefined },
): Promise<Source> {
  const { startSampleApi } = await import("../../sample/server.ts");
  const api = await startSampleApi(options);
  const begin = Math.min(...api.account.visible().map(({ call }) => call.startedMs));
  const config = join(folder, "tap.json");
  const settings = {
    api_url: api.url,
    api_token: "sample-token",
    start_date: new Date(begin).toISOString(),
    window_days: 0.125,
    max_requests_per_second: 1_000,
    concurrency: 4,
  };
  await writeFile(config, JSON.stringify(settings));
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("TAP_CHORUS_")) Reflect.deleteProperty(process.env, name); // it would win over the file
  }
  return { tap: (stateFile) => tapChorus([config], { catalog, stateFile }), [Symbol.asyncDispose]: () => api.close() };
}

function tapChorus(
  configs: readonly string[],
  { catalog, stateFile }: { catalog: string | undefined; stateFile: string | undefined },
): Program {
  const given = (option: string, file: string | undefined) => (file === undefined ? [] : [option, file]);
  const args = configs.flatMap((config) => ["--config", config]);
  return ownProgram("tap-chorus", [...args, ...given("--catalog", catalog), ...given("--state", stateFile)]);
}
