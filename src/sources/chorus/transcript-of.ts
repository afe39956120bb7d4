import { EltError } from "../../core/errors.ts";
import { type Call, type Transcript } from "./call.ts";
import { shorten } from "./hash.ts";
import { knownWithoutAsking, needsOfCall } from "./needs.ts";
import { isHopeless, waitMore } from "./pending.ts";
import { type Run, isStopping } from "./run.ts";
import { emptyTranscript } from "./transcripts.ts";

/** A call in hand, as it was listed: `changed` when it is new or differs from what was read before. */
export interface Job {
  readonly listed: Call;
  readonly changed: boolean;
}

export interface Fetched extends Job {
  readonly call: Call;
  /** Undefined when no selected stream asks for it. */
  readonly transcript: Transcript | undefined;
  /** False when the API could not give what the list lacks. */
  readonly isWhole: boolean;
}

/** What is to be emitted of a fetched call. */
export type Outcome =
  | { readonly emit: "whole"; readonly transcript: Transcript | undefined }
  | { readonly emit: "all-but-transcript" } // an older transcript is loaded and stays until the new one is there
  | { readonly emit: "nothing" };

const FAILURES_IN_A_ROW = 3;

/**
 * Gives the function that fetches what a listed call lacks: its transcript, its details. One that the API cannot give
 * counts as pending, so that a single broken call does not stop all that come after it; three in a row mean that the API
 * is down, and are thrown.
 */
export function callFetcher(run: Run): (job: Job) => Promise<Fetched> {
  let failedInARow = 0;
  return async (job) => {
    const { listed } = job;
    const known = run.needs.transcript ? knownWithoutAsking(listed, run.api) : undefined;
    if (known?.status === "pending" && !job.changed) return { ...job, call: listed, transcript: known, isWhole: true };
    try {
      const completed = await run.api.complete(listed, needsOfCall(listed, run.needs, run.api));
      failedInARow = 0;
      return { ...job, ...completed, transcript: known ?? completed.transcript };
    } catch (error) {
      const ofThisCall =
        error instanceof EltError && !["API_UNAUTHORIZED", "API_BUSY", "API_BUDGET_SPENT"].includes(error.code);
      const stops = !ofThisCall || isStopping(run) || !run.needs.transcript;
      if (stops || ++failedInARow >= FAILURES_IN_A_ROW) throw error;
      run.env.log.warn(`a call could not be read whole and counts as pending: ${error.message}`, {
        call_id: listed.id,
      });
      return { ...job, call: listed, transcript: emptyTranscript("pending", { promised: true }), isWhole: false };
    }
  };
}

/** True when what was loaded whole before is refused now: it stays as it was, and is asked for again. */
export function isRefused({ bookmarks }: Run, { call, isWhole }: Pick<Fetched, "call" | "isWhole">): boolean {
  return !isWhole && bookmarks.seen(call.id)?.isWhole === true && !bookmarks.pending.has(call.id);
}

/** Keeps the ledger of pending transcripts, and tells what of the call is news. */
export function settle(run: Run, { call, changed, transcript, isWhole }: Fetched): Outcome {
  const { pending } = run.bookmarks;
  if (isRefused(run, { call, isWhole })) {
    // Calls of flavour `calls` are whole in the list but for their transcript.
    return { emit: changed && run.api.name === "calls" ? "all-but-transcript" : "nothing" };
  }
  if (transcript === undefined) return { emit: "whole", transcript };
  const before = pending.get(call.id);
  const nowMs = run.api.now();
  if (transcript.status !== "pending" && transcript.status !== "partial") {
    pending.delete(call.id);
    return { emit: "whole", transcript };
  }

  const loaded = before?.loaded === true || (transcript.status === "pending" && run.bookmarks.wasLoaded(call.id));
  const maxDays = run.config.pending_max_days;
  if (isHopeless(before, call, { nowMs, promised: transcript.promised, maxDays })) {
    pending.delete(call.id);
    if (loaded && transcript.status === "pending") return { emit: changed ? "all-but-transcript" : "nothing" };
    return { emit: "whole", transcript: transcript.status === "partial" ? transcript : emptyTranscript("none") };
  }

  const partial = transcript.status === "partial" && transcript.hash !== null ? shorten(transcript.hash) : undefined;
  const { retryAfterMs } = transcript;
  pending.set(call.id, waitMore(before, { nowMs, startedMs: call.startedMs, retryAfterMs, partial, loaded }));
  if (transcript.status === "pending" && (loaded || before?.partial !== undefined)) {
    // The row of a list alone must not take the place of a whole call.
    const isNews = changed && (isWhole || run.api.name === "calls");
    return { emit: isNews ? "all-but-transcript" : "nothing" };
  }
  const isNews = changed || before === undefined || (partial !== undefined && partial !== before.partial);
  return isNews ? { emit: "whole", transcript } : { emit: "nothing" };
}
