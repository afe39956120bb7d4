import type { DuckDBConnection } from "@duckdb/node-api";
import type { Rejected, RejectedRow } from "../../core/destination.ts";
import { addColumn, columnsOf, tablesIn } from "./ddl.ts";
import { ParquetColumn } from "./parquet.ts";
import { literal, quote } from "./types.ts";

/** What was put aside, and for each stream of it the last schema. */
export const REJECTED = "_rejected";
export const SCHEMAS = "_chorus_elt_schemas";

const COLUMNS = ["id", "stream", "reason", "line", "payload", "rejected_at", "sequence"] as const;

/** Records to put aside as a staged file. `firstSequence` is that of the batch's first row of a stream. */
export function rejectedColumns(
  rejected: readonly Rejected[],
  receivedAt: number,
  firstSequence: (stream: string) => number,
): readonly ParquetColumn[] {
  const columns = {
    id: new ParquetColumn("id", "text"),
    stream: new ParquetColumn("stream", "text"),
    reason: new ParquetColumn("reason", "text"),
    line: new ParquetColumn("line", "bigint"),
    payload: new ParquetColumn("payload", "text"),
    rejected_at: new ParquetColumn("rejected_at", "timestamp"),
    sequence: new ParquetColumn("sequence", "bigint"),
  };
  for (const row of rejected) {
    columns.id.addText(row.id);
    columns.stream.addText(row.stream);
    columns.reason.addText(row.reason);
    columns.line.addInt64(row.line);
    columns.payload.addText(row.payload);
    columns.rejected_at.addInt64(Math.round((row.first?.rejectedAt ?? receivedAt) * 1_000));
    const sequence = row.first === undefined ? firstSequence(row.stream) + row.row - 1 : row.first.sequence;
    if (sequence === undefined) columns.sequence.addNull();
    else columns.sequence.addInt64(sequence);
  }
  return COLUMNS.map((name) => columns[name]);
}

export function idColumns(ids: readonly string[]): readonly ParquetColumn[] {
  const column = new ParquetColumn("id", "text");
  for (const id of ids) column.addText(id);
  return [column];
}

/** Makes the table, or adds to one of an earlier version what it lacks. */
export async function prepareRejected(db: DuckDBConnection, schema: string): Promise<void> {
  const table = `${quote(schema)}.${REJECTED}`;
  const existing = await columnsOf(db, schema, REJECTED);
  if (existing.size === 0) {
    await db.run(
      `CREATE TABLE ${table} (stream VARCHAR, reason VARCHAR, line BIGINT, payload JSON,
         rejected_at TIMESTAMP WITH TIME ZONE, id VARCHAR, sequence BIGINT)`,
    );
    return;
  }
  if (!existing.has("id")) await addColumn(db, table, "id", { kind: "text" });
  if (!existing.has("sequence")) await addColumn(db, table, "sequence", { kind: "integer" });
}

export async function insertRejected(db: DuckDBConnection, schema: string, file: string): Promise<void> {
  const columns = COLUMNS.join(", ");
  await db.run(
    `INSERT INTO ${quote(schema)}.${REJECTED} (${columns}) SELECT ${columns} FROM read_parquet(${literal(file)})`,
  );
}

export async function deleteRejected(db: DuckDBConnection, schema: string, file: string): Promise<void> {
  await db.run(
    `DELETE FROM ${quote(schema)}.${REJECTED} WHERE id IN (SELECT id FROM read_parquet(${literal(file)}) replayed)`,
  );
}

/** Keeps the schema of each stream's last record. */
export async function keepSchemas(
  db: DuckDBConnection,
  schema: string,
  rejected: readonly Rejected[],
  seenAt: number,
): Promise<void> {
  const table = `${quote(schema)}.${SCHEMAS}`;
  await db.run(
    `CREATE TABLE IF NOT EXISTS ${table} (stream VARCHAR, message VARCHAR, seen_at TIMESTAMP WITH TIME ZONE)`,
  );
  for (const [stream, message] of new Map(rejected.map((row) => [row.stream, row.schema]))) {
    await db.run(`DELETE FROM ${table} WHERE stream = ${literal(stream)}`);
    await db.run(
      `INSERT INTO ${table} VALUES (${literal(stream)}, ${literal(message)}, make_timestamptz(${seenAt * 1_000}))`,
    );
  }
}

/** Gives rows an id that came without: put there by an earlier version, or by hand. */
export async function nameRejected(db: DuckDBConnection, schema: string): Promise<void> {
  await prepareRejected(db, schema);
  await db.run(`UPDATE ${quote(schema)}.${REJECTED} SET id = CAST(uuid() AS VARCHAR) WHERE id IS NULL`);
}

/** Reads what was put aside, oldest first, on a connection that is its own, so that another one can change the table. */
export async function* readRejected(db: DuckDBConnection, schema: string): AsyncIterable<RejectedRow> {
  const schemas = new Map<string, string>();
  if ((await tablesIn(db, schema)).includes(SCHEMAS)) {
    const rows = (await db.runAndReadAll(`SELECT stream, message FROM ${quote(schema)}.${SCHEMAS}`)).getRows();
    for (const [stream, message] of rows) schemas.set(String(stream), String(message));
  }
  const result = await db.stream(
    `SELECT id, coalesce(stream, ''), coalesce(reason, ''), coalesce(line, 0), coalesce(CAST(payload AS VARCHAR), 'null'),
       coalesce(epoch_us(rejected_at), 0), sequence
     FROM ${quote(schema)}.${REJECTED} ORDER BY rejected_at, sequence NULLS FIRST, line`,
  );
  for await (const rows of result.yieldRows()) {
    for (const [id, stream, reason, line, payload, at, sequence] of rows) {
      yield {
        id: String(id),
        stream: String(stream),
        reason: String(reason),
        line: Number(line),
        payload: String(payload),
        rejectedAt: Number(at) / 1_000,
        sequence: sequence === null ? undefined : Number(sequence),
        schema: schemas.get(String(stream)),
      };
    }
  }
}
