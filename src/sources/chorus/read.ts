import { isDeepStrictEqual } from "node:util";
import { type Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { type JsonObject } from "../../core/json.ts";
import { type State } from "../../core/message.ts";
import { type SourceMessage } from "../../core/source.ts";
import { type Selection } from "../../core/stream.ts";
import { type Api } from "./api.ts";
import { Bookmarks } from "./bookmark.ts";
import { type Config } from "./config.ts";
import { ListedDays } from "./days.ts";
import { type ChorusStream } from "./define.ts";
import { needsTeams, openFilter } from "./filters.ts";
import { inOrder } from "./in-order.ts";
import { needsOf } from "./needs.ts";
import { HISTORY_QUOTA_SHARE, type Reading, openReading, readHistory, readRecent } from "./read-calls.ts";
import { readPending } from "./read-pending.ts";
import { type Lists, openLists, readRoots } from "./read-roots.ts";
import { reconcile, settleMissing } from "./reconcile.ts";
import { type Run, callRecords, failures, stateMessage, isStopping } from "./run.ts";
import { callFetcher } from "./transcript-of.ts";
import { DAY_MS } from "./windows.ts";

/** Ages at which flavour `v3` reads calls of the look-back again: its lists do not tell of all that changes. */
const REREAD_AFTER_DAYS = [1, 6];

/**
 * One run: the calls and what hangs on them, then the account's lists, then a last state. A part that fails says so
 * and the others go on; a refused token ends the run after a state of what was emitted.
 */
export async function* readChorus(
  config: Config,
  selection: readonly Selection[],
  state: State,
  env: Env,
  { api, streams }: { readonly api: Api; readonly streams: readonly ChorusStream[] },
): AsyncGenerator<SourceMessage, void, undefined> {
  const run = openRun(config, selection, state, env, { api, streams });
  const lists = openLists(api);
  if ((config.call_ids ?? []).length > 0) {
    yield* readNamed(run, config.call_ids ?? []);
    if (!run.bookmarks.isEmpty) yield stateMessage(state);
    return;
  }
  let said: State | undefined;
  try {
    for await (const message of readPhases(run, lists)) {
      if (message.type === "state") said = message.state;
      yield message;
    }
  } catch (error) {
    if (error instanceof EltError) yield stateMessage(run.bookmarks.toState());
    throw error;
  }
  const last = run.bookmarks.toState();
  if (!isDeepStrictEqual(last, said)) yield stateMessage(last);
}

/** New and late calls first, then the account's lists, then history as far as time and requests allow. */
async function* readPhases(run: Run, lists: Lists): AsyncGenerator<SourceMessage, void, undefined> {
  const family: { reading?: Reading } = {};
  if (run.family.length > 0) yield* guarded(run, readNew(run, lists, family));
  if (!isStopping(run)) yield* readRoots(run, lists);
  if (family.reading === undefined || isStopping(run)) return;
  yield* guarded(run, readHistory(family.reading));
  const { emitted, windows, unchanged, filtered } = family.reading.tally;
  run.env.log.info(
    `${emitted} calls in ${windows} windows; ${unchanged} unchanged, ${filtered} left out by filters, ${run.bookmarks.pending.size} transcripts pending`,
  );
}

/** What is new, and what it leaves undecided; the latter can wait for a day that has requests left. */
async function* readNew(
  run: Run,
  lists: Lists,
  family: { reading?: Reading },
): AsyncGenerator<SourceMessage, void, undefined> {
  const teams = needsTeams(run.config) ? await lists.teams() : [];
  if (teams === undefined)
    run.env.log.warn("`teams` can be matched by id only, since the account has no list of teams");
  const reading = openReading(run, openFilter(run.config, teams ?? []));
  yield* readRecent(reading);
  try {
    for (const phase of [reconcile, readPending, settleMissing]) if (!isStopping(run)) yield* phase(reading);
  } catch (error) {
    if (!(error instanceof EltError) || error.code !== "API_BUDGET_SPENT") throw error;
    run.env.log.info("the requests of this day are used up; a later run settles what is left");
  }
  family.reading = reading;
}

/** An error as failures of the call family, behind a state of what was read before it. */
async function* guarded(
  run: Run,
  messages: AsyncIterable<SourceMessage>,
): AsyncGenerator<SourceMessage, void, undefined> {
  try {
    yield* messages;
  } catch (error) {
    if (isStopping(run)) return;
    const ended = failures(error, run.family);
    yield stateMessage(run.bookmarks.toState());
    yield* ended;
  }
}

/** Just these calls, as they are now. Bookmarks know nothing of it: the next usual run reads them as well. */
async function* readNamed(run: Run, callIds: readonly string[]): AsyncGenerator<SourceMessage, void, undefined> {
  const { api, config, env } = run;
  const fetch = callFetcher(run);
  const missing: string[] = [];
  try {
    const found = inOrder(new Set(callIds), config.concurrency, async (callId) => {
      const listed = await api.call(callId);
      return typeof listed === "string" ? callId : fetch({ listed, changed: true });
    });
    for await (const fetched of found) {
      if (isStopping({ env })) return;
      if (typeof fetched === "string") missing.push(fetched);
      else yield* callRecords(run, run.family, fetched.call, fetched.transcript);
    }
    if (missing.length > 0) {
      const text = `${missing.length} of ${callIds.length} calls named in \`call_ids\` were not found: ${missing.slice(0, 5).join(", ")}`;
      yield* failures(new EltError("STREAM_INCOMPLETE", text), run.family);
    }
  } catch (error) {
    if (isStopping({ env })) return;
    yield* failures(error, run.family);
  }
}

function openRun(
  config: Config,
  selection: readonly Selection[],
  state: State,
  env: Env,
  { api, streams }: { readonly api: Api; readonly streams: readonly ChorusStream[] },
): Run {
  const selected = new Set(selection.map(({ stream }) => stream.name));
  const chosen = streams.filter(({ name }) => selected.has(name));
  // The parent first: it clears its children's sets, then their rows follow.
  const calls = chosen.filter((stream) => stream.kind === "call");
  const family = [
    ...calls.filter(({ parent }) => parent === undefined),
    ...calls.filter(({ parent }) => parent !== undefined),
  ];
  const startMs = instant(config.start_date, "start_date", api);
  const scope = {
    flavour: api.name,
    startMs,
    endMs: config.end_date === undefined ? undefined : instant(config.end_date, "end_date", api),
    lookBackMs: config.look_back_days * DAY_MS,
    maxLookBackMs: config.max_look_back_days * DAY_MS,
    // A call that is uploaded right after a scan waits for the next one.
    reconcileMs: config.reconcile_days === 0 ? 0 : (config.reconcile_days + config.reconcile_every_days) * DAY_MS,
    reconcileEveryMs: config.reconcile_every_days * DAY_MS,
    streams: family.map(({ name }) => name).sort(),
  };
  const bookmarks = new Bookmarks(state, scope, api.time, () => remembered(api));
  const { lookBackMs } = bookmarks;
  if (lookBackMs > scope.lookBackMs)
    env.log.info(`calls arrive late: looking back ${Math.round(lookBackMs / DAY_MS)} days`);
  const lastMs = config.max_run_minutes === undefined ? undefined : env.clock.now() + config.max_run_minutes * 60_000;
  const rereadDays = config.reread_after_days ?? (api.name === "v3" ? REREAD_AFTER_DAYS : []);
  return {
    config,
    env,
    api,
    bookmarks,
    needs: needsOf(selection, config),
    days: new ListedDays(bookmarks),
    rereadMs: rereadDays.map((days) => days * DAY_MS),
    family,
    roots: chosen.filter((stream) => stream.kind === "root"),
    startMs,
    isLate: () => (lastMs !== undefined && env.clock.now() >= lastMs) || spent(config, api),
  };
}

/** True when what is left of the day's requests is kept for new calls. */
function spent({ daily_request_quota: quota }: Config, api: Api): boolean {
  return quota !== undefined && (api.memory().requests?.used ?? 0) >= HISTORY_QUOTA_SHARE * quota;
}

/** The network's memory as JSON; what there is none of is left out. */
function remembered(api: Api): JsonObject {
  const { rate, requests } = api.memory();
  return {
    ...(rate === undefined ? {} : { rate: { ...rate } }),
    ...(requests === undefined ? {} : { requests: { ...requests } }),
  };
}

function instant(text: string, setting: string, api: Api): number {
  const ms = api.time(text);
  if (ms === null) throw new EltError("CONFIG_INVALID", `\`${setting}\`: ${text} is not a date`);
  return ms;
}
