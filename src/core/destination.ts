import type { Env } from "./env.ts";
import type { JsonObject, JsonSchema } from "./json.ts";
import type { SchemaMessage, State } from "./message.ts";
import type { Traits } from "./table.ts";

/** Somewhere to load into. Config comes validated against `configSchema`, with its defaults filled in. */
export interface Destination<Config> {
  readonly name: string;
  readonly configSchema: JsonSchema;
  readonly traits: Traits;
  /** Opens it; the driver is imported only here. Throws WAREHOUSE_LOCKED or WAREHOUSE_UNREACHABLE. */
  connect(config: Config, env: Env): Promise<Warehouse>;
}

export type LoadMethod = "append" | "upsert" | "overwrite";

/** How rows are loaded, the same for every destination. */
export interface LoadOptions {
  readonly schema: string;
  readonly method: LoadMethod;
  readonly metadata: boolean;
  readonly hardDelete: boolean;
  readonly flattenDepth: number;
  /** Under this name the last committed state is kept in the warehouse. */
  readonly stateId: string;
}

export interface Warehouse extends AsyncDisposable {
  /** How many batches may be on their way at a time. */
  readonly maxCommits: number;
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
  /** Ends a run that went well: `overwrite` puts the new tables in place of the old, and the state with them. */
  finish(state: State | undefined, options: LoadOptions): Promise<void>;
  query(sql: string, values?: readonly unknown[]): AsyncIterable<JsonObject>;
}

/** Takes the rows of one stream, one call a row and no promise, straight into the form that the database loads. */
export interface TableWriter {
  readonly stream: string;
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

/** A record that could not become a row. `payload` is its JSON. */
export interface Rejected {
  readonly stream: string;
  readonly reason: string;
  readonly line: number;
  readonly payload: string;
}

export interface SealedBatch {
  readonly rows: readonly SealedRows[];
  readonly rejected: readonly Rejected[];
  readonly state: State | undefined;
}

export interface CommitResult {
  /** Rows put into tables, without those that a newer row of the batch or of the table made obsolete. */
  readonly loaded: number;
  readonly removed: number;
}
