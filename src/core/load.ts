import { randomUUID } from "node:crypto";
import {
  optionsFor,
  type LoadMethod,
  type LoadOptions,
  type Rejected,
  type SealedRows,
  type TableWriter,
  type Warehouse,
} from "./destination.ts";
import type { Env } from "./env.ts";
import { EltError } from "./errors.ts";
import { isExact, printJson, type JsonObject } from "./json.ts";
import { Ledger } from "./ledger.ts";
import type { ActivateVersionMessage, Message, RecordMessage, SchemaMessage, State, StateMessage } from "./message.ts";
import type { TablePlan } from "./table.ts";
import { compileCheck, type Check } from "./validate.ts";
import { clean, mayNeedCleaning } from "./value.ts";

export interface LoaderOptions extends LoadOptions {
  readonly batchRows: number;
  readonly batchBytes: number;
  readonly batchMaxAgeMs: number;
  readonly validate: boolean;
  readonly activateVersions: boolean;
  /**
   * For a source that sends a state for each stream and wants every one back. Gives what is kept in the warehouse of all
   * that was said so far, when these states are about to be committed; at the end also with `complete`, the streams whose
   * new tables take the place of the old. Without it the newest state is kept, and one that says nothing new is left out.
   */
  keepStates?(states: readonly StateMessage[], complete?: ReadonlySet<string>): State | undefined;
  /**
   * Asked once, when the run has the right to write and no record has come: what takes out of records what was
   * forgotten. Undefined when nothing was.
   */
  openEraser?(warehouse: Warehouse): Promise<Eraser | undefined>;
}

/** Keeps what was forgotten out of the tables. */
export interface Eraser {
  /** A record as it may be loaded: the same object when it names nobody who was forgotten; undefined: not at all. */
  erase(stream: string, record: JsonObject): JsonObject | undefined;
  /** Called before a batch is committed: keeps what its records told, so that a run that is killed leaves it to the next. */
  note(): Promise<void>;
  /** Called when what came so far is durable, and in place: takes back what only later records showed to be forgotten. */
  settle(): Promise<void>;
}

export interface LoadSummary {
  readonly rows: Readonly<Record<string, number>>;
  readonly rejected: number;
  /** True when a record lacked its key: the tap is wrong, not just a value. */
  readonly keysMissing: boolean;
  /** NULs and lone surrogates that were replaced by U+FFFD. */
  readonly replaced: number;
  /** Records that were left out, and such that lost what is forgotten. */
  readonly forgotten: { readonly leftOut: number; readonly erased: number };
  /** Properties of records that no schema names, by stream. */
  readonly unknown: Readonly<Record<string, readonly string[]>>;
  /** The tables that the streams went to. */
  readonly tables: readonly TablePlan[];
}

interface Loading {
  readonly writer: TableWriter;
  readonly check: Check | undefined;
  readonly schemaText: string;
  /** The SCHEMA as it goes with what is put aside. */
  readonly schema: string;
  /** What its rows are merged by. */
  readonly identity: string;
  readonly keys: readonly string[];
  readonly method: LoadMethod;
  rows: number;
}

/**
 * From messages to committed rows and released states.
 *
 * `accept` takes a message and returns a promise only when the caller must wait: for a schema, and when a batch is full
 * while as many as the warehouse takes are still being written. So one batch is filled while the last ones are committed.
 */
export class Loader {
  readonly #streams = new Map<string, Loading>();
  readonly #ledger: Ledger;
  readonly #warehouse: Warehouse;
  readonly #options: LoaderOptions;
  readonly #env: Env;
  readonly #release: (state: StateMessage, isLast: boolean) => void;
  #rejected: Rejected[] = [];
  #rejectedBytes = 0;
  #rejectedCount = 0;
  #records = 0; // since the last seal, of all streams, loaded or rejected
  #batchRows: number;
  #unweighed = 0; // characters of lines since the bytes of all streams were last summed up
  #lastState = "";
  #keysMissing = false;
  #replaced = 0;
  #eraser: Eraser | undefined;
  #isEraserOpen = false;
  readonly #forgotten = { leftOut: 0, erased: 0 };
  #oldest: number | undefined; // when the first row or state of the open batch arrived
  readonly #committing: Promise<void>[] = []; // oldest first; none of them rejects
  #failure: { error: unknown } | undefined;
  readonly #heldStates: StateMessage[] = []; // of `overwrite`, until the end

