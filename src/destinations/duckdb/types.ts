import type { ColumnKind, ColumnType } from "../../core/column.ts";
import type { Traits } from "../../core/table.ts";
import type { Physical } from "./parquet.ts";

/** Names in DuckDB keep their case but are found without it. It has no limit on length; ours keeps them readable. */
export const traits: Traits = { maxIdentifier: 255, caseInsensitive: true, quote };

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as a SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** DuckDB's decimals hold 38 digits; what has more is kept as text. */
export const MAX_DIGITS = 38;

const NAMES: Record<ColumnKind, string> = {
  boolean: "BOOLEAN",
  integer: "BIGINT",
  number: "DOUBLE",
  decimal: "DECIMAL",
  text: "VARCHAR",
  timestamp: "TIMESTAMP WITH TIME ZONE",
  date: "DATE",
  json: "JSON",
};

export function typeName(type: ColumnType): string {
  return type.kind === "decimal" ? `DECIMAL(${MAX_DIGITS},${type.scale})` : NAMES[type.kind];
}

/** The type behind a name that `duckdb_columns()` shows; a name we never write counts as text. */
export function typeOf(name: string): ColumnType {
  const decimal = /^DECIMAL\(\d+,(\d+)\)$/.exec(name);
  if (decimal !== null) return { kind: "decimal", scale: Number(decimal[1]) };
  switch (name) {
    case "TINYINT":
    case "SMALLINT":
    case "INTEGER":
    case "UTINYINT":
    case "USMALLINT":
    case "UINTEGER":
      return { kind: "integer" };
    case "FLOAT":
      return { kind: "number" };
    case "TIMESTAMP":
      return { kind: "timestamp" };
    default: {
      const known = (Object.keys(NAMES) as Exclude<ColumnKind, "decimal">[]).find((kind) => NAMES[kind] === name);
      return { kind: known ?? "text" };
    }
  }
}

/** How a column's values lie in the staged file. */
export const PHYSICAL: Record<ColumnKind, Physical> = {
  boolean: "boolean",
  integer: "bigint",
  number: "double",
  decimal: "text",
  text: "text",
  timestamp: "timestamp",
  date: "date",
  json: "text",
};

/** SQL that makes a value of type `from` one of type `to`, which holds all of `from`, without losing a digit. */
export function cast(sql: string, from: ColumnType, to: ColumnType): string {
  if (typeName(from) === typeName(to)) return sql;
  if (to.kind === "json") return asJson(sql, from);
  if (to.kind === "text") return asText(sql, from);
  // A double goes by way of its text: straight to a decimal it would grow digits that it never had.
  if (to.kind === "decimal" && from.kind === "number") return `CAST(${asText(sql, from)} AS ${typeName(to)})`;
  return `CAST(${sql} AS ${typeName(to)})`;
}

/** A number as its digits, without the zeros that its column adds. */
function asText(sql: string, type: ColumnType): string {
  if (type.kind === "timestamp") return `strftime(${sql}, '%Y-%m-%dT%H:%M:%S.%fZ')`;
  const text = `CAST(${sql} AS VARCHAR)`;
  if (type.kind === "number") return `regexp_replace(${text}, '\\.0$', '')`;
  return type.kind === "decimal" && type.scale > 0 ? `rtrim(rtrim(${text}, '0'), '.')` : text;
}

function asJson(sql: string, type: ColumnType): string {
  if (type.kind === "text") return `to_json(${sql})`;
  return type.kind === "timestamp" || type.kind === "date"
    ? `to_json(${asText(sql, type)})`
    : `CAST(${asText(sql, type)} AS JSON)`;
}
