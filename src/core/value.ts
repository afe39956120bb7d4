import { isExact, isObject, type JsonObject, type JsonValue } from "./json.ts";

/** An instant: whole seconds since 1970 UTC, and the microseconds within the second. */
export interface Instant {
  readonly seconds: number;
  readonly micros: number;
}

const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d)?)?)?$/;

/**
 * Microseconds since 1970 UTC of an ISO 8601 date-time, as a double; NaN when the text is none. Without an offset it is
 * taken as UTC. Digits past the microsecond are cut. Exact for the years 1684 to 2255; `parseInstant` is exact always.
 */
export function parseMicros(text: string): number {
  const fast = fastMicros(text);
  if (!Number.isNaN(fast)) return fast;
  const instant = parseInstant(text);
  return instant === undefined ? NaN : instant.seconds * 1_000_000 + instant.micros;
}

/** True for a real date-time of the years 1684 to 2255 in the form `2026-11-22T10:00:00Z` or `2026-11-22T10:00:00.123Z`. */
export function isPlainDateTime(text: string): boolean {
  return !Number.isNaN(fastMicros(text));
}

/** `2026-11-22T10:00:00.123Z`, the form that most taps write, without a regular expression. */
function fastMicros(text: string): number {
  if (text.length !== 24 && text.length !== 20) return NaN;
  const last = text.length - 1;
  if (text.charCodeAt(last) !== 90 || text.charCodeAt(10) !== 84 || text.charCodeAt(4) !== 45) return NaN;
  if (text.charCodeAt(7) !== 45 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return NaN;
  const year = digits2(text, 0) * 100 + digits2(text, 2);
  const month = digits2(text, 5);
  const day = digits2(text, 8);
  const hour = digits2(text, 11);
  const minute = digits2(text, 14);
  const second = digits2(text, 17);
  let milli = 0;
  if (last === 23) {
    if (text.charCodeAt(19) !== 46) return NaN;
    milli = digits2(text, 20) * 10 + (digits2(text, 21) % 10);
  }
  if (!(
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    hour < 24 &&
    minute < 60 &&
    second < 60 &&
    year >= 1684 &&
    year <= 2255
  )) {
    return NaN;
  }
  if (day > 28 && day > daysInMonth(year, month)) return NaN;
  const days = daysFromCivil(year, month, day);
  return ((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000 + milli) * 1_000;
}

/** Two digits as a number, NaN when they are none. */
function digits2(text: string, at: number): number {
  const a = text.charCodeAt(at) - 48;
  const b = text.charCodeAt(at + 1) - 48;
  return a >= 0 && a <= 9 && b >= 0 && b <= 9 ? a * 10 + b : NaN;
}

/** The instant that an ISO 8601 text names, or undefined. A leap second is the second after it; 24:00 is the next day. */
export function parseInstant(text: string): Instant | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour = "0",
    minute = "0",
    second = "0",
    fraction = "",
    ,
    sign,
    offsetHour = "0",
    offsetMinute = "0",
  ] = match;
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (mo < 1 || mo > 12 || d < 1 || d > daysInMonth(y, mo) || h > 24 || mi > 59 || s > 60) return undefined;
  if (h === 24 && (mi > 0 || s > 0)) return undefined;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined;
  const offset = (sign === "-" ? -1 : 1) * (Number(offsetHour) * 3_600 + Number(offsetMinute) * 60);
  const micros = Number(fraction.slice(0, 6).padEnd(6, "0"));
  return { seconds: daysFromCivil(y, mo, d) * 86_400 + h * 3_600 + mi * 60 + s - offset, micros };
}

/** Days since 1970-01-01 of `YYYY-MM-DD`, with or without a time behind it; NaN when the text is none. */
export function parseDays(text: string): number {
  const match = DATE_TIME.exec(text);
  if (match === null) return NaN;
  const [y, m, d] = [match[1], match[2], match[3]].map(Number) as [number, number, number];
  return m >= 1 && m <= 12 && d >= 1 && d <= daysInMonth(y, m) ? daysFromCivil(y, m, d) : NaN;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Howard Hinnant's days_from_civil: proleptic Gregorian. https://howardhinnant.github.io/date_algorithms.html */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** True for the digits of a whole number that 64 bits hold. */
export function isInt64(digits: string): boolean {
  if (!/^-?\d{1,19}$/.test(digits)) return false;
  const whole = BigInt(digits);
  return whole <= MAX_INT64 && whole >= -MAX_INT64 - 1n;
}

const MAX_INT64 = 9_223_372_036_854_775_807n;

/** A number without its exponent; undefined when that would be absurdly long. */
export function plainDigits(number: string): { negative: boolean; whole: string; fraction: string } | undefined {
  const [mantissa = "", exponent = "0"] = number.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const shift = Number(exponent);
  if (Math.abs(shift) > 60) return undefined;
  const padded = "0".repeat(Math.max(0, -shift)) + whole + fraction + "0".repeat(Math.max(0, shift));
  const point = padded.length - Math.max(0, fraction.length - shift);
  return {
    negative: mantissa.startsWith("-"),
    whole: padded.slice(0, point).replace(/^0+/, "") || "0",
    fraction: padded.slice(point).replace(/0+$/, ""),
  };
}

/** The misfit of a value of the wrong type. The value itself is not named. */
export function notA(wanted: string, value: JsonValue): { readonly reason: string } {
  const is = Array.isArray(value)
    ? "a list"
    : typeof value === "object" && !isExact(value)
      ? "an object"
      : `a ${word(value)}`;
  return { reason: `is ${is} where a ${wanted} belongs` };
}

const word = (value: JsonValue) =>
  typeof value === "string" ? "text" : typeof value === "boolean" ? "boolean" : "number";

/** Lines without these need no cleaning: in JSON text a NUL or a lone surrogate can only stand as an escape. */
const MAY_BE_DIRTY = /\\u(?:0000|[dD][89a-fA-F])/;

export function mayNeedCleaning(line: string): boolean {
  return line.includes("\\u") && MAY_BE_DIRTY.test(line); // the first look is four times as quick as the second
}

/**
 * Puts U+FFFD in place of every NUL and every lone surrogate, in keys and values at any depth: no database can hold
 * them all. `replaced` is how many there were; a value that was clean comes back as it is.
 */
export function clean<T extends JsonValue>(value: T): { value: T; replaced: number } {
  let replaced = 0;
  const cleanText = (text: string): string => {
    if (!text.includes("\u0000") && text.isWellFormed()) return text;
    return text.replace(/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, () => {
      replaced++;
      return "\ufffd";
    });
  };
  const walk = (one: JsonValue): JsonValue => {
    if (typeof one === "string") return cleanText(one);
    if (Array.isArray(one)) return one.map(walk);
    if (!isObject(one) || isExact(one)) return one;
    const entries = Object.entries(one).map(([key, inner]) => [
      cleanText(key),
      inner === undefined ? null : walk(inner),
    ]);
    return Object.fromEntries(entries) as JsonObject;
  };
  const cleaned = walk(value) as T;
  return { value: cleaned, replaced };
}
