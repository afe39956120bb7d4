import type { Env } from "./env.ts";
import type { JsonObject, JsonSchema } from "./json.ts";
import type { SchemaMessage, State } from "./message.ts";
import type { TablePlan, Traits } from "./table.ts";

/** Somewhere to load into. Config comes validated against `configSchema`, with its defaults filled in. */
export interface Destination<Config> {
  readonly name: string;
  readonly configSchema: JsonSchema;
  readonly traits: Traits;
  /**
   * True when only one process can have it open. Then a target connects when its first line has come, so that the tap
   * before it in the pipe can read the warehouse first.
   */
  readonly exclusive: boolean;
  /** Opens it; the driver is imported only here. Throws WAREHOUSE_LOCKED or WAREHOUSE_UNREACHABLE. */
  connect(config: Config, env: Env): Promise<Warehouse>;
  /** Opens it for reading: nothing is made or changed, and nothing waits for whoever loads where that can be helped. */
  connectReader(config: Config, env: Env): Promise<Reader>;
}

/** Reads what was loaded. */
export interface Reader extends AsyncDisposable {
  /**
   * The rows of a query, `$1` … standing for `values`; names are to be qualified by their schema. Whole numbers of 64
   * bits, decimals, dates and instants are texts.
   */
  query(sql: string, values?: readonly unknown[]): AsyncIterable<JsonObject>;
}

export type LoadMethod = "append" | "upsert" | "overwrite";

/** How rows are loaded, the same for every destination. */
export interface LoadOptions {
  readonly schema: string;
  /** Of every stream that has no method of its own, see `optionsFor`. */
  readonly method: LoadMethod;
  readonly metadata: boolean;
  readonly hardDelete: boolean;
  readonly flattenDepth: number;
  /**
   * What a record lacks stays as the row with its key has it, instead of becoming null; columns of the table that no
   * schema names stay too. A property that is there and null is null always. A row that is new takes null for what its
   * record lacks, and so does a row whose set starts anew. `_sdc_deleted_at` never stays: a row that comes again is no
   * longer deleted. `append` does not look at this.
   */
  readonly keepAbsent: boolean;
  /** Under this name the last committed state is kept in the warehouse. */
  readonly stateId: string;
}

/** The options for one stream, by its SCHEMA or the plan of its table: its own method wins. */
export function optionsFor(options: LoadOptions, { method }: { readonly method?: LoadMethod }): LoadOptions {
  return method === undefined ? options : { ...options, method };
}

/** A table as OpenLineage names it: https://openlineage.io/docs/spec/naming. Nothing of it is secret. */
export interface Dataset {
  readonly namespace: string;
  readonly name: string;
}

export interface Warehouse extends Reader {
  /** How many batches may be on their way at a time. */
  readonly maxCommits: number;
  /**
   * Rows of a run's first batch; each batch after it is twice as large, up to `batch_size_rows`. A small one lets the
   * database begin while the run is still young; Infinity where a small batch costs as much as a large one.
   */
  readonly firstBatchRows: number;
  /** What a table of it is called in lineage. */
  dataset(schema: string, table: string): Dataset;
  /** Proves that tables can be made and written; leaves nothing behind. */
  check(): Promise<void>;
  /** The state that was last committed under this name, or undefined. */
  state(schema: string, id: string): Promise<State | undefined>;
  /**
   * The writer for a stream. It is the one the stream has, changed to fit the new schema, unless keys, sets or what says
   * which row is newer have changed: then it is a new one, and the old one must be empty. Nothing is written yet.
   */
  table(message: SchemaMessage, options: LoadOptions): Promise<TableWriter>;
  /**
   * Writes everything that was sealed, in the order it was sealed, together with the state, in one transaction:
   * durable on return, or nothing happened and it throws. It may be called again before it has returned, up to
   * `maxCommits` times; batches become durable in the order of the calls, and when one fails those after it fail too.
   */
  commit(batch: SealedBatch, options: LoadOptions): Promise<CommitResult>;
  /**
   * Ends a run that went well: `overwrite` puts the new tables in place of the old, and the state with them. Where only
   * some streams came to their end, `complete` names them; the new tables of others are left aside.
   */
  finish(state: State | undefined, options: LoadOptions, complete?: ReadonlySet<string>): Promise<void>;
  /**
   * What was put aside and not replayed yet, oldest first: by `rejected_at`, `sequence` and `line`. Nothing when there
   * is no such table. Batches may be committed and queries asked while it is read; it gives what was there at its start.
   */
  rejected(schema: string): AsyncIterable<RejectedRow>;
  /** What was forgotten and must not be loaded again. Nothing when there is no such table. */
  forgotten(schema: string): Promise<readonly Tombstone[]>;
  /**
   * Runs statements that forget, in one transaction. Before it the table of tombstones, FORGOTTEN, is there. All of it
   * may be done twice when a connection is lost.
   */
  forget(schema: string, statements: readonly Statement[]): Promise<void>;
}

