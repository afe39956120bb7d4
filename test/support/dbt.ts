import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import pg from "pg";
import { profileOf } from "../../src/cli/dbt/profile.ts";
import type { TargetConfig } from "../../src/cli/target-config.ts";
import type { JsonObject, JsonSchema, JsonValue } from "../../src/core/json.ts";
import { streams as chorus } from "../../src/sources/chorus/streams.gen.ts";
import { streams as semarize } from "../../src/sources/semarize/streams.gen.ts";
import { parseCsv } from "../../src/sources/transcripts/csv.ts";
import { streams as meetings } from "../../src/sources/transcripts/streams.gen.ts";
import type { BigQueryServer } from "./own-bigquery.ts";

/** The dbt project. */
export const PROJECT = resolve("dbt");

/** Where models are built on DuckDB and Postgres; the profile's default. */
export const MODELS = "analytics";

/** Rows as text, null where there is no value. */
type Rows = (string | null)[][];

/** A database that dbt can be pointed at. */
export interface Place {
  /** Config of target-warehouse. */
  readonly target: JsonObject & { readonly destination: string; readonly default_target_schema: string };
  /** The schema that models are built in. */
  readonly models: string;
  read(sql: string): Promise<Rows>;
  /** What dbt has built; its views too where they stand for tables of other databases. */
  tables(): Promise<string[]>;
  columns(table: string): Promise<string[]>;
  /** All rows of a table that dbt has built: every value as DuckDB prints it. */
  rows(table: string, columns: readonly string[]): Promise<Rows>;
}

/** A DuckDB file; every reading opens it anew, as it has one user at a time. */
export function inDuckdb(path: string): Place {
  return bySql({
    target: { destination: "duckdb", default_target_schema: "main", path },
    async read(sql) {
      const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
      const connection = await instance.connect();
      try {
        await connection.run("SET TimeZone = 'UTC'");
        return (await connection.runAndReadAll(sql)).getRowsJson() as Rows;
      } finally {
        connection.closeSync();
        instance.closeSync();
      }
    },
  });
}

export function inPostgres(url: string): Place {
  return bySql({
    target: { destination: "postgres", default_target_schema: "public", url },
    async read(sql) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query<(string | null)[]>({ text: sql, rowMode: "array" })).rows;
      } finally {
        await client.end();
      }
    },
  });
}

/** The catalogue and the types of marts are the same on DuckDB and Postgres, and print alike. */
function bySql(own: Pick<Place, "target" | "read">): Place {
  const names = async (sql: string) => (await own.read(sql)).map(([name]) => String(name));
  return {
    ...own,
    models: MODELS,
    tables: () =>
      names(
        `SELECT table_name FROM information_schema.tables WHERE table_schema = '${MODELS}' AND table_type = 'BASE TABLE'`,
      ),
    columns: (table) =>
      names(
        `SELECT column_name FROM information_schema.columns
          WHERE table_schema = '${MODELS}' AND table_name = '${table}' ORDER BY ordinal_position`,
      ),
    rows(table, columns) {
      const all = columns.map((name) => `CAST("${name}" AS varchar)`).join(", ");
      return own.read(`SELECT ${all} FROM ${MODELS}."${table}"`);
    },
  };
}

/** Two datasets on the emulator: what is loaded, and what is built from it. */
export function inBigQuery(server: BigQueryServer, raw: string, models: string): Place {
  const read = async (sql: string) =>
    (await server.rows(sql)).map((row) => Object.values(row).map((value) => (value === null ? null : printed(value))));
  return {
    target: {
      destination: "bigquery",
      project: server.project,
      default_target_schema: raw,
      api_endpoint: server.url,
      access_token: "made-up",
      location: "US",
      labels: {},
      job_timeout_seconds: 600,
    },
    models,
    read,
    tables: async () =>
      (await read(`SELECT table_name FROM \`${models}\`.INFORMATION_SCHEMA.TABLES`)).map(([name]) => String(name)),
    columns: async (table) => (await server.columns(models, table)).map(({ name }) => name),
    rows: (table, columns) =>
      read(`SELECT ${columns.map((name) => `\`${name}\``).join(", ")} FROM \`${models}\`.\`${table}\``),
  };
}

/** `2026-01-31T12:00:00.500000Z` as `2026-01-31 12:00:00.5`. */
const printed = (value: unknown) =>
  String(value).replace(/^(\d{4}-\d\d-\d\d)T([\d:]{8})\.(\d{6})Z$/, (_, day: string, time: string, micros: string) =>
    `${day} ${time}.${micros}`.replace(/\.?0+$/, ""),
  );

const PROGRAMS = [".chorus-elt/dbt-dev/bin/dbt", ".chorus-elt/dbt/bin/dbt", ".chorus-elt/venv-dev/bin/dbt"];

/** The dbt to test with: that in CHORUS_ELT_DBT_BIN, else the one that `chorus-elt dbt setup` has installed here. */
export const dbtProgram = (): string | undefined => {
  const given = process.env["CHORUS_ELT_DBT_BIN"];
  return given === undefined || given === "" ? PROGRAMS.map((path) => resolve(path)).find(existsSync) : resolve(given);
};

/** The dbt for BigQuery that `chorus-elt dbt setup --bigquery` has installed here. */
export const dbtForBigQuery = (): string | undefined => [resolve(".chorus-elt/dbt-bigquery/bin/dbt")].find(existsSync);

export interface DbtOptions {
  /** For `target/` and logs: each test has its own. */
  readonly folder: string;
  readonly vars?: JsonObject;
  readonly env?: Readonly<Record<string, string>>;
}

/** One node of a dbt command. */
interface NodeResult {
  readonly unique_id: string;
  readonly status: string;
  readonly message: string | null;
  readonly failures: number | null;
  readonly execution_time: number;
}

