import type { TargetConfig } from "../target-config.ts";
import { counted, shown } from "../text-table.ts";

/** https://cloud.google.com/bigquery/quotas#load_jobs */
const LOAD_JOBS_A_DAY = 100_000;
/** Load, copy and query jobs that append or overwrite; DML does not count. https://cloud.google.com/bigquery/quotas#standard_tables */
const MODIFICATIONS_A_DAY = 1_500;
/** From this share on a quota is near: other pipelines of the project use it, too. */
const NEAR = 0.5;
const RUNS_A_DAY = 24;
const HOUR_S = 3_600;

/** What a call comes to, with all its streams, as the sample account has it. */
const ROWS_A_CALL = 200;
const BYTES_A_ROW = 400;

/** What a schedule has to load. */
export interface Load {
  readonly callsADay: number;
  /** Seconds that the tap needs for one call, at the pace that it has. */
  readonly secondsACall: number;
  readonly streams: number;
}

/** What of BigQuery's quotas an hourly schedule uses in a day. */
export interface Usage {
  readonly batchesARun: number;
  readonly batchesADay: number;
  readonly loadJobs: number;
  /** Of one table of a stream. Batches are merged into it by DML; only `overwrite` copies, once a run. */
  readonly modifications: number;
}

type Batches = Pick<TargetConfig, "batch_size_rows" | "batch_size_bytes" | "batch_max_age_seconds" | "load_method">;

/** A batch ends on rows, bytes or age, whichever comes first; a run has one at least. Every stream in it is a load job. */
export function usageOf(load: Load, config: Batches): Usage {
  const calls = load.callsADay / RUNS_A_DAY;
  const rows = calls * ROWS_A_CALL;
  const seconds = Math.min(HOUR_S, calls * load.secondsACall);
  const batchesARun = Math.ceil(
    Math.max(
      1,
      rows / config.batch_size_rows,
      (rows * BYTES_A_ROW) / config.batch_size_bytes,
      seconds / config.batch_max_age_seconds,
    ),
  );
  const batchesADay = batchesARun * RUNS_A_DAY;
  const isLoaded = config.load_method !== "storage_write"; // which takes no jobs
  return {
    batchesARun,
    batchesADay,
    loadJobs: isLoaded ? batchesADay * load.streams : 0,
    modifications: config.load_method === "overwrite" ? RUNS_A_DAY : 0,
  };
}

/** The same in a few lines, with what to change where a quota is near. */
export function tellUsage(usage: Usage, config: Batches): string[] {
  const { batchesARun, batchesADay, loadJobs, modifications } = usage;
  const of = (used: number, most: number) => `${shown(used)} of ${shown(most)}`;
  const lines = [
    `into BigQuery, hourly: ${counted(batchesADay, "batch", "batches")} a day (${shown(batchesARun)} a run), ${of(loadJobs, LOAD_JOBS_A_DAY)} load jobs a project may run a day`,
    `modifications of one table: ${of(modifications, MODIFICATIONS_A_DAY)} a day (merges are DML, which does not count)`,
  ];
  const near = Math.max(loadJobs / LOAD_JOBS_A_DAY, modifications / MODIFICATIONS_A_DAY);
  if (near < NEAR) return lines;
  const verdict = near > 1 ? "That is MORE than BigQuery allows" : "That is near to what BigQuery allows";
  const settings = `\`batch_max_age_seconds\` (${config.batch_max_age_seconds}), \`batch_size_rows\` (${shown(config.batch_size_rows)}) or \`batch_size_bytes\` (${shown(config.batch_size_bytes)})`;
  return [...lines, `${verdict}: raise ${settings}, whichever ends batches first, or select fewer streams.`];
}
