import { iso } from "../../sources/chorus/time.ts";
import { DAY_MS, type Interval } from "../../sources/chorus/windows.ts";
import { counted, shown, textTable } from "../text-table.ts";
import type { Compared } from "./compare.ts";
import { type Day, FAULTS } from "./days.ts";

/** What a report is about. */
export interface Scope {
  readonly range: Interval;
  /** Why something was not compared; empty when all was. */
  readonly notes: readonly string[];
}

const HEADING = ["day", "in API", "in warehouse", "missing", "extra", "differing", "turns wrong"];

/** The bad days, a line with the totals, what was not compared, and the verdict last. */
export function asTable(compared: Compared, scope: Scope): string[] {
  const { days } = compared;
  const total = [
    "total",
    shown(days.total("inApi")),
    shown(days.total("inWarehouse")),
    ...FAULTS.map((fault) => shown(days.count(fault))),
  ];
  return [...textTable([HEADING, ...days.bad().map(row), total]), ...notes(compared, scope), verdict(compared, scope)];
}

/** The same as one JSON object, with the ids of the calls. */
export function asJson(compared: Compared, scope: Scope): string {
  const { days } = compared;
  const faults = (of: (fault: (typeof FAULTS)[number]) => unknown) =>
    Object.fromEntries(FAULTS.map((fault) => [fault === "turns" ? "turns_wrong" : fault, of(fault)]));
  return JSON.stringify({
    from: iso(scope.range.from),
    to: iso(scope.range.to),
    equal: isEqual(compared),
    verdict: verdict(compared, scope),
    in_api: days.total("inApi"),
    in_warehouse: days.total("inWarehouse"),
    ...faults((fault) => days.count(fault)),
    notes: notes(compared, scope),
    days: days.bad().map(({ dayMs, inApi, inWarehouse, ids }) => ({
      day: dayName(dayMs),
      in_api: inApi,
      in_warehouse: inWarehouse,
      ...faults((fault) => [...ids[fault]].sort()),
    })),
  });
}

export function isEqual({ days }: Compared): boolean {
  return days.bad().length === 0;
}

/** One line that says it all. */
export function verdict(compared: Compared, { range }: Scope): string {
  const { days } = compared;
  if (isEqual(compared)) {
    return `verified ${instantName(range.from)} to ${instantName(range.to)}: ${counted(days.total("inApi"), "call")}, all equal`;
  }
  const told = [
    days.count("missing") > 0 ? `${counted(days.count("missing"), "call")} missing` : "",
    days.count("extra") > 0 ? `${shown(days.count("extra"))} extra` : "",
    days.count("differing") > 0 ? `${shown(days.count("differing"))} differ` : "",
    days.count("turns") > 0 ? `${shown(days.count("turns"))} with wrong turns` : "",
  ];
  const bad = days.bad().length;
  return `NOT EQUAL: ${counted(bad, "day")} ${bad === 1 ? "differs" : "differ"} (${told.filter((part) => part !== "").join(", ")})`;
}

function notes({ undated }: Compared, scope: Scope): string[] {
  const dateless = undated === 0 ? [] : [`${counted(undated, "call")} without a usable date: not compared`];
  return [...scope.notes, ...dateless];
}

function row({ dayMs, inApi, inWarehouse, ids }: Day): string[] {
  return [dayName(dayMs), shown(inApi), shown(inWarehouse), ...FAULTS.map((fault) => shown(ids[fault].size))];
}

const dayName = (ms: number) => iso(ms).slice(0, 10);

/** A date alone where it is the beginning of one. */
export const instantName = (ms: number) => (ms % DAY_MS === 0 ? dayName(ms) : `${iso(ms).slice(0, 16)}Z`);
