import type { Env } from "../../src/core/env.ts";
import type { Warehouse } from "../../src/core/destination.ts";
import type { JsonObject } from "../../src/core/json.ts";
import bigquery from "../../src/destinations/bigquery/index.ts";
import { bigqueryConfig, type Served } from "./bigquery-opened.ts";
import type { Row } from "./bigquery/rows.ts";
import { load, startRun, testEnv, type Loaded, type Run, type Settings } from "./loading.ts";

/** A dataset of its own for one test. */
export interface Loadable extends AsyncDisposable {
  readonly name: string;
  /** One whole run of the target over these lines. Rejects with what ends it early. */
  load(lines: readonly string[], settings?: object, env?: Env): Promise<Loaded>;
  /** A run that is ended by the caller. */
  run(settings?: object, env?: Env): Promise<Run & AsyncDisposable>;
  /** GoogleSQL, past the proxy; `$` stands for the dataset. */
  rows(sql: string): Promise<Row[]>;
  /** The table as tables.get has it. */
  table(name: string): Promise<JsonObject>;
  location(): Promise<string | undefined>;
  /** Names of all tables, sorted. */
  tables(): Promise<string[]>;
}

export async function loadable(server: Served): Promise<Loadable> {
  const dataset = await server.dataset();
  const { name } = dataset;
  const client = server.client({ direct: true }).dataset(name);
  const connect = (settings: object, env: Env): Promise<Warehouse> =>
    bigquery.connect(bigqueryConfig(server, name, settings), env);
  return {
    name,
    async load(lines, settings = {}, env = testEnv()) {
      await using warehouse = await connect(settings, env);
      const loaded = await load(warehouse, lines, sharedSettings(name, settings), env);
      if (loaded.error !== undefined) throw loaded.error;
      return loaded;
    },
    async run(settings = {}, env = testEnv()) {
      const warehouse = await connect(settings, env);
      const run = startRun(warehouse, sharedSettings(name, settings), env);
      return { ...run, [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose]() };
    },
    rows: (sql) => server.rows(sql.replaceAll("$", name)),
    async table(table) {
      return (await client.table(table).getMetadata())[0] as JsonObject;
    },
    async location() {
      const [metadata] = (await client.getMetadata()) as unknown as [{ location?: string }];
      return metadata.location;
    },
    async tables() {
      return (await client.getTables())[0].map(({ id = "" }) => id).sort();
    },
    [Symbol.asyncDispose]: () => dataset[Symbol.asyncDispose](),
  };
}

/** The settings as the loader reads them, which every destination has. */
function sharedSettings(dataset: string, settings: Settings): Settings {
  const method = settings.load_method === "storage_write" ? "append" : settings.load_method;
  return {
    ...settings,
    default_target_schema: dataset,
    ...(method === undefined ? {} : { load_method: method }),
  };
}
