import { existsSync } from "node:fs";
import { mkdtemp, open, rm, mkdir } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, parse, resolve } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { widen } from "../../core/column.ts";
import {
  FORGOTTEN,
  optionsFor,
  type CommitResult,
  type Dataset,
  type Destination,
  type LoadOptions,
  type RejectedRow,
  type SealedBatch,
  type Statement,
  type TableWriter,
  type Tombstone,
  type Warehouse,
} from "../../core/destination.ts";
import type { Env } from "../../core/env.ts";
import { asEltError, EltError } from "../../core/errors.ts";
import { isObject, parseJson, printJson, type JsonObject } from "../../core/json.ts";
import type { SchemaMessage, State } from "../../core/message.ts";
import { StagingWriter } from "../../core/staging.ts";
import { claimNames, planTable, sameKeys } from "../../core/table.ts";
import { columnsOf, createSchema, tablesIn } from "./ddl.ts";
import { merge, type StagedFiles } from "./merge.ts";
import { parquetFile, type ParquetColumn } from "./parquet.ts";
import * as rejected from "./rejected.ts";
import { ParquetBuffer, setsOf, type DuckdbRows } from "./stage.ts";
import { literal, quote, traits } from "./types.ts";

interface DuckdbConfig {
  /** The database file, or `:memory:`. */
  readonly path: string;
  readonly lock_timeout_seconds: number;
  readonly memory_limit: string;
}

/** An embedded database in one file. One process can have it open for writing; we wait for our turn. */
const duckdb: Destination<DuckdbConfig> = {
  name: "duckdb",
  traits,
  configSchema: {
    type: "object",
    properties: {
      path: {
        type: "string",
        title: "Database file",
        description: "DuckDB file to load into; made when it does not exist.",
        default: "chorus.duckdb",
      },
      lock_timeout_seconds: {
        type: "number",
        title: "Lock timeout",
        description: "Seconds to wait for another process to close the file.",
        default: 60,
        minimum: 0,
      },
      memory_limit: {
        type: "string",
        title: "Memory limit",
        description: "Memory that DuckDB itself may use; it spills to disk beyond it.",
        default: "96MB",
      },
    },
  },
  exclusive: true,
  async connect(config, env) {
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const instance = await openFile(() => DuckDBInstance.create(config.path, SETTINGS(config)), config, env);
    // DuckDB reads *, ? and [ in a file name as a pattern.
    const beside = config.path !== ":memory:" && !/[*?[\]]/.test(config.path);
    const staging = beside ? `${config.path}.staging` : await mkdtemp(join(tmpdir(), "chorus-elt-"));
    // Whoever has the lock owns this folder: what is in it was left by a run that was killed.
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { recursive: true, mode: 0o700 });
    const db = await instance.connect();
    await db.run("SET TimeZone = 'UTC'"); // a date becomes an instant, and an instant a text, wherever we run
    return new DuckdbWarehouse(instance, db, { path: config.path, staging }, env);
  },
  async connectReader(config, env) {
    if (!existsSync(config.path)) {
      throw new EltError(
        "WAREHOUSE_UNREACHABLE",
        `there is no DuckDB file ${config.path}; load something into it first`,
      );
    }
    const { DuckDBInstance } = await import("@duckdb/node-api");
    // Rows are only passed on, so memory goes back at once: 2,000 transcripts took 163 MB without, and 144 MB with it.
    const frugal = {
      threads: "1",
      allocator_flush_threshold: "1MB",
      allocator_bulk_deallocation_flush_threshold: "1MB",
    };
    const settings = { ...SETTINGS(config), ...frugal, access_mode: "READ_ONLY" };
    const instance = await openFile(() => DuckDBInstance.create(config.path, settings), config, env);
    const db = await instance.connect();
    await db.run("SET TimeZone = 'UTC'");
    return {
      query: (sql, values = []) => rowsAsJson(db, sql, values),
      async [Symbol.asyncDispose]() {
        db.closeSync();
        instance.closeSync();
      },
    };
  },
};
export default duckdb;

async function* rowsAsJson(db: DuckDBConnection, sql: string, values: readonly unknown[]): AsyncIterable<JsonObject> {
  const result = await db.stream(sql, values as never[]);
  for await (const rows of result.yieldRowObjectJson()) for (const row of rows) yield row;
}

