import { randomUUID } from "node:crypto";
import type { LoadOptions, Rejected, RejectedRow, SealedRows, TableWriter, Warehouse } from "./destination.ts";
import type { Env } from "./env.ts";
import { isObject, parseJson, printJson, type JsonObject, type JsonValue } from "./json.ts";
import { misfitOf } from "./load.ts";
import type { SchemaMessage } from "./message.ts";
import { quote, verdicts, type Place, type Verdict } from "./obsolete.ts";
import { saysWhatIsNewer } from "./table.ts";
import { compileCheck, type Check } from "./validate.ts";
import { clean, mayNeedCleaning } from "./value.ts";

export interface ReplayOptions extends LoadOptions {
  readonly batchRows: number;
  readonly batchBytes: number;
  readonly validate: boolean;
  /** Only these streams; all when it is empty. */
  readonly streams: ReadonlySet<string>;
  /** Schemas that count instead of those that are kept. */
  readonly schemas: ReadonlyMap<string, SchemaMessage>;
  /** Looks only: nothing is loaded, nothing goes away. */
  readonly dryRun: boolean;
}

/** What became of a stream's records. */
export interface Replayed {
  loaded: number;
  obsolete: number;
  /** Still there, by reason. */
  readonly left: Map<string, number>;
}

/**
 * Sends the records of `_rejected` again, as if they came now in their old order: in the order of the table they stand
 * where they would have stood, so nothing that came after them is overwritten. A row of `_rejected` goes in the same
 * transaction in which its record becomes durable; wherever this is killed, running it again ends with the same tables.
 */
export async function replay(
  warehouse: Warehouse,
  options: ReplayOptions,
  env: Env,
): Promise<ReadonlyMap<string, Replayed>> {
  const run = new Replay(warehouse, options);
  const chunk = Math.min(CHUNK, options.batchRows);
  let rows: RejectedRow[] = [];
  for await (const row of warehouse.rejected(options.schema)) {
    if (options.streams.size > 0 && !options.streams.has(row.stream)) continue;
    rows.push(row);
    if (rows.length < chunk) continue;
    await run.take(rows);
    rows = [];
    if (env.signal.aborted) break;
  }
  await run.take(rows);
  await run.commit();
  return run.replayed;
}

/** Records that the table is asked about at a time. */
const CHUNK = 500;

interface Stream {
  readonly writer: TableWriter;
  readonly check: Check | undefined;
  readonly keys: readonly string[];
  /** The keys where they replace rows. */
  readonly identity: readonly string[];
  /** As it is kept. */
  readonly schema: string;
  readonly place: Place;
  /** The newest table version; records are put aside without theirs. */
  readonly version: number | undefined;
  readonly tied: Tied;
}

/**
 * Records that were put aside one after another have the same place in the order, so the table cannot tell their order.
 * These stay, by what makes them the same row: a later one of the same place that is loaded makes them obsolete.
 */
interface Tied {
  sequence: number;
  readonly left: Map<string, { readonly id: string; readonly reason: string }[]>;
}

class Replay {
  readonly replayed = new Map<string, Replayed>();
  readonly #warehouse: Warehouse;
  readonly #options: ReplayOptions;
  readonly #streams = new Map<string, Stream | undefined>();
  #ids: string[] = [];
  #again: Rejected[] = [];
  #bytes = 0; // of payloads that are put aside again
  /** `overwrite` makes the whole table one set: a later run has put another in its place. */
  readonly #isOneSet: boolean;
  /** Without metadata nobody can tell what a replay brought from what was there before: then it is one transaction. */
  #inOne: boolean;

  constructor(warehouse: Warehouse, options: ReplayOptions) {
    this.#warehouse = warehouse;
    this.#isOneSet = options.method === "overwrite";
    this.#options = this.#isOneSet ? { ...options, method: "upsert" } : options;
    this.#inOne = !options.metadata;
    for (const stream of options.streams) this.#of(stream);
  }

