import type { ColumnKind } from "../../src/core/column.ts";
import { loaderOptions, targetSchema, type TargetConfig } from "../../src/cli/target-config.ts";
import type { Warehouse } from "../../src/core/destination.ts";
import type { Env } from "../../src/core/env.ts";
import type { JsonObject, JsonValue } from "../../src/core/json.ts";
import type { LoaderOptions } from "../../src/core/load.ts";
import { checkConfig } from "../../src/core/validate.ts";
import { load, testEnv, type Loaded, type Settings } from "../support/loading.ts";

/** A database of its own for one test. What is read from it is the same for every kind of database. */
export interface Opened extends AsyncDisposable {
  /** What a run of the target would get. The caller closes it before anything is read. */
  connect(env: Env): Promise<Warehouse>;
  /**
   * A table's rows: instants as ISO text in UTC without needless zeros, dates as `YYYY-MM-DD`, whole numbers beyond 2^53
   * and all decimals as their digits, JSON parsed.
   */
  rows(table: string): Promise<JsonObject[]>;
  tables(): Promise<string[]>;
  columns(table: string): Promise<Record<string, ColumnKind>>;
  /** Runs a statement that every database knows. */
  run(sql: string): Promise<void>;
}

export type Open = () => Promise<Opened>;

/** The database of a test with the few words that the claims are made of. */
export interface Bench extends AsyncDisposable {
  readonly opened: Opened;
  /** One whole run of the target over these lines. Rejects with what ends it early. */
  load(lines: readonly string[], settings?: Settings, env?: Env): Promise<Loaded>;
  /** A run that must end early; gives the code of the reason. What was whole before is committed. */
  failingLoad(lines: readonly string[], settings?: Settings): Promise<string | undefined>;
  /** Rows without the columns that the target adds, sorted by their text. */
  rows(table: string): Promise<JsonObject[]>;
  /** One column of those rows, in the order of the rows' text. */
  values(table: string, column: string): Promise<(JsonValue | undefined)[]>;
  /** Rows with all columns, sorted by `_sdc_sequence` where they have it. */
  wholeRows(table: string): Promise<JsonObject[]>;
  /** Names of the tables that streams went to. */
  tables(): Promise<string[]>;
  columns(table: string): Promise<Record<string, ColumnKind>>;
}

export async function bench(open: Open): Promise<Bench> {
  const opened = await open();
  const rows = async (table: string) => {
    const all = await opened.rows(table);
    return all.map(withoutMetadata).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  };
  const run = async (lines: readonly string[], settings?: Settings, env = testEnv()) => {
    await using warehouse = await opened.connect(env);
    return await load(warehouse, lines, settings, env);
  };
  return {
    opened,
    async load(lines, settings, env) {
      const loaded = await run(lines, settings, env);
      if (loaded.error !== undefined) throw loaded.error;
      return loaded;
    },
    failingLoad: async (lines, settings) => (await run(lines, settings)).error?.code,
    rows,
    values: async (table, column) => (await rows(table)).map((row) => row[column]),
    async wholeRows(table) {
      const order = (row: JsonObject) => Number(row["_sdc_sequence"] ?? 0);
      return (await opened.rows(table)).sort((a, b) => order(a) - order(b));
    },
    tables: async () =>
      // The table of a stream that has one of our own names ends with `_`.
      (await opened.tables()).filter((name) => !/^(?:_chorus_elt_.*[^_]|_rejected)$/.test(name)).sort(),
    columns: async (table) =>
      Object.fromEntries(Object.entries(await opened.columns(table)).filter(([name]) => !name.startsWith("_sdc_"))),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** The options that a run of the target with these settings has. */
export function loadOptions(settings: Settings = {}): LoaderOptions {
  const config = { ...settings };
  checkConfig(targetSchema({}), config);
  return loaderOptions(config as TargetConfig);
}

function withoutMetadata(row: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith("_sdc_")));
}
