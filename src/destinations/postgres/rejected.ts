import type { Rejected, RejectedRow } from "../../core/destination.ts";
import { rowsAsJson } from "./query.ts";
import type { Session } from "./session.ts";
import { quote } from "./types.ts";
import { instantText } from "./values.ts";

export const REJECTED = "_rejected";
/** The SCHEMA of each stream that had a rejected record. */
export const SCHEMAS = "_chorus_elt_schemas";

const name = (schema: string, table: string) => `${quote(schema)}.${quote(table)}`;

/** Makes the tables of what was put aside. */
export async function createRejected(session: Session, schema: string): Promise<void> {
  await session.run(
    `CREATE TABLE IF NOT EXISTS ${name(schema, REJECTED)}
       (id text, stream text, reason text, line bigint, payload json, rejected_at timestamptz, sequence bigint);
     CREATE TABLE IF NOT EXISTS ${name(schema, SCHEMAS)} (stream text PRIMARY KEY, message text, seen_at timestamptz)`,
  );
}

/** A record to put aside, and when: milliseconds since 1970 UTC, and its place in the order of the stream's rows. */
export type DatedRejected = Rejected & { readonly at: number; readonly sequence: number | undefined };

export async function insertRejected(
  session: Session,
  schema: string,
  rejected: readonly DatedRejected[],
): Promise<void> {
  const of = (get: (one: DatedRejected) => string | number | undefined) => rejected.map((one) => get(one) ?? null);
  await session.run(
    `INSERT INTO ${name(schema, REJECTED)} (id, stream, reason, line, payload, rejected_at, sequence)
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::json[], $6::timestamptz[], $7::bigint[])`,
    [
      of(({ id }) => id),
      of(({ stream }) => stream),
      of(({ reason }) => reason),
      of(({ line }) => line),
      of(({ payload }) => payload),
      of(({ at }) => instant(at)),
      of(({ sequence }) => sequence),
    ],
  );
  const kept = new Map(rejected.map(({ stream, schema: message, at }) => [stream, { message, at }]));
  await session.run(
    `INSERT INTO ${name(schema, SCHEMAS)} SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
       ON CONFLICT (stream) DO UPDATE SET message = excluded.message, seen_at = excluded.seen_at`,
    [
      [...kept.keys()],
      [...kept.values()].map(({ message }) => message),
      [...kept.values()].map(({ at }) => instant(at)),
    ],
  );
}

/** To the microsecond, as a time that was read from the table has to go back there unchanged. */
function instant(ms: number): string {
  const micros = Math.round(ms * 1_000);
  const seconds = Math.floor(micros / 1_000_000);
  return instantText(seconds, micros - seconds * 1_000_000);
}

export async function deleteReplayed(session: Session, schema: string, ids: readonly string[]): Promise<void> {
  await session.run(`DELETE FROM ${name(schema, REJECTED)} WHERE id = ANY($1::text[])`, [ids]);
}

/** Gives rows an id that were put there by hand, and reads them, oldest first, as they are now. */
export async function* readRejected(session: Session, schema: string): AsyncIterable<RejectedRow> {
  const table = name(schema, REJECTED);
  await session.run(`UPDATE ${table} SET id = md5(random()::text || ctid::text) WHERE id IS NULL`);
  const sql = `SELECT r.id, coalesce(r.stream, '') AS stream, coalesce(r.reason, '') AS reason, coalesce(r.line, 0)::text AS line,
      coalesce(r.payload::text, 'null') AS payload, coalesce(extract(epoch FROM r.rejected_at) * 1000000, 0)::bigint AS at,
      r.sequence, s.message
    FROM ${table} r LEFT JOIN ${name(schema, SCHEMAS)} s USING (stream)
    ORDER BY r.rejected_at, r.sequence NULLS FIRST, r.line`;
  for await (const row of rowsAsJson(session, sql, [])) {
    yield {
      id: row["id"] as string,
      stream: row["stream"] as string,
      reason: row["reason"] as string,
      line: Number(row["line"]),
      payload: row["payload"] as string,
      rejectedAt: Number(row["at"]) / 1_000,
      sequence: row["sequence"] === null ? undefined : Number(row["sequence"]),
      schema: (row["message"] as string | null) ?? undefined,
    };
  }
}
