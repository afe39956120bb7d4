import { parseJson, type JsonValue } from "../../src/core/json.ts";
import { claimNames } from "../../src/core/table.ts";
import { checkConfig } from "../../src/core/validate.ts";
import { configSchema, type BigqueryConfig } from "../../src/destinations/bigquery/config.ts";
import bigquery from "../../src/destinations/bigquery/index.ts";
import { toGoogleSql } from "../../src/destinations/bigquery/google-sql.ts";
import { traits, typeOf } from "../../src/destinations/bigquery/types.ts";
import type { LoadOptions, Warehouse } from "../../src/core/destination.ts";
import type { Opened } from "../conformance/bench.ts";
import { isoOf, plain } from "../conformance/normal.ts";
import type { BigQueryServer } from "./own-bigquery.ts";

/** What is asked of a BigQuery to load into it and to look at what is there. */
export type Served = Pick<BigQueryServer, "project" | "url" | "grpcPort" | "client" | "dataset" | "rows" | "columns">;

/** The config of a target that loads into a dataset of the emulator, through the proxy. */
export function bigqueryConfig(server: Served, dataset: string, settings: object = {}): BigqueryConfig {
  const config = {
    project: server.project,
    api_endpoint: server.url,
    storage_endpoint: `127.0.0.1:${server.grpcPort}`,
    access_token: "made-up",
    default_target_schema: dataset,
    ...settings,
  };
  const faults = checkConfig(configSchema, config);
  if (faults.length > 0) throw new Error(faults.join("; "));
  return config as unknown as BigqueryConfig;
}

/** A dataset of its own on the emulator. The suite calls it `main`; names are given back as properties were called. */
export async function openBigQuery(server: Served, settings: object = {}): Promise<Opened> {
  const dataset = await server.dataset();
  const config = bigqueryConfig(server, dataset.name, settings);
  const client = server.client({ direct: true });
  // Statements of the suite name no schema.
  const inDataset = (sql: string) => sql.replace(/\b(UPDATE|DELETE FROM|INTO|FROM) (\w+)/g, `$1 ${dataset.name}.$2`);
  const tableName = (stream: string) => claimNames([stream], [], traits)[0] ?? stream;
  const fields = async (table: string) => server.columns(dataset.name, tableName(table));
  return {
    connect: async (env) => asMain(await bigquery.connect(config, env), dataset.name),
    async rows(table) {
      const columns = await fields(table);
      const select = columns.map(({ name, type, mode }) =>
        mode === "REPEATED"
          ? `TO_JSON_STRING(\`${name}\`)`
          : type === "TIMESTAMP"
            ? `CAST(UNIX_MICROS(\`${name}\`) AS STRING)`
            : type === "JSON"
              ? `TO_JSON_STRING(\`${name}\`)`
              : `CAST(\`${name}\` AS STRING)`,
      );
      const list = select.map((sql, i) => `${sql} AS c${i}`).join(", ");
      const rows = await server.rows(`SELECT ${list} FROM \`${dataset.name}\`.\`${tableName(table)}\``);
      return rows.map((row) =>
        Object.fromEntries(
          columns.map(({ name, type, mode, description }, i) => {
            const value = (row as Record<string, string | null>)[`c${i}`] ?? null;
            const native = mode === "REPEATED" ? "JSON" : table === "_rejected" && name === "payload" ? "JSON" : type;
            return [originalName(name, description), normal(value, native)];
          }),
        ),
      );
    },
    async tables() {
      // A run that failed at once has not made the dataset.
      const [tables] = await client
        .dataset(dataset.name)
        .getTables()
        .catch(() => [[]]);
      const original = async (id: string) => {
        if (!/_[0-9a-f]{8}$/.test(id)) return id;
        const [{ description }] = (await client.dataset(dataset.name).table(id).getMetadata()) as unknown as [Table];
        const name = originalName(id, description);
        return tableName(name) === id ? name : id; // otherwise it was taken, and not the spelling
      };
      return Promise.all(tables.map(({ id = "" }) => original(id)));
    },
    columns: async (table) =>
      Object.fromEntries(
        (await fields(table)).map(({ name, type, description }) => [
          originalName(name, description),
          typeOf(type).kind,
        ]),
      ),
    async run(sql) {
      await server.rows(inDataset(toGoogleSql(sql, dataset.name)));
    },
    [Symbol.asyncDispose]: () => dataset[Symbol.asyncDispose](),
  };
}

interface Table {
  readonly description?: string;
}

/** The warehouse with its dataset under the name that the suite has for it. A project of its own would cost a second. */
function asMain(warehouse: Warehouse, dataset: string): Warehouse {
  const options = <Options extends LoadOptions>(given: Options) => ({ ...given, schema: dataset });
  return {
    maxCommits: warehouse.maxCommits,
    firstBatchRows: warehouse.firstBatchRows,
    dataset: (_, table) => warehouse.dataset(dataset, table),
    check: () => warehouse.check(),
    state: (schema, id) => warehouse.state(schema === "main" ? dataset : schema, id),
    table: (message, given) => warehouse.table(message, options(given)),
    commit: (batch, given) => warehouse.commit(batch, options(given)),
    finish: (state, given, complete) => warehouse.finish(state, options(given), complete),
    forgotten: () => warehouse.forgotten(dataset),
    forget: (_, statements) => warehouse.forget(dataset, statements),
    rejected: () => warehouse.rejected(dataset),
    query: (sql, values) =>
      warehouse.query(
        sql.replace(/"main"\.|\bmain\./g, `${dataset}.`),
        values?.map((value) => (value === "main" ? dataset : value)),
      ),
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  };
}

/** What a property or a stream was called before its name had to change. */
function originalName(name: string, description: string | null | undefined): string {
  const original = /^(?:Property|Stream) (".*")$/s.exec(description ?? "")?.[1];
  return original === undefined ? name : (JSON.parse(original) as string);
}

/** A value, read as text, in the form that the suite compares. */
function normal(text: string | null, type: string): JsonValue {
  if (text === null) return null;
  switch (type) {
    case "BOOLEAN":
    case "BOOL":
      return text === "true";
    case "INTEGER":
    case "INT64":
      return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case "FLOAT":
    case "FLOAT64":
      return Number(text);
    case "NUMERIC":
    case "BIGNUMERIC":
      return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
    case "TIMESTAMP":
      return isoOf(BigInt(text));
    case "JSON":
      return plain(parseJson(text));
    default:
      return text;
  }
}