const SETTINGS = (config: DuckdbConfig) => ({
  memory_limit: config.memory_limit,
  // Every thread of a join wants buffers of its own; many of them would not fit into that.
  threads: String(Math.min(4, availableParallelism())),
  // Committed rows wait in the log until they fill row groups worth writing.
  checkpoint_threshold: "256MB",
  // Staged files are read once.
  enable_external_file_cache: "false",
});

async function openFile(
  create: () => Promise<DuckDBInstance>,
  config: DuckdbConfig,
  env: Env,
): Promise<DuckDBInstance> {
  const until = env.clock.now() + config.lock_timeout_seconds * 1_000;
  for (let told = false; ; told = true) {
    try {
      return await create();
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      if (!text.includes("Could not set lock")) {
        throw new EltError(
          "WAREHOUSE_UNREACHABLE",
          `cannot open the DuckDB file ${config.path} in ${dirname(config.path)}: ${text}`,
          { cause },
        );
      }
      if (env.clock.now() >= until) {
        const message = `another process has ${config.path} open, and still had it after ${config.lock_timeout_seconds} seconds`;
        throw new EltError("WAREHOUSE_LOCKED", message, { cause });
      }
      if (!told)
        env.log.warn(
          `another process has ${config.path} open; waiting up to ${config.lock_timeout_seconds} seconds for it`,
        );
      await env.clock.sleep(250, env.signal);
    }
  }
}

/** The first line of what DuckDB says, without the values in it: they can be somebody's words. */
function withoutValues(message: string): string {
  const [line = ""] = message.split("\n");
  return line.replace(/'.*'/, "'…'").replace(/duplicate key ".*"/i, 'duplicate key "…"');
}

const STATES = "_chorus_elt_state";
const OWN_TABLES = [STATES, rejected.REJECTED, rejected.SCHEMAS, FORGOTTEN];

/** Files that a batch's rejected records, and the ids of those that it replays, were written to. */
interface RejectedFiles {
  readonly rejected: string | undefined;
  readonly replayed: string | undefined;
}

class DuckdbWarehouse implements Warehouse {
  readonly maxCommits = 1;
  readonly firstBatchRows = Infinity;
  readonly #instance: DuckDBInstance;
  readonly #db: DuckDBConnection;
  readonly #path: string;
  readonly #staging: string;
  readonly #env: Env;
  readonly #writers = new Map<string, StagingWriter<ParquetBuffer>>();
  readonly #startedAt: number;
  #sequence: number;
  #files = 0;
  #schemasMade = new Set<string>();

  constructor(
    instance: DuckDBInstance,
    db: DuckDBConnection,
    { path, staging }: { readonly path: string; readonly staging: string },
    env: Env,
  ) {
    this.#instance = instance;
    this.#db = db;
    this.#path = path;
    this.#staging = staging;
    this.#env = env;
    this.#startedAt = env.clock.now();
    this.#sequence = this.#startedAt * 1_000;
  }

