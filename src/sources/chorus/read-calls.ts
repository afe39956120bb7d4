import { type SourceMessage } from "../../core/source.ts";
import { HttpError } from "../../http/verdict.ts";
import { type WindowContent } from "./api.ts";
import { type Call } from "./call.ts";
import { type Filter } from "./filters.ts";
import { inOrder } from "./in-order.ts";
import { isDue } from "./pending.ts";
import { type Run, callRecords, isStopping, stateMessage } from "./run.ts";
import { type Fetched, type Job, callFetcher, isRefused, settle } from "./transcript-of.ts";
import { DAY_MS, type Interval, WindowLength, contains, dayOf } from "./windows.ts";

const CALLS_PER_STATE = 50;
const QUIET_WINDOWS_PER_STATE = 20;
/** A look-back that is listed the lean way is listed in windows of about so many calls, to bound memory. */
const LEAN_CALLS = 5_000;

/** How much of `daily_request_quota` history may use: the rest of the day's runs need some for new calls. */
export const HISTORY_QUOTA_SHARE = 0.8;

/** Counts of one read, for the log. */
interface Tally {
  emitted: number;
  unchanged: number;
  filtered: number;
  windows: number;
}

/** What the phases of reading calls share. */
export interface Reading {
  readonly run: Run;
  readonly keeps: Filter;
  readonly fetch: (job: Job) => Promise<Fetched>;
  readonly length: WindowLength;
  readonly tally: Tally;
  /** The end of this run: the server's time before it was asked for the first list. What comes later is for the next. */
  endMs: number | undefined;
  quietWindows: number;
  /** True when this run lists the look-back the lean way. */
  isLean: boolean;
}

export function openReading(run: Run, keeps: Filter): Reading {
  return {
    run,
    keeps,
    fetch: callFetcher(run),
    length: new WindowLength(run.config.window_days, run.bookmarks.callsPerDay()),
    tally: { emitted: 0, unchanged: 0, filtered: 0, windows: 0 },
    endMs: undefined,
    quietWindows: 0,
    isLean: run.bookmarks.isLean(run.api.now()),
  };
}

/**
 * What is new or may still change: everything since the last run and the look-back, newest first, window by window. A
 * state follows each window, and every 50 calls within one.
 */
export async function* readRecent(reading: Reading): AsyncGenerator<SourceMessage, void, undefined> {
  const { run } = reading;
  const { api, bookmarks } = run;
  const lean = reading.isLean;
  // Until the server has said its time, ours may be behind what was read by it: then a first list tells what there is.
  const leastMs = (bookmarks.coveredTo ?? Number.NEGATIVE_INFINITY) + 1;
  for (;;) {
    const askedAt = run.env.clock.now();
    const nowMs = reading.endMs ?? Math.max(api.now(), leastMs);
    const next = bookmarks.remaining(nowMs).at(-1);
    const fromMs = bookmarks.recentFrom(nowMs);
    if (next === undefined || next.to <= fromMs || isStopping(run)) break;
    const { window, content } = await list(reading, { from: Math.max(next.from, fromMs), to: next.to }, lean);
    reading.endMs ??= api.serverTimeAt(askedAt) ?? askedAt;
    yield* readContent(reading, window, content, lean);
  }
  if (!lean && reading.endMs !== undefined && !isStopping(run) && !bookmarks.isDistrusted)
    bookmarks.checked(reading.endMs);
}

/** What no run has read yet and is older than the look-back, newest first; as far as time and requests allow. */
export async function* readHistory(reading: Reading): AsyncGenerator<SourceMessage, void, undefined> {
  const { run } = reading;
  for (;;) {
    const next = run.bookmarks.remaining(reading.endMs ?? run.api.now()).at(-1);
    if (next === undefined || isStopping(run) || run.bookmarks.isDistrusted) return;
    if (run.isLate()) break;
    const { window, content } = await list(reading, next, false);
    yield* readContent(reading, window, content, false, () => run.isLate());
  }
  run.env.log.info("the time or the requests for history are used up; the next run goes on with it");
  yield { ...stateMessage(run.bookmarks.toState()), isUnfinished: true };
}

/** The calls of a window that are work: fetched, emitted, and the window marked as complete. */
async function* readContent(
  reading: Reading,
  window: Interval,
  content: WindowContent,
  lean: boolean,
  isOver: () => boolean = () => false,
): AsyncGenerator<SourceMessage, void, undefined> {
  const { run, length, tally } = reading;
  const endMs = reading.endMs ?? run.api.now();
  length.learn(content.received);
  const jobs = pick(reading, content.calls, window);
  const before = tally.emitted;
  const fetched = inOrder(jobs, run.config.concurrency, reading.fetch);
  const isLast = contains([window], run.startMs);
  yield* emit(reading, fetched, { window, expected: isLast ? before + jobs.length : undefined, isOver });
  if (isStopping(run) || isOver()) return;
  run.bookmarks.complete(window, endMs);
  run.days.settle(trusted(window, lean, endMs), endMs);
  run.bookmarks.distrust(run.days.isMass(run.config.max_deleted_share));
  tally.windows++;
  reading.quietWindows = tally.emitted > before ? 0 : reading.quietWindows + 1;
  if (reading.quietWindows % QUIET_WINDOWS_PER_STATE === 0) yield stateMessage(run.bookmarks.toState());
}

