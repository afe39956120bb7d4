import { type SourceMessage } from "../../core/source.ts";
import { HttpError } from "../../http/verdict.ts";
import { type Call } from "./call.ts";
import { type Filter } from "./filters.ts";
import { inOrder } from "./in-order.ts";
import { type Pending, isDue } from "./pending.ts";
import { type WindowContent, readWindow } from "./read-window.ts";
import { type Run, callRecords, stateMessage, isStopping } from "./run.ts";
import { type Fetched, type Job, settle, transcriptFetcher } from "./transcript-of.ts";
import { DAY_MS, type Interval, WindowLength, contains } from "./windows.ts";

const CALLS_PER_STATE = 50;
const QUIET_WINDOWS_PER_STATE = 20;

/** Counts of one read, for the log. */
interface Tally {
  emitted: number;
  unchanged: number;
  filtered: number;
  windows: number;
}

/**
 * Everything that the bookmark does not cover up to the server's now, and the look-back again: window by window, oldest
 * first; then the transcripts that were pending. A state follows each window, and every 50 calls within one.
 */
export async function* readCalls(run: Run, keeps: Filter): AsyncGenerator<SourceMessage, void, undefined> {
  const { api, bookmarks, config, env } = run;
  const tally: Tally = { emitted: 0, unchanged: 0, filtered: 0, windows: 0 };
  const length = new WindowLength(config.window_days, bookmarks.callsPerDay());
  const fetchTranscript = transcriptFetcher(run);
  let endMs: number | undefined;
  let quietWindows = 0;

  for (;;) {
    const askedAt = env.clock.now();
    const [next] = bookmarks.remaining(endMs ?? api.now());
    if (next === undefined || isStopping(run)) break;
    const { window, content } = await readShorter(run, next, length);
    // The end of this run: the server's time before it was asked for the first list. What comes later is for the next.
    endMs ??= api.serverTimeAt(askedAt) ?? askedAt;
    length.learn(content.received);
    const { jobs, filtered, unchanged } = pick(run, content.calls, keeps, window);
    tally.filtered += filtered;
    tally.unchanged += unchanged;

    const before = tally.emitted;
    const fetched = inOrder(jobs, config.concurrency, fetchTranscript);
    yield* emit(run, fetched, tally, { window, expectedCalls: expected(tally, jobs.length, endMs, window) });
    if (isStopping(run)) break;
    bookmarks.complete(window, endMs);
    tally.windows++;
    quietWindows = tally.emitted > before ? 0 : quietWindows + 1;
    if (quietWindows % QUIET_WINDOWS_PER_STATE === 0) yield stateMessage(bookmarks.toState());
  }
  if (!isStopping(run)) yield* emit(run, duePending(run, keeps, fetchTranscript), tally, {});
  env.log.info(
    `${tally.emitted} calls in ${tally.windows} windows; ${tally.unchanged} unchanged, ${tally.filtered} left out by filters, ${bookmarks.pending.size} transcripts pending`,
  );
}

/** The first window of what remains. When the API takes too long, a shorter one is asked for. */
async function readShorter(
  run: Run,
  next: Interval,
  length: WindowLength,
): Promise<{ window: Interval; content: WindowContent }> {
  for (;;) {
    const window = length.first(next);
    try {
      return { window, content: await readWindow(run.api, window, run.env.log) };
    } catch (error) {
      if (!(error instanceof HttpError) || error.status !== 504) throw error;
      if (!length.halve(window)) return { window, content: await readWindow(run.api, window, run.env.log, true) };
      run.env.log.info("the API took too long to list a window; asking for a shorter one");
    }
  }
}

/** Which calls of a window are work: changed ones, and those whose pending transcript is due. */
function pick(run: Run, calls: readonly Call[], keeps: Filter, window: Interval) {
  const jobs: Job[] = [];
  let filtered = 0;
  let unchanged = 0;
  for (const call of calls) {
    const changed = !run.bookmarks.isSeen(call);
    const pending = run.bookmarks.pending.get(call.id);
    if (!keeps(call)) {
      filtered++;
      run.bookmarks.pending.delete(call.id);
    } else if (changed || (pending !== undefined && isDue(pending, run.api.now()))) jobs.push({ call, changed });
    else {
      unchanged++;
      run.bookmarks.saw(call, window);
    }
  }
  return { jobs, filtered, unchanged };
}

