import { sameType, widen, type Column, type ColumnType } from "../../core/column.ts";
import type { SealedRows, TableWriter } from "../../core/destination.ts";
import { isObject, printJson, type JsonObject, type JsonValue } from "../../core/json.ts";
import { mergePlans, samePlan, type TablePlan } from "../../core/table.ts";
import { KeyFilter } from "../../core/key-filter.ts";
import { ParquetColumn } from "./parquet.ts";
import { PHYSICAL } from "./types.ts";
import { putter, type Put } from "./values.ts";

/** Rows of one layout: a stream has several in a batch when a column became wider or was added between them. */
export interface Segment {
  readonly plan: TablePlan;
  /** As `plan.columns`, then the time of extraction, then the table version. */
  readonly columns: readonly ParquetColumn[];
  /** Number of the first row within the batch. */
  readonly firstRow: number;
}

/** What `seal` hands to `merge`. */
export interface StagedRows extends SealedRows {
  readonly writer: DuckdbWriter;
  readonly plan: TablePlan;
  readonly segments: readonly Segment[];
  /** Sets that start in this batch: their values, and the row they start at, the last one where they start twice. */
  readonly sets: Segment | undefined;
  /** A set started twice, so earlier rows of it are already obsolete. */
  readonly setsRestarted: boolean;
  /** The first rows go on with a set that an earlier batch began. */
  readonly continuesSet: boolean;
  /** Two rows of the batch may have the same key. */
  readonly mayHaveDuplicates: boolean;
  readonly hasVersions: boolean;
  readonly activate: number | undefined;
}

export class DuckdbWriter implements TableWriter {
  readonly stream: string;
  /** The table as it will be; `merge` makes it so before the first row. */
  plan: TablePlan;
  /** The plan that the table already fits, see `merge`. */
  readyFor: TablePlan | undefined;
  /** True while nothing can be in the table that this run did not just find to be missing. */
  tableIsEmpty = false;
  readonly unknownProperties: Set<string>;
  #segments: Segment[] = [];
  #columns: ParquetColumn[] = [];
  #puts: Put[] = [];
  #firstRow = 0;
  #spare: ParquetColumn[][] = [];
  readonly #keysSeen = new KeyFilter();
  #keyColumns: readonly Column[] = [];
  #setColumns: readonly Column[] = [];
  #keysCompareAsText = false;
  #isNested = false;
  #mayHaveDuplicates = false;
  #openSet: string | undefined;
  #continuesSet = false;
  #setStarts = new Map<string, { row: number; record: JsonObject }>();
  #setsRestarted = false;
  #hasVersions = false;
  #activate: number | undefined;

  constructor(plan: TablePlan, unknownProperties: ReadonlySet<string> = new Set()) {
    this.stream = plan.stream;
    this.plan = plan;
    this.unknownProperties = new Set(unknownProperties);
    this.#layOut();
  }

  get rows(): number {
    return this.#firstRow + (this.#columns[0]?.rows ?? 0);
  }

