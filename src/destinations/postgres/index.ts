import { widen } from "../../core/column.ts";
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
import { printJson, type JsonObject } from "../../core/json.ts";
import type { SchemaMessage, State } from "../../core/message.ts";
import { StagingWriter, type StagedRows } from "../../core/staging.ts";
import { claimNames, planTable, sameKeys, type TablePlan } from "../../core/table.ts";
import { mergeCarefully, type CarefullyMerged } from "./careful.ts";
import { addressOf, configSchema, placeOf, type PostgresConfig } from "./config.ts";
import { createSchema, createTable, describeTable, dropTable, tablesIn } from "./ddl.ts";
import { isProbablyStaged, merge } from "./merge.ts";
import {
  claimPipeline,
  fencedUpdate,
  isCommitted,
  keptState,
  lockPipeline,
  STATES,
  type Pipeline,
} from "./pipeline.ts";
import { rowsAsJson } from "./query.ts";
import { asRefusal, isAboutRow, isBadLuck, isConnectionLost, sqlState } from "./refusal.ts";
import {
  createRejected,
  deleteReplayed,
  insertRejected,
  readRejected,
  REJECTED,
  SCHEMAS,
  type DatedRejected,
} from "./rejected.ts";
import { Session } from "./session.ts";
import { CopyBuffer, type RowFacts } from "./stage.ts";
import { Staging } from "./staging-tables.ts";
import { swapTable } from "./swap.ts";
import { unknownTarget, withoutReserved, type Target } from "./target.ts";
import { quote, traits } from "./types.ts";