  /** `release` is called for each state, in order, once everything before it is durable. */
  constructor(
    warehouse: Warehouse,
    options: LoaderOptions,
    env: Env,
    release: (state: StateMessage, isLast: boolean) => void,
  ) {
    this.#warehouse = warehouse;
    this.#options = options;
    this.#env = env;
    this.#release = release;
    this.#ledger = new Ledger(options.keepStates !== undefined);
    this.#batchRows = Math.min(options.batchRows, warehouse.firstBatchRows);
  }

  /** Takes the message of a line; `text` is the line itself and `line` its number. */
  accept(message: Message, text: string, line: number): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    switch (message.type) {
      case "record":
        return this.#record(mayNeedCleaning(text) ? this.#cleaned(message) : message, text, line);
      case "state": {
        this.#state(message);
        return;
      }
      case "schema":
        return this.#schema(mayNeedCleaning(text) ? this.#cleaned(message) : message);
      case "activate-version":
        return this.#activate(mayNeedCleaning(text) ? this.#cleaned(message) : message);
      case "log":
      case "failure":
        return undefined;
    }
  }

  /** Called every now and then, so that a slow or idle source does not hold back what is here. */
  tick(): void {
    const age = this.#oldest === undefined ? 0 : this.#env.clock.now() - this.#oldest;
    if (age < this.#options.batchMaxAgeMs || this.#isBusy || this.#failure !== undefined) return;
    this.#startCommit();
  }

  /** Commits what is in hand and waits for it. After it every state that came is released, but for `overwrite`. */
  async flush(): Promise<void> {
    await this.#nextBatch();
    await this.#idle();
    if (this.#options.method !== "overwrite" && this.#overwritten.length === 0) await this.#eraser?.settle();
  }

  /**
   * The end of the input: commits the rest; `overwrite` puts its tables in place, those of `complete` where only some
   * streams came to their end. States of the others are not released: what they cover is not in any table.
   */
  async finish(complete?: ReadonlySet<string>): Promise<void> {
    await this.flush();
    const held = this.#heldStates.splice(0);
    const done = complete === undefined ? held : held.filter((state) => this.#isDone(state, complete));
    await this.#warehouse.finish(this.#kept(done, complete), this.#options, complete);
    await this.#eraser?.settle();
    this.#say(done);
  }

  /** True when a commit has failed; whatever is called next throws its error. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  get summary(): LoadSummary {
    return {
      rows: Object.fromEntries([...this.#streams].map(([stream, { rows }]) => [stream, rows])),
      rejected: this.#rejectedCount,
      keysMissing: this.#keysMissing,
      replaced: this.#replaced,
      forgotten: { ...this.#forgotten },
      unknown: Object.fromEntries(
        [...this.#streams].flatMap(([stream, { writer }]) =>
          writer.unknownProperties.size === 0 ? [] : [[stream, [...writer.unknownProperties]]],
        ),
      ),
      tables: [...this.#streams.values()].map(({ writer }) => writer.plan),
    };
  }

  #record(message: RecordMessage, text: string, line: number): Promise<void> | undefined {
    const loading = this.#streams.get(message.stream);
    if (loading === undefined) {
      throw new EltError(
        "RECORD_BEFORE_SCHEMA",
        `line ${line}: a record of stream "${message.stream}" came before its schema`,
        {
          stream: message.stream,
        },
      );
    }
    const record = this.#eraser === undefined ? message.record : this.#erased(message, this.#eraser);
    if (record === undefined) return undefined;
    this.#oldest ??= this.#env.clock.now();
    const reason =
      misfitOf(record, loading, text) ?? loading.writer.append(record, message.extractedAt, message.version);
    if (reason === undefined) loading.rows++;
    else this.#putAside(message.stream, reason, line, record, loading);
    if (message.clears !== undefined) this.#clear(message.clears, record);
    return this.#isFull(text) ? this.#nextBatch() : undefined;
  }

  #erased({ stream, record }: RecordMessage, eraser: Eraser): JsonObject | undefined {
    const erased = eraser.erase(stream, record);
    if (erased === undefined) this.#forgotten.leftOut++;
    else if (erased !== record) this.#forgotten.erased++;
    return erased;
  }

  /** Names are cleaned like values, so that they are still the same names. */
  #cleaned<M extends RecordMessage | SchemaMessage | ActivateVersionMessage>(message: M): M {
    const { value, replaced } = clean(message as unknown as JsonObject);
    this.#replaced += replaced;
    return value as unknown as M;
  }

  #putAside(stream: string, reason: string, line: number, record: JsonObject, loading: Loading): void {
    const payload = printJson(record);
    const { writer, schema } = loading;
    this.#rejected.push({ id: randomUUID(), stream, reason, line, payload, row: writer.rows, schema });
    this.#rejectedBytes += payload.length;
    if (lacksKey(record, loading.keys)) this.#keysMissing = true;
    this.#countRejected(stream, `line ${line}: a record of stream "${stream}" was put aside: ${reason}`);
  }

  #countRejected(stream: string, text: string): void {
    this.#rejectedCount++;
    if (this.#rejectedCount <= 10) this.#env.log.warn(text, { stream });
  }

  #clear(streams: readonly string[], parent: JsonObject): void {
    for (const stream of streams) this.#streams.get(stream)?.writer.clear(parent);
  }

  #isFull(text: string): boolean {
    if (++this.#records >= this.#batchRows) return true;
    // Bytes are summed up now and then only: when what came since could be an eighth of a batch.
    this.#unweighed += text.length;
    if (this.#unweighed * 8 < this.#options.batchBytes) return false;
    this.#unweighed = 0;
    let bytes = this.#rejectedBytes;
    for (const { writer } of this.#streams.values()) bytes += writer.bytes;
    return bytes >= this.#options.batchBytes;
  }

  #state(message: StateMessage): undefined {
    for (const { writer } of this.#streams.values()) writer.endSets();
    if (Object.keys(message.state).length === 0) return; // an empty state would wipe out the one that is kept
    if (this.#options.keepStates === undefined) {
      const text = `${message.stream ?? ""} ${printJson(message.state)}`;
      if (text === this.#lastState) return; // it says nothing new
      this.#lastState = text;
    }
    this.#oldest ??= this.#env.clock.now();
    this.#ledger.note(message);
  }

  async #schema(message: SchemaMessage): Promise<void> {
    const known = this.#streams.get(message.stream);
    const identity = JSON.stringify([message.keys, message.replaces, message.newestBy ?? message.bookmarks?.[0]]);
    const schemaText = JSON.stringify([message.schema, identity]);
    known?.writer.endSets();
    if (known?.schemaText === schemaText) return;
    if (known !== undefined && known.identity !== identity) await this.flush(); // rows in hand are merged by the old key
    await this.#idle();
    const writer = await this.#warehouse.table(message, this.#options);
    if (!this.#isEraserOpen) this.#eraser = await this.#options.openEraser?.(this.#warehouse);
    this.#isEraserOpen = true;
    this.#streams.set(message.stream, {
      check: this.#options.validate ? compileCheck(message.stream, message.schema) : undefined,
      writer,
      schemaText,
      schema: printJson(message as unknown as JsonObject),
      identity,
      keys: message.keys,
      method: optionsFor(this.#options, message).method,
      rows: known?.rows ?? 0,
    });
  }

  async #activate(message: ActivateVersionMessage): Promise<void> {
    const loading = this.#streams.get(message.stream);
    if (!this.#options.activateVersions || loading === undefined) return;
    loading.writer.activate(message.version);
    await this.#nextBatch();
  }

  async #nextBatch(): Promise<void> {
    while (this.#isBusy) await this.#committing[0];
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#startCommit();
  }

  get #isBusy(): boolean {
    return this.#committing.length >= this.#warehouse.maxCommits;
  }

  /** Waits until nothing is being committed any more. */
  async #idle(): Promise<void> {
    while (this.#committing.length > 0) await this.#committing[0];
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #startCommit(): void {
    const rows = [...this.#streams.values()].flatMap(({ writer }) => writer.seal() ?? []);
    const { mark, states } = this.#ledger.seal();
    const rejected = this.#rejected;
    this.#rejected = [];
    this.#rejectedBytes = 0;
    if (this.#records >= this.#batchRows) this.#batchRows = Math.min(this.#options.batchRows, this.#batchRows * 2);
    this.#records = 0;
    this.#unweighed = 0;
    this.#oldest = undefined;
    if (rows.length === 0 && rejected.length === 0 && mark === 0) return;
    const kept = this.#kept(states.filter((state) => !this.#isHeld(state)));
    const commit = this.#commit(rows, rejected, kept, mark)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#committing.splice(this.#committing.indexOf(commit), 1));
    this.#committing.push(commit);
  }

  async #commit(rows: SealedRows[], rejected: Rejected[], state: State | undefined, mark: number): Promise<void> {
    const started = performance.now();
    await this.#eraser?.note();
    const result = await this.#warehouse.commit({ rows, rejected, state, replayed: [] }, this.#options);
    for (const { stream, reason } of result.refused) {
      const loading = this.#streams.get(stream);
      if (loading !== undefined) loading.rows--; // it was counted when it came
      this.#countRejected(stream, `a record of stream "${stream}" was put aside, the database refused it: ${reason}`);
    }
    const released = this.#ledger.release(mark);
    this.#heldStates.push(...released.filter((one) => this.#isHeld(one)));
    this.#say(released.filter((one) => !this.#isHeld(one)));
    this.#env.step("said");
    for (const { stream, rows: count } of rows) {
      this.#env.log.metric({ type: "counter", metric: "record_count", value: count, tags: { stream } });
    }
    const seconds = (performance.now() - started) / 1_000;
    this.#env.log.metric({
      type: "timer",
      metric: "batch_processing_time",
      value: seconds,
      tags: { rows: result.loaded },
    });
  }

  /** True for a state of rows that nobody sees before the end: those of a stream that is overwritten, or of all streams. */
  #isHeld({ stream }: StateMessage): boolean {
    if (stream === undefined) return this.#options.method === "overwrite" || this.#overwritten.length > 0;
    return (this.#streams.get(stream)?.method ?? this.#options.method) === "overwrite";
  }

  #isDone({ stream }: StateMessage, complete: ReadonlySet<string>): boolean {
    return stream === undefined ? this.#overwritten.every((one) => complete.has(one)) : complete.has(stream);
  }

  get #overwritten(): string[] {
    return [...this.#streams].flatMap(([stream, { method }]) => (method === "overwrite" ? [stream] : []));
  }

  /** What is kept in the warehouse once these states are committed. */
  #kept(states: readonly StateMessage[], complete?: ReadonlySet<string>): State | undefined {
    if (this.#options.keepStates === undefined) return states.at(-1)?.state;
    return states.length > 0 || complete !== undefined ? this.#options.keepStates(states, complete) : undefined;
  }

  #say(states: readonly StateMessage[]): void {
    states.forEach((state, index) => {
      this.#release(state, index === states.length - 1);
    });
  }
}

/** Why a record cannot be loaded, before any column sees it. `text` is its RECORD line. */
export function misfitOf(
  record: JsonObject,
  { check, keys }: { readonly check: Check | undefined; readonly keys: readonly string[] },
  text: string,
): string | undefined {
  for (const key of keys) {
    const value = record[key];
    if (value === undefined || value === null) return `key property "${key}" is ${value === null ? "null" : "missing"}`;
  }
  if (check === undefined) return undefined;
  const reason = check(record);
  if (reason === undefined || !containsExact(record)) return reason;
  // A number with more digits than a double holds is an object here; the check wants the rounded number.
  return check((JSON.parse(text) as { record: unknown }).record);
}

const lacksKey = (record: JsonObject, keys: readonly string[]) =>
  keys.some((key) => record[key] === undefined || record[key] === null);

function containsExact(record: JsonObject): boolean {
  return Object.values(record).some((value) => isExact(value) || (typeof value === "object" && value !== null));
}
