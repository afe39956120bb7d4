import type { EltError } from "./errors.ts";
import type { LoadMethod } from "./destination.ts";
import type { JsonObject, JsonSchema } from "./json.ts";

/** What a tap remembers between runs. Targets carry it without looking inside. */
export type State = JsonObject;

/** Announces a stream. Arrives before its first record, and again when something about it changes. */
export interface SchemaMessage {
  readonly type: "schema";
  readonly stream: string;
  readonly schema: JsonSchema;
  /** Key properties, `[]` for a stream that has none. */
  readonly keys: readonly string[];
  /** Bookmark properties as the tap names them; the first says which row is newer where `newestBy` does not. */
  readonly bookmarks?: readonly string[];
  /**
   * A later row with a lower value here does not replace an earlier one. `""`: the later one always does, whatever
   * `bookmarks` name. `x-newest-by` in the schema.
   */
  readonly newestBy?: string;
  /**
   * Rows that agree in these properties are one set, and a new version of a set takes the old rows away.
   * `[]` means that the whole stream is one set. `x-replaces` in the schema.
   */
  readonly replaces?: readonly string[];
  /** How its rows are loaded, where that is not as `LoadOptions.method` says for all. */
  readonly method?: LoadMethod;
}

export interface RecordMessage {
  readonly type: "record";
  readonly stream: string;
  readonly record: JsonObject;
  /** When the tap took it from the source, milliseconds since 1970 UTC. */
  readonly extractedAt?: number;
  /** Table version of ACTIVATE_VERSION. */
  readonly version?: number;
  /**
   * Streams whose set with this record's values starts anew here, so that a set that has become empty also leaves the
   * warehouse. The record's stream is their parent; the set is found by the property names in their `replaces`.
   */
  readonly clears?: readonly string[];
}

export interface StateMessage {
  readonly type: "state";
  /** The stream it is about; without one it is about all. */
  readonly stream?: string;
  readonly state: State;
  /** The source ends with this, though more was asked of it than it has read: a later run goes on. */
  readonly isUnfinished?: true;
}

/** Rows of a stream that lie in files instead of in messages. Whoever reads the files makes records of their lines. */
export interface BatchMessage {
  readonly type: "batch";
  readonly stream: string;
  /** How a file holds its rows, e.g. `jsonl`: one bare record a line. */
  readonly format: string;
  /** `gzip`, `none` … */
  readonly compression: string;
  /** The files, in order: urls or paths. */
  readonly manifest: readonly string[];
  /** Table version of ACTIVATE_VERSION, of every row. */
  readonly version?: number;
}

/** From here on only rows of this version, or a later one, belong to the stream. */
export interface ActivateVersionMessage {
  readonly type: "activate-version";
  readonly stream: string;
  readonly version: number;
}

export interface LogMessage {
  readonly type: "log";
  readonly level: "debug" | "info" | "warn" | "error";
  readonly text: string;
  readonly stream?: string;
}

/** A stream ended early. The others go on; the exit code tells. */
export interface FailureMessage {
  readonly type: "failure";
  readonly stream: string;
  readonly error: EltError;
}

export type Message =
  SchemaMessage | RecordMessage | StateMessage | ActivateVersionMessage | LogMessage | FailureMessage;
