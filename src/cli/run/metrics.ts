import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";

/** What one run has to tell. */
export interface RunFacts {
  readonly pipeline: string;
  readonly outcome: "success" | "failure" | "aborted";
  /** The code of the error that ended it. */
  readonly code: string | undefined;
  readonly startedMs: number;
  readonly endedMs: number;
  /** Rows loaded, by stream. */
  readonly records: Readonly<Record<string, number>>;
  readonly rejected: number;
  /** Requests sent, by status; 0 where no answer came. */
  readonly requests: ReadonlyMap<string, number>;
  /** Up to where calls are loaded, milliseconds since 1970; undefined when this run has not found out. */
  readonly coveredUntilMs: number | undefined;
}

const OUTCOMES = ["success", "failure", "aborted"] as const;

const HELP = {
  chorus_elt_last_run_timestamp_seconds: ["gauge", "When the last run ended, however it ended."],
  chorus_elt_last_success_timestamp_seconds: ["gauge", "When the last run ended that went well."],
  chorus_elt_run_duration_seconds: ["gauge", "How long the last run took."],
  chorus_elt_covered_until_timestamp_seconds: ["gauge", "Calls that started before this moment are loaded."],
  chorus_elt_lag_seconds: ["gauge", "From that moment to the end of the last run."],
  chorus_elt_runs_total: ["counter", "Runs, by how they ended."],
  chorus_elt_failures_total: ["counter", "Runs that failed, by error code."],
  chorus_elt_records_total: ["counter", "Records loaded, by stream."],
  chorus_elt_rejected_records_total: ["counter", "Records put aside in _rejected."],
  chorus_elt_http_requests_total: ["counter", "Requests sent to the APIs, by status; 0 is no answer."],
} as const;
type Family = keyof typeof HELP;

/**
 * Writes a textfile for node_exporter, whole or not at all. Counters, and what this run does not know, go on from the file
 * that is there; so a pipeline needs a file of its own. Rejects when the file cannot be written.
 */
export async function writeMetrics(path: string, facts: RunFacts): Promise<void> {
  const old = await readFile(path, "utf8").catch(() => ""); // the first run has none
  const temporary = `${path}.${process.pid}.tmp`; // node_exporter reads *.prom
  try {
    await writeFile(temporary, exposition(facts, old));
    await chmod(temporary, 0o644); // the exporter is another user
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The text after a run, given the text before it. https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function exposition(facts: RunFacts, old: string): string {
  const { pipeline, outcome, code, startedMs, endedMs, coveredUntilMs } = facts;
  const values = ownSeries(old, pipeline);
  const series = (family: Family, labels: Record<string, string> = {}) => {
    const pairs = Object.entries({ pipeline, ...labels }).map(([name, value]) => `${name}="${escaped(value)}"`);
    return `${family}{${pairs.join(",")}}`;
  };
  const set = (family: Family, value: number) => values.set(series(family), value);
  const add = (family: Family, labels: Record<string, string>, value: number) => {
    const key = series(family, labels);
    values.set(key, (values.get(key) ?? 0) + value);
  };
  set("chorus_elt_last_run_timestamp_seconds", endedMs / 1_000);
  if (outcome === "success") set("chorus_elt_last_success_timestamp_seconds", endedMs / 1_000);
  set("chorus_elt_run_duration_seconds", (endedMs - startedMs) / 1_000);
  if (coveredUntilMs !== undefined) set("chorus_elt_covered_until_timestamp_seconds", coveredUntilMs / 1_000);
  const covered = values.get(series("chorus_elt_covered_until_timestamp_seconds"));
  if (covered !== undefined) set("chorus_elt_lag_seconds", Math.max(0, Math.round(endedMs - covered * 1_000) / 1_000));
  for (const one of OUTCOMES) add("chorus_elt_runs_total", { outcome: one }, one === outcome ? 1 : 0);
  if (code !== undefined) add("chorus_elt_failures_total", { code }, 1);
  for (const [stream, rows] of Object.entries(facts.records)) add("chorus_elt_records_total", { stream }, rows);
  add("chorus_elt_rejected_records_total", {}, facts.rejected);
  for (const [status, count] of facts.requests) add("chorus_elt_http_requests_total", { code: status }, count);
  return Object.entries(HELP)
    .flatMap(([family, [type, help]]) => {
      const lines = [...values]
        .filter(([key]) => key.startsWith(`${family}{`))
        .map(([key, value]) => `${key} ${value}`);
      return lines.length === 0 ? [] : [`# HELP ${family} ${help}`, `# TYPE ${family} ${type}`, ...lines.sort()];
    })
    .map((line) => `${line}\n`)
    .join("");
}

/** What an earlier run of this pipeline wrote: labels stand in the order that `exposition` gives them. */
function ownSeries(text: string, pipeline: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, key = "", value = ""] = /^(\w+\{.*\}) (\S+)$/.exec(line) ?? [];
    const isOwn = /^\w+\{pipeline="((?:[^"\\]|\\.)*)"/.exec(key)?.[1] === escaped(pipeline);
    if (isOwn && Number.isFinite(Number(value))) found.set(key, Number(value));
  }
  return found;
}

const escaped = (value: string) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
