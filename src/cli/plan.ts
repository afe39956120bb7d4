import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { State } from "../core/message.ts";
import { openApi, type Api } from "../sources/chorus/api.ts";
import type { Config } from "../sources/chorus/config.ts";
import { needsTeams, openFilter } from "../sources/chorus/filters.ts";
import { bookmarksOf, coverageOf, flavourOf } from "../sources/chorus/state.ts";
import { HISTORY_QUOTA_SHARE } from "../sources/chorus/read-calls.ts";
import { DAY_MS, subtract, type Interval } from "../sources/chorus/windows.ts";
import { parseArguments } from "./arguments.ts";
import { givenState, STATE_OPTION } from "./kept-state.ts";
import { needsOf } from "../sources/chorus/needs.ts";
import { costOf, type Cost } from "./plan/cost.ts";
import { countCalls } from "./plan/count.ts";
import type { Command } from "./process.ts";
import { CATALOG_OPTION, selectionFrom } from "./selection-file.ts";
import { readTapConfig, TAP_OPTION, TARGET_OPTION, withoutQuota } from "./tap-config.ts";
import { tellUsage, usageOf } from "./plan/quotas.ts";
import type { TargetConfig } from "./target-config.ts";
import { counted, shown, textTable } from "./text-table.ts";
import { instantName } from "./verify/report.ts";
import { chooseWarehouse } from "./warehouse.ts";

const ABOUT = `Says what reading all calls from \`start_date\` on takes: calls, requests, hours at \`max_requests_per_second\`, and days under \`daily_request_quota\`. What a state covers already is taken off: give the state file, or the target's config to use the state in the warehouse.

Where the API counts calls this takes one request a month. Where it does not (flavour v3), and where the config has filters, up to 8 days spread over the time are listed, and the rest is estimated from them. These requests do not count for the quota.

With a target on BigQuery it also tells what of BigQuery's daily quotas an hourly schedule uses, with the calls of an average day.`;

const HOUR_S = 3_600;
/** A run that takes longer is better done in pieces. */
const LONG_RUN_S = HOUR_S;

/** `chorus-elt plan`: a table of requests, how long they take, and what to do about it. Writes nothing. */
export async function plan(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments(
    "chorus-elt plan",
    argv,
    { tap: TAP_OPTION, catalog: CATALOG_OPTION, state: STATE_OPTION, config: TARGET_OPTION },
    ABOUT,
  );
  if (options === undefined) return;
  const config = await readTapConfig(options.tap ?? [], env);
  const selection = await selectionFrom(options.catalog);
  const needs = needsOf(selection, config);
  const state = await givenState(options, env);
  const watch = timed(env);
  await using api = await openApi(withoutQuota(config), watch.env, { flavour: flavourOf(state) });
  const range = rangeOf(config, api);
  const todo = subtract([range], coveredBy(state, range, api));
  const isFiltered =
    needsTeams(config) || (config.call_types ?? []).length > 0 || config.min_duration_seconds !== undefined;
  const keeps = isFiltered ? openFilter(config, needsTeams(config) ? ((await api.teams()) ?? []) : []) : undefined;
  const { stretches, kept, sampledDays } = await countCalls(api, todo, keeps);
  const types = Math.max(config.call_types?.length ?? 0, 2);
  const terms = { flavour: api.name, needs, kept, maxWindowDays: config.window_days, types };
  const cost = costOf(stretches, terms);
  const estimated = sampledDays === undefined ? "" : `estimated from ${counted(sampledDays, "day")}`;
  const days = (intervals: readonly Interval[]) =>
    intervals.reduce((sum, { from, to }) => sum + (to - from), 0) / DAY_MS;
  const done = days([range]) - days(todo);
  const pace = paceOf(cost, config, watch.seconds());
  const lines = [
    `to read: ${counted(Math.round(days(todo)), "day")} of ${instantName(range.from)} to ${instantName(range.to)}${done > 0 ? `; the state covers the other ${shown(done)}` : ""}`,
    ...textTable([
      ["", "count", ""],
      ["calls", shown(cost.calls), estimated],
      ["list requests", shown(cost.listRequests), ""],
      [api.name === "v3" ? "detail requests" : "transcript requests", shown(cost.callRequests), ""],
      ["requests in all", shown(cost.requests), ""],
      ["states, one per 50 calls", shown(cost.states), ""],
    ]),
    ...told(cost, config, pace),
    ...(await toldOfTarget(options.config, env, (target) => {
      const requestsACall = cost.calls === 0 ? 1 : cost.requests / cost.calls;
      const load = {
        callsADay: cost.calls / Math.max(1, days(todo)),
        secondsACall: requestsACall / pace.perSecond,
        streams: selection.length,
      };
      return tellUsage(usageOf(load, target), target);
    })),
    advice(cost, { config, pace, todo, isEstimate: sampledDays !== undefined }),
  ];
  for (const line of lines) await out.line(line);
}

