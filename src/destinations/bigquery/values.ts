import type { ColumnKind, ColumnType } from "../../core/column.ts";
import { isExact, isObject, printJson, type JsonValue } from "../../core/json.ts";
import type { Misfit } from "../../core/staging.ts";
import { isInt64, isPlainDateTime, notA, parseDays, parseInstant, plainDigits } from "../../core/value.ts";
import { roomOf, SCALES } from "./types.ts";

/** A value that is not null as a JSON text: what is staged is text, whatever its column, so that no digit is lost. */
export type Put = (value: JsonValue) => string | Misfit;

/** How values of a column are put; `items` is the kind of the items of a REPEATED column. */
export function putter(type: ColumnType, items: ColumnKind | undefined): Put {
  if (items !== undefined) return (value) => putList(value, PUTS[items as "text"]);
  return type.kind === "decimal" ? (value) => putDecimal(value, type.scale) : PUTS[type.kind];
}

const PUTS: Record<Exclude<ColumnKind, "decimal">, Put> = {
  boolean: (value) => (typeof value === "boolean" ? (value ? '"true"' : '"false"') : notA("boolean", value)),
  integer: putInteger,
  number: putNumber,
  text: putText,
  timestamp: putTimestamp,
  date: putDate,
  json: putJson,
};

function putText(value: JsonValue): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (isExact(value)) return JSON.stringify(plainText(String(value)));
  return JSON.stringify(typeof value === "object" ? printJson(value) : String(value));
}

/** A number without its exponent and needless zeros, where that is not absurdly long. */
function plainText(number: string): string {
  const plain = plainDigits(number);
  if (plain === undefined) return number;
  return `${plain.negative ? "-" : ""}${plain.whole}${plain.fraction === "" ? "" : `.${plain.fraction}`}`;
}

function putNumber(value: JsonValue): string | Misfit {
  if (typeof value === "number") return `"${value}"`;
  return isExact(value) ? { widenTo: decimalFor(String(value)) } : notA("number", value);
}

function putInteger(value: JsonValue): string | Misfit {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return `"${value}"`;
    if (!Number.isInteger(value)) return { widenTo: { kind: "number" } };
  } else if (!isExact(value)) {
    return notA("whole number", value);
  }
  const digits = String(value);
  return isInt64(digits) ? `"${digits}"` : { widenTo: decimalFor(digits) };
}

function putDecimal(value: JsonValue, scale: number): string | Misfit {
  if (typeof value !== "number" && !isExact(value)) return notA("number", value);
  const plain = plainDigits(String(value));
  const wanted = decimalFor(String(value));
  if (plain === undefined || wanted.kind === "text") return { widenTo: { kind: "text" } };
  const { whole, places } = roomOf(scale);
  if (plain.whole.length > whole || plain.fraction.length > places) {
    // More digits before the point than BIGNUMERIC is used for, fewer behind it than NUMERIC: only text holds both.
    return { widenTo: wanted.kind === "decimal" && wanted.scale < scale ? { kind: "text" } : wanted };
  }
  return `"${plainText(String(value))}"`;
}

/** The decimal that has room for these digits, or text where none has. */
function decimalFor(digits: string): ColumnType {
  const plain = plainDigits(digits);
  const scale = SCALES.find((one) => {
    const { whole, places } = roomOf(one);
    return plain !== undefined && plain.whole.length <= whole && plain.fraction.length <= places;
  });
  return scale === undefined ? { kind: "text" } : { kind: "decimal", scale };
}

function putTimestamp(value: JsonValue): string | Misfit {
  if (typeof value !== "string") return notA("date-time", value);
  if (isPlainDateTime(value)) return `"${value}"`; // what most taps write, BigQuery reads as it is
  const instant = parseInstant(value);
  if (instant === undefined) return { reason: "is not a date-time" };
  const iso = new Date(instant.seconds * 1_000).toISOString();
  if (!isInRange(iso)) return { reason: "is not in the years 1 to 9999" };
  const fraction = instant.micros === 0 ? "" : `.${String(instant.micros).padStart(6, "0")}`;
  return `"${iso.slice(0, 19)}${fraction}Z"`;
}

function putDate(value: JsonValue): string | Misfit {
  if (typeof value !== "string") return notA("date", value);
  if (Number.isNaN(parseDays(value))) return { reason: "is not a date" };
  if (value.length > 10) return { widenTo: { kind: "timestamp" } };
  return isInRange(value) ? `"${value}"` : { reason: "is not in the years 1 to 9999" };
}

const isInRange = (text: string) => /^(?!0000)\d{4}-/.test(text);

function putJson(value: JsonValue): string | Misfit {
  if (depthOf(value) > DEEPEST) return { reason: `is nested deeper than ${DEEPEST} levels` };
  return JSON.stringify(printJson(withoutLongNumbers(value)));
}

/** https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#json_type */
const DEEPEST = 500;

function depthOf(value: JsonValue | undefined): number {
  if (typeof value !== "object" || value === null || isExact(value)) return 0;
  let deepest = 0;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner));
  return deepest + 1;
}

/** JSON of BigQuery holds whole numbers of 64 bits and doubles; a number with more digits becomes its text. */
function withoutLongNumbers(value: JsonValue): JsonValue {
  if (isExact(value)) return isInt64(String(value)) ? value : String(value);
  if (Array.isArray(value)) return value.map(withoutLongNumbers);
  if (!isObject(value)) return value;
  if (!Object.values(value).some((one) => typeof one === "object" && one !== null)) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, withoutLongNumbers(one ?? null)]);
  return Object.fromEntries(entries) as JsonValue;
}

/** A list whose items are all of one kind; null is none of them, as BigQuery keeps no null in a list. */
function putList(value: JsonValue, put: Put): string | Misfit {
  if (!Array.isArray(value)) return notA("list", value);
  const items: string[] = [];
  for (const item of value) {
    if (item === null) return { reason: "has an item that is null" };
    const text = put(item);
    if (typeof text !== "string") return { reason: "has an item of another type" };
    items.push(text);
  }
  return JSON.stringify(`[${items.join(",")}]`);
}
