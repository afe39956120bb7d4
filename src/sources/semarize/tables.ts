import type { Reader } from "../../core/destination.ts";
import { printJson, type JsonValue } from "../../core/json.ts";

/** A place that conversations are loaded into, and how its tables and columns are called. */
export interface Origin {
  readonly conversations: string;
  readonly transcripts: string;
  readonly utterances: string;
  readonly id: string;
  /** The platform of all of them; undefined where a column says it. */
  readonly platform?: string;
}

/** What tap-chorus loads, and what tap-transcripts loads. */
export const ORIGINS: readonly Origin[] = [
  {
    conversations: "calls",
    transcripts: "transcripts",
    utterances: "utterances",
    id: "call_id",
    platform: "chorus",
  },
  {
    conversations: "meetings",
    transcripts: "meeting_transcripts",
    utterances: "meeting_utterances",
    id: "meeting_id",
  },
];

/** The tables of a schema, and statements over those columns of them that are there. */
export class Tables {
  readonly #schema: string;
  readonly #columns: ReadonlyMap<string, ReadonlySet<string>>;

  private constructor(schema: string, columns: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#schema = schema;
    this.#columns = columns;
  }

  static async of(reader: Reader, schema: string): Promise<Tables> {
    const columns = new Map<string, Set<string>>();
    const sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = $1";
    for await (const { table_name: table, column_name: column } of reader.query(sql, [schema])) {
      const known = columns.get(textIn(table)) ?? new Set();
      columns.set(textIn(table), known.add(textIn(column)));
    }
    return new Tables(schema, columns);
  }

  get names(): string[] {
    return [...this.#columns.keys()];
  }

  /** The names of those that have such a column. */
  having(column: string): string[] {
    return [...this.#columns].filter(([, columns]) => columns.has(column)).map(([table]) => table);
  }

  has(table: string): boolean {
    return this.#columns.has(table);
  }

  hasColumn(table: string, column: string): boolean {
    return this.#columns.get(table)?.has(column) === true;
  }

  /** The table's qualified name. */
  name(table: string): string {
    return `${quote(this.#schema)}.${quote(table)}`;
  }

  /** A column, or NULL where the table has none of that name. */
  column(table: string, alias: string, column: string): string {
    return this.hasColumn(table, column) ? `${alias}.${quote(column)}` : "NULL";
  }

  /** A condition that leaves out what was deleted, at its source or by the target. */
  alive(table: string, alias: string): string {
    const gone = ["_sdc_deleted_at", "_deleted_at"].map((column) => this.column(table, alias, column));
    return gone.map((column) => `${column} IS NULL`).join(" AND ");
  }
}

/** A column of a row that is never null, as text. */
export const textIn = (value: JsonValue | undefined) => (typeof value === "string" ? value : printJson(value));

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Milliseconds since 1970 of a timestamp, the same on all databases; it arrives as text. */
export const epochMs = (column: string) =>
  column === "NULL" ? "NULL" : `CAST(round(EXTRACT(EPOCH FROM ${column}) * 1000) AS BIGINT)`;
