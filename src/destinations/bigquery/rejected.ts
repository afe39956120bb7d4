import type { Rejected, RejectedRow } from "../../core/destination.ts";
import type { Client } from "./client.ts";
import { addColumns, createTable, describeTable, type NewColumn } from "./ddl.ts";
import type { Queries } from "./query.ts";
import { quote } from "./types.ts";

export const REJECTED = "_rejected";
/** The SCHEMA of each stream that had a rejected record. */
export const SCHEMAS = "_chorus_elt_schemas";

/** A record to put aside, and when: milliseconds since 1970 UTC, and its place in the order of the stream's rows. */
export type DatedRejected = Rejected & { readonly at: number; readonly sequence: number | undefined };

const COLUMNS: readonly NewColumn[] = [
  { name: "id", type: { kind: "text" } },
  { name: "stream", type: { kind: "text" } },
  { name: "reason", type: { kind: "text" } },
  { name: "line", type: { kind: "integer" } },
  // As text: JSON of BigQuery would round long numbers.
  { name: "payload", type: { kind: "text" } },
  { name: "rejected_at", type: { kind: "timestamp" } },
  { name: "sequence", type: { kind: "integer" } },
];

/** What is staged of a batch: records to put aside, schemas to keep, and ids that go. */
export const REJECTED_STAGING: readonly NewColumn[] = [
  ...COLUMNS.map((column) =>
    column.name === "rejected_at" ? { ...column, type: { kind: "integer" } as const } : column,
  ),
  { name: "message", type: { kind: "text" } },
  { name: "replayed", type: { kind: "text" } },
];

/** Makes the tables of what was put aside. */
export async function createRejected(client: Client, dataset: string): Promise<void> {
  await createTable(client, dataset, { name: REJECTED, columns: COLUMNS });
  const found = await describeTable(client, dataset, REJECTED);
  const missing = COLUMNS.filter(({ name }) => found?.columns.has(name) === false);
  if (found !== undefined && missing.length > 0) await addColumns(client, dataset, REJECTED, found, missing);
  const schemas: readonly NewColumn[] = [
    { name: "stream", type: { kind: "text" } },
    { name: "message", type: { kind: "text" } },
    { name: "seen_at", type: { kind: "timestamp" } },
  ];
  await createTable(client, dataset, { name: SCHEMAS, columns: schemas });
}

/** Lines for the staging table. */
export function rejectedLines(rejected: readonly DatedRejected[], replayed: readonly string[]): string {
  const kept = new Map(rejected.map(({ stream, schema: message, at }) => [stream, { message, at }]));
  const rows = [
    ...rejected.map(({ id, stream, reason, line, payload, at, sequence }) => ({
      id,
      stream,
      reason,
      line,
      payload,
      rejected_at: Math.round(at * 1_000),
      ...(sequence === undefined ? {} : { sequence }),
    })),
    ...[...kept].map(([stream, { message, at }]) => ({ stream, message, rejected_at: Math.round(at * 1_000) })),
    ...replayed.map((id) => ({ replayed: id })),
  ];
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** The statements that bring the staged rows where they belong, in a batch's transaction. */
export function rejectedStatements(
  dataset: string,
  staging: string,
  { replays, rejects }: { readonly replays: boolean; readonly rejects: boolean },
): string[] {
  const columns = COLUMNS.map(({ name }) => name).join(", ");
  const values = COLUMNS.map(({ name }) => (name === "rejected_at" ? "TIMESTAMP_MICROS(rejected_at)" : name)).join(
    ", ",
  );
  const schemas = `SELECT stream, message, TIMESTAMP_MICROS(rejected_at) AS seen_at FROM ${staging} WHERE message IS NOT NULL`;
  return [
    ...(replays
      ? [
          `DELETE FROM ${name(dataset, REJECTED)} WHERE id IN (SELECT replayed FROM ${staging} WHERE replayed IS NOT NULL)`,
        ]
      : []),
    ...(rejects
      ? [
          `INSERT INTO ${name(dataset, REJECTED)} (${columns}) SELECT ${values} FROM ${staging} WHERE id IS NOT NULL`,
          `MERGE ${name(dataset, SCHEMAS)} t USING (${schemas}) s ON t.stream = s.stream
             WHEN MATCHED THEN UPDATE SET message = s.message, seen_at = s.seen_at
             WHEN NOT MATCHED THEN INSERT (stream, message, seen_at) VALUES (s.stream, s.message, s.seen_at)`,
        ]
      : []),
  ];
}

/** Gives rows an id that were put there by hand, and reads them, oldest first, as they are now. */
export async function* readRejected(queries: Queries, dataset: string): AsyncIterable<RejectedRow> {
  await createRejected(queries.client, dataset);
  const table = name(dataset, REJECTED);
  if (await queries.any(table, "id IS NULL")) {
    const id = `chorus_elt_name_${Date.now()}`;
    await queries.run(id, `UPDATE ${table} SET id = GENERATE_UUID() WHERE id IS NULL`);
  }
  const sql = `SELECT r.id, COALESCE(r.stream, ''), COALESCE(r.reason, ''), COALESCE(r.line, 0), COALESCE(r.payload, 'null'),
      COALESCE(UNIX_MICROS(r.rejected_at), 0), r.sequence, s.message
    FROM ${table} r LEFT JOIN ${name(dataset, SCHEMAS)} s ON s.stream = r.stream
    ORDER BY r.rejected_at, r.sequence NULLS FIRST, r.line`;
  for await (const row of queries.rows(sql)) {
    const [id = "", stream = "", reason = "", line, payload = "", at, sequence, message] = row as (string | null)[];
    yield {
      id: id ?? "",
      stream: stream ?? "",
      reason: reason ?? "",
      line: Number(line),
      payload: payload ?? "",
      rejectedAt: Number(at) / 1_000,
      sequence: sequence === null ? undefined : Number(sequence),
      schema: typeof message === "string" ? message : undefined,
    };
  }
}

const name = (dataset: string, table: string) => quote(`${dataset}.${table}`);
