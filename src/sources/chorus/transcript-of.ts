import { EltError } from "../../core/errors.ts";
import { type Call, type Transcript } from "./call.ts";
import { shorten } from "./hash.ts";
import { isHopeless, waitMore } from "./pending.ts";
import { type Run, isStopping } from "./run.ts";
import { emptyTranscript, neverSpoken } from "./transcripts.ts";
import { DAY_MS } from "./windows.ts";

/** A call in hand: `changed` when it is new or differs from what was read before. */
export interface Job {
  readonly call: Call;
  readonly changed: boolean;
}

export interface Fetched extends Job {
  /** Undefined when no selected stream asks for it. */
  readonly transcript: Transcript | undefined;
}

/** What is to be emitted of a fetched call. */
export type Outcome =
  | { readonly emit: "whole"; readonly transcript: Transcript | undefined }
  | { readonly emit: "all-but-transcript" } // an older transcript is loaded and stays until the new one is there
  | { readonly emit: "nothing" };

const FAILURES_IN_A_ROW = 3;

/**
 * Gives the function that fetches a call's transcript. One that the API cannot give counts as pending, so that a
 * single broken call does not stop all that come after it; three in a row mean that the API is down, and are thrown.
 */
export function transcriptFetcher(run: Run): (job: Job) => Promise<Fetched> {
  const wanted = run.family.some(({ transcript }) => transcript === "asks");
  let failedInARow = 0;
  return async (job) => {
    if (!wanted) return { ...job, transcript: undefined };
    const known = knownWithoutAsking(job.call, run.api.now());
    if (known !== undefined) return { ...job, transcript: known };
    try {
      const transcript = await run.api.transcript(job.call);
      failedInARow = 0;
      return { ...job, transcript };
    } catch (error) {
      const ofThisCall = error instanceof EltError && !["API_UNAUTHORIZED", "API_BUSY"].includes(error.code);
      if (!ofThisCall || isStopping(run) || ++failedInARow >= FAILURES_IN_A_ROW) throw error;
      run.env.log.warn(`a transcript could not be read and counts as pending: ${error.message}`, {
        call_id: job.call.id,
      });
      return { ...job, transcript: emptyTranscript("pending", { promised: true }) };
    }
  };
}

/** Keeps the ledger of pending transcripts, and tells what of the call is news. */
export function settle(run: Run, { call, changed, transcript }: Fetched): Outcome {
  const { pending } = run.bookmarks;
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
    return { emit: changed ? "all-but-transcript" : "nothing" };
  }
  const isNews = changed || before === undefined || (partial !== undefined && partial !== before.partial);
  return isNews ? { emit: "whole", transcript } : { emit: "nothing" };
}

/** Where a request would tell nothing: calls that were never spoken, and calls that are still to come or going on. */
function knownWithoutAsking(call: Call, nowMs: number): Transcript | undefined {
  if (neverSpoken(call)) return emptyTranscript("none");
  const ahead = call.status === "scheduled" || call.status === "live";
  const isRecent = call.startedMs === null || nowMs - call.startedMs < DAY_MS;
  return ahead && isRecent ? emptyTranscript("pending", { promised: true }) : undefined;
}