/** The days that a list of a window tells for sure; a lean one has no margins around the window. */
function trusted({ from, to }: Interval, lean: boolean, endMs: number): Interval {
  if (!lean) return { from: dayOf(from), to: dayOf(to) + DAY_MS };
  return { from: from + DAY_MS, to: to >= endMs ? to : to - 2 * DAY_MS };
}

/** The last window of what remains, and its calls. When the API takes too long, a shorter one is asked for. */
async function list(
  { run, length }: Reading,
  next: Interval,
  lean: boolean,
): Promise<{ window: Interval; content: WindowContent }> {
  for (;;) {
    const window = lean && !length.isHalved ? leanWindow(run, next) : length.last(next);
    try {
      return { window, content: await run.api.window(window, { lean }) };
    } catch (error) {
      if (!(error instanceof HttpError) || error.status !== 504) throw error;
      if (!length.halve(window)) return { window, content: await run.api.window(window, { lean, small: true }) };
      run.env.log.info("the API took too long to list a window; asking for a shorter one");
    }
  }
}

function leanWindow({ bookmarks }: Run, { from, to }: Interval): Interval {
  const days = Math.max(1, LEAN_CALLS / Math.max(1, bookmarks.callsPerDay() ?? 1));
  return { from: Math.max(from, to - days * DAY_MS), to };
}

/** Which calls of a window are work: changed ones, those whose turn it is to be read again, and pending ones. */
function pick({ run, keeps, tally, endMs }: Reading, calls: readonly Call[], window: Interval): Job[] {
  const { bookmarks, api } = run;
  const nowMs = endMs ?? api.now();
  const jobs: Job[] = [];
  for (const listed of calls) {
    const isKept = keeps(listed);
    run.days.add(listed, isKept, nowMs);
    const seen = bookmarks.seen(listed.id);
    const changed = !bookmarks.isSeen(listed) || isSentAgain(run, listed, nowMs);
    const pending = bookmarks.pending.get(listed.id);
    if (!isKept) {
      tally.filtered++;
      bookmarks.pending.delete(listed.id);
      continue;
    }
    if (seen === undefined) learnLateness(run, listed, nowMs);
    const isPending = pending !== undefined && isDue(pending, api.now());
    const isRereadDue = seen !== undefined && seen.rereads < rereadsDue(run, listed, nowMs);
    if (changed || isPending || isRereadDue) jobs.push({ listed, changed });
    else {
      tally.unchanged++;
      bookmarks.sawNothing(listed, window);
    }
  }
  return jobs;
}

function isSentAgain({ config }: Run, { startedMs }: Call, nowMs: number): boolean {
  return config.resend_days > 0 && startedMs !== null && nowMs - startedMs <= config.resend_days * DAY_MS;
}

/** How many of the ages at which it is read again a call has reached. */
function rereadsDue({ rereadMs }: Run, { startedMs }: Call, nowMs: number): number {
  return startedMs === null ? 0 : rereadMs.filter((age) => nowMs - startedMs >= age).length;
}

function learnLateness({ bookmarks }: Run, { startedMs }: Call, nowMs: number): void {
  if (startedMs === null) return;
  if (bookmarks.wasCovered(startedMs)) bookmarks.lateness.late(nowMs - startedMs);
  else if (bookmarks.isAfterCovered(startedMs)) bookmarks.lateness.onTime();
}

/** Emits what was fetched, and says a state after every 50 calls. Ends early when the process is to stop. */
export async function* emit(
  { run, tally, endMs }: Reading,
  fetched: AsyncIterable<Fetched>,
  {
    window,
    expected,
    isOver = () => false,
  }: { window?: Interval; expected?: number | undefined; isOver?: () => boolean } = {},
): AsyncGenerator<SourceMessage, void, undefined> {
  let sinceState = 0;
  for await (const one of fetched) {
    if (isStopping(run) || isOver()) return;
    const isKept = isRefused(run, one);
    const outcome = settle(run, one);
    if (outcome.emit !== "nothing") {
      const whole = outcome.emit === "whole";
      const streams = whole ? run.family : run.family.filter(({ transcript }) => transcript === undefined);
      yield* callRecords(run, streams, one.call, whole ? outcome.transcript : undefined);
      tally.emitted++;
      run.env.log.progress("calls", tally.emitted, expected);
    }
    if (window !== undefined) {
      const nowMs = endMs ?? run.api.now();
      const rereads = rereadsDue(run, one.listed, nowMs);
      if (isKept) run.bookmarks.sawNothing(one.listed, window);
      else run.bookmarks.saw(one.listed, window, { rereads, isWhole: one.isWhole });
      run.days.said(one.listed, nowMs);
    } else if (one.isWhole) run.bookmarks.sawRest(one.listed.id);
    if (++sinceState % CALLS_PER_STATE === 0) yield stateMessage(run.bookmarks.toState());
  }
}
