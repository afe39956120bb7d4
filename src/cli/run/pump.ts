import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { Loader, type LoadSummary } from "../../core/load.ts";
import type { Log } from "../../core/log.ts";
import type { Message, State } from "../../core/message.ts";
import type { Dataset, Warehouse } from "../../core/destination.ts";
import type { TablePlan } from "../../core/table.ts";
import { encode } from "../../dialects/singer/codec.ts";
import { summarize } from "../load-lines.ts";
import { Stopped } from "../process.ts";
import { told, worst } from "../tap.ts";
import { loaderOptions, type TargetConfig } from "../target-config.ts";
import type { Chosen } from "../warehouse.ts";

/** What came of one tap's run into the warehouse, whether it went well or not. */
export interface Pumped {
  /** What ended it, or was not read or loaded whole; undefined when all went well. */
  readonly error: unknown;
  /** Undefined when the warehouse was not opened. */
  readonly summary: LoadSummary | undefined;
  readonly tables: readonly Loaded[];
  /** The newest state that was committed. */
  readonly state: State | undefined;
}

/** A table, and how many rows of this run were committed to it. */
export interface Loaded extends Dataset {
  readonly plan: TablePlan;
  readonly rows: number;
}

/**
 * Loads what a tap says, in this process: `tap | target-warehouse` without the pipe. The tap waits while a batch is
 * committed. What is whole when the tap fails, or the run is asked to stop, is committed. When the warehouse fails the
 * tap is stopped, whatever it waits for.
 */
export async function pump(
  read: (env: Env) => AsyncGenerator<Message>,
  { connect, config }: Pick<Chosen, "connect" | "config">,
  env: Env,
): Promise<Pumped> {
  const over = new AbortController();
  const messages = read({ ...env, signal: AbortSignal.any([env.signal, over.signal]) });
  try {
    const first = await messages.next(); // a tap that reads the warehouse does so before its first message
    await using warehouse = await connect();
    return await load(first, { messages, over, warehouse, config, env });
  } catch (error) {
    return { error, summary: undefined, tables: [], state: undefined };
  } finally {
    await messages.return(undefined);
  }
}

interface Parts {
  readonly messages: AsyncGenerator<Message>;
  readonly over: AbortController;
  readonly warehouse: Warehouse;
  readonly config: TargetConfig;
  readonly env: Env;
}

async function load(first: IteratorResult<Message>, parts: Parts): Promise<Pumped> {
  const { over, warehouse, config, env } = parts;
  let state: State | undefined;
  const { committed, log } = rowCounter(env.log);
  const loader = new Loader(warehouse, loaderOptions(config), { ...env, log }, (released) => {
    state = released.state;
  });
  const startedMs = env.clock.now();
  const timer = setInterval(() => {
    loader.tick();
    if (loader.failed) over.abort(new Stopped("the warehouse has failed"));
  }, 500);
  const outcome = async (): Promise<unknown> => {
    try {
      const failures = await feed(first, loader, parts);
      env.signal.throwIfAborted();
      await (failures.length === 0 ? loader.finish() : loader.flush()); // `overwrite` needs every stream whole
      summarize(loader, config, (env.clock.now() - startedMs) / 1_000, env);
      return failures.length === 0 ? undefined : worst(failures);
    } catch (error) {
      return keep(loader, error);
    }
  };
  const error = await outcome();
  clearInterval(timer);
  const { summary } = loader;
  const tables = summary.tables.map((plan) => {
    const rows = committed.get(plan.stream) ?? 0;
    return { ...warehouse.dataset(config.default_target_schema, plan.table), plan, rows };
  });
  return { error, summary, tables, state };
}

/**
 * A log that counts the rows of each stream as they are committed, which the loader tells it. It does not pass that on: the
 * tap tells the same in the end, and whoever reads this log would count twice.
 */
function rowCounter(log: Log): { committed: Map<string, number>; log: Log } {
  const committed = new Map<string, number>();
  const metric: Log["metric"] = (one) => {
    const stream = one.metric === "record_count" ? one.tags?.["stream"] : undefined;
    if (typeof stream === "string") committed.set(stream, (committed.get(stream) ?? 0) + one.value);
    else log.metric(one);
  };
  return { committed, log: { ...log, metric } };
}

/** Takes all messages; gives the errors of streams that were not read whole. */
async function feed(first: IteratorResult<Message>, loader: Loader, { messages, env }: Parts): Promise<EltError[]> {
  const failures: EltError[] = [];
  let number = 0;
  for (let next = first; next.done !== true; next = await messages.next()) {
    const message = next.value;
    switch (message.type) {
      case "log":
        env.log[message.level](message.text, message.stream === undefined ? {} : { stream: message.stream });
        break;
      case "failure":
        failures.push(told(message, env.log));
        break;
      default: {
        const wait = loader.accept(message, encode(message) ?? "", ++number);
        if (wait !== undefined) await wait;
      }
    }
  }
  return failures;
}

/** Commits what is whole in spite of an error, and gives the error that counts: a failed commit is behind all others. */
async function keep(loader: Loader, error: unknown): Promise<unknown> {
  if (!(error instanceof EltError || error instanceof Stopped)) return error;
  try {
    await loader.flush();
    return error;
  } catch (failure) {
    return failure;
  }
}
