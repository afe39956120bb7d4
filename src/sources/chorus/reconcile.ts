import { EltError } from "../../core/errors.ts";
import { type SourceMessage } from "../../core/source.ts";
import { HttpError } from "../../http/verdict.ts";
import { type Call } from "./call.ts";
import { inOrder } from "./in-order.ts";
import { isDeleted } from "./missing.ts";
import { type Reading, emit } from "./read-calls.ts";
import { deletedRecord, isStopping, stateMessage } from "./run.ts";
import { type Job } from "./transcript-of.ts";
import { DAY_MS, type Interval, dayOf } from "./windows.ts";

const WINDOW_MS = 7 * DAY_MS;
/**
 * Lists again, once in `reconcile_every_days`, what is older than the look-back, to find calls that were uploaded with an
 * old date or deleted; once a day the rest of the day that the look-back begins in; and in every run the days of calls
 * that are missing. Only calls that were not there before are fetched. Comes after `readRecent`.
 */
export async function* reconcile(reading: Reading): AsyncGenerator<SourceMessage, void, undefined> {
  const { run } = reading;
  const nowMs = reading.endMs ?? run.api.now();
  const due = run.bookmarks.toReconcile(nowMs);
  if (due.length > 0) run.env.log.info("listing again what is older than the look-back");
  for (const window of weeks(due)) {
    if (isStopping(run)) return;
    yield* again(reading, window, nowMs);
    yield stateMessage(run.bookmarks.toState());
  }
  if (due.length > 0) run.bookmarks.reconciled(nowMs);
  const rest = run.bookmarks.restOfFirstDay(nowMs);
  if (!reading.isLean && rest !== undefined && !isStopping(run)) yield* again(reading, rest, nowMs);
  for (const dayMs of new Set([...run.bookmarks.missing.values()].map((entry) => entry.dayMs))) {
    const day = run.bookmarks.partOf(dayMs, nowMs);
    if (isStopping(run)) return;
    if (day.from < day.to && !run.days.isSettled(dayMs)) yield* again(reading, day, nowMs);
  }
}

async function* again(
  reading: Reading,
  window: Interval,
  nowMs: number,
): AsyncGenerator<SourceMessage, void, undefined> {
  const { run } = reading;
  const { calls } = await listAgain(reading, window);
  for (const call of calls) run.days.add(call, reading.keeps(call), nowMs);
  const jobs: Job[] = [];
  for (let dayMs = dayOf(window.from); dayMs < window.to; dayMs += DAY_MS) {
    const difference = run.days.compare(dayMs);
    for (const listed of calls) {
      if (listed.startedMs === null || dayOf(listed.startedMs) !== dayMs || !reading.keeps(listed)) continue;
      // One that was missing may have changed while it was.
      const isNew = difference?.added === undefined || difference.added.has(listed.id);
      if (!isNew && !run.bookmarks.missing.has(listed.id)) continue;
      if (isNew && difference?.added !== undefined) run.bookmarks.lateness.late(nowMs - listed.startedMs);
      jobs.push({ listed, changed: true });
    }
  }
  if (jobs.length > 0) run.env.log.info(`${jobs.length} calls were not there before`);
  yield* emit(reading, inOrder(jobs, run.config.concurrency, reading.fetch), { window });
  if (isStopping(run)) return;
  run.bookmarks.complete(window, nowMs);
  run.days.settle({ from: dayOf(window.from), to: dayOf(window.to - 1) + DAY_MS }, nowMs);
}

async function listAgain({ run }: Reading, window: Interval) {
  try {
    return await run.api.window(window);
  } catch (error) {
    if (!(error instanceof HttpError) || error.status !== 504) throw error;
    // Days are compared whole, so they are not cut; small pages are what is left.
    return run.api.window(window, { small: true });
  }
}

/** Newest first, in pieces of a week that begin and end with a day. */
function weeks(intervals: readonly Interval[]): Interval[] {
  return [...intervals].reverse().flatMap(({ from, to }) => {
    const pieces: Interval[] = [];
    for (let end = to; end > from;) {
      const start = Math.max(from, dayOf(end - WINDOW_MS + DAY_MS - 1));
      pieces.push({ from: start, to: end });
      end = start;
    }
    return pieces;
  });
}

/**
 * What became of calls that are not listed any more. A call is deleted when it was absent and not found in two runs. When
 * a good part of all that was listed is gone, nothing is: permissions have changed, more likely than not.
 */
export async function* settleMissing(reading: Reading): AsyncGenerator<SourceMessage, void, undefined> {
  const { run } = reading;
  const { bookmarks, days } = run;
  bookmarks.distrust(days.isMass(run.config.max_deleted_share));
  if (bookmarks.isDistrusted) {
    bookmarks.missing.clear();
    const text = `${days.counts.gone} of ${days.counts.known} calls that were listed again are gone at once; nothing is marked as deleted`;
    run.env.log.warn(text);
    if (run.config.strict) throw new EltError("CALLS_VANISHED", text);
    return;
  }
  if (days.counts.gone > days.vanished.size) {
    run.env.log.warn(
      `${days.counts.gone - days.vanished.size} calls of busy days are gone, too many to tell which; \`chorus-elt verify\` names them`,
    );
  }
  for (const [callId, { dayMs }] of bookmarks.missing) {
    if (days.isSettled(dayMs) && !days.vanished.has(callId)) bookmarks.missing.delete(callId); // it is listed again
  }
  const back: Job[] = [];
  for (const [callId, dayMs] of days.vanished) {
    if (isStopping(run)) return;
    const before = bookmarks.missing.get(callId) ?? { dayMs, confirmed: 0, absent: 0 };
    const answer = await run.api.call(callId);
    if (typeof answer !== "string") {
      bookmarks.missing.delete(callId);
      settleFound(reading, answer, dayMs);
      back.push({ listed: answer, changed: true });
      continue;
    }
    if (answer === "forbidden" || answer === "unlisted") continue; // says nothing of a deletion
    const entry = {
      dayMs,
      confirmed: before.confirmed + (answer === "gone" ? 1 : 0),
      absent: before.absent + (answer === "no-route" ? 1 : 0),
    };
    if (!isDeleted(entry)) {
      bookmarks.missing.set(callId, entry);
      continue;
    }
    yield deletedRecord(run, callId);
    bookmarks.forget(callId, dayMs);
  }
  yield* emit(
    reading,
    inOrder(
      back.filter(({ listed }) => reading.keeps(listed)),
      1,
      reading.fetch,
    ),
  );
}

/** A call that exists and started on another day now is known by that day. */
function settleFound({ run }: Reading, { id, startedMs }: Call, dayMs: number): void {
  if (startedMs === null || dayOf(startedMs) !== dayMs) run.bookmarks.known.remove(id, dayMs);
}