/** The table of what was forgotten: `kind`, `value`, `forgotten_at`. */
export const FORGOTTEN = "_chorus_elt_forgotten";

/** A row of FORGOTTEN. */
export interface Tombstone {
  readonly kind: string;
  readonly value: string;
}

/** A statement in the SQL that databases have in common; `$1` … stand for its texts. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly string[];
}

/** Takes the rows of one stream, one call a row and no promise, straight into the form that the database loads. */
export interface TableWriter {
  readonly stream: string;
  /** The names of its table and columns, for who has to look into the table. */
  readonly plan: TablePlan;
  /** Rows and bytes held since the last `seal`. */
  readonly rows: number;
  readonly bytes: number;
  /** Adds a row, or says why it cannot be one; then nothing of it is kept. */
  append(record: JsonObject, extractedAt: number | undefined, version: number | undefined): string | undefined;
  /** From here on the set that this record belongs to starts anew. */
  clear(record: JsonObject): void;
  /** Sets that are open end here: the next row of a set is of a new version of it. */
  endSets(): void;
  /** After the rows so far, rows of older versions do not belong to the table any more. */
  activate(version: number): void;
  /** Hands over what it holds and starts anew; undefined when it holds nothing. */
  seal(): SealedRows | undefined;
  /** Names of properties that records had and the schema did not, so that nothing is dropped in silence. */
  readonly unknownProperties: ReadonlySet<string>;
}

/** Rows on their way; what is in it is the destination's own affair. */
export interface SealedRows {
  readonly stream: string;
  readonly rows: number;
}

/** A record that could not become a row, for the table `_rejected`. */
export interface Rejected {
  /** Made by the Loader, unique. A record that is rejected again keeps its own, which is in `replayed` then. */
  readonly id: string;
  readonly stream: string;
  readonly reason: string;
  readonly line: number;
  /** The record as JSON. */
  readonly payload: string;
  /**
   * How many rows of its stream came before it in this batch. `_rejected.sequence` is the `_sdc_sequence` of the last
   * of them: that of the stream's first row in the batch, or of its next row when the batch has none, plus this, minus 1.
   * A row of the table with a higher one came later, and is newer.
   */
  readonly row: number;
  /** Of a record that is rejected again: when it came first. Then `rejected_at` and `sequence` stay as they were. */
  readonly first?: Pick<RejectedRow, "rejectedAt" | "sequence">;
  /**
   * The SCHEMA in force: `printJson` of the SchemaMessage. The table `_chorus_elt_schemas (stream, message, seen_at)`
   * keeps one for each stream, that of its last rejected record, written in the same transaction.
   */
  readonly schema: string;
}

/** A row of `_rejected`. Its payload may have been changed by somebody who looked at it. */
export interface RejectedRow {
  /** Rows that were put aside before there was such a column get one when the table is next read or written. */
  readonly id: string;
  readonly stream: string;
  readonly reason: string;
  readonly line: number;
  readonly payload: string;
  /** When its batch was committed, milliseconds since 1970 UTC. */
  readonly rejectedAt: number;
  /** See `Rejected.row`; rows that were put aside before there was such a column have none. */
  readonly sequence: number | undefined;
  /** What is kept for its stream, see `Rejected.schema`. */
  readonly schema: string | undefined;
}

export interface SealedBatch {
  readonly rows: readonly SealedRows[];
  readonly rejected: readonly Rejected[];
  readonly state: State | undefined;
  /**
   * Ids of rows of `_rejected` that these rows take the place of: gone in the same transaction. They go before
   * `rejected` is put there, so a record that is rejected again is there once.
   */
  readonly replayed: readonly string[];
}

export interface CommitResult {
  /** Rows put into tables, without those that a newer row of the batch or of the table made obsolete. */
  readonly loaded: number;
  readonly removed: number;
  /** Rows that the database itself refused and that went to `_rejected`, with an id of the destination's making. */
  readonly refused: readonly { readonly stream: string; readonly reason: string }[];
}
