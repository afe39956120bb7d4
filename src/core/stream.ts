import type { JsonSchema } from "./json.ts";

/** A stream as the catalog shows it. Sources add how its rows are made. */
export interface Stream {
  /** Also the name of its schema file and, by default, of its table. */
  readonly name: string;
  /** From `schemas/<name>.json`: draft-07, with a description and unit for every property. */
  readonly schema: JsonSchema;
  readonly keys: readonly string[];
  /** See `SchemaMessage.replaces`. */
  readonly replaces?: readonly string[];
  /** See `SchemaMessage.newestBy`. */
  readonly newestBy?: string;
  /** The property that the covered intervals are about; none for a stream that is read whole each time. */
  readonly replicationKey?: string;
  readonly parent?: string;
  /** Properties that later runs or commands go by, so that they cannot be masked. Keys and the like go without saying. */
  readonly kept?: readonly string[];
}

/** A stream that the user wants, and the properties of it. Keys are always among them. */
export interface Selection {
  readonly stream: Stream;
  readonly fields: ReadonlySet<string>;
}