  async take(rows: readonly RejectedRow[]): Promise<void> {
    const byStream = new Map<string, RejectedRow[]>();
    for (const row of rows) {
      const others = byStream.get(row.stream);
      if (others === undefined) byStream.set(row.stream, [row]);
      else others.push(row);
    }
    for (const [name, ofStream] of byStream) {
      const stream = await this.#stream(name, ofStream[0]?.schema);
      if (stream === undefined) {
        for (const row of ofStream) this.#leave(row.stream, "no schema is kept for the stream; give one with --schema");
      } else {
        await this.#takeStream(stream, ofStream);
      }
    }
    if (!this.#inOne && this.#isFull()) await this.commit();
  }

  async commit(): Promise<void> {
    const writers = [...this.#streams.values()].flatMap((stream) => stream?.writer ?? []);
    const rows = writers.flatMap((writer): SealedRows[] => [writer.seal() ?? []].flat());
    const batch = { rows, rejected: this.#again, state: undefined, replayed: this.#ids };
    this.#again = [];
    this.#ids = [];
    this.#bytes = 0;
    if (this.#options.dryRun || batch.replayed.length === 0) return;
    const { refused } = await this.#warehouse.commit(batch, this.#options);
    for (const { stream, reason } of refused) {
      this.#of(stream).loaded--;
      this.#leave(stream, reason);
    }
  }

  async #takeStream(stream: Stream, rows: readonly RejectedRow[]): Promise<void> {
    const asides = rows.map((row) => asideOf(row, stream.place.metadata));
    const found =
      this.#options.method === "append"
        ? asides.map((): Verdict => "current")
        : await verdicts(
            { ...stream.place, plan: stream.writer.plan },
            asides.map(({ record, sequence }) => ({ record: record ?? {}, sequence })),
          );
    for (const [i, aside] of asides.entries()) {
      const { row } = aside;
      switch (found[i]) {
        case "obsolete":
          this.#ids.push(row.id);
          this.#of(row.stream).obsolete++;
          break;
        case "unknown":
          this.#leave(row.stream, "without metadata columns nobody can tell whether its set was loaded anew");
          break;
        default:
          this.#send(stream, aside);
      }
    }
  }

  #send(stream: Stream, sent: Sent): void {
    const { row, record, payload, sequence } = sent;
    const { writer } = stream;
    const reason =
      record === undefined ? "the payload is no JSON object" : misfitOf(record, stream, `{"record":${payload}}`);
    const placed = stream.place.metadata ? { ...record, _sdc_sequence: sequence } : (record ?? {});
    const misfit = reason ?? writer.append(placed, undefined, stream.version);
    if (stream.tied.sequence !== sequence) stream.tied.left.clear();
    stream.tied.sequence = sequence;
    if (misfit === undefined) {
      this.#ids.push(row.id);
      this.#of(row.stream).loaded++;
      if (stream.tied.left.size > 0) this.#overtake(stream, rowText(stream, record));
      return;
    }
    const same = rowText(stream, record);
    const tied = stream.tied.left.get(same) ?? [];
    stream.tied.left.set(same, [...tied, { id: row.id, reason: misfit }]);
    this.#leave(row.stream, misfit);
    this.#putAsideAgain(stream, sent, misfit);
  }

  #putAsideAgain({ writer, schema }: Stream, { row, payload, sequence }: Sent, reason: string): void {
    const { id, stream, line, rejectedAt } = row;
    if (reason === row.reason && payload === row.payload && schema === row.schema) return; // it says nothing new
    const first = { rejectedAt, sequence: payload === row.payload ? row.sequence : sequence };
    this.#ids.push(id);
    this.#again.push({ id, stream, reason, line, payload, row: writer.rows, first, schema });
    this.#bytes += payload.length;
  }

  /** Takes away what was to stay, as a later record with its key is loaded. */
  #overtake({ writer, tied }: Stream, same: string): void {
    const counts = this.#of(writer.stream);
    for (const { id, reason } of tied.left.get(same) ?? []) {
      this.#ids.push(id);
      this.#again = this.#again.filter((one) => one.id !== id);
      const count = (counts.left.get(reason) ?? 0) - 1;
      if (count > 0) counts.left.set(reason, count);
      else counts.left.delete(reason);
      counts.obsolete++;
    }
    tied.left.delete(same);
  }

