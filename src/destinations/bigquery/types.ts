import { createHash } from "node:crypto";
import type { ColumnKind, ColumnType } from "../../core/column.ts";
import type { Traits } from "../../core/table.ts";

/**
 * Columns are found without their case, and hold letters, digits and `_`. Newer rules allow more, but not everywhere:
 * https://cloud.google.com/bigquery/docs/schemas#column_names
 */
export const traits: Traits = { maxIdentifier: 128, caseInsensitive: true, quote, spell };

/** A name or a path of names, with dots between. */
export function quote(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}

/** Beginnings that BigQuery keeps for columns of its own. https://cloud.google.com/bigquery/docs/schemas#column_names */
const RESERVED = /^(?:_table_|_file_|_partition|_row_timestamp|__root__|_colidentifier|_change_)/i;

/** A name as BigQuery takes it. One that had to change ends with a hash of what it was, so that no two become one. */
function spell(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d|$)/, "_");
  if (plain === name && !RESERVED.test(name)) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return (RESERVED.test(plain) ? `x${plain}` : plain).slice(0, 119) + `_${hash}`;
}

/** A text as a SQL literal. https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#string_and_bytes_literals */
export function literal(text: string): string {
  const escaped = text.replace(/[\\'\n\r]/g, (one) => (one === "\n" ? "\\n" : one === "\r" ? "\\r" : `\\${one}`));
  return `'${escaped}'`;
}

/** Places behind the point that NUMERIC has, and digits before it. */
const NUMERIC = { whole: 29, places: 9 };
/** BIGNUMERIC has room for 38 and 38; no more is used than the emulator has too, and can be tested. The rest is text. */
const BIGNUMERIC = { whole: 20, places: 18 };

/** Digits before and behind the point that a decimal column of this scale has room for. */
export const roomOf = (scale: number) => (scale <= NUMERIC.places ? NUMERIC : BIGNUMERIC);
/** The scales that decimals are planned with: that of NUMERIC, and that of BIGNUMERIC. */
export const SCALES = [NUMERIC.places, BIGNUMERIC.places] as const;

const NAMES: Record<Exclude<ColumnKind, "decimal">, string> = {
  boolean: "BOOL",
  integer: "INT64",
  number: "FLOAT64",
  text: "STRING",
  timestamp: "TIMESTAMP",
  date: "DATE",
  json: "JSON",
};

/** The GoogleSQL name of a type. */
export function typeName(type: ColumnType): string {
  if (type.kind !== "decimal") return NAMES[type.kind];
  return type.scale <= NUMERIC.places ? "NUMERIC" : "BIGNUMERIC";
}

/** The type that a field of a table counts as; what we never write counts as text. */
export function typeOf(native: string): ColumnType {
  switch (native.toUpperCase()) {
    case "BOOL":
    case "BOOLEAN":
      return { kind: "boolean" };
    case "INT64":
    case "INTEGER":
      return { kind: "integer" };
    case "FLOAT64":
    case "FLOAT":
      return { kind: "number" };
    case "NUMERIC":
      return { kind: "decimal", scale: NUMERIC.places };
    case "BIGNUMERIC":
      return { kind: "decimal", scale: BIGNUMERIC.places };
    case "TIMESTAMP":
    case "DATETIME":
      return { kind: "timestamp" };
    case "DATE":
      return { kind: "date" };
    case "JSON":
      return { kind: "json" };
    default:
      return { kind: "text" };
  }
}

/** True when a column of this type can become one of that type where it is; otherwise the table is written anew. */
export function widensInPlace(from: string, to: string): boolean {
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#details_21
  const wider: Record<string, readonly string[]> = {
    INT64: ["NUMERIC", "BIGNUMERIC", "FLOAT64"],
    NUMERIC: ["BIGNUMERIC"],
  };
  return wider[from]?.includes(to) ?? false;
}

/** SQL that makes a value of a column of type `from` one of type `to`, which holds all of `from`. */
export function cast(sql: string, from: ColumnType, to: ColumnType): string {
  if (typeName(from) === typeName(to)) return sql;
  if (to.kind === "json") {
    const plain = from.kind === "decimal" || from.kind === "timestamp" ? asText(sql, from) : sql;
    return from.kind === "decimal" ? parseJson(plain) : `TO_JSON(${plain})`;
  }
  if (to.kind === "text") return asText(sql, from);
  // A double goes by way of its text: straight to a decimal it would grow digits that it never had.
  if (to.kind === "decimal" && from.kind === "number") return `CAST(CAST(${sql} AS STRING) AS ${typeName(to)})`;
  return `CAST(${sql} AS ${typeName(to)})`;
}

function asText(sql: string, { kind }: ColumnType): string {
  if (kind === "timestamp") return `FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E*SZ', ${sql})`;
  if (kind === "json") return `TO_JSON_STRING(${sql})`;
  if (kind === "number") return `REGEXP_REPLACE(CAST(${sql} AS STRING), r'\\.0$', '')`;
  return `CAST(${sql} AS STRING)`;
}

/** Staged text that was written for a column of type `from`, as a value of type `to`. */
export function parse(sql: string, from: ColumnType, to: ColumnType): string {
  if (to.kind === "text") return sql;
  if (to.kind !== "json") return `CAST(${sql} AS ${typeName(to)})`;
  const isText = from.kind === "text" || from.kind === "timestamp" || from.kind === "date";
  return isText ? `TO_JSON(${sql})` : parseJson(sql);
}

/** Numbers that JSON of BigQuery would round are texts in what we stage, so nothing is rounded here. */
const parseJson = (sql: string) => `PARSE_JSON(${sql}, wide_number_mode=>'round')`;
