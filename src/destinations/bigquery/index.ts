import { createHash, randomUUID } from "node:crypto";
import { widen, type ColumnKind } from "../../core/column.ts";
import {
  FORGOTTEN,
  optionsFor,
  type CommitResult,
  type Dataset,
  type Destination,
  type LoadOptions,
  type Rejected,
  type RejectedRow,
  type SealedBatch,
  type SealedRows,
  type Statement,
  type TableWriter,
  type Tombstone,
  type Warehouse,
} from "../../core/destination.ts";
import type { Env } from "../../core/env.ts";
import type { JsonObject } from "../../core/json.ts";
import type { SchemaMessage, State } from "../../core/message.ts";
import { StagingWriter } from "../../core/staging.ts";
import { claimNames, planTable, sameKeys, type TablePlan } from "../../core/table.ts";
import { Client } from "./client.ts";
import { configSchema, type BigqueryConfig } from "./config.ts";
import {
  addDays,
  coverTables,
  createDays,
  datedOf,
  DAYS,
  knownDays,
  uncoverTable,
  withinDays,
  type Dated,
} from "./days.ts";
import { createTable, describeTable, dropTable, ensureDataset, locateDataset, tablesIn, type Table } from "./ddl.ts";
import { refuseUnfit } from "./fit.ts";
import { dropLeftOver, loadJobs, STAGING, StagingTables, type Load } from "./loading.ts";
import { mergeStatements } from "./merge.ts";
import { claimPipeline, fencedBegin, isCommitted, keptState, othersOf, STATES, type Pipeline } from "./pipeline.ts";
import { Queries } from "./query.ts";
import { asRefusal, isOvertaken } from "./refusal.ts";
import {
  createRejected,
  readRejected,
  REJECTED,
  REJECTED_STAGING,
  rejectedLines,
  rejectedStatements,
  SCHEMAS,
  type DatedRejected,
} from "./rejected.ts";
import { openSpool, type Spooling } from "./spool.ts";
import { NdjsonBuffer, type BigqueryRows, type RowFacts } from "./stage.ts";
import type { Staged } from "./staged.ts";
import { storageWrites } from "./storage-write.ts";
import { swapTable } from "./swap.ts";
import { together } from "./together.ts";
import { layoutOf, listsOf, prepareTarget, type Target } from "./target.ts";
import { quote, traits } from "./types.ts";

/**
 * A dataset of BigQuery. A batch's rows are loaded into staging tables; one script then merges them and keeps the state,
 * in one transaction.
 */
const bigquery: Destination<BigqueryConfig> = {
  name: "bigquery",
  traits,
  configSchema,
  exclusive: false,
  async connect(config, env) {
    try {
      const client = await Client.open(config, env);
      return new BigqueryWarehouse(client, await openSpool(), config, env);
    } catch (error) {
      throw asRefusal(error);
    }
  },
  async connectReader(config, env) {
    const queries = await readerOf(config, env);
    return {
      query: (sql, values = []) => refusing(queries.common(sql, values)),
      async [Symbol.asyncDispose]() {
        // there is no connection to end
      },
    };
  },
};
export default bigquery;

async function readerOf(config: BigqueryConfig, env: Env): Promise<Queries> {
  try {
    const client = await Client.open(config, env);
    await locateDataset(client, config.default_target_schema);
    return new Queries(client, config);
  } catch (error) {
    throw asRefusal(error);
  }
}

/** Passes on what is read; what goes wrong is told as the user is to read it. */
async function* refusing<T>(rows: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* rows;
  } catch (error) {
    throw asRefusal(error);
  }
}

const OWN_TABLES = [STATES, REJECTED, SCHEMAS, DAYS, FORGOTTEN];
/** Names that tables in the making have in front, so that no stream's table is taken for one. */
const ASIDE = "_chorus_elt_new_";
/** Streams that something is done for at the same time. */
const AT_ONCE = 4;

