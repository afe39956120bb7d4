import { isDeepStrictEqual } from "node:util";
import { type Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { type State } from "../../core/message.ts";
import { type SourceMessage } from "../../core/source.ts";
import { type Selection } from "../../core/stream.ts";
import { type Api } from "./api.ts";
import { Bookmarks } from "./bookmark.ts";
import { type Config } from "./config.ts";
import { type ChorusStream } from "./define.ts";
import { needsTeams, openFilter } from "./filters.ts";
import { inOrder } from "./in-order.ts";
import { readCalls } from "./read-calls.ts";
import { type Lists, openLists, readRoots } from "./read-roots.ts";
import { type Run, callRecords, failures, stateMessage, isStopping } from "./run.ts";
import { transcriptFetcher } from "./transcript-of.ts";
import { DAY_MS } from "./windows.ts";

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
  const lists = openLists(api, env.log);
  if ((config.call_ids ?? []).length > 0) {
    yield* readNamed(run, config.call_ids ?? []);
    if (!run.bookmarks.isEmpty) yield stateMessage(state);
    return;
  }
  let said: State | undefined;
  try {
    if (run.family.length > 0) {
      for await (const message of readFamily(run, lists)) {
        if (message.type === "state") said = message.state;
        yield message;
      }
    }
    if (!isStopping({ env })) yield* readRoots(run, lists);
  } catch (error) {
    if (error instanceof EltError) yield stateMessage(run.bookmarks.toState());
    throw error;
  }
  const last = run.bookmarks.toState();
  if (!isDeepStrictEqual(last, said)) yield stateMessage(last);
}

async function* readFamily(run: Run, lists: Lists): AsyncGenerator<SourceMessage, void, undefined> {
  try {
    const teams = needsTeams(run.config) ? await lists.teams() : [];
    if (teams === undefined)
      run.env.log.warn("`teams` can be matched by id only, since the account has no list of teams");
    yield* readCalls(run, openFilter(run.config, teams ?? []));
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
  const fetchTranscript = transcriptFetcher(run);
  const missing: string[] = [];
  try {
    const found = inOrder(new Set(callIds), config.concurrency, async (callId) => {
      const call = await api.call(callId);
      return typeof call === "string" ? callId : fetchTranscript({ call, changed: true });
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
  const scope = {
    flavour: config.api_flavour,
    startMs: instant(config.start_date, "start_date", api),
    endMs: config.end_date === undefined ? undefined : instant(config.end_date, "end_date", api),
    lookBackMs: config.look_back_days * DAY_MS,
    streams: family.map(({ name }) => name).sort(),
  };
  return {
    config,
    env,
    api,
    bookmarks: new Bookmarks(state, scope, api.time),
    family,
    roots: chosen.filter((stream) => stream.kind === "root"),
  };
}

function instant(text: string, setting: string, api: Api): number {
  const ms = api.time(text);
  if (ms === null) throw new EltError("CONFIG_INVALID", `\`${setting}\`: ${text} is not a date`);
  return ms;
}
