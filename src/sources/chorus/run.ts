import { type Env } from "../../core/env.ts";
import { EltError, asEltError } from "../../core/errors.ts";
import { type FailureMessage, type RecordMessage, type State, type StateMessage } from "../../core/message.ts";
import { type Api, type Needs } from "./api.ts";
import { type Bookmarks } from "./bookmark.ts";
import { type Call, type Transcript } from "./call.ts";
import { type Config } from "./config.ts";
import { type ListedDays } from "./days.ts";
import { type CallStream, type RootStream } from "./define.ts";

/** What the parts of one read share. */
export interface Run {
  readonly config: Config;
  readonly env: Env;
  readonly api: Api;
  readonly bookmarks: Bookmarks;
  /** What is needed of each call beyond its row in the list. */
  readonly needs: Needs;
  /** What this run lists, by day. */
  readonly days: ListedDays;
  /** Ages, in milliseconds, at which calls are read again though they look the same. */
  readonly rereadMs: readonly number[];
  /** The selected streams of the call family. */
  readonly family: readonly CallStream[];
  readonly roots: readonly RootStream[];
  /** `start_date`, in milliseconds. */
  readonly startMs: number;
  /** True once `max_run_minutes` are over, or history has used its share of the day's requests. */
  isLate(): boolean;
}

/** A call and all that hangs on it, as one set: the call clears the sets of its children, then they follow. */
export function* callRecords(
  run: Run,
  streams: readonly CallStream[],
  call: Call,
  transcript: Transcript | undefined,
): Generator<RecordMessage> {
  const extractedAt = run.env.clock.now();
  const clears = streams.filter(({ parent }) => parent === "calls").map(({ name }) => name);
  for (const stream of streams) {
    for (const record of stream.rows(call, transcript)) {
      const message = { type: "record", stream: stream.name, record, extractedAt } as const;
      yield stream.name === "calls" && clears.length > 0 ? { ...message, clears } : message;
    }
  }
}

/** Says that a call is gone from Chorus. `remove` takes what hangs on it away as well. */
export function deletedRecord(run: Run, callId: string): RecordMessage {
  const extractedAt = run.env.clock.now();
  const record = { call_id: callId, _deleted_at: new Date(run.api.now()).toISOString() };
  const message = { type: "record", stream: "calls", record, extractedAt } as const;
  const clears = run.family.filter(({ parent }) => parent === "calls").map(({ name }) => name);
  return run.config.deleted_rows === "remove" && clears.length > 0 ? { ...message, clears } : message;
}

/** True once the process was asked to stop. */
export function isStopping(run: Pick<Run, "env">): boolean {
  return run.env.signal.aborted;
}

export function stateMessage(state: State): StateMessage {
  return { type: "state", state };
}

/**
 * The error as failures of the streams it ends. Thrown on instead: what nobody foresaw, and a refused token, since
 * nothing can go on without one.
 */
export function failures(error: unknown, streams: readonly { readonly name: string }[]): FailureMessage[] {
  const known = asEltError(error);
  if (!(error instanceof EltError) || known.code === "API_UNAUTHORIZED") throw error;
  return streams.map(({ name }) => ({
    type: "failure",
    stream: name,
    error: new EltError(known.code, known.message, { cause: known, stream: name }),
  }));
}
