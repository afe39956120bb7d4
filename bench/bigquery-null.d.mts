/** What a client has asked for. */
export interface Counts {
  requests: number;
  query: number;
  load: number;
  copy: number;
  extract: number;
  /** Uploaded, to within the two bytes of a line's end. */
  mediaBytes: number;
  /** The SQL of each query. */
  statements: string[];
}

/** Rows for the queries whose SQL matches. */
export interface Rows {
  sql: RegExp;
  /** As the REST API has columns. */
  fields: readonly { name: string; type: string; mode?: string }[];
  /** Text, as the REST API has values. */
  rows: readonly (readonly (string | null)[])[];
}

export interface Options {
  /** A free one unless said. */
  port?: number;
  /** The first that matches answers a query; no rows when none does. */
  answers?: readonly Rows[];
}

/** Starts a BigQuery that does nothing on 127.0.0.1. */
export function startNullBigQuery(
  options?: Options,
): Promise<{ readonly url: string; readonly counts: Counts; close(): Promise<void> }>;
