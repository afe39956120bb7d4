import { setTimeout } from "node:timers/promises";
import postgres from "../../src/destinations/postgres/index.ts";
import type { PostgresConfig } from "../../src/destinations/postgres/config.ts";
import type { Env } from "../../src/core/env.ts";
import { asEltError, type EltError } from "../../src/core/errors.ts";
import type { Database, Postgres } from "../../scripts/postgres.mjs";
import { load, startRun, type Loaded, type Run, type Settings } from "./loading.ts";
import { realEnv } from "./postgres-connecting.ts";

/** Where a run loads to. Waits are short, so that a run that waits for ever shows. */
export const config = (url: string, more: Partial<PostgresConfig> = {}): PostgresConfig => ({
  url,
  default_target_schema: "main",
  statement_timeout_seconds: 0,
  lock_timeout_seconds: 10,
  connect_timeout_seconds: 20,
  ...more,
});

/** What a real run has: servers that restart do not wait for a fake clock. */
export const envWith = (parts: Partial<Env> = {}): Env => ({ ...realEnv(), ...parts });

/** One whole run of the target over these lines, batches in flight as the target has them. */
async function loadInto(
  url: string,
  lines: readonly string[],
  settings: Settings = {},
  more: Partial<PostgresConfig> = {},
  env = envWith(),
): Promise<Loaded> {
  await using warehouse = await postgres.connect(config(url, more), env);
  const loaded = await load(warehouse, lines, settings, env);
  if (loaded.error !== undefined) throw loaded.error;
  return loaded;
}

/** The error that something ends with. */
export async function errorOf(work: Promise<unknown>): Promise<EltError> {
  try {
    await work;
  } catch (thrown) {
    return asEltError(thrown);
  }
  throw new Error("it went well");
}

/** A database of its own for one test, with an empty schema `main`. */
export interface Loadable extends AsyncDisposable {
  readonly url: string;
  readonly query: Database["query"];
  load(lines: readonly string[], settings?: Settings, more?: Partial<PostgresConfig>, env?: Env): Promise<Loaded>;
  /** These columns of a table in `main`, as lists of texts, in their order. */
  rows(columns: string, table?: string): Promise<(string | null)[][]>;
  /** Names of the tables in `main` that are not our own. */
  tables(): Promise<string[]>;
}

export async function loadable(server: Postgres): Promise<Loadable> {
  const db = await server.database();
  await db.query("CREATE SCHEMA main");
  const { url } = db;
  const query = (sql: string) => db.query(sql);
  return {
    url,
    query,
    load: (lines, settings, more, env) => loadInto(url, lines, settings, more, env),
    async rows(columns, table = "s") {
      const rows = await query(`SELECT ${columns} FROM main."${table}" ORDER BY ${columns}`);
      return rows.map((row) =>
        Object.values(row).map((value) =>
          value === null ? null : typeof value === "string" ? value : JSON.stringify(value),
        ),
      );
    },
    async tables() {
      const rows = await query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'main' ORDER BY 1");
      return rows
        .map(({ name }) => String(name))
        .filter((name) => !["_chorus_elt_state", "_rejected", "_chorus_elt_schemas"].includes(name));
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}

/** A run whose connection stays open until the end of the test. */
export async function connected(
  db: Loadable,
  settings: Settings = {},
  more: Partial<PostgresConfig> = {},
  env = envWith(),
): Promise<Run & AsyncDisposable> {
  const warehouse = await postgres.connect(config(db.url, more), env);
  return { ...startRun(warehouse, settings, env), [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose]() };
}

/** Ends backends of runs, as an administrator or a failover does, and waits until they are gone. */
export async function terminate(db: Pick<Loadable, "query">, which = "true"): Promise<void> {
  const runs = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'target-warehouse'`;
  const ended = await db.query(`SELECT pid, pg_terminate_backend(pid) ${runs} AND ${which}`);
  const pids = ["0", ...ended.map(({ pid }) => String(pid))].join(", ");
  while ((await db.query(`SELECT 1 ${runs} AND pid IN (${pids})`)).length > 0) await setTimeout(5);
}
