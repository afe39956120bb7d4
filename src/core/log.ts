import type { JsonObject } from "./json.ts";

export type Level = "debug" | "info" | "warn" | "error";

/** A measurement, as Singer metric lines carry it. Durations are seconds. */
export interface Metric {
  readonly type: "counter" | "timer" | "gauge";
  /** `record_count`, `http_request_duration`, `http_request_count`, `batch_processing_time`, `sync_duration` … */
  readonly metric: string;
  readonly value: number;
  readonly tags?: JsonObject;
}

/**
 * What people and schedulers read while a run goes on; it all goes to stderr. Texts carry names and counts, never
 * tokens or spoken words; known secrets are replaced all the same before anything is written.
 */
export interface Log {
  debug(text: string, facts?: JsonObject): void;
  info(text: string, facts?: JsonObject): void;
  warn(text: string, facts?: JsonObject): void;
  error(text: string, facts?: JsonObject): void;
  metric(metric: Metric): void;
  /** How far a long piece of work is. Call it as often as is handy; the log decides how often it shows. */
  progress(unit: string, done: number, expected: number | undefined): void;
}

/** For tests, and for code that has nothing to say. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  metric: () => undefined,
  progress: () => undefined,
};