export interface DbtResult {
  readonly code: number;
  readonly output: string;
  readonly results: readonly NodeResult[];
}

/** Runs a command of dbt in the project, on a place, and reads what it says of its nodes. */
export async function dbt(place: Place, args: readonly string[], options: DbtOptions): Promise<DbtResult> {
  const program = place.target.destination === "bigquery" ? dbtForBigQuery() : dbtProgram();
  if (program === undefined) throw new Error("dbt is not installed; `chorus-elt dbt setup` does it");
  const target = join(options.folder, "target");
  const vars = options.vars === undefined ? [] : ["--vars", JSON.stringify(options.vars)];
  const child = spawn(program, ["--no-use-colors", "--no-version-check", ...args, ...vars], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: [dirname(program), process.env["PATH"] ?? ""].join(delimiter),
      ...profileOf(place.target as unknown as TargetConfig),
      CHORUS_ELT_DBT_SCHEMA: place.models,
      DBT_PROJECT_DIR: PROJECT,
      DBT_PROFILES_DIR: PROJECT,
      DBT_TARGET_PATH: target,
      DBT_LOG_PATH: join(options.folder, "logs"),
      DBT_SEND_ANONYMOUS_USAGE_STATS: "false",
      DO_NOT_TRACK: "1",
      ...options.env,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => (output += part));
  }
  const [code] = (await once(child, "close")) as [number | null];
  const file = await readFile(join(target, "run_results.json"), "utf8").catch(() => '{"results":[]}');
  return { code: code ?? -1, output, results: (JSON.parse(file) as { results: NodeResult[] }).results };
}

/** What did not go well, one line each; for messages of tests. */
export const troubles = ({ results }: DbtResult): string[] =>
  results
    .filter(({ status }) => !["success", "pass", "no-op"].includes(status))
    .map(({ unique_id: id, status, message }) => `${status} ${id}: ${message ?? ""}`);

interface RawStream {
  readonly name: string;
  readonly keys: readonly string[];
  readonly schema: JsonSchema;
}

const STREAMS = new Map<string, RawStream>([...chorus, ...semarize, ...meetings].map((one) => [one.name, one]));

/**
 * Loads raw rows by the real target-warehouse: one CSV file a stream, named after it, whose cells are read by the stream's
 * schema. An empty cell is null. Returns what the target said when it failed.
 */
export async function loadRaw(place: Place, raw: string, folder: string): Promise<string | undefined> {
  const config = join(folder, "target.json");
  await writeFile(config, JSON.stringify(place.target));
  const files = (await readdir(raw)).filter((name) => name.endsWith(".csv")).sort();
  const lines = (await Promise.all(files.map(async (name) => singer(join(raw, name))))).flat();
  const child = spawn(process.execPath, [resolve("dist/bin/target-warehouse.js"), "--config", config], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (said += part));
  child.stdin.on("error", () => undefined);
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const [code] = (await once(child, "close")) as [number | null];
  return code === 0 ? undefined : said;
}

/** When golden rows were read from their source. */
const EXTRACTED = "2026-06-30T00:00:00Z";

async function singer(path: string): Promise<string[]> {
  const stream = STREAMS.get(basename(path, ".csv"));
  if (stream === undefined) throw new Error(`${path} is named after no stream`);
  const [head, ...rows] = parseCsv(await readFile(path, "utf8"));
  const names = head?.cells ?? [];
  const properties = (stream.schema["properties"] ?? {}) as Record<string, JsonObject>;
  const unknown = names.filter((name) => !(name in properties));
  if (unknown.length > 0) throw new Error(`${path} has columns that its schema lacks: ${unknown.join(", ")}`);
  const said = { type: "SCHEMA", stream: stream.name, schema: stream.schema, key_properties: stream.keys };
  return [
    JSON.stringify(said),
    ...rows.map(({ cells }) => {
      const record = Object.fromEntries(names.map((name, i) => [name, value(cells[i] ?? "", properties[name] ?? {})]));
      return JSON.stringify({ type: "RECORD", stream: stream.name, record, time_extracted: EXTRACTED });
    }),
  ];
}

function value(cell: string, property: JsonObject): JsonValue {
  if (cell === "") return null;
  const types = [property["type"]].flat();
  if (types.includes("boolean")) return cell === "true";
  if (types.includes("integer") || types.includes("number")) return Number(cell);
  if (types.includes("object") || types.includes("array")) return JSON.parse(cell) as JsonValue;
  return cell;
}

/** Tables that dbt has built, in the order of their names. */
export async function builtTables(place: Place): Promise<string[]> {
  return (await place.tables()).sort();
}

/**
 * A table as text that two databases can be compared by: a header, then a line a row, sorted; null is an empty cell, an empty
 * text is `""`. BigQuery has no number of places in its decimals, so where it takes part they are compared `shortened`.
 */
export async function dump(
  place: Place,
  table: string,
  columns: readonly string[],
  { shortened = false } = {},
): Promise<string[]> {
  const rows = await place.rows(table, columns);
  const cell = (text: string | null) => csvCell(shortened && text !== null ? short(text) : text);
  return [columns.join(","), ...rows.map((row) => row.map(cell).join(",")).sort()];
}

/** `12.500` as `12.5`. */
const short = (text: string) => (/^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, "") : text);

/** A CSV file in the same form, whatever the order of its lines. */
export async function dumpOfCsv(path: string): Promise<string[]> {
  const [head, ...rows] = parseCsv(await readFile(path, "utf8"));
  const lines = rows.map(({ cells }) => cells.map((cell) => csvCell(cell === "" ? null : cell)).join(","));
  return [(head?.cells ?? []).join(","), ...lines.sort()];
}

function csvCell(text: string | null): string {
  if (text === null) return "";
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