  get bytes(): number {
    let bytes = 0;
    for (const column of this.#columns) bytes += column.bytes;
    for (const { columns } of this.#segments) for (const column of columns) bytes += column.bytes;
    return bytes;
  }

  /** Changes the layout so that rows of both schemas fit; rows taken so far keep theirs. */
  replan(next: TablePlan): void {
    const merged = mergePlans(this.plan, next);
    if (samePlan(merged, this.plan)) return;
    this.#cut();
    this.plan = merged;
    this.#layOut();
  }

  append(record: JsonObject, extractedAt: number | undefined, version: number | undefined): string | undefined {
    const { columns } = this.plan;
    const staged = this.#columns;
    let present = 0;
    for (let i = 0; i < columns.length; i++) {
      const value = valueAt(record, columns[i]!.path);
      if (value === undefined || value === null) {
        staged[i]!.addNull();
        if (value === null) present++;
        continue;
      }
      present++;
      const misfit = this.#puts[i]!(staged[i]!, value);
      if (misfit === undefined) continue;
      for (let taken = 0; taken < i; taken++) staged[taken]!.undo();
      if ("reason" in misfit) return `property "${columns[i]!.path.join(".")}" ${misfit.reason}`;
      this.#widen(i, misfit.widenTo);
      return this.append(record, extractedAt, version);
    }
    this.#addMetadata(extractedAt, version);
    if (this.#isNested || present < Object.keys(record).length) this.#noteUnknown(record, []);
    if (this.plan.replaces !== undefined) this.#noteSet(record);
    if (this.#keyColumns.length > 0) this.#noteKey(record);
    return undefined;
  }

  clear(record: JsonObject): void {
    if (this.plan.replaces === undefined || this.#setColumns.length === 0) return;
    const key = textOf(record, this.#setColumns);
    this.#startSet(key, record, this.rows);
  }

  endSets(): void {
    this.#openSet = undefined;
  }

  activate(version: number): void {
    this.#activate = version;
  }

  seal(): StagedRows | undefined {
    const rows = this.rows;
    if (rows === 0 && this.#setStarts.size === 0 && this.#activate === undefined) return undefined;
    this.#cut();
    const sealed: StagedRows = {
      stream: this.stream,
      rows,
      writer: this,
      plan: this.plan,
      segments: this.#segments,
      sets: this.#setStarts.size === 0 ? undefined : this.#sets(),
      setsRestarted: this.#setsRestarted,
      continuesSet: this.#continuesSet,
      mayHaveDuplicates: this.#mayHaveDuplicates,
      hasVersions: this.#hasVersions,
      activate: this.#activate,
    };
    this.#segments = [];
    this.#firstRow = 0;
    this.#keysSeen.clear();
    this.#mayHaveDuplicates = this.#keysCompareAsText;
    this.#setStarts = new Map();
    this.#setsRestarted = false;
    this.#continuesSet = false;
    this.#activate = undefined;
    this.#layOut();
    return sealed;
  }

  /** Takes buffers back that a batch is done with, so that steady loading allocates nothing. */
  recycle({ segments }: StagedRows): void {
    for (const { plan, columns } of segments) {
      if (plan !== this.plan || this.#spare.length > 0) continue;
      for (const column of columns) column.clear();
      this.#spare.push([...columns]);
    }
  }

  #layOut(): void {
    const { plan } = this;
    const named = (names: readonly string[]) => plan.columns.filter((column) => names.includes(column.name));
    this.#keyColumns = named(plan.keys);
    this.#setColumns = named(plan.replaces ?? []);
    // Two texts can be one instant or one number, so such keys are always compared by the database.
    this.#keysCompareAsText = this.#keyColumns.some(({ type }) => !["text", "integer", "boolean"].includes(type.kind));
    if (this.#keysCompareAsText) this.#mayHaveDuplicates = true;
    this.#puts = plan.columns.map(({ type }) => putter(type));
    this.#isNested = plan.columns.some(({ path }) => path.length > 1);
    const spare = this.#spare.pop();
    const fits =
      spare?.length === plan.columns.length + 2 &&
      plan.columns.every(({ type }, i) => spare[i]?.physical === PHYSICAL[type.kind]);
    this.#columns = fits
      ? spare
      : [
          ...plan.columns.map(({ type }, i) => new ParquetColumn(`c${i}`, PHYSICAL[type.kind])),
          new ParquetColumn("extracted_at", "timestamp"),
          new ParquetColumn("version", "bigint"),
        ];
  }

  /** A file of its own for the sets, in the types that their columns have by now. */
  #sets(): Segment {
    const puts = this.#setColumns.map(({ type }) => putter(type));
    const values = this.#setColumns.map(({ type }, i) => new ParquetColumn(`c${i}`, PHYSICAL[type.kind]));
    const start = new ParquetColumn("start", "bigint");
    for (const { row, record } of this.#setStarts.values()) {
      this.#setColumns.forEach((column, i) => {
        const value = valueAt(record, column.path);
        // What does not fit its column is no row's value either.
        if (value === undefined || value === null || puts[i]!(values[i]!, value) !== undefined) values[i]!.addNull();
      });
      start.addInt64(row);
    }
    return { plan: { ...this.plan, columns: this.#setColumns }, columns: [...values, start], firstRow: 0 };
  }

  #cut(): void {
    const rows = this.#columns[0]?.rows ?? 0;
    if (rows === 0) return;
    this.#segments.push({ plan: this.plan, columns: this.#columns, firstRow: this.#firstRow });
    this.#firstRow += rows;
    this.#columns = [];
  }

  #widen(index: number, to: ColumnType): void {
    const columns = this.plan.columns.map((column, i) =>
      i === index ? { ...column, type: widen(column.type, to) } : column,
    );
    if (sameType(columns[index]!.type, this.plan.columns[index]!.type))
      columns[index] = { ...columns[index]!, type: { kind: "text" } };
    this.#cut();
    this.plan = { ...this.plan, columns };
    this.#layOut();
  }

  #addMetadata(extractedAt: number | undefined, version: number | undefined): void {
    const at = this.#columns[this.plan.columns.length]!;
    if (extractedAt === undefined) at.addNull();
    else at.addInt64(Math.round(extractedAt * 1_000));
    const of = this.#columns[this.plan.columns.length + 1]!;
    if (version === undefined) {
      of.addNull();
    } else {
      of.addInt64(version);
      this.#hasVersions = true;
    }
  }

  #noteKey(record: JsonObject): void {
    if (this.#mayHaveDuplicates) return;
    if (this.#keysSeen.add(textOf(record, this.#keyColumns))) this.#mayHaveDuplicates = true;
  }

  #noteSet(record: JsonObject): void {
    const key = textOf(record, this.#setColumns);
    if (key !== this.#openSet) this.#startSet(key, record, this.rows - 1);
    else if (!this.#setStarts.has(key)) this.#continuesSet = true;
  }

  #startSet(key: string, record: JsonObject, atRow: number): void {
    this.#openSet = key;
    // The rows that go on with a set of the batch before may be of this one.
    if (this.#setStarts.has(key) || this.#continuesSet) this.#setsRestarted = true;
    const values = this.#setColumns.map(({ path: [name = ""] }) => [name, record[name]]);
    this.#setStarts.set(key, { row: atRow, record: Object.fromEntries(values) as JsonObject }); // the record itself would keep its line
  }

  #noteUnknown(record: JsonObject, path: readonly string[]): void {
    for (const [name, value] of Object.entries(record)) {
      const here = [...path, name];
      const below = this.plan.columns.filter((column) => here.every((step, i) => column.path[i] === step));
      if (below.length === 0 && this.unknownProperties.size < 100) this.unknownProperties.add(here.join("."));
      if (isObject(value) && below.length > 0 && below.every((column) => column.path.length > here.length))
        this.#noteUnknown(value, here);
    }
  }
}

function valueAt(record: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = own(record, path[0]!);
  for (let i = 1; i < path.length; i++) {
    value =
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? own(value as JsonObject, path[i]!)
        : undefined;
  }
  return value;
}

/** A property of the record, not one such as `constructor` or `__proto__` that it inherits. */
function own(record: JsonObject, name: string): JsonValue | undefined {
  const value: unknown = record[name];
  return typeof value === "function" || value === Object.prototype ? undefined : (value as JsonValue | undefined);
}

/** The values of these columns as one text; the same text only for the same values. */
function textOf(record: JsonObject, columns: readonly Column[]): string {
  if (columns.length === 1) return valueText(record[columns[0]!.path[0]!]);
  let text = "";
  for (const column of columns) text += `${valueText(record[column.path[0]!])}\0`; // no text holds a NUL: they are cleaned away
  return text;
}

const valueText = (value: JsonValue | undefined) => (typeof value === "string" ? value : printJson(value ?? null));
