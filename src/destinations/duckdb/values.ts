import type { ColumnType } from "../../core/column.ts";
import { isExact, printJson, type JsonValue } from "../../core/json.ts";
import type { Misfit } from "../../core/staging.ts";
import { isInt64, notA, parseDays, parseInstant, parseMicros, plainDigits } from "../../core/value.ts";
import type { ParquetColumn } from "./parquet.ts";
import { MAX_DIGITS } from "./types.ts";

/** Puts a value that is not null into a column's staged file. Nothing is added when it returns a misfit. */
export type Put = (column: ParquetColumn, value: JsonValue) => Misfit | undefined;

export function putter(type: ColumnType): Put {
  switch (type.kind) {
    case "boolean":
      return putBoolean;
    case "integer":
      return putInteger;
    case "number":
      return putNumber;
    case "decimal":
      return (column, value) => putDecimal(column, value, type.scale);
    case "text":
      return putText;
    case "timestamp":
      return putTimestamp;
    case "date":
      return putDate;
    case "json":
      return putJson;
  }
}

function putText(column: ParquetColumn, value: JsonValue): undefined {
  column.addText(
    typeof value === "string" ? value : typeof value === "object" && !isExact(value) ? printJson(value) : String(value),
  );
}

function putJson(column: ParquetColumn, value: JsonValue): undefined {
  column.addText(printJson(value));
}

function putBoolean(column: ParquetColumn, value: JsonValue): Misfit | undefined {
  if (typeof value !== "boolean") return notA("boolean", value);
  column.addBoolean(value);
  return undefined;
}

function putNumber(column: ParquetColumn, value: JsonValue): Misfit | undefined {
  if (typeof value === "number") {
    column.addDouble(value);
    return undefined;
  }
  return isExact(value) ? { widenTo: decimalFor(String(value)) } : notA("number", value);
}

function putInteger(column: ParquetColumn, value: JsonValue): Misfit | undefined {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) {
      column.addInt64(value);
      return undefined;
    }
    if (!Number.isInteger(value)) return { widenTo: { kind: "number" } };
  } else if (!isExact(value)) {
    return notA("whole number", value);
  }
  const digits = String(value);
  if (!isInt64(digits)) return { widenTo: decimalFor(digits) };
  column.addBigInt(BigInt(digits));
  return undefined;
}

function putDecimal(column: ParquetColumn, value: JsonValue, scale: number): Misfit | undefined {
  if (typeof value !== "number" && !isExact(value)) return notA("number", value);
  const plain = plainDigits(String(value));
  const places = plain?.fraction.length ?? 0;
  if (plain === undefined || plain.whole.length + Math.max(places, scale) > MAX_DIGITS)
    return { widenTo: { kind: "text" } };
  if (places > scale) return { widenTo: { kind: "decimal", scale: places } };
  column.addText(`${plain.negative ? "-" : ""}${plain.whole}.${plain.fraction}`);
  return undefined;
}

/** The decimal that holds these digits, or text where none does. */
function decimalFor(digits: string): ColumnType {
  const plain = plainDigits(digits);
  if (plain === undefined || plain.whole.length + plain.fraction.length > MAX_DIGITS) return { kind: "text" };
  return { kind: "decimal", scale: plain.fraction.length };
}

function putTimestamp(column: ParquetColumn, value: JsonValue): Misfit | undefined {
  if (typeof value !== "string") return notA("date-time", value);
  const micros = parseMicros(value);
  if (Math.abs(micros) <= Number.MAX_SAFE_INTEGER) {
    column.addInt64(micros);
    return undefined;
  }
  const instant = parseInstant(value);
  if (instant === undefined) return { reason: "is not a date-time" };
  column.addBigInt(BigInt(instant.seconds) * 1_000_000n + BigInt(instant.micros));
  return undefined;
}

function putDate(column: ParquetColumn, value: JsonValue): Misfit | undefined {
  if (typeof value !== "string") return notA("date", value);
  const days = parseDays(value);
  if (Number.isNaN(days)) return { reason: "is not a date" };
  if (value.length > 10) return { widenTo: { kind: "timestamp" } };
  column.addInt32(days);
  return undefined;
}