  /** As dbt's integration has it: DuckDB is not among the names that OpenLineage has settled. */
  dataset(schema: string, table: string): Dataset {
    const path = resolve(this.#path);
    return { namespace: `duckdb://${path}`, name: `${parse(path).name}.${schema}.${table}` };
  }

  async check(): Promise<void> {
    await this.#transaction(async () => {
      await this.#db.run("CREATE TABLE _chorus_elt_check (n BIGINT)");
      await this.#db.run("DROP TABLE _chorus_elt_check");
    });
  }

  async state(schema: string, id: string): Promise<State | undefined> {
    if (!(await tablesIn(this.#db, schema)).includes(STATES)) return undefined;
    const sql = `SELECT state FROM ${quote(schema)}.${STATES} WHERE id = ${literal(id)}`;
    const found = (await this.#db.runAndReadAll(sql)).getRows()[0]?.[0];
    const state = typeof found === "string" ? parseJson(found) : undefined;
    return isObject(state) ? state : undefined;
  }

  async table(message: SchemaMessage, all: LoadOptions): Promise<TableWriter> {
    const options = optionsFor(all, message);
    const known = this.#writers.get(message.stream);
    const table = known?.plan.table ?? (await this.#newTable(message.stream, options));
    const existing = await columnsOf(this.#db, options.schema, table);
    const inHand = known?.plan.columns.map(({ name }) => name) ?? [];
    const planned = planTable(message, {
      traits,
      flattenDepth: options.flattenDepth,
      table,
      columns: [...existing.keys(), ...inHand],
    });
    const columns = planned.columns.map((column) => {
      const has = existing.get(column.name)?.type;
      return has === undefined ? column : { ...column, type: widen(has, column.type) };
    });
    const plan = { ...planned, columns };
    if (known !== undefined && sameKeys(known.plan, plan)) {
      known.replan(plan);
      return known;
    }
    const writer = new StagingWriter(
      plan,
      (one) => new ParquetBuffer(one, options.keepAbsent && options.method !== "append" && plan.keys.length > 0),
      known?.unknownProperties,
    );
    this.#writers.set(message.stream, writer);
    return writer;
  }

  async commit(batch: SealedBatch, options: LoadOptions): Promise<CommitResult> {
    const staged = batch.rows as readonly DuckdbRows[];
    this.#files = 0; // the files of the batch before are done with
    const receivedAt = this.#env.clock.now();
    const firstSequence = this.#number(staged, receivedAt);
    this.#env.step("copy");
    const files = await Promise.all(staged.map((rows) => this.#write(rows)));
    const aside = await this.#writeRejected(batch, receivedAt, firstSequence);
    const total = { loaded: 0, removed: 0 };
    this.#env.step("begin");
    await this.#transaction(async () => {
      this.#env.step("merge");
      if (!this.#schemasMade.has(options.schema)) await createSchema(this.#db, options.schema);
      for (const [i, rows] of staged.entries()) {
        const facts = { receivedAt, syncStartedAt: this.#startedAt, sequence: firstSequence(rows.stream) };
        const its = optionsFor(options, rows.plan);
        const result = await merge(this.#db, rows, files[i] ?? { segments: [], sets: undefined }, facts, its);
        total.loaded += result.loaded;
        total.removed += result.removed;
      }
      await this.#keepRejected(batch, aside, receivedAt, options);
      if (batch.state !== undefined) await this.#keepState(batch.state, options);
      this.#env.step("commit");
    });
    this.#env.step("committed");
    this.#schemasMade.add(options.schema);
    for (const rows of staged) rows.writer.recycle(rows);
    return { ...total, refused: [] };
  }

  async finish(state: State | undefined, options: LoadOptions, complete?: ReadonlySet<string>): Promise<void> {
    const done = [...this.#writers.values()].filter(
      ({ stream, plan }) =>
        optionsFor(options, plan).method === "overwrite" && (complete === undefined || complete.has(stream)),
    );
    if (done.length === 0 && state === undefined) return;
    await this.#transaction(async () => {
      const tables = await tablesIn(this.#db, options.schema);
      for (const { plan } of done) {
        if (!tables.includes(plan.table)) continue; // no row came: the old table stays
        const table = plan.table.slice(0, -"__new".length);
        await this.#db.run(`DROP TABLE IF EXISTS ${quote(options.schema)}.${quote(table)}`);
        await this.#db.run(`ALTER TABLE ${quote(options.schema)}.${quote(plan.table)} RENAME TO ${quote(table)}`);
      }
      if (state !== undefined) await this.#keepState(state, options);
    });
  }

  async *rejected(schema: string): AsyncIterable<RejectedRow> {
    if (!(await tablesIn(this.#db, schema)).includes(rejected.REJECTED)) return;
    await this.#transaction(() => rejected.nameRejected(this.#db, schema));
    const reader = await this.#instance.connect();
    try {
      yield* rejected.readRejected(reader, schema);
    } finally {
      reader.closeSync();
    }
  }

  async forgotten(schema: string): Promise<readonly Tombstone[]> {
    if (!(await tablesIn(this.#db, schema)).includes(FORGOTTEN)) return [];
    const rows = (await this.#db.runAndReadAll(`SELECT kind, value FROM ${quote(schema)}.${FORGOTTEN}`)).getRows();
    return rows.map(([kind, value]) => ({ kind: String(kind), value: String(value) }));
  }

  async forget(schema: string, statements: readonly Statement[]): Promise<void> {
    await this.#transaction(async () => {
      await createSchema(this.#db, schema);
      await this.#db.run(
        `CREATE TABLE IF NOT EXISTS ${quote(schema)}.${FORGOTTEN} (kind VARCHAR, value VARCHAR, forgotten_at TIMESTAMP WITH TIME ZONE)`,
      );
      for (const { sql, values } of statements) await this.#db.run(sql, [...values]);
    });
  }

  query(sql: string, values: readonly unknown[] = []): AsyncIterable<JsonObject> {
    return rowsAsJson(this.#db, sql, values);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.closeSync();
    this.#instance.closeSync();
    await rm(this.#staging, { recursive: true, force: true });
  }

  /** The name of the table that a new stream is loaded into; with `overwrite` what a killed run left there goes away. */
  async #newTable(stream: string, options: LoadOptions): Promise<string> {
    const wanted = (name: string) => (OWN_TABLES.includes(name) ? `${name}_` : name);
    const streams = [...this.#writers.keys(), stream].map(wanted);
    const name =
      claimNames([...OWN_TABLES, ...streams], await tablesIn(this.#db, options.schema), traits).at(-1) ?? stream;
    if (options.method !== "overwrite") return name;
    await this.#db.run(`DROP TABLE IF EXISTS ${quote(options.schema)}.${quote(`${name}__new`)}`);
    return `${name}__new`;
  }

  async #transaction(work: () => Promise<void>): Promise<void> {
    try {
      await this.#db.run("BEGIN");
      await work();
      await this.#db.run("COMMIT");
    } catch (error) {
      await this.#db.run("ROLLBACK").catch(() => undefined); // the connection may be what failed
      if (error instanceof EltError) throw error;
      throw new EltError("WAREHOUSE_REFUSED", `DuckDB: ${withoutValues(asEltError(error).message)}`, { cause: error });
    }
  }

  async #write(rows: DuckdbRows): Promise<StagedFiles> {
    const segments: string[] = [];
    for (const { buffer } of rows.segments) segments.push(await this.#writeFile(buffer.columns));
    const sets = setsOf(rows);
    return { segments, sets: sets === undefined ? undefined : await this.#writeFile(sets.buffer.columns) };
  }

  async #writeFile(columns: readonly ParquetColumn[]): Promise<string> {
    const path = join(this.#staging, `${this.#files++}.parquet`);
    try {
      const file = await open(path, "w", 0o600);
      try {
        await file.writev(parquetFile(columns));
      } finally {
        await file.close();
      }
    } catch (cause) {
      const { code = "failed" } = cause as NodeJS.ErrnoException;
      throw new EltError("WAREHOUSE_REFUSED", `cannot write rows to ${this.#staging}: ${code}`, { cause });
    }
    return path;
  }

  /** Gives every row of the batch its `_sdc_sequence`: each stream's rows follow those of the stream before. */
  #number(staged: readonly DuckdbRows[], receivedAt: number): (stream: string) => number {
    this.#sequence = Math.max(this.#sequence, receivedAt * 1_000);
    const first = new Map<string, number>();
    for (const { stream, rows } of staged) {
      first.set(stream, this.#sequence);
      this.#sequence += rows;
    }
    return (stream) => first.get(stream) ?? this.#sequence;
  }

  async #writeRejected(
    { rejected: rows, replayed }: SealedBatch,
    receivedAt: number,
    firstSequence: (stream: string) => number,
  ): Promise<RejectedFiles> {
    const write = (columns: readonly ParquetColumn[]) =>
      columns[0]?.rows === 0 ? undefined : this.#writeFile(columns);
    return {
      rejected: await write(rejected.rejectedColumns(rows, receivedAt, firstSequence)),
      replayed: await write(rejected.idColumns(replayed)),
    };
  }

  async #keepRejected(
    batch: SealedBatch,
    files: RejectedFiles,
    seenAt: number,
    { schema }: LoadOptions,
  ): Promise<void> {
    if (files.rejected !== undefined || files.replayed !== undefined) await rejected.prepareRejected(this.#db, schema);
    if (files.replayed !== undefined) await rejected.deleteRejected(this.#db, schema, files.replayed);
    if (files.rejected === undefined) return;
    await rejected.insertRejected(this.#db, schema, files.rejected);
    await rejected.keepSchemas(this.#db, schema, batch.rejected, seenAt);
  }

  async #keepState(state: State, { schema, stateId }: LoadOptions): Promise<void> {
    const table = `${quote(schema)}.${STATES}`;
    await this.#db.run(
      `CREATE TABLE IF NOT EXISTS ${table} (id VARCHAR, state VARCHAR, committed_at TIMESTAMP WITH TIME ZONE)`,
    );
    await this.#db.run(`DELETE FROM ${table} WHERE id = ${literal(stateId)}`);
    await this.#db.run(`INSERT INTO ${table} VALUES (${literal(stateId)}, ${literal(printJson(state))}, now())`);
  }
}