/** What the schedule makes of the quotas of the target that was named, when it has any. */
async function toldOfTarget(
  files: readonly string[] | undefined,
  env: Command["env"],
  tell: (target: TargetConfig) => string[],
): Promise<string[]> {
  if (files === undefined) return [];
  const { config } = await chooseWarehouse({ files }, env);
  return config.destination === "bigquery" ? tell(config) : [];
}

interface Pace {
  readonly perSecond: number;
  readonly seconds: number;
  /** How long an answer took, as far as that is what slows a run down; else undefined. */
  readonly answerSeconds: number | undefined;
  /** Under the daily quota; undefined without one. */
  readonly days: number | undefined;
}

/** The setting counts, unless answers take too long for it. */
function paceOf(cost: Cost, config: Config, answerSeconds: number | undefined): Pace {
  const set = config.max_requests_per_second;
  const possible = answerSeconds === undefined ? Infinity : config.concurrency / answerSeconds;
  const perSecond = Math.min(set, possible);
  const quota = config.daily_request_quota;
  return {
    perSecond,
    seconds: cost.requests / perSecond,
    answerSeconds: possible < set ? answerSeconds : undefined,
    days: quota === undefined ? undefined : Math.ceil(cost.requests / (HISTORY_QUOTA_SHARE * quota)),
  };
}

function told(cost: Cost, config: Config, { perSecond, seconds, answerSeconds, days }: Pace): string[] {
  const why =
    answerSeconds === undefined
      ? ""
      : ` (${config.concurrency} at a time, ${figure(answerSeconds)} s each; ${config.max_requests_per_second}/s are allowed)`;
  const quota = config.daily_request_quota ?? 0;
  return [
    `at ${figure(perSecond)} requests/s${why} = ${duration(seconds)}`,
    ...(days === undefined
      ? []
      : [`with a daily quota of ${shown(quota)}, of which history may use four fifths = ${counted(days, "day")}`]),
  ];
}

function advice(
  cost: Cost,
  parts: { config: Config; pace: Pace; todo: readonly Interval[]; isEstimate: boolean },
): string {
  const { config, pace, todo, isEstimate } = parts;
  const first = todo[0];
  if (first === undefined) return "Nothing is left to read: the state covers all of it.";
  if (cost.calls === 0 && isEstimate) return "None of these days has a call: is `start_date` what you mean?";
  if (pace.seconds <= LONG_RUN_S && (pace.days ?? 0) <= 1) return "One run does it.";
  if (pace.days !== undefined && pace.days > 1) {
    return `Runs go on from where the quota ended, newest calls first; history is whole after ${counted(pace.days, "day")}, or sooner with a larger \`daily_request_quota\`.`;
  }
  if (config.max_run_minutes !== undefined) {
    const runs = Math.ceil(pace.seconds / 60 / config.max_run_minutes);
    return `With \`max_run_minutes\` ${config.max_run_minutes} history is whole after ${counted(runs, "run")}; new calls come first in each.`;
  }
  const end = instantName(todo.at(-1)?.to ?? first.to).slice(0, 10);
  return `Set \`max_run_minutes\` to 50, so that hourly runs read new calls first and go on with history; or read it apart, with \`start_date\` ${instantName(first.from)} and \`end_date\` ${end} in a config of its own, and a \`state_id\` of its own.`;
}

function rangeOf(config: Config, api: Api): Interval {
  const instant = (text: string, setting: string) => {
    const ms = api.time(text);
    if (ms === null) throw new EltError("CONFIG_INVALID", `\`${setting}\`: ${text} is not a date`);
    return ms;
  };
  const from = instant(config.start_date, "start_date");
  const to = config.end_date === undefined ? api.now() : Math.min(api.now(), instant(config.end_date, "end_date"));
  return { from, to: Math.max(from, to) };
}

function coveredBy(state: State, { from }: Interval, api: Api): readonly Interval[] {
  const calls = bookmarksOf(state)["calls"];
  return isObject(calls) ? coverageOf("calls", calls, api.time, from).covered : [];
}

/** Notes how long answers take, out of what is measured of every request. */
function timed(env: Env): { env: Env; seconds: () => number | undefined } {
  const seconds: number[] = [];
  const log: Env["log"] = {
    ...env.log,
    metric(metric) {
      if (metric.metric === "http_request_duration") seconds.push(metric.value);
      env.log.metric(metric);
    },
  };
  return { env: { ...env, log }, seconds: () => seconds.sort((a, b) => a - b)[Math.floor(seconds.length / 2)] };
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < HOUR_S ? `${figure(seconds / 60)} minutes` : `${figure(seconds / HOUR_S)} hours`;
}

/** Two digits are enough for what is an estimate. */
const figure = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: value >= 100 ? 3 : 2 });
