import type { ColumnKind, ColumnType } from "../../core/column.ts";
import type { Traits } from "../../core/table.ts";

/** Names keep their case; longer ones Postgres would cut off in silence. */
export const traits: Traits = { maxIdentifier: 63, caseInsensitive: false, quote };

/** Most columns of a table. https://www.postgresql.org/docs/current/limits.html */
export const MAX_COLUMNS = 1_600;

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const NAMES: Record<ColumnKind, string> = {
  boolean: "boolean",
  integer: "bigint",
  number: "double precision",
  decimal: "numeric", // holds any number of digits, so its scale says nothing here
  text: "text",
  timestamp: "timestamp with time zone",
  date: "date",
  json: "jsonb",
};

export function typeName(type: ColumnType): string {
  return NAMES[type.kind];
}

/** The type that a column counts as; `native` is what `format_type` shows. What we never write counts as text. */
export function typeOf(native: string): ColumnType {
  const [, base = native] = /^([a-z ]+?)(?:\(.*\))?$/.exec(native) ?? [];
  switch (base) {
    case "smallint":
    case "integer":
    case "bigint":
      return { kind: "integer" };
    case "real":
    case "double precision":
      return { kind: "number" };
    case "numeric":
      return { kind: "decimal", scale: 0 };
    case "json":
    case "jsonb":
      return { kind: "json" };
    case "boolean":
    case "date":
      return { kind: base };
    default:
      return { kind: /^timestamp(?:\(\d\))? with/.test(native) ? "timestamp" : "text" };
  }
}

/** True when a column of this native type holds every value of the type. */
export function holds(native: string, type: ColumnType): boolean {
  if (native === typeName(type)) return true;
  return (type.kind === "text" && native === "character varying") || (type.kind === "json" && native === "json");
}

/** SQL that makes a value of type `from` one of type `to`, which holds all of `from`, without losing a digit. */
export function cast(sql: string, from: ColumnType, to: ColumnType): string {
  if (typeName(from) === typeName(to)) return sql;
  if (to.kind === "json") return asJson(sql, from);
  if (to.kind === "text") return asText(sql, from);
  if (to.kind === "timestamp") return `(${sql})::timestamp AT TIME ZONE 'UTC'`;
  // A double goes by way of its text: straight to numeric it would lose its last two digits.
  if (to.kind === "decimal" && from.kind === "number") return `(${sql})::text::numeric`;
  return `(${sql})::${typeName(to)}`;
}

/** A number as its digits, without the zeros that its column adds. */
function asText(sql: string, { kind }: ColumnType): string {
  if (kind === "timestamp") return `to_char((${sql}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  return kind === "decimal" ? `trim_scale(${sql})::text` : `(${sql})::text`;
}

function asJson(sql: string, type: ColumnType): string {
  return type.kind === "timestamp" || type.kind === "date" ? `to_jsonb(${asText(sql, type)})` : `to_jsonb(${sql})`;
}
