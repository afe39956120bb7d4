import type { Api } from "../../sources/chorus/api.ts";
import type { Filter } from "../../sources/chorus/filters.ts";
import { DAY_MS, type Interval, dayOf, merge } from "../../sources/chorus/windows.ts";

/** So many days at most are listed where the API does not count. */
const SAMPLED_DAYS = 8;

/** A stretch of time and how many calls the API lists for it. */
export interface Stretch {
  readonly interval: Interval;
  readonly listed: number;
}

export interface Counted {
  readonly stretches: readonly Stretch[];
  /** The share of the listed calls that the config's filters keep, 0 to 1. */
  readonly kept: number;
  /** The number of days that were listed to know that; undefined where the API counted all. */
  readonly sampledDays: number | undefined;
}

/**
 * How many calls started in these intervals: month by month where the API counts, else from days spread over them. With
 * filters the kept share comes from such days, since the API counts what the filters leave out, too.
 */
export async function countCalls(
  api: Pick<Api, "count" | "window">,
  intervals: readonly Interval[],
  keeps: Filter | undefined,
): Promise<Counted> {
  const counted = await countMonths(api, intervals);
  if (counted !== undefined && keeps === undefined) return { stretches: counted, kept: 1, sampledDays: undefined };
  const sample = await listSample(api, intervals, keeps ?? (() => true));
  return counted === undefined ? sample : { ...sample, stretches: counted };
}

async function countMonths(
  api: Pick<Api, "count">,
  intervals: readonly Interval[],
): Promise<readonly Stretch[] | undefined> {
  const stretches: Stretch[] = [];
  for (const interval of intervals.flatMap(monthsOf)) {
    const listed = await api.count(interval);
    if (listed === undefined) return undefined;
    stretches.push({ interval, listed });
  }
  return stretches;
}

function monthsOf({ from, to }: Interval): Interval[] {
  const months: Interval[] = [];
  for (let start = from; start < to;) {
    const date = new Date(start);
    const end = Math.min(to, Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1));
    months.push({ from: start, to: end });
    start = end;
  }
  return months;
}

interface Sample {
  readonly stretches: readonly Stretch[];
  readonly kept: number;
  readonly sampledDays: number;
}

/** Lists one day of each stratum, which stands for all of its days. */
async function listSample(api: Pick<Api, "window">, intervals: readonly Interval[], keeps: Filter): Promise<Sample> {
  const stretches: Stretch[] = [];
  let listed = 0;
  let kept = 0;
  const strata = strataOf(intervals);
  for (const { day, days } of strata) {
    const { calls } = await api.window(day, { lean: true });
    listed += calls.length;
    kept += calls.filter(keeps).length;
    for (const interval of days) {
      stretches.push({ interval, listed: (calls.length * (interval.to - interval.from)) / (day.to - day.from) });
    }
  }
  return { stretches, kept: listed === 0 ? 1 : kept / listed, sampledDays: strata.length };
}

/** Some days, and the one that is listed for all of them. */
interface Stratum {
  readonly day: Interval;
  readonly days: readonly Interval[];
}

const SUNDAY = 0;
const WEDNESDAY = 3;

/**
 * Up to 8 strata: the newest week, so that a young account is not missed, and equal parts of what was before. Where they
 * are long enough every day of the week is listed for one of them.
 */
export function strataOf(intervals: readonly Interval[]): Stratum[] {
  const all = intervals.flatMap(({ from, to }) => {
    const days: Interval[] = [];
    for (let dayMs = dayOf(from); dayMs < to; dayMs += DAY_MS) {
      days.push({ from: Math.max(from, dayMs), to: Math.min(to, dayMs + DAY_MS) });
    }
    return days;
  });
  if (all.length <= SAMPLED_DAYS) return all.map((day) => ({ day, days: [day] }));
  const newest = Math.min(WEEK, Math.floor(all.length / SAMPLED_DAYS));
  const parts = SAMPLED_DAYS - 1;
  const end = (part: number) => Math.round(((all.length - newest) * part) / parts);
  const strata = Array.from({ length: parts }, (_, i) => stratum(all.slice(end(i), end(i + 1)), SUNDAY + i));
  return [...strata, stratum(all.slice(-newest), WEDNESDAY)].filter((one) => one !== undefined);
}

const WEEK = 7;

/** Of the days around the middle the one that is on a weekday, as far as there is one. */
function stratum(days: readonly Interval[], weekday: number): Stratum | undefined {
  const middle = days.slice(Math.max(0, Math.floor(days.length / 2) - 3)).slice(0, WEEK);
  const onWeekday = days.length < WEEK ? undefined : middle.find(({ from }) => new Date(from).getUTCDay() === weekday);
  const day = onWeekday ?? days[Math.floor(days.length / 2)];
  return day === undefined ? undefined : { day, days: merge(days) };
}