  #leave(stream: string, reason: string): void {
    const { left } = this.#of(stream);
    left.set(reason, (left.get(reason) ?? 0) + 1);
  }

  #of(stream: string): Replayed {
    const known = this.replayed.get(stream);
    if (known !== undefined) return known;
    const replayed = { loaded: 0, obsolete: 0, left: new Map<string, number>() };
    this.replayed.set(stream, replayed);
    return replayed;
  }

  #isFull(): boolean {
    let bytes = this.#bytes;
    for (const stream of this.#streams.values()) bytes += stream?.writer.bytes ?? 0;
    return this.#ids.length >= this.#options.batchRows || bytes >= this.#options.batchBytes;
  }

  async #stream(name: string, kept: string | undefined): Promise<Stream | undefined> {
    if (this.#streams.has(name)) return this.#streams.get(name);
    const message = this.#options.schemas.get(name) ?? schemaIn(kept);
    const stream = message === undefined ? undefined : await this.#open(message);
    this.#streams.set(name, stream);
    return stream;
  }

  async #open(message: SchemaMessage): Promise<Stream> {
    const { schema, validate } = this.#options;
    const metadata = this.#options.metadata && !hasOwnMetadata(message);
    if (!metadata) this.#inOne = true;
    const writer = await this.#writer(message, metadata);
    const { plan } = writer;
    const table = `${quote(schema)}.${quote(plan.table)}`;
    const columns = new Set<string>();
    const sql =
      "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2";
    for await (const { name } of this.#warehouse.query(sql, [schema, plan.table])) columns.add(name as string);
    const replaces = this.#isOneSet ? [] : message.replaces;
    const sets = replaces?.map((property) => columnOf(writer, property));
    return {
      writer,
      check: validate ? compileCheck(message.stream, message.schema) : undefined,
      keys: message.keys,
      identity: this.#options.method === "append" ? [] : message.keys,
      schema: printJson(message as unknown as JsonObject),
      place: { warehouse: this.#warehouse, table, columns, plan, sets, metadata },
      version: columns.has("_sdc_table_version") ? await this.#newestVersion(table) : undefined,
      tied: { sequence: NaN, left: new Map() },
    };
  }

  /**
   * The writer for a stream whose records bring their place in the order with them. Where no column of the stream says
   * which row is newer, that place does. No set starts anew.
   */
  async #writer(message: SchemaMessage, metadata: boolean): Promise<TableWriter> {
    const plain: ReplayMessage = { ...without(message, "replaces"), replayOf: message };
    if (!metadata) return this.#warehouse.table(plain, this.#options);
    const properties = isObject(message.schema["properties"]) ? message.schema["properties"] : {};
    const schema = { ...message.schema, properties: { ...properties, _sdc_sequence: { type: ["integer", "null"] } } };
    const placed: ReplayMessage = { ...plain, schema };
    const writer = await this.#warehouse.table(placed, this.#options);
    const { columns, newestBy } = writer.plan;
    if (columns.some(({ name, type }) => name === newestBy && saysWhatIsNewer(type))) return writer;
    return this.#warehouse.table({ ...placed, newestBy: "_sdc_sequence" }, this.#options);
  }

  async #newestVersion(table: string): Promise<number | undefined> {
    const sql = `SELECT CAST(max(_sdc_table_version) AS TEXT) AS version FROM ${table}`;
    for await (const { version } of this.#warehouse.query(sql)) {
      if (typeof version === "string") return Number(version);
    }
    return undefined;
  }
}

/** A schema as it is replayed. A destination that keeps it, with a row that the database refused, keeps the real one. */
interface ReplayMessage extends SchemaMessage {
  readonly replayOf: SchemaMessage;
}

/** A row of `_rejected` as it is sent again. */
interface Sent {
  readonly row: RejectedRow;
  readonly record: JsonObject | undefined;
  /** The record as JSON. */
  readonly payload: string;
  readonly sequence: number;
}

function asideOf(row: RejectedRow, metadata: boolean): Sent {
  const { payload } = row;
  const record = recordIn(payload);
  const sequence = row.sequence ?? firstSequenceAt(row.rejectedAt) - 1;
  const own = record?.["_sdc_sequence"];
  if (record === undefined || !metadata || typeof own !== "number" || own < EARLIEST || own > sequence) {
    return { row, record, payload, sequence };
  }
  // The database refused this row when it was replayed; it went aside as we sent it, with its place in it.
  const rest = without(record, "_sdc_sequence");
  return { row, record: rest, payload: printJson(rest), sequence: own };
}

/**
 * Sequences grow by one a row, from the microsecond when the run or the batch began. What was put aside by an earlier
 * version has none: what came in the same batch counts as later.
 */
const firstSequenceAt = (ms: number) => Math.floor(ms * 1_000);
const EARLIEST = firstSequenceAt(Date.UTC(2020, 0, 1));

const without = <T extends object>(object: T, name: keyof T): T =>
  Object.fromEntries(Object.entries(object).filter(([own]) => own !== name)) as T;

/** What makes two records the same row, equally new; of its own for each record where nothing does. */
function rowText({ identity, writer: { plan } }: Stream, record: JsonObject | undefined): string {
  const newest = plan.columns.find(({ name }) => name === plan.newestBy)?.path[0];
  const values = identity.map((key) => record?.[key] ?? null);
  return values.length === 0 || values.includes(null)
    ? randomUUID()
    : printJson([...values, record?.[newest ?? ""] ?? null]);
}

const hasOwnMetadata = ({ schema }: SchemaMessage) =>
  isObject(schema["properties"]) &&
  Object.keys(schema["properties"]).some((name) => /^_sdc_(?:sequence|sync_started_at)$/i.test(name));

function columnOf({ plan }: TableWriter, property: string): string {
  return plan.columns.find(({ path }) => path.length === 1 && path[0] === property)?.name ?? property;
}

function recordIn(payload: string): JsonObject | undefined {
  const value = valueIn(payload);
  if (!isObject(value)) return undefined;
  return mayNeedCleaning(payload) ? clean(value).value : value;
}

function schemaIn(text: string | undefined): SchemaMessage | undefined {
  const value = text === undefined ? undefined : valueIn(text);
  if (!isObject(value) || !isObject(value["schema"]) || !Array.isArray(value["keys"])) return undefined;
  return (isObject(value["replayOf"]) ? value["replayOf"] : value) as unknown as SchemaMessage;
}

function valueIn(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined; // the error would repeat parts of the text
  }
}
