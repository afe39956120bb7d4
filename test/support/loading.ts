import { decode, encodeState } from "../../src/dialects/singer/codec.ts";
import { loaderOptions, targetSchema, type TargetConfig } from "../../src/cli/target-config.ts";
import type { Warehouse } from "../../src/core/destination.ts";
import type { Env } from "../../src/core/env.ts";
import { asEltError, type EltError } from "../../src/core/errors.ts";
import { Loader, type LoadSummary } from "../../src/core/load.ts";
import { silentLog } from "../../src/core/log.ts";
import { checkConfig } from "../../src/core/validate.ts";
import { fakeClock } from "./clock.ts";

export type Settings = Partial<TargetConfig>;

/** A run that takes one line at a time, so that a test can look between the lines. */
export interface Run {
  readonly loader: Loader;
  /** The states that came out, as lines. */
  readonly states: string[];
  line(text: string): Promise<void>;
  lines(texts: readonly string[]): Promise<void>;
}

export function startRun(warehouse: Warehouse, settings: Settings = {}, env: Env = testEnv()): Run {
  const config = { ...settings };
  const faults = checkConfig(targetSchema({}), config);
  if (faults.length > 0) throw new Error(faults.join("; "));
  const states: string[] = [];
  const loader = new Loader(warehouse, loaderOptions(config as TargetConfig), env, (state) =>
    states.push(encodeState(state.state)),
  );
  let number = 0;
  const line = async (text: string) => {
    number++;
    const message = decode(text, number);
    if (message.type === "batch") throw new Error("files of a batch are read by the target, not here");
    await loader.accept(message, text, number);
  };
  return {
    loader,
    states,
    line,
    async lines(texts) {
      for (const text of texts) await line(text);
    },
  };
}

export interface Loaded {
  readonly states: readonly string[];
  readonly summary: LoadSummary;
  /** What ended the run early; what was whole before it is committed, as the target does. */
  readonly error: EltError | undefined;
}

/** A whole run, as `target-warehouse` does it. */
export async function load(
  warehouse: Warehouse,
  lines: readonly string[],
  settings: Settings = {},
  env?: Env,
): Promise<Loaded> {
  const run = startRun(warehouse, settings, env);
  let error: EltError | undefined;
  try {
    await run.lines(lines);
    await run.loader.finish();
  } catch (thrown) {
    error = asEltError(thrown);
    if (error.code === "UNEXPECTED") throw thrown;
    if (error.code !== "WAREHOUSE_REFUSED") await run.loader.flush();
  }
  return { states: run.states, summary: run.loader.summary, error };
}

export function testEnv(clock = fakeClock()): Env {
  return { clock, log: silentLog, signal: new AbortController().signal, step: () => undefined };
}
