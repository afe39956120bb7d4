import type { DuckDBConnection } from "@duckdb/node-api";
import type { ColumnType } from "../../core/column.ts";
import { cast, literal, MAX_DIGITS, quote, typeName, typeOf } from "./types.ts";

/** A table's columns by name: the type they count as, and DuckDB's own name for it, which can be a narrower one. */
export type Existing = ReadonlyMap<string, { readonly type: ColumnType; readonly native: string }>;

/** What DuckDB calls its catalog of tables; temporary ones are left out. */
export async function tablesIn(db: DuckDBConnection, schema: string): Promise<string[]> {
  const sql = `SELECT table_name FROM duckdb_tables() WHERE schema_name = ${literal(schema)} AND NOT temporary`;
  return (await db.runAndReadAll(sql)).getRows().map(([name]) => String(name));
}

export async function columnsOf(db: DuckDBConnection, schema: string, table: string): Promise<Existing> {
  const sql = `SELECT column_name, data_type FROM duckdb_columns()
    WHERE schema_name = ${literal(schema)} AND table_name = ${literal(table)} ORDER BY column_index`;
  const rows = (await db.runAndReadAll(sql)).getRows();
  return new Map(rows.map(([name, type]) => [String(name), { type: typeOf(String(type)), native: String(type) }]));
}

export async function createSchema(db: DuckDBConnection, schema: string): Promise<void> {
  await db.run(`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`);
}

export async function createTable(
  db: DuckDBConnection,
  table: string,
  columns: readonly (readonly [string, ColumnType])[],
) {
  await db.run(
    `CREATE TABLE ${table} (${columns.map(([name, type]) => `${quote(name)} ${typeName(type)}`).join(", ")})`,
  );
}

export async function addColumn(db: DuckDBConnection, table: string, name: string, type: ColumnType): Promise<void> {
  await db.run(`ALTER TABLE ${table} ADD COLUMN ${quote(name)} ${typeName(type)}`);
}

/** Makes a column hold more, its rows kept to the last digit. */
export async function widenColumn(db: DuckDBConnection, table: string, name: string, from: ColumnType, to: ColumnType) {
  const column = quote(name);
  await db.run(
    `ALTER TABLE ${table} ALTER COLUMN ${column} SET DATA TYPE ${typeName(to)} USING ${cast(column, from, to)}`,
  );
}

/**
 * The type that values, in a table or a staged file, can really be widened to without losing digits: whole numbers
 * beyond 2^53 do not go into a double, and numbers that are too long for the decimal go into text.
 */
export async function safeWidening(
  db: DuckDBConnection,
  source: string,
  column: string,
  from: ColumnType,
  to: ColumnType,
): Promise<ColumnType> {
  const any = async (condition: string) =>
    (await db.runAndReadAll(`SELECT 1 FROM ${source} WHERE ${condition} LIMIT 1`)).currentRowCount > 0;
  if (from.kind === "integer" && to.kind === "number" && (await any(`abs(${column}::HUGEINT) > 9007199254740992`))) {
    return { kind: "text" };
  }
  if (to.kind !== "decimal") return to;
  const room = MAX_DIGITS - to.scale;
  if (from.kind === "number") {
    const lossy = `TRY_CAST(${cast(column, from, { kind: "text" })} AS ${typeName(to)})::VARCHAR::DOUBLE IS DISTINCT FROM ${column}`;
    return (await any(lossy)) ? { kind: "text" } : to;
  }
  return (await any(`${column} IS NOT NULL AND TRY_CAST(${column} AS DECIMAL(${MAX_DIGITS},${to.scale})) IS NULL`)) ||
    room < 1
    ? { kind: "text" }
    : to;
}