/** A Postgres server, 13 or later. Rows arrive by COPY; a run holds the lock of its pipeline until it ends. */
const postgres: Destination<PostgresConfig> = {
  name: "postgres",
  traits,
  configSchema,
  exclusive: false,
  async connect(config, env) {
    return new PostgresWarehouse(config, env, await Session.open(config, env));
  },
  async connectReader(config, env) {
    const session = await Session.open(config, env);
    return {
      query: (sql, values = []) => rowsAsJson(session, sql, values),
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  },
};
export default postgres;

/** How often something is tried, when connections are lost or another session is in the way. */
const TRIES = 5;

/** Names that tables in the making have in front, so that no stream's table is taken for one. */
const ASIDE = "_chorus_elt_new_";

/** A connection with its staging tables. One batch at a time has it. */
interface Lane {
  session: Session;
  readonly staging: Staging;
}

/** A batch on its way. */
interface Turn {
  readonly batch: SealedBatch;
  readonly rows: readonly StagedRows<CopyBuffer>[];
  /** Counts the batches of a run from 1. */
  readonly number: number;
  /** Ends when the batch before it is durable, or has failed. */
  readonly previous: Promise<unknown>;
  readonly rejected: readonly DatedRejected[];
  /** `rows`: the database refuses some, so they are to be found. `constraints`: also those that it checks at the end. */
  careful: false | "rows" | "constraints";
  /** What will have been done when the COMMIT that was sent went well. */
  sent: CommitResult | undefined;
}

class PostgresWarehouse implements Warehouse {
  /** One batch is copied into staging tables while the one before it is merged. */
  readonly maxCommits = 2;
  readonly firstBatchRows = 8_000;
  readonly #config: PostgresConfig;
  readonly #env: Env;
  readonly #writers = new Map<string, StagingWriter<CopyBuffer>>();
  readonly #messages = new Map<string, SchemaMessage>();
  readonly #facts = new Map<string, RowFacts>();
  readonly #targets = new Map<string, Target>();
  readonly #asides: { stream: string; aside: string; table: string }[] = []; // of `overwrite`: tables being built
  readonly #startedAt: number;
  readonly #idle: Lane[] = [];
  #keeper: Session | undefined; // has the pipeline's lock
  #locking: Promise<void> | undefined;
  #lanes: Promise<unknown> = Promise.resolve();
  #pipeline: Promise<Pipeline> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #batches = 0;

  constructor(config: PostgresConfig, env: Env, session: Session) {
    this.#config = config;
    this.#env = env;
    this.#idle.push({ session, staging: new Staging() });
    this.#startedAt = env.clock.now();
  }

  dataset(schema: string, table: string): Dataset {
    const { server, database } = placeOf(addressOf(this.#config).address);
    return { namespace: `postgres://${server}`, name: `${database}.${schema}.${table}` };
  }

  async check(): Promise<void> {
    const { default_target_schema: schema } = this.#config;
    await this.#with(async ({ session }) => {
      await session.run("BEGIN");
      try {
        await createSchema(session, schema);
        await createTable(session, schema, "_chorus_elt_check", [["n", { kind: "integer" }]], ["n"]);
        await session.run("CREATE TEMP TABLE _chorus_elt_check (n bigint) ON COMMIT DROP");
      } finally {
        if (!session.isLost) await session.run("ROLLBACK");
      }
    });
  }

  async state(schema: string, id: string): Promise<State | undefined> {
    return this.#with(async ({ session }) => {
      const isThere = (await tablesIn(session, schema)).includes(STATES);
      return isThere ? keptState(session, schema, id) : undefined;
    });
  }

  async table(message: SchemaMessage, all: LoadOptions): Promise<TableWriter> {
    const options = optionsFor(all, message);
    await this.#claim(options);
    return this.#with(async ({ session }) => {
      const known = this.#writers.get(message.stream);
      const table = known?.plan.table ?? (await this.#newTable(session, message.stream, options));
      const existing = (await describeTable(session, options.schema, table))?.columns ?? new Map<string, never>();
      const inHand = known?.plan.columns.map(({ name }) => name) ?? [];
      const planned = withoutReserved(
        planTable(message, {
          traits,
          flattenDepth: options.flattenDepth,
          table,
          columns: [...existing.keys(), ...inHand],
        }),
      );
      const columns = planned.columns.map((column) => {
        const has = existing.get(column.name)?.type;
        return has === undefined ? column : { ...column, type: widen(has, column.type) };
      });
      const plan = { ...planned, columns };
      this.#messages.set(message.stream, message);
      if (known !== undefined && sameKeys(known.plan, plan)) {
        known.replan(plan);
        return known;
      }
      const facts = this.#factsOf(message.stream);
      const buffer = (one: TablePlan, versions: boolean) => new CopyBuffer(one, versions, options, facts);
      const writer = new StagingWriter(plan, buffer, known?.unknownProperties);
      this.#writers.set(message.stream, writer);
      this.#targets.set(message.stream, unknownTarget());
      return writer;
    });
  }

  async commit(batch: SealedBatch, options: LoadOptions): Promise<CommitResult> {
    const turn: Turn = {
      batch,
      rows: batch.rows as readonly StagedRows<CopyBuffer>[],
      number: ++this.#batches,
      previous: this.#last,
      rejected: this.#dated(batch.rejected, batch.rows), // now, before another record takes the next sequence
      careful: false,
      sent: undefined,
    };
    const result = this.#commit(turn, options);
    this.#last = result;
    return result;
  }

  async finish(state: State | undefined, options: LoadOptions, complete?: ReadonlySet<string>): Promise<void> {
    const done = this.#asides.filter(({ stream }) => complete === undefined || complete.has(stream));
    if (done.length === 0 && state === undefined) return;
    const pipeline = await this.#claim(options);
    const number = ++this.#batches;
    await this.#with(async ({ session }, isAgain) => {
      if (isAgain && (await isCommitted(session, pipeline, number))) return;
      await session.run("BEGIN");
      await fencedUpdate(session, pipeline, number, state);
      const tables = await tablesIn(session, options.schema);
      for (const { aside, table } of done) {
        if (tables.includes(aside)) await swapTable(session, options.schema, aside, table); // otherwise no row came
      }
      await session.run("COMMIT");
    });
  }

  async *rejected(schema: string): AsyncIterable<RejectedRow> {
    yield* this.#reading(async function* (session) {
      if ((await tablesIn(session, schema)).includes(REJECTED)) yield* readRejected(session, schema);
    });
  }

  async forgotten(schema: string): Promise<readonly Tombstone[]> {
    return this.#with(async ({ session }) => {
      if (!(await tablesIn(session, schema)).includes(FORGOTTEN)) return [];
      const rows = await session.rows(`SELECT kind, value FROM ${quote(schema)}.${quote(FORGOTTEN)}`);
      return rows.map(([kind, value]) => ({ kind: String(kind), value: String(value) }));
    });
  }

  async forget(schema: string, statements: readonly Statement[]): Promise<void> {
    await this.#with(async ({ session }) => {
      await session.run("BEGIN");
      await createSchema(session, schema);
      await session.run(
        `CREATE TABLE IF NOT EXISTS ${quote(schema)}.${quote(FORGOTTEN)} (kind text, value text, forgotten_at timestamptz)`,
      );
      for (const { sql, values } of statements) await session.run(sql, values);
      await session.run("COMMIT");
    });
  }

  async *query(sql: string, values: readonly unknown[] = []): AsyncIterable<JsonObject> {
    yield* this.#reading((session) => rowsAsJson(session, sql, values));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined); // who waits for that batch has its error
    await Promise.all(this.#idle.splice(0).map(({ session }) => session[Symbol.asyncDispose]()));
  }

  /** The right to write, taken once. It stays with the first session; see `#lane` for when that is lost. */
  async #claim({ schema, stateId: id }: LoadOptions): Promise<Pipeline> {
    this.#pipeline ??= this.#with(async ({ session }) => {
      await createSchema(session, schema);
      const claimed = await claimPipeline(session, { schema, id }, this.#config.lock_timeout_seconds, this.#env);
      this.#keeper = session;
      return claimed;
    });
    return this.#pipeline;
  }

  /** An idle connection, or a new one. */
  async #lane(): Promise<Lane> {
    const lane = this.#idleLane() ?? { session: await Session.open(this.#config, this.#env), staging: new Staging() };
    try {
      await this.#keepLock(lane.session);
      return lane;
    } catch (error) {
      this.#idle.push(lane);
      throw error;
    }
  }

  /** Batches get theirs in order. When the server has no room for another connection, it is that of the one before. */
  #laneOf({ previous }: Turn): Promise<Lane> {
    const lane = this.#lanes.then(async () => {
      if (this.#idle.length === 0 && !(await this.#hasRoom())) await previous.catch(() => undefined);
      return this.#lane();
    });
    this.#lanes = lane.catch(() => undefined);
    return lane;
  }

  /** Opens another connection; false when the server has no room for it. */
  async #hasRoom(): Promise<boolean> {
    try {
      const session = await Session.open({ ...this.#config, connect_timeout_seconds: 0 }, this.#env);
      this.#idle.push({ session, staging: new Staging() });
    } catch (error) {
      return sqlState((error as Error).cause) !== TOO_MANY_CONNECTIONS;
    }
    return true;
  }

  #idleLane(): Lane | undefined {
    let lane = this.#idle.pop();
    while (lane?.session.isLost) lane = this.#idle.pop();
    return lane;
  }

  /** Takes the pipeline's lock again when the session that had it is gone. Two batches can find that at the same time. */
  async #keepLock(session: Session): Promise<void> {
    while (this.#keeper?.isLost === true) {
      if (this.#locking !== undefined) {
        await this.#locking.catch(() => undefined);
        continue;
      }
      this.#locking = this.#lockAgain(session);
      try {
        await this.#locking;
      } finally {
        this.#locking = undefined;
      }
    }
  }

  async #lockAgain(session: Session): Promise<void> {
    const pipeline = await this.#pipeline!;
    await isCommitted(session, pipeline, 0); // when another run has taken over, there is nothing to wait for
    // The server may find out later than we that the old session is gone.
    const patience = Math.max(this.#config.lock_timeout_seconds, this.#config.connect_timeout_seconds);
    await lockPipeline(session, pipeline, patience, this.#env);
    this.#keeper = session;
  }

  /** Does something on a connection of its own, and does it again when that is lost, or after bad luck. */
  async #with<T>(work: (lane: Lane, isAgain: boolean) => Promise<T>, first = () => this.#lane()): Promise<T> {
    for (let tries = 1; ; tries++) {
      let lane: Lane | undefined;
      try {
        lane = await (tries === 1 ? first() : this.#lane());
        return await work(lane, tries > 1);
      } catch (error) {
        if (lane !== undefined) await undo(lane);
        if (this.#env.signal.aborted && error === this.#env.signal.reason) throw error;
        if (!isPassing(error) || tries >= TRIES) throw asRefusal(error);
        this.#env.log.warn(`${asRefusal(error).message}; trying again`);
        await this.#env.clock.sleep(100 * 2 ** tries, this.#env.signal);
      } finally {
        if (lane !== undefined) this.#idle.push(lane);
      }
    }
  }

  /** Reads on a connection that nobody else has until the reading ends. */
  async *#reading<T>(read: (session: Session) => AsyncIterable<T>): AsyncIterable<T> {
    const lane = await this.#lane();
    try {
      yield* read(lane.session);
    } catch (error) {
      throw asRefusal(error);
    } finally {
      this.#idle.push(lane);
    }
  }

  #factsOf(stream: string): RowFacts {
    const known = this.#facts.get(stream);
    if (known !== undefined) return known;
    const facts = { startedAt: this.#startedAt, sequence: this.#startedAt * 1_000, now: () => this.#env.clock.now() };
    this.#facts.set(stream, facts);
    return facts;
  }

  /** The name of the table that a new stream is loaded into; with `overwrite` what a killed run left there goes away. */
  async #newTable(session: Session, stream: string, options: LoadOptions): Promise<string> {
    const own = [STATES, REJECTED, SCHEMAS, FORGOTTEN];
    const wanted = (name: string) => (own.includes(name) ? `${name}_` : name.startsWith(ASIDE) ? `_${name}` : name);
    const streams = [...this.#writers.keys(), stream].map(wanted);
    const name = claimNames([...own, ...streams], await tablesIn(session, options.schema), traits).at(-1) ?? stream;
    if (options.method !== "overwrite") return name;
    const [aside = name] = claimNames([`${ASIDE}${name}`], [], traits);
    this.#asides.push({ stream, aside, table: name });
    await session.run("BEGIN");
    await isCommitted(session, await this.#claim(options), 0); // a run that was overtaken must not drop the other's table
    await dropTable(session, options.schema, aside);
    await session.run("COMMIT");
    return aside;
  }

  async #commit(turn: Turn, options: LoadOptions): Promise<CommitResult> {
    const pipeline = await this.#claim(options);
    const result = await this.#with(
      async (lane, isAgain) => {
        if (isAgain) {
          await turn.previous;
          if (await isCommitted(lane.session, pipeline, turn.number)) return turn.sent!;
        }
        for (;;) {
          try {
            return await this.#attempt(lane, turn, pipeline, options);
          } catch (error) {
            if (turn.careful === "constraints" || !isAboutRow(error)) throw error;
            await undo(lane);
            turn.careful = turn.careful === false ? "rows" : "constraints";
          }
        }
      },
      () => this.#laneOf(turn),
    );
    for (const rows of turn.rows) rows.writer.recycle(rows);
    return result;
  }

  /** One transaction for all streams, the rejected rows and the state. */
  async #attempt(lane: Lane, turn: Turn, pipeline: Pipeline, options: LoadOptions): Promise<CommitResult> {
    const { step } = this.#env;
    const { session, staging } = lane;
    step("begin");
    await session.run("BEGIN");
    step("copy");
    for (const rows of turn.rows) {
      const isStaged = isProbablyStaged(rows, this.#targetOf(rows), optionsFor(options, rows.plan));
      if (!turn.careful && isStaged) await staging.stage(session, rows);
    }
    await turn.previous;
    try {
      step("merge");
      await fencedUpdate(session, pipeline, turn.number, turn.batch.state);
      turn.sent = await this.#mergeAll(lane, turn, options);
      step("commit");
      await session.run("COMMIT");
    } catch (error) {
      // What was found out about the tables is not certain any more. Before its turn, a batch has found out nothing.
      for (const { stream } of turn.rows) Object.assign(this.#targets.get(stream) ?? {}, unknownTarget());
      throw error;
    }
    step("committed");
    staging.reset(true);
    return turn.sent;
  }

  async #mergeAll(
    { session, staging }: Lane,
    { batch, rows: all, rejected, careful }: Turn,
    options: LoadOptions,
  ): Promise<CommitResult> {
    const total = { loaded: 0, removed: 0 };
    const refused: DatedRejected[] = [];
    if (careful === "constraints") await session.run("SET CONSTRAINTS ALL IMMEDIATE");
    for (const rows of all) {
      const target = this.#targetOf(rows);
      const its = optionsFor(options, rows.plan);
      const merged: CarefullyMerged =
        careful !== false
          ? await mergeCarefully(session, rows, target, staging, its)
          : { ...(await merge(session, rows, target, staging, its)), refused: [] };
      total.loaded += merged.loaded;
      total.removed += merged.removed;
      refused.push(...this.#dated(merged.refused.map(this.#withSchema), all));
    }
    const aside = [...rejected, ...refused];
    if (aside.length + batch.replayed.length > 0) await createRejected(session, options.schema);
    if (batch.replayed.length > 0) await deleteReplayed(session, options.schema, batch.replayed);
    if (aside.length > 0) await insertRejected(session, options.schema, aside);
    return { ...total, refused };
  }

  #targetOf({ stream }: SealedRows): Target {
    return this.#targets.get(stream) ?? unknownTarget();
  }

  #withSchema = (one: Omit<Rejected, "schema">): Rejected => ({
    ...one,
    schema: printJson(this.#messages.get(one.stream) as unknown as JsonObject),
  });

  /** Records to put aside, with their place in the order of the rows: right after the row that came before them. */
  #dated(rejected: readonly Rejected[], batch: readonly SealedRows[]): DatedRejected[] {
    const now = this.#env.clock.now();
    return rejected.map((one) => {
      if (one.first !== undefined) return { ...one, at: one.first.rejectedAt, sequence: one.first.sequence };
      const rows = batch.find(({ stream }) => stream === one.stream) as StagedRows<CopyBuffer> | undefined;
      const first = rows?.segments[0]?.buffer.firstSequence ?? this.#factsOf(one.stream).sequence;
      return { ...one, at: now, sequence: first + one.row - 1 };
    });
  }
}

/** After a failure: nothing of it is there. */
async function undo({ session, staging }: Lane): Promise<void> {
  staging.reset(false);
  if (!session.isLost) await session.run("ROLLBACK").catch(() => undefined);
}

/** True for what is over when it is tried again. */
function isPassing(error: unknown): boolean {
  return isConnectionLost(error) || isBadLuck(error) || MADE_MEANWHILE.includes(sqlState(error) ?? "");
}

const TOO_MANY_CONNECTIONS = "53300";

/** Another run made the table or the column at the same moment. */
const MADE_MEANWHILE = ["42P07", "42701", "42710"];