/** A stream's part of a batch, staged. */
interface StagedStream {
  readonly staged: Staged & { readonly name: string | undefined };
  readonly target: Target;
  readonly lists: ReadonlyMap<string, ColumnKind>;
  /** With the stream's own method. */
  readonly options: LoadOptions;
}

/** A batch that is staged: its streams, and the table of what it puts aside. */
interface StagedBatch {
  readonly batch: SealedBatch;
  readonly rejected: readonly DatedRejected[];
  readonly number: number;
  readonly streams: readonly StagedStream[];
  readonly asideTable: string | undefined;
  readonly receivedAt: number;
}

/** A stream's part with a table that it fits into. */
interface ReadyStream extends StagedStream {
  readonly plan: TablePlan;
  readonly dated: Dated | undefined;
}

class BigqueryWarehouse implements Warehouse {
  /** One batch is uploaded while the one before it is merged. */
  readonly maxCommits = 2;
  /** A small batch costs as many jobs as a large one. */
  readonly firstBatchRows = Infinity;
  readonly #client: Client;
  readonly #queries: Queries;
  readonly #spool: Spooling;
  readonly #config: BigqueryConfig;
  readonly #env: Env;
  readonly #startedAt: number;
  readonly #writers = new Map<string, StagingWriter<NdjsonBuffer>>();
  readonly #messages = new Map<string, SchemaMessage>();
  readonly #facts = new Map<string, RowFacts>();
  readonly #targets = new Map<string, Target>();
  readonly #tables = new Set<string>(); // names of those that are in the dataset
  readonly #asides: { stream: string; aside: string; table: string }[] = []; // of `overwrite`: tables being built
  readonly #uncovered = new Set<string>(); // tables that rows were appended to
  readonly #drops: Promise<unknown>[] = [];
  #dataset: Promise<void> | undefined;
  #pipeline: Promise<Pipeline> | undefined;
  #others = ""; // what other pipelines had committed when this run looked at the tables
  #load: Load | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #batches = 0;

  constructor(client: Client, spool: Spooling, config: BigqueryConfig, env: Env) {
    this.#client = client;
    this.#queries = new Queries(client, config);
    this.#spool = spool;
    this.#config = config;
    this.#env = env;
    this.#startedAt = env.clock.now();
  }

  dataset(schema: string, table: string): Dataset {
    return { namespace: "bigquery", name: `${this.#client.project}.${schema}.${table}` };
  }

  async check(): Promise<void> {
    const dataset = this.#config.default_target_schema;
    await this.#saying(async () => {
      await this.#ensureDataset(dataset);
      const name = `_chorus_elt_check_${this.#startedAt}`;
      await createTable(this.#client, dataset, { name, columns: [{ name: "n", type: { kind: "integer" } }] });
      try {
        await this.#queries.estimate("SELECT 1"); // also jobs can be made
      } finally {
        await dropTable(this.#client, dataset, name);
      }
    });
  }

