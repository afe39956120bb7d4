import type { Readable } from "node:stream";
import type { Warehouse } from "../core/destination.ts";
import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import { Loader, type LoaderOptions } from "../core/load.ts";
import type { StateMessage } from "../core/message.ts";
import { lineChunks, lineText } from "../io/lines.ts";
import type { Command } from "./process.ts";
import type { TargetConfig } from "./target-config.ts";

/** What a protocol makes of a target's input. */
export interface Listener {
  readonly options: LoaderOptions;
  /** The line that says a state; `isLast` of those that one commit set free. Undefined: it need not be said. */
  stateLine(state: StateMessage, isLast: boolean): string | undefined;
  /** What there is to load before the first line. */
  begin?(loader: Loader): Promise<void>;
  /** Loads what a line says. A promise only when the next line has to wait. */
  take(text: string, number: number, loader: Loader): Promise<void> | undefined;
  /** The end of the input. */
  end(loader: Loader): Promise<void>;
}

/**
 * Loads lines until their end, or until the run is asked to stop: then what has arrived is committed and its state
 * said, and the rest is left to the next run.
 */
export async function loadLines(
  input: Readable,
  warehouse: Warehouse,
  config: TargetConfig,
  listener: Listener,
  { env, out }: Command,
): Promise<void> {
  const loader = new Loader(warehouse, listener.options, env, (state, isLast) => {
    const line = listener.stateLine(state, isLast);
    if (line !== undefined) void out.line(line);
  });
  const started = env.clock.now();
  const stop = () => input.destroy();
  const timer = setInterval(() => {
    loader.tick();
    if (loader.failed) stop(); // nobody may send another line for hours
  }, 500);
  env.signal.addEventListener("abort", stop, { once: true });
  try {
    if (env.signal.aborted) stop();
    await listener.begin?.(loader);
    await feed(input, loader, listener, env);
    await (env.signal.aborted ? loader.flush() : listener.end(loader));
  } catch (error) {
    // What is whole so far is kept, and its state said; the line that cannot be read ends the run.
    if (error instanceof EltError && error.code !== "WAREHOUSE_REFUSED") await loader.flush();
    throw error;
  } finally {
    clearInterval(timer);
    env.signal.removeEventListener("abort", stop);
  }
  summarize(loader, config, (env.clock.now() - started) / 1_000, env);
}

async function feed(input: Readable, loader: Loader, listener: Listener, env: Env): Promise<void> {
  let number = 0;
  try {
    for await (const lines of lineChunks(input)) {
      // A line that a killed tap did not end is no line: it is not JSON, and was never covered by a state.
      if (env.signal.aborted) break;
      for (const line of lines) {
        number++;
        const text = lineText(line, number);
        if (text === undefined) continue;
        const wait = listener.take(text, number, loader);
        if (wait !== undefined) await wait;
      }
    }
  } catch (error) {
    const stopped = env.signal.aborted || loader.failed; // then the input was destroyed by us
    if (!stopped && !(error instanceof EltError)) throw unreadable(error);
    if (!stopped || error instanceof EltError) throw error;
  }
}

function unreadable(error: unknown): EltError {
  const { code = "unreadable", path = "standard input" } = error as NodeJS.ErrnoException;
  return new EltError("CONFIG_UNREADABLE", `cannot read ${path}: ${code}`, { cause: error });
}

/** Tells what was loaded. Throws RECORD_WITHOUT_KEY or RECORDS_REJECTED when too much was put aside. */
export function summarize(loader: Loader, config: TargetConfig, seconds: number, env: Env): void {
  const { rows, rejected, keysMissing, replaced, forgotten, unknown } = loader.summary;
  for (const [stream, names] of Object.entries(unknown)) {
    env.log.warn(`stream "${stream}": properties that the schema does not name were left out: ${names.join(", ")}`, {
      stream,
    });
  }
  if (replaced > 0) env.log.warn(`${replaced} NUL or lone surrogate characters were replaced by U+FFFD`);
  if (forgotten.leftOut + forgotten.erased > 0) {
    env.log.info(
      `forgotten: ${forgotten.leftOut} records were left out, ${forgotten.erased} were loaded without what is erased`,
    );
  }
  const total = Object.values(rows).reduce((sum, count) => sum + count, 0);
  env.log.info(`loaded ${total} rows of ${Object.keys(rows).length} streams in ${seconds.toFixed(1)} s`, { rows });
  if (rejected > config.max_rejected) {
    const code = keysMissing ? "RECORD_WITHOUT_KEY" : "RECORDS_REJECTED";
    throw new EltError(code, `${rejected} records were put aside, ${config.max_rejected} are allowed`);
  }
  if (rejected > 0) env.log.warn(`${rejected} records were put aside in the table _rejected`);
}
