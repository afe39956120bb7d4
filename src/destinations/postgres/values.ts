import type { ColumnKind, ColumnType } from "../../core/column.ts";
import { isExact, printJson, type JsonValue } from "../../core/json.ts";
import type { Misfit } from "../../core/staging.ts";
import { isInt64, isPlainDateTime, notA, parseDays, parseInstant } from "../../core/value.ts";
import type { CopyText } from "./copy-text.ts";

/** Writes a value that is not null as a column of the open line. What it wrote when it returns a misfit is dropped. */
export type Put = (out: CopyText, value: JsonValue) => Misfit | undefined;

export const PUTS: Record<ColumnKind, Put> = {
  boolean: putBoolean,
  integer: putInteger,
  number: putNumber,
  decimal: putDecimal,
  text: putText,
  timestamp: putTimestamp,
  date: putDate,
  json: putJson,
};

const DECIMAL: ColumnType = { kind: "decimal", scale: 0 };

function putText(out: CopyText, value: JsonValue): undefined {
  if (typeof value === "string") out.text(value);
  else out.text(typeof value === "object" && !isExact(value) ? printJson(value) : String(value));
}

function putJson(out: CopyText, value: JsonValue): Misfit | undefined {
  const text = printJson(value);
  if (LONG_EXPONENT.test(text) && !fitsNumeric(value)) return { reason: "has a number that is too large for jsonb" };
  out.text(text);
  return undefined;
}

function putBoolean(out: CopyText, value: JsonValue): Misfit | undefined {
  if (typeof value !== "boolean") return notA("boolean", value);
  out.boolean(value);
  return undefined;
}

function putNumber(out: CopyText, value: JsonValue): Misfit | undefined {
  if (typeof value !== "number") return isExact(value) ? { widenTo: decimalFor(String(value)) } : notA("number", value);
  out.number(value);
  return undefined;
}

function putInteger(out: CopyText, value: JsonValue): Misfit | undefined {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) {
      out.integer(value);
      return undefined;
    }
    if (!Number.isInteger(value)) return { widenTo: { kind: "number" } };
  } else if (!isExact(value)) {
    return notA("whole number", value);
  }
  const digits = String(value);
  if (!isInt64(digits)) return { widenTo: decimalFor(digits) };
  out.ascii(digits);
  return undefined;
}

function putDecimal(out: CopyText, value: JsonValue): Misfit | undefined {
  if (typeof value !== "number" && !isExact(value)) return notA("number", value);
  const digits = String(value);
  if (decimalFor(digits).kind === "text") return { widenTo: { kind: "text" } };
  out.ascii(digits);
  return undefined;
}

/** `numeric` for these digits, or text: beyond 16,383 places it would round, and 1e100000 is no number to keep whole. */
function decimalFor(digits: string): ColumnType {
  const [, exponent = "0"] = digits.toLowerCase().split("e");
  return digits.length < 10_000 && Math.abs(Number(exponent)) < 1_000 ? DECIMAL : { kind: "text" };
}

const LONG_EXPONENT = /\d[eE][-+]?\d{4}/;

/** JSON's numbers are `numeric` in Postgres, which refuses exponents that JSON allows. */
function fitsNumeric(value: JsonValue | undefined): boolean {
  if (isExact(value)) return decimalFor(String(value)).kind === "decimal";
  return typeof value !== "object" || value === null || Object.values(value).every(fitsNumeric);
}

function putTimestamp(out: CopyText, value: JsonValue): Misfit | undefined {
  if (typeof value !== "string") return notA("date-time", value);
  // The form that most taps write, Postgres reads as it is.
  if (isPlainDateTime(value)) {
    out.ascii(value);
    return undefined;
  }
  const instant = parseInstant(value);
  if (instant === undefined) return { reason: "is not a date-time" };
  out.ascii(instantText(instant.seconds, instant.micros));
  return undefined;
}

/** An instant as Postgres reads it, years before the first included. */
export function instantText(seconds: number, micros: number): string {
  const iso = new Date(seconds * 1_000).toISOString(); // 2026-11-22T10:00:00.000Z, -000001-… before the year 0
  const [, year = "", rest = ""] = /^([-+]?\d+)-(.{14})/.exec(iso) ?? [];
  const fraction = micros === 0 ? "" : `.${String(micros).padStart(6, "0")}`;
  return `${yearText(Number(year))}-${rest}${fraction}Z${Number(year) <= 0 ? " BC" : ""}`;
}

function putDate(out: CopyText, value: JsonValue): Misfit | undefined {
  if (typeof value !== "string") return notA("date", value);
  if (Number.isNaN(parseDays(value))) return { reason: "is not a date" };
  if (value.length > 10) return { widenTo: { kind: "timestamp" } };
  out.ascii(value.startsWith("0000") ? `${yearText(0)}${value.slice(4)} BC` : value);
  return undefined;
}

/** The year 0 of ISO 8601 is 1 BC. */
const yearText = (year: number) => String(year <= 0 ? 1 - year : year).padStart(4, "0");
