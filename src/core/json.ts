import {
  LosslessNumber,
  isLosslessNumber,
  parse as parseLossless,
  stringify as stringifyLossless,
} from "lossless-json";

/**
 * A number whose digits a double cannot hold, e.g. 9223372036854775807 or 0.1000000000000000055511151231257827.
 * `toString()` gives the digits as they were written.
 */
export type ExactNumber = LosslessNumber;
export type JsonValue = null | boolean | number | string | ExactNumber | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}
/** A JSON Schema, as far as we look into it. */
export type JsonSchema = JsonObject;

/**
 * Finds text that may hold a number JSON.parse would round: after a colon, comma or bracket 16 or more digits (a point
 * may be among them), or an exponent of three digits. It can also hit inside strings; that costs a second parse and
 * changes nothing.
 */
const MAY_ROUND = /[:,[]\s*-?(?:\d[\d.]{15}|\d[\d.]*[eE][-+]?\d{3})/;

/** A whole text that is one number. */
const BARE_NUMBER = /^\s*-?\d/;

/** Parses JSON and keeps every digit: what a double cannot hold becomes an ExactNumber. Throws SyntaxError. */
export function parseJson(text: string): JsonValue {
  return MAY_ROUND.test(text) || BARE_NUMBER.test(text) ? parseExact(text) : (JSON.parse(text) as JsonValue);
}

/** The slow parse that `parseJson` uses where it must. */
export function parseExact(text: string): JsonValue {
  // A key that stands twice counts as JSON.parse counts it: the last one.
  return parseLossless(text, undefined, {
    parseNumber: exactNumber,
    onDuplicateKey: ({ newValue }) => newValue,
  }) as JsonValue;
}

/** Parses JSON so that `printJson` prints every number as it was written, `5.0` included. Throws SyntaxError. */
export function parseVerbatim(text: string): JsonValue {
  return parseLossless(text, undefined, { onDuplicateKey: ({ newValue }) => newValue }) as JsonValue;
}

/** True when `parseExact` could give something else than JSON.parse. */
export function mayRound(text: string): boolean {
  return MAY_ROUND.test(text);
}

/** Prints JSON with every digit that `parseJson` kept. */
export function printJson(value: JsonValue | undefined): string {
  return containsExact(value) ? (stringifyLossless(value) ?? "null") : JSON.stringify(value);
}

export function isExact(value: unknown): value is ExactNumber {
  return isLosslessNumber(value);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}

function exactNumber(digits: string): number | LosslessNumber {
  const double = Number(digits);
  return Number.isFinite(double) && canonical(digits) === canonical(String(double))
    ? double
    : new LosslessNumber(digits);
}

/** Digits and exponent without sign of writing: 1.50e3 and 1500 are the same number. */
function canonical(number: string): string {
  const [mantissa = "", exponent = "0"] = number.toLowerCase().split("e");
  const negative = mantissa.startsWith("-");
  const [whole = "", fraction = ""] = mantissa.replace(/^[-+]/, "").split(".");
  const digits = (whole + fraction).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${negative ? "-" : ""}${significant}e${scale}`;
}

function containsExact(value: JsonValue | undefined): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (isLosslessNumber(value)) return true;
  const items = Array.isArray(value) ? value : Object.values(value);
  return items.some(containsExact);
}
