import type { Window } from "../account.ts";
import { Refusal } from "../answer.ts";

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;
const DAY_MS = 86_400_000;

/**
 * `startDate` and `endDate`, both included: a date means its whole day in UTC, a date-time without an offset is UTC.
 * What is missing leaves that side open. Throws a Refusal with 400 for anything else.
 */
export function readWindow(query: URLSearchParams): Window {
  return {
    fromMs: readInstant(query, "startDate", 0) ?? -Infinity,
    toMs: readInstant(query, "endDate", DAY_MS - 1) ?? Infinity,
  };
}

function readInstant(query: URLSearchParams, parameter: string, intoDayMs: number): number | undefined {
  const text = query.get(parameter);
  if (text === null) return undefined;
  const offset = DATE_TIME.exec(text);
  const ms = DATE.test(text)
    ? Date.parse(text) + intoDayMs
    : offset === null
      ? NaN
      : Date.parse(offset[1] === undefined ? `${text}Z` : text);
  if (Number.isNaN(ms)) throw invalid(parameter, "must be a date (2026-01-31) or a date-time (2026-01-31T10:00:00Z)");
  return ms;
}

/** `offset` and `limit`; a limit above `limitCap` is lowered without a word. */
export function readPaging(query: URLSearchParams, limitCap: number): { offset: number; limit: number } {
  const offset = readInteger(query, "offset", 0, 0);
  return { offset, limit: Math.min(readInteger(query, "limit", 50, 1), limitCap) };
}

function readInteger(query: URLSearchParams, parameter: string, missing: number, least: number): number {
  const text = query.get(parameter);
  if (text === null) return missing;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw invalid(parameter, `must be a whole number of at least ${least}`);
  }
  return value;
}

function invalid(parameter: string, rule: string): Refusal {
  return new Refusal(400, "invalid_parameter", `${parameter} ${rule}`, { parameter });
}