  async state(schema: string, id: string): Promise<State | undefined> {
    return this.#saying(async () => {
      if (!(await locateDataset(this.#client, schema))) return undefined;
      return keptState(this.#queries, schema, id);
    });
  }

  async table(message: SchemaMessage, all: LoadOptions): Promise<TableWriter> {
    const options = optionsFor(all, message);
    return this.#saying(async () => {
      await this.#claim(options);
      const known = this.#writers.get(message.stream);
      const name = known?.plan.table ?? (await this.#newTable(message.stream, options));
      const found = await this.#found(message.stream, name, options);
      const existing = found?.columns ?? new Map<string, never>();
      const inHand = known?.plan.columns.map((column) => column.name) ?? [];
      const columns = [...existing.keys(), ...inHand];
      const planned = planTable(message, { traits, flattenDepth: options.flattenDepth, table: name, columns });
      const plan = {
        ...planned,
        columns: planned.columns.map((column) => {
          const has = existing.get(column.name)?.type;
          return has === undefined ? column : { ...column, type: widen(has, column.type) };
        }),
      };
      if (found !== undefined) refuseUnfit(found, plan);
      this.#messages.set(message.stream, message);
      const facts = this.#factsOf(message.stream);
      for (const [column, items] of listsOf(message, plan, found, this.#config)) facts.lists.set(column, items);
      if (known !== undefined && sameKeys(known.plan, plan)) {
        known.replan(plan);
        return known;
      }
      const layout = layoutOf(message, plan, found, this.#config);
      const described = name === message.stream ? undefined : `Stream ${JSON.stringify(message.stream)}`;
      const isEmpty = this.#targets.get(message.stream)?.isEmpty ?? found?.isEmpty ?? true;
      this.#targets.set(message.stream, { ...layout, description: described, ready: undefined, isEmpty });
      facts.dayColumn = layout.partitioning?.field;
      const buffer = (one: TablePlan) => new NdjsonBuffer(one, options, facts, this.#spool);
      const writer = new StagingWriter(plan, buffer, known?.unknownProperties);
      this.#writers.set(message.stream, writer);
      return writer;
    });
  }

  async commit(batch: SealedBatch, options: LoadOptions): Promise<CommitResult> {
    const rows = batch.rows as readonly BigqueryRows[];
    const turn = { batch, rows, rejected: this.#dated(batch.rejected, rows), number: ++this.#batches };
    const previous = this.#last;
    const result = this.#saying(() => this.#commit(turn, previous, options));
    this.#last = result;
    return result;
  }

  async finish(state: State | undefined, options: LoadOptions, complete?: ReadonlySet<string>): Promise<void> {
    const done = this.#asides.filter(({ stream }) => complete === undefined || complete.has(stream));
    if (done.length === 0 && state === undefined) return;
    await this.#saying(async () => {
      const pipeline = await this.#claim(options);
      const number = ++this.#batches;
      const tables = new Set(await tablesIn(this.#client, options.schema));
      await isCommitted(this.#queries, pipeline, 0); // a run that was overtaken must not replace the other's tables
      for (const { aside, table } of done) {
        if (!tables.has(aside)) continue; // no row came: the old table stays
        await swapTable(this.#client, options.schema, { aside, table, id: `${this.#run(pipeline)}_${number}` });
      }
      const { statements, parameters } = fencedBegin(pipeline, number, state);
      await this.#script(pipeline, number, [...statements, "COMMIT TRANSACTION"], parameters);
    });
  }

  async *rejected(schema: string): AsyncIterable<RejectedRow> {
    const isThere = await this.#saying(async () => {
      if (!(await locateDataset(this.#client, schema))) return false;
      return (await describeTable(this.#client, schema, REJECTED)) !== undefined;
    });
    if (isThere) yield* refusing(readRejected(this.#queries, schema));
  }

  async forgotten(schema: string): Promise<readonly Tombstone[]> {
    return this.#saying(async () => {
      await this.#ensureDataset(schema);
      // Asked anew: the list of tables is older than the right to write.
      if ((await describeTable(this.#client, schema, FORGOTTEN)) === undefined) return [];
      const found: Tombstone[] = [];
      const sql = `SELECT kind, value FROM ${quote(`${schema}.${FORGOTTEN}`)}`;
      for await (const [kind, value] of this.#queries.rows(sql))
        found.push({ kind: kind as string, value: value as string });
      return found;
    });
  }

  async forget(schema: string, statements: readonly Statement[]): Promise<void> {
    await this.#saying(async () => {
      await this.#ensureDataset(schema);
      const columns = [
        { name: "kind", type: { kind: "text" } },
        { name: "value", type: { kind: "text" } },
        { name: "forgotten_at", type: { kind: "timestamp" } },
      ] as const;
      await createTable(this.#client, schema, { name: FORGOTTEN, columns });
      if (statements.length > 0) await this.#queries.commonScript(`chorus_elt_forget_${randomUUID()}`, statements);
    });
  }

  async *query(sql: string, values: readonly unknown[] = []): AsyncIterable<JsonObject> {
    await this.#saying(() => locateDataset(this.#client, this.#config.default_target_schema));
    yield* refusing(this.#queries.common(sql, values));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined); // who waits for that batch has its error
    await Promise.allSettled(this.#drops);
    await this.#spool[Symbol.asyncDispose]();
  }

  async #saying<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asRefusal(error);
    }
  }

  #ensureDataset(dataset: string): Promise<void> {
    this.#dataset ??= ensureDataset(this.#client, dataset, this.#config.labels);
    return this.#dataset;
  }

  /** The right to write, taken once. */
  #claim({ schema: dataset, stateId: id }: LoadOptions): Promise<Pipeline> {
    this.#pipeline ??= (async () => {
      await this.#ensureDataset(dataset);
      for (const name of await tablesIn(this.#client, dataset)) this.#tables.add(name);
      const pipeline = await claimPipeline(this.#queries, { dataset, id }, this.#tables);
      this.#others = await othersOf(this.#queries, pipeline);
      await dropLeftOver(this.#client, dataset, pipelineKey(pipeline), this.#tables);
      this.#load =
        this.#config.load_method === "storage_write"
          ? await storageWrites(this.#client, dataset, this.#config, this.#env)
          : loadJobs(this.#client, dataset);
      return pipeline;
    })();
    return this.#pipeline;
  }

  /** A stream's table as it is: what this run knows of it, or asks about once. */
  async #found(stream: string, name: string, { schema }: LoadOptions): Promise<Table | undefined> {
    const known = this.#targets.get(stream);
    if (known?.ready !== undefined) return known.table;
    return this.#tables.has(name) ? describeTable(this.#client, schema, name) : undefined;
  }

  #factsOf(stream: string): RowFacts {
    const known = this.#facts.get(stream);
    if (known !== undefined) return known;
    const facts = { sequence: this.#startedAt * 1_000, dayColumn: undefined, lists: new Map<string, ColumnKind>() };
    this.#facts.set(stream, facts);
    return facts;
  }

  /** The name of the table that a new stream is loaded into; with `overwrite` what a killed run left there goes away. */
  async #newTable(stream: string, options: LoadOptions): Promise<string> {
    const isOurs = (name: string) => name.startsWith(ASIDE) || name.startsWith(STAGING);
    const wanted = (name: string) => (OWN_TABLES.includes(name) ? `${name}_` : isOurs(name) ? `_${name}` : name);
    const streams = [...this.#writers.keys(), stream].map(wanted);
    const name = claimNames([...OWN_TABLES, ...streams], [...this.#tables], traits).at(-1) ?? stream;
    if (options.method !== "overwrite") return name;
    const [aside = name] = claimNames([`${ASIDE}${name}`], [], traits);
    this.#asides.push({ stream, aside, table: name });
    await isCommitted(this.#queries, await this.#claim(options), 0); // not the table of a run that has taken over
    await dropTable(this.#client, options.schema, aside);
    return aside;
  }

  async #commit(
    turn: {
      readonly batch: SealedBatch;
      readonly rows: readonly BigqueryRows[];
      readonly rejected: readonly DatedRejected[];
      readonly number: number;
    },
    previous: Promise<unknown>,
    options: LoadOptions,
  ): Promise<CommitResult> {
    const { rows, number } = turn;
    const { step } = this.#env;
    const { schema: dataset } = options;
    const receivedAt = this.#env.clock.now();
    const pipeline = await this.#claim(options);
    step("begin");
    const tables = new StagingTables(this.#client, dataset, this.#run(pipeline), this.#spool, this.#load!, () =>
      Date.now(),
    );
    step("copy");
    const streams = await this.#stage(tables, rows, number, options);
    const aside = await this.#stageRejected(tables, turn, dataset);
    await previous;
    step("merge");
    const asideTable = aside?.table;
    while (!(await this.#merged({ ...turn, streams, asideTable, receivedAt }, pipeline, dataset))) {
      // Another pipeline was quicker: a table that was empty may have these keys now, and calls may lie on other days.
      this.#others = await othersOf(this.#queries, pipeline);
      for (const target of this.#targets.values()) target.isEmpty = false;
    }
    step("committed");
    for (const name of [...streams.map(({ staged }) => staged.name), aside?.name]) {
      if (name === undefined) continue;
      this.#drops.push(tables.drop(name).catch(() => undefined)); // it goes away by itself otherwise
    }
    return { loaded: rows.reduce((sum, one) => sum + one.rows, 0), removed: 0, refused: [] };
  }

  /** Merges what is staged, in one transaction. False when another pipeline has committed since this run looked. */
  async #merged(
    { batch, rejected, number, streams, asideTable, receivedAt }: StagedBatch,
    pipeline: Pipeline,
    dataset: string,
  ): Promise<boolean> {
    const seen = this.#others;
    const id = `chorus_elt_merge_${this.#run(pipeline)}_${number}${seen.slice(0, 8)}`;
    const ready = await this.#prepare(streams, id);
    const within = await this.#within(ready, dataset, id);
    const dated = ready.flatMap(({ dated: one, staged, target }) =>
      one === undefined || staged.rows.rows === 0 ? [] : [{ ...one, wasEmpty: target.isEmpty }],
    );
    const times = { receivedAt, syncStartedAt: this.#startedAt };
    const merges = ready.flatMap((stream) => mergeStatements({ ...stream, ...times, within: within.get(stream) }));
    if (this.#config.dry_run_cost) await this.#estimate(merges);
    const { statements, parameters } = fencedBegin(pipeline, number, batch.state, seen);
    const all = [
      ...statements,
      ...merges,
      ...(dated.length > 0 ? [addDays(dataset, dated)] : []),
      ...(asideTable === undefined
        ? []
        : rejectedStatements(dataset, asideTable, {
            replays: batch.replayed.length > 0,
            rejects: rejected.length > 0,
          })),
      "COMMIT TRANSACTION",
    ];
    this.#env.step("commit");
    try {
      await this.#script(pipeline, number, all, parameters);
      return true;
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      return false;
    }
  }

  /** Uploads the rows of every stream. */
  #stage(
    tables: StagingTables,
    rows: readonly BigqueryRows[],
    number: number,
    options: LoadOptions,
  ): Promise<StagedStream[]> {
    return together(rows, AT_ONCE, async (one, place) => ({
      staged: await tables.stage(one, number, place),
      target: this.#targets.get(one.stream)!,
      lists: this.#factsOf(one.stream).lists,
      options: optionsFor(options, one.plan),
    }));
  }

  async #stageRejected(
    tables: StagingTables,
    { batch, rejected, number }: { batch: SealedBatch; rejected: readonly DatedRejected[]; number: number },
    dataset: string,
  ): Promise<{ name: string; table: string } | undefined> {
    if (rejected.length + batch.replayed.length === 0) return undefined;
    await createRejected(this.#client, dataset);
    const name = await tables.stageLines(rejectedLines(rejected, batch.replayed), REJECTED_STAGING, number);
    return { name, table: `\`${dataset}.${name}\`` };
  }

  /** Makes every table fit its rows. */
  #prepare(streams: readonly StagedStream[], id: string): Promise<ReadyStream[]> {
    return together(streams, AT_ONCE, async (stream, place) => {
      const { staged, target, lists, options } = stream;
      const about = { options, labels: this.#config.labels, id: `${id}_${place}` };
      const plan = await prepareTarget(this.#queries, staged.rows, staged, target, lists, about);
      const dated = datedOf(staged, plan, target);
      const appends = options.method === "append";
      if (appends && dated !== undefined) await this.#uncover(dated, about);
      return { ...stream, plan, dated: appends ? undefined : dated };
    });
  }

  /** Once a run, before rows are appended to a table. */
  async #uncover(dated: Dated, { options, id }: { options: LoadOptions; id: string }): Promise<void> {
    const { table } = dated.plan;
    if (!this.#tables.has(DAYS) || this.#uncovered.has(table)) return;
    await uncoverTable(this.#queries, options.schema, dated, id);
    this.#uncovered.add(table);
  }

  /** The partitions that each stream's merge has to look into. */
  async #within(ready: readonly ReadyStream[], dataset: string, id: string): Promise<Map<ReadyStream, string>> {
    const within = new Map<ReadyStream, string>();
    const dated = ready.flatMap((stream) => (stream.dated === undefined ? [] : [{ stream, ...stream.dated }]));
    if (dated.length > 0 && !this.#tables.has(DAYS)) {
      await createDays(this.#client, dataset);
      this.#tables.add(DAYS);
    }
    const old = dated.filter(({ stream }) => !stream.target.isEmpty && stream.staged.name !== undefined);
    if (old.length === 0) return within;
    let known = await knownDays(this.#queries, dataset, old);
    if (known.includes(undefined)) {
      const uncovered = old.filter((_, place) => known[place] === undefined);
      await coverTables(this.#queries, dataset, uncovered, id);
      known = await knownDays(this.#queries, dataset, old);
    }
    for (const [place, one] of old.entries()) {
      const days = new Set(known[place]);
      for (const { buffer } of one.staged.rows.segments) for (const day of buffer.days) days.add(day);
      within.set(one.stream, withinDays(one, days));
    }
    return within;
  }

  /** One job for the whole transaction. When its answer is lost, what it has done is looked up. */
  async #script(
    pipeline: Pipeline,
    number: number,
    statements: readonly string[],
    parameters: ReturnType<typeof fencedBegin>["parameters"],
  ): Promise<void> {
    const script = statements.map((statement) => `${statement};`).join("\n");
    const hash = createHash("sha256").update(script).digest("hex").slice(0, 16);
    const id = `chorus_elt_commit_${this.#run(pipeline)}_${number}_${hash}`;
    await this.#queries.run(id, script, parameters, () => isCommitted(this.#queries, pipeline, number));
  }

  async #estimate(merges: readonly string[]): Promise<void> {
    for (const sql of merges) {
      const bytes = await this.#queries.estimate(sql);
      const [what = ""] = /^\w+(?: INTO| FROM)? `[^`]+`/.exec(sql) ?? [];
      this.#env.log.info(`${what} will read ${bytes === undefined ? "?" : (bytes / 1e6).toFixed(1)} MB`);
    }
  }

  /** What names this run's tables and jobs: its pipeline, then itself. */
  #run(pipeline: Pipeline): string {
    return `${pipelineKey(pipeline)}_${pipeline.fence.slice(0, 8)}`;
  }

  /** Records to put aside, with their place in the order of the rows: right after the row that came before them. */
  #dated(rejected: readonly Rejected[], batch: readonly SealedRows[]): DatedRejected[] {
    const now = this.#env.clock.now();
    return rejected.map((one) => {
      if (one.first !== undefined) return { ...one, at: one.first.rejectedAt, sequence: one.first.sequence };
      const rows = batch.find(({ stream }) => stream === one.stream) as BigqueryRows | undefined;
      const first = rows?.segments[0]?.buffer.firstSequence ?? this.#factsOf(one.stream).sequence;
      return { ...one, at: now, sequence: first + one.row - 1 };
    });
  }
}

const pipelineKey = ({ id }: Pick<Pipeline, "id">) => createHash("sha256").update(id).digest("hex").slice(0, 8);
