import { type SourceMessage } from "../../core/source.ts";
import { inOrder } from "./in-order.ts";
import { type Pending, isDue, waitMore } from "./pending.ts";
import { type Reading, emit } from "./read-calls.ts";
import { type Run, isStopping } from "./run.ts";
import { type Fetched } from "./transcript-of.ts";
import { DAY_MS, type Interval, dayOf } from "./windows.ts";

/**
 * Pending transcripts that are due and that no window brought along: their calls are asked for one by one, or, where
 * single calls cannot be read, by listing their days.
 */
export async function* readPending(reading: Reading): AsyncGenerator<SourceMessage, void, undefined> {
  yield* emit(reading, duePending(reading));
}

async function* duePending({ run, keeps, fetch }: Reading): AsyncGenerator<Fetched, void, undefined> {
  const { api, bookmarks, config, env } = run;
  if (!run.needs.transcript) return;
  const due = [...bookmarks.pending].filter(([, entry]) => isDue(entry, api.now())).map(([callId]) => callId);
  const unread: string[] = [];
  const hidden: string[] = [];
  const found = inOrder(due, config.concurrency, async (callId) => {
    const listed = unread.length > 0 ? "no-route" : await api.call(callId);
    if (typeof listed === "string") return { callId, listed };
    return { callId, listed, fetched: keeps(listed) ? await fetch({ listed, changed: false }) : undefined };
  });
  for await (const { callId, listed, fetched } of found) {
    if (isStopping(run)) return;
    if (fetched !== undefined) yield fetched;
    else if (listed === "no-route") unread.push(callId);
    else if (typeof listed === "string") hidden.push(callId);
    else bookmarks.pending.delete(callId); // a filter leaves it out now
  }
  // They may be seen again, so they are waited for like others, until it is settled that they are deleted.
  for (const callId of hidden) {
    bookmarks.pending.set(callId, waitMore(bookmarks.pending.get(callId), { nowMs: api.now(), startedMs: null }));
  }
  if (hidden.length > 0) env.log.info(`${hidden.length} calls with a pending transcript cannot be seen now`);
  for (const day of daysOf(unread, bookmarks.pending)) {
    if (isStopping(run)) return;
    const { calls } = await api.window(day);
    const jobs = calls
      .filter((call) => unread.includes(call.id) && keeps(call))
      .map((listed) => ({ listed, changed: false }));
    yield* inOrder(jobs, config.concurrency, fetch);
  }
  dropLapsed(run, [...unread, ...hidden]);
}

function daysOf(callIds: readonly string[], pending: ReadonlyMap<string, Pending>): Interval[] {
  const starts = callIds.map((callId) => pending.get(callId)?.startedMs).filter((ms) => typeof ms === "number");
  return [...new Set(starts.map(dayOf))].map((from) => ({ from, to: from + DAY_MS }));
}

/** A call that cannot be found any more is waited for as long as any other. */
function dropLapsed({ api, bookmarks, config }: Run, callIds: readonly string[]): void {
  for (const callId of callIds) {
    const entry = bookmarks.pending.get(callId);
    const waitedMs = entry === undefined ? 0 : api.now() - entry.sinceMs;
    if (waitedMs >= config.pending_max_days * DAY_MS) bookmarks.pending.delete(callId);
  }
}
