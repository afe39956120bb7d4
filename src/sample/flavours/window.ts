import type { Window } from "../account.ts";
import { Refusal } from "../answer.ts";
import type { AccountOptions, BOUNDS, DATE_ENDS } from "../options.ts";
import type { QuirkSet } from "../quirks/set.ts";
import { fromZone } from "./zone.ts";

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;
const DAY_MS = 86_400_000;

/** What dates in a query mean. */
interface WindowRules {
  readonly bounds: (typeof BOUNDS)[number];
  readonly dateEnd: (typeof DATE_ENDS)[number];
  /** Of dates, and of times without an offset; UTC when undefined. */
  readonly zone: string | undefined;
}

/** Q17 takes the place of what was chosen. */
export function windowRules(
  { bounds = "inclusive", dateEnd = "end_of_day", accountTimezone }: Partial<AccountOptions>,
  quirks: QuirkSet,
): WindowRules {
  if (quirks.has("Q17")) return { bounds: "end_exclusive", dateEnd: "start_of_day", zone: "America/New_York" };
  return { bounds, dateEnd, zone: accountTimezone };
}

/**
 * The window between two parameters. What is missing leaves that side open. Throws a Refusal with 400 for what is no
 * date and no date-time.
 */
export function readWindow(
  query: URLSearchParams,
  [from, to]: readonly [string, string],
  { bounds, dateEnd, zone }: WindowRules,
): Window {
  const start = readInstant(query, from, zone, 0);
  const end = readInstant(query, to, zone, dateEnd === "end_of_day" ? 1 : 0);
  const isOpenEnd = bounds === "end_exclusive" || end?.isNextDay === true;
  return { fromMs: start?.ms ?? -Infinity, toMs: end === undefined ? Infinity : end.ms - (isOpenEnd ? 1 : 0) };
}

/** `dateDays` after the start of its day when it is a date. */
function readInstant(query: URLSearchParams, parameter: string, zone: string | undefined, dateDays: number) {
  const text = query.get(parameter);
  if (text === null) return undefined;
  const isDate = DATE.test(text);
  const offset = DATE_TIME.exec(text);
  if (!isDate && offset === null) throw notADate(parameter);
  const isNaive = isDate || offset?.[1] === undefined;
  const written = Date.parse(isNaive && !isDate ? `${text}Z` : text) + (isDate ? dateDays * DAY_MS : 0);
  if (Number.isNaN(written)) throw notADate(parameter);
  return { ms: isNaive && zone !== undefined ? fromZone(written, zone) : written, isNextDay: isDate && dateDays > 0 };
}

/** `offset` and `limit`; a limit above `limitCap` is lowered without a word. */
export function readPaging(query: URLSearchParams, limitCap: number): { offset: number; limit: number } {
  const offset = readInteger(query, "offset", 0, 0);
  return { offset, limit: Math.min(readInteger(query, "limit", 50, 1), limitCap) };
}

/** Throws a Refusal with 400 for what is no whole number, or below `least`. */
export function readInteger(query: URLSearchParams, parameter: string, missing: number, least: number): number {
  const text = query.get(parameter);
  if (text === null) return missing;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw invalid(parameter, `must be a whole number of at least ${least}`);
  }
  return value;
}

function notADate(parameter: string): Refusal {
  return invalid(parameter, "must be a date (2026-01-31) or a date-time (2026-01-31T10:00:00Z)");
}

function invalid(parameter: string, rule: string): Refusal {
  return new Refusal(400, "invalid_parameter", `${parameter} ${rule}`, { parameter });
}