/** Emits what was fetched, and says a state after every 50 calls. Ends early when the process is to stop. */
async function* emit(
  run: Run,
  fetched: AsyncIterable<Fetched>,
  tally: Tally,
  { window, expectedCalls }: { window?: Interval; expectedCalls?: number | undefined },
): AsyncGenerator<SourceMessage, void, undefined> {
  let sinceState = 0;
  for await (const one of fetched) {
    if (isStopping(run)) return;
    const outcome = settle(run, one);
    if (outcome.emit !== "nothing") {
      const whole = outcome.emit === "whole";
      const streams = whole ? run.family : run.family.filter(({ transcript }) => transcript === undefined);
      yield* callRecords(run, streams, one.call, whole ? outcome.transcript : undefined);
      tally.emitted++;
      run.env.log.progress("calls", tally.emitted, expectedCalls);
    }
    if (window !== undefined) run.bookmarks.saw(one.call, window);
    if (++sinceState % CALLS_PER_STATE === 0) yield stateMessage(run.bookmarks.toState());
  }
}

/**
 * Pending transcripts that are due and that no window brought along: their calls are asked for one by one, or, where
 * single calls cannot be read, by listing their days.
 */
async function* duePending(
  run: Run,
  keeps: Filter,
  fetchTranscript: (job: Job) => Promise<Fetched>,
): AsyncGenerator<Fetched, void, undefined> {
  const { api, bookmarks, config, env } = run;
  if (!run.family.some(({ transcript }) => transcript === "asks")) return;
  const due = [...bookmarks.pending].filter(([, entry]) => isDue(entry, api.now())).map(([callId]) => callId);
  const unread: string[] = [];
  const found = inOrder(due, config.concurrency, async (callId) => {
    const call = unread.length > 0 ? "no-route" : await api.call(callId);
    if (call === "gone" || call === "no-route") return { callId, call };
    return { callId, call, fetched: keeps(call) ? await fetchTranscript({ call, changed: false }) : undefined };
  });
  let gone = 0;
  for await (const { callId, call, fetched } of found) {
    if (isStopping(run)) return;
    if (fetched !== undefined) yield fetched;
    else if (call === "no-route") unread.push(callId);
    else {
      if (call === "gone") gone++;
      bookmarks.pending.delete(callId);
    }
  }
  if (gone > 0) env.log.warn(`${gone} calls with a pending transcript are gone; their transcripts are not waited for`);
  for (const day of daysOf(unread, bookmarks.pending)) {
    if (isStopping(run)) return;
    const { calls } = await readWindow(api, day, env.log);
    const jobs = calls
      .filter((call) => unread.includes(call.id) && keeps(call))
      .map((call) => ({ call, changed: false }));
    yield* inOrder(jobs, config.concurrency, fetchTranscript);
  }
  dropLapsed(run, unread);
}

function daysOf(callIds: readonly string[], pending: ReadonlyMap<string, Pending>): Interval[] {
  const starts = callIds.map((callId) => pending.get(callId)?.startedMs).filter((ms) => typeof ms === "number");
  const days = new Set(starts.map((ms) => Math.floor(ms / DAY_MS) * DAY_MS));
  return [...days].map((from) => ({ from, to: from + DAY_MS }));
}

/** A call that cannot be found any more is waited for as long as any other. */
function dropLapsed({ api, bookmarks, config }: Run, callIds: readonly string[]): void {
  for (const callId of callIds) {
    const entry = bookmarks.pending.get(callId);
    const waitedMs = entry === undefined ? 0 : api.now() - entry.sinceMs;
    if (waitedMs >= config.pending_max_days * DAY_MS) bookmarks.pending.delete(callId);
  }
}

/** How many calls there will be in all, as far as that can be told: known only in the last window. */
function expected(tally: Tally, jobs: number, endMs: number, window: Interval): number | undefined {
  return contains([window], endMs - 1) ? tally.emitted + jobs : undefined;
}
