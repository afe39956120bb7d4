import type { Reader } from "../../core/destination.ts";
import type { JsonObject } from "../../core/json.ts";
import { iso } from "../../sources/chorus/time.ts";
import { type Interval } from "../../sources/chorus/windows.ts";
import { epochMs, textIn, type Tables } from "../../sources/semarize/tables.ts";

/** What the warehouse holds of a call that is not deleted. */
export interface LoadedCall {
  readonly id: string;
  /** Milliseconds since 1970; null when it is not known. */
  readonly startedMs: number | null;
  /** Null when there is no such column. */
  readonly contentHash: string | null;
  /** The number of turns that its row of `transcripts` tells of; null when there is no such row. */
  readonly turnsTold: number | null;
  readonly transcriptHash: string | null;
  /** Its rows of `utterances`. */
  readonly turns: number;
}

/** What of the warehouse can be compared, by the tables and columns that are there. */
export interface Comparable {
  readonly content: boolean;
  readonly turns: boolean;
}

/** Ids that one statement asks for. */
const IDS_AT_ONCE = 500;

export function comparable(tables: Tables): Comparable {
  return {
    content: tables.column("calls", "c", "content_hash") !== "NULL",
    turns: tables.column("transcripts", "t", "utterance_count") !== "NULL" && tables.has("utterances"),
  };
}

/** The calls that started in a window, by id. */
export async function loadedIn(reader: Reader, tables: Tables, window: Interval): Promise<Map<string, LoadedCall>> {
  const at = (place: number) => `CAST($${place} AS TIMESTAMP WITH TIME ZONE)`;
  const isIn = (started: string) => `${started} >= ${at(1)} AND ${started} < ${at(2)}`;
  // The rows of a call say when it started, too: a warehouse that keeps days apart looks into these only.
  const rows = (table: string, alias: string) => {
    const started = tables.column(table, alias, "call_started_at");
    return started === "NULL" ? "1 = 1" : isIn(started);
  };
  const where = isIn(tables.column("calls", "c", "started_at"));
  return read(reader.query(statement(tables, where, rows), [iso(window.from), iso(window.to)]));
}

/** Those of these calls that are there, whenever they started. */
export async function loadedOf(
  reader: Reader,
  tables: Tables,
  ids: readonly string[],
): Promise<Map<string, LoadedCall>> {
  const found = new Map<string, LoadedCall>();
  for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
    const some = ids.slice(from, from + IDS_AT_ONCE);
    const isOne = (alias: string) => `${alias}."call_id" IN (${some.map((_, i) => `$${i + 1}`).join(", ")})`;
    const sql = statement(tables, isOne("c"), (_, alias) => isOne(alias));
    for (const [id, call] of await read(reader.query(sql, some))) found.set(id, call);
  }
  return found;
}

/** `where` chooses calls `c`; `rows` says which rows of another table can be theirs, so that no more are read. */
function statement(tables: Tables, where: string, rows: (table: string, alias: string) => string): string {
  const has = comparable(tables);
  const started = tables.column("calls", "c", "started_at");
  const transcripts = has.turns
    ? `LEFT JOIN ${tables.name("transcripts")} t ON t."call_id" = c."call_id" AND ${tables.alive("transcripts", "t")}
       AND ${rows("transcripts", "t")}`
    : "";
  const utterances = has.turns
    ? `LEFT JOIN (
         SELECT u."call_id", count(*) AS turns FROM ${tables.name("utterances")} u
         WHERE ${tables.alive("utterances", "u")} AND ${rows("utterances", "u")}
           AND u."call_id" IN (SELECT chosen."call_id" FROM chosen)
         GROUP BY u."call_id") counted ON counted."call_id" = c."call_id"`
    : "";
  return `
    WITH chosen AS (
      SELECT c."call_id", ${epochMs(started)} AS started_ms, ${tables.column("calls", "c", "content_hash")} AS content_hash
      FROM ${tables.name("calls")} c WHERE ${where} AND ${tables.alive("calls", "c")})
    SELECT c."call_id", c.started_ms, c.content_hash,
           ${has.turns ? tables.column("transcripts", "t", "utterance_count") : "NULL"} AS told,
           ${has.turns ? tables.column("transcripts", "t", "transcript_hash") : "NULL"} AS transcript_hash,
           ${has.turns ? "coalesce(counted.turns, 0)" : "0"} AS turns
    FROM chosen c ${transcripts} ${utterances}`;
}

async function read(rows: AsyncIterable<JsonObject>): Promise<Map<string, LoadedCall>> {
  const calls = new Map<string, LoadedCall>();
  const number = (value: JsonObject[string]) => (value === null || value === undefined ? null : Number(textIn(value)));
  const text = (value: JsonObject[string]) => (typeof value === "string" ? value : null);
  for await (const row of rows) {
    const id = textIn(row["call_id"]);
    calls.set(id, {
      id,
      startedMs: number(row["started_ms"]),
      contentHash: text(row["content_hash"]),
      turnsTold: number(row["told"]),
      transcriptHash: text(row["transcript_hash"]),
      turns: number(row["turns"]) ?? 0,
    });
  }
  return calls;
}
