import type { Env } from "../../core/env.ts";
import { asEltError, EltError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import { Stopped, type Command } from "../process.ts";
import { nameOf, type RunConfig } from "./config.ts";
import { lineage } from "./lineage.ts";
import { writeMetrics, type RunFacts } from "./metrics.ts";
import type { Loaded } from "./pump.ts";
import { stepsOf, type Step } from "./steps.ts";

export interface Asked {
  /** The config file, for messages. */
  readonly path: string;
  readonly config: RunConfig;
  readonly catalog: string | undefined;
}

/** What came of a step, and the state that it read on from. */
type Done = Awaited<ReturnType<Step["load"]>>;

/**
 * One run: every tap that the config has a part for, one after the other, into the warehouse; then metrics and lineage say
 * how it went. A tap that fails does not keep the others from being loaded. Throws the EltError of what failed, or the
 * reason of the signal when the run was asked to stop; what had come is committed either way.
 */
export async function runOnce(asked: Asked, { env }: Pick<Command, "env">): Promise<void> {
  const { run } = asked.config;
  const pipeline = nameOf(asked.config);
  const startedMs = env.clock.now();
  const { counting, requests } = requestCounter(env);
  const done: Done[] = [];
  let error: EltError | undefined;
  let events: ReturnType<typeof lineage> | undefined;
  try {
    const steps = await stepsOf({ ...asked, env: counting });
    if (run.openlineage !== undefined) {
      const inputs = steps.flatMap((step) => step.inputs);
      events = lineage(run.openlineage, { pipeline, inputs }, env);
      await events.start();
    }
    error = await loadAll(steps, done, counting);
  } catch (thrown) {
    error = asEltError(thrown);
  }
  const whole = env.signal.aborted ? "aborted" : "success";
  const outcome = error === undefined ? whole : "failure";
  const tables: Loaded[] = done.flatMap((one) => one.tables);
  const facts: RunFacts = {
    pipeline,
    outcome,
    code: error?.code,
    startedMs,
    endedMs: env.clock.now(),
    records: Object.fromEntries(tables.map(({ plan, rows }) => [plan.stream, rows])),
    rejected: done.reduce((sum, { summary }) => sum + (summary?.rejected ?? 0), 0),
    requests,
    coveredUntilMs: coveredUntilMs(done[0]),
  };
  await tellMetrics(run.metrics_file, facts, env);
  if (error !== undefined) {
    await events?.end("FAIL", tables, scrubbed(error, env));
    throw error;
  }
  await events?.end(outcome === "aborted" ? "ABORT" : "COMPLETE", tables);
  env.signal.throwIfAborted();
}

/** Loads one after the other until the run is asked to stop; gives the first error, and logs the others. */
async function loadAll(steps: readonly Step[], done: Done[], env: Command["env"]): Promise<EltError | undefined> {
  let first: EltError | undefined;
  for (const step of steps) {
    if (env.signal.aborted) break;
    const loaded = await step.load(env);
    done.push(loaded);
    if (loaded.error === undefined || loaded.error instanceof Stopped) continue;
    const error = asEltError(loaded.error);
    if (steps.length > 1) env.log.error(`${step.name}: ${error.code}: ${error.message}`, { code: error.code });
    first ??= error;
  }
  return first;
}

/** The same env, with a log that counts requests by their status. */
function requestCounter(env: Command["env"]): { counting: Command["env"]; requests: Map<string, number> } {
  const requests = new Map<string, number>();
  const metric: Env["log"]["metric"] = (one) => {
    const status = one.metric === "http_request_duration" ? one.tags?.["http_status_code"] : undefined;
    if (typeof status === "number") requests.set(`${status}`, (requests.get(`${status}`) ?? 0) + 1);
    env.log.metric(one);
  };
  return { counting: { ...env, log: { ...env.log, metric } }, requests };
}

/** The newest moment that the state of tap-chorus calls covered, milliseconds since 1970. */
function coveredUntilMs(chorus: Done | undefined): number | undefined {
  const { bookmarks } = chorus?.state ?? chorus?.before ?? {};
  if (!isObject(bookmarks)) return undefined;
  const intervals = Object.values(bookmarks).flatMap((bookmark) => (isObject(bookmark) ? bookmark["covered"] : []));
  const ends = intervals.flatMap((interval) => {
    const end = Array.isArray(interval) ? interval[1] : undefined;
    return typeof end === "string" ? Date.parse(end) : [];
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

async function tellMetrics(path: string | undefined, facts: RunFacts, { log }: Pick<Env, "log">): Promise<void> {
  if (path === undefined) return;
  try {
    await writeMetrics(path, facts);
  } catch (error) {
    log.error(`the metrics file could not be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The error as others may read it. What nobody foresaw may say anything, so it is left to the log. */
const scrubbed = ({ code, message }: EltError, { log }: Command["env"]) =>
  new EltError(code, code === "UNEXPECTED" ? "see the log" : log.scrubbed(message));
