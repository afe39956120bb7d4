import { CODES, type EltError, type Recovery } from "../../core/errors.ts";
import { printJson, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Level } from "../../core/log.ts";

/**
 * The lines of the Airbyte protocol, https://docs.airbyte.com/platform/understanding-airbyte/airbyte-protocol. Each
 * function gives one line; times are milliseconds since 1970 UTC. What the protocol has no word for rides along where
 * other programs look past it: `x-replaces` and `x-newest-by` in a stream's JSON schema, `clears` in a record.
 */

/** The version of the protocol that this program speaks. */
const PROTOCOL_VERSION = "0.2.0";

const line = (type: string, payload: JsonObject): string => printJson({ type, ...payload });

export function specLine(spec: JsonObject): string {
  return line("SPEC", { spec: { protocol_version: PROTOCOL_VERSION, ...spec } });
}

export function connectionStatusLine(status: "SUCCEEDED" | "FAILED", message?: string): string {
  return line("CONNECTION_STATUS", { connectionStatus: { status, ...(message === undefined ? {} : { message }) } });
}

export const catalogLine = (catalog: JsonObject): string => line("CATALOG", { catalog });

const LEVELS: Record<Level | "critical", string> = {
  debug: "DEBUG",
  info: "INFO",
  warn: "WARN",
  error: "ERROR",
  critical: "FATAL",
};

export function logLine(level: Level | "critical", message: string): string {
  return line("LOG", { log: { level: LEVELS[level], message } });
}

/** `clears` as in `RecordMessage`. */
export function recordLine(
  stream: string,
  data: JsonObject,
  emittedAt: number,
  clears: readonly string[] | undefined,
): string {
  const rest = clears === undefined ? "" : `,"clears":${JSON.stringify(clears)}`;
  return `{"type":"RECORD","record":{"stream":${JSON.stringify(stream)},"data":${printJson(data)},"emitted_at":${Math.trunc(emittedAt)}${rest}}}`;
}

/** A count as the protocol wants it: with a decimal point, which JSON.stringify never prints. */
const count = (records: number) => `${records}.0`;

/** A stream's state as a `--state` file has it. */
export function streamStateMessage(stream: string, state: JsonValue): JsonObject {
  return { type: "STREAM", stream: { stream_descriptor: { name: stream }, stream_state: state } };
}

/** A stream's state; `records` were said of the stream since its last one. */
export function streamStateLine(stream: string, state: JsonValue, records: number): string {
  const text = printJson(streamStateMessage(stream, state)).slice(0, -1);
  return `{"type":"STATE","state":${text},"sourceStats":{"recordCount":${count(records)}}}}`;
}

/** A state on its way back, as it came; `rejected` of the records that it covers were put aside. */
export function destinationStateLine(state: JsonObject, records: number, rejected: number): string {
  const stats = `"destinationStats":{"recordCount":${count(records)},"rejectedRecordCount":${count(rejected)}}`;
  return `{"type":"STATE","state":${printJson(state).slice(0, -1)},${stats}}}`;
}

/** Which stream something is about, as the protocol names it. */
export interface StreamDescriptor {
  readonly name: string;
  readonly namespace?: string;
}

export type StreamStatus = "STARTED" | "RUNNING" | "COMPLETE" | "INCOMPLETE";

export function statusLine(stream: StreamDescriptor, status: StreamStatus, now: number, rateLimited = false): string {
  const reasons = rateLimited ? { reasons: [{ type: "RATE_LIMITED" }] } : {};
  return trace("STREAM_STATUS", now, { stream_status: { stream_descriptor: { ...stream }, status, ...reasons } });
}

/** How many records of a stream this run will say, as far as is known. */
export function estimateLine(stream: string, rows: number, now: number): string {
  return trace("ESTIMATE", now, { estimate: { name: stream, type: "STREAM", row_estimate: rows } });
}

const FAILURE_TYPES: Record<Recovery, "config_error" | "transient_error" | "system_error"> = {
  "fix-config": "config_error",
  "retry-later": "transient_error",
  "fix-source": "system_error",
  "report-bug": "system_error",
};

/** What went wrong, for people (message and hint) and for machines (code and failure type). */
export function errorLine(error: EltError, now: number): string {
  const { code, message, recovery, stream, cause } = error;
  const stack = code === "UNEXPECTED" && cause instanceof Error ? cause.stack : undefined;
  return trace("ERROR", now, {
    error: {
      message: `${message}. ${CODES[code].hint}`,
      internal_message: `${code}: ${message}`,
      ...(stack === undefined ? {} : { stack_trace: stack }),
      failure_type: FAILURE_TYPES[recovery],
      ...(stream === undefined ? {} : { stream_descriptor: { name: stream } }),
    },
  });
}

function trace(type: string, now: number, payload: JsonObject): string {
  return line("TRACE", { trace: { type, emitted_at: now, ...payload } });
}
