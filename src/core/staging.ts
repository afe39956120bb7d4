import { sameType, widen, type Column, type ColumnType } from "./column.ts";
import type { SealedRows, TableWriter } from "./destination.ts";
import { isObject, printJson, type JsonObject, type JsonValue } from "./json.ts";
import { KeyFilter } from "./key-filter.ts";
import { mergePlans, samePlan, type TablePlan } from "./table.ts";

/** Why a value does not go into its column: the column can become wider, or the value is none for it. */
export type Misfit = { readonly widenTo: ColumnType } | { readonly reason: string };

/** Rows of one layout, in the form that a database loads. */
export interface RowBuffer {
  readonly rows: number;
  readonly bytes: number;
  /**
   * Adds a row, columns in the order of the plan. What a record lacks is null. Returns how many of the record's own
   * properties went into a column; or the place of the first column whose value does not fit, the reason in `misfit`,
   * as a negative number `-1 - place`: then nothing of the row is kept. No object is made for a row that fits.
   */
  add(record: JsonObject, extractedAt: number | undefined, version: number | undefined): number;
  readonly misfit: Misfit | undefined;
  /** True when a record lacked a property that has a column; it may stay false where nobody needs to know. */
  readonly hasAbsent: boolean;
  /** Forgets its rows, to be filled again. */
  clear(): void;
}

/** Makes the buffers of a destination; `versions` tells whether rows can have a table version. */
export type MakeBuffer<B extends RowBuffer> = (plan: TablePlan, versions: boolean) => B;

/** Rows of one layout: a stream has several in a batch when a column became wider or was added between them. */
export interface Segment<B extends RowBuffer> {
  readonly plan: TablePlan;
  readonly buffer: B;
  /** Number of the first row within the batch. */
  readonly firstRow: number;
}

/** A set that starts anew within a batch: its values, and the row it starts at, the last one where it starts twice. */
export interface SetStart {
  readonly record: JsonObject;
  readonly row: number;
}

/** What `seal` hands to a destination's merge. */
export interface StagedRows<B extends RowBuffer> extends SealedRows {
  readonly writer: StagingWriter<B>;
  readonly plan: TablePlan;
  readonly segments: readonly Segment<B>[];
  readonly setColumns: readonly Column[];
  readonly setStarts: readonly SetStart[];
  /** A set started twice, so earlier rows of it are already obsolete. */
  readonly setsRestarted: boolean;
  /** The first rows go on with a set that an earlier batch began. */
  readonly continuesSet: boolean;
  /** Two rows of the batch may have the same key. */
  readonly mayHaveDuplicates: boolean;
  readonly hasVersions: boolean;
  readonly activate: number | undefined;
}

/** The writer of every destination that encodes rows as they come and merges them a batch at a time. */
export class StagingWriter<B extends RowBuffer> implements TableWriter {
  readonly stream: string;
  /** The table as it will be; `merge` makes it so before the first row. */
  plan: TablePlan;
  /** The plan that the table already fits, see `merge`. */
  readyFor: TablePlan | undefined;
  /** True while nothing can be in the table that this run did not just find to be missing. */
  tableIsEmpty = false;
  /** Columns of the table that the plan does not know, see `merge`. */
  beyond: readonly string[] = [];
  readonly unknownProperties: Set<string>;
  readonly #makeBuffer: MakeBuffer<B>;
  #segments: Segment<B>[] = [];
  #buffer: B;
  #firstRow = 0;
  #spare: Segment<B> | undefined;
  readonly #keysSeen = new KeyFilter();
  #keyColumns: readonly Column[] = [];
  #setColumns: readonly Column[] = [];
  #keysCompareAsText = false;
  #isNested = false;
  #mayHaveDuplicates = false;
  #openSet: string | undefined;
  #continuesSet = false;
  #setStarts = new Map<string, SetStart>();
  #setsRestarted = false;
  #hasVersions = false;
  #activate: number | undefined;

  constructor(plan: TablePlan, makeBuffer: MakeBuffer<B>, unknownProperties: ReadonlySet<string> = new Set()) {
    this.stream = plan.stream;
    this.plan = plan;
    this.#makeBuffer = makeBuffer;
    this.unknownProperties = new Set(unknownProperties);
    this.#buffer = this.#layOut();
  }

  get rows(): number {
    return this.#firstRow + this.#buffer.rows;
  }

  get bytes(): number {
    let bytes = this.#buffer.bytes;
    for (const { buffer } of this.#segments) bytes += buffer.bytes;
    return bytes;
  }

  /** Changes the layout so that rows of both schemas fit; rows taken so far keep theirs. */
  replan(next: TablePlan): void {
    const merged = mergePlans(this.plan, next);
    if (samePlan(merged, this.plan)) return;
    this.#changeLayout(merged);
  }

  append(record: JsonObject, extractedAt: number | undefined, version: number | undefined): string | undefined {
    if (version !== undefined && !this.#hasVersions) {
      this.#hasVersions = true;
      this.#changeLayout(this.plan);
    }
    const placed = this.#buffer.add(record, extractedAt, version);
    if (placed < 0) {
      const at = -1 - placed;
      const misfit = this.#buffer.misfit!;
      if ("reason" in misfit) return `property "${this.plan.columns[at]!.path.join(".")}" ${misfit.reason}`;
      this.#widen(at, misfit.widenTo);
      return this.append(record, extractedAt, version);
    }
    if (this.#isNested || placed < Object.keys(record).length) this.#noteUnknown(record, []);
    if (this.plan.replaces !== undefined) this.#noteSet(record);
    if (this.#keyColumns.length > 0 && !this.#mayHaveDuplicates) this.#noteKey(record);
    return undefined;
  }

  clear(record: JsonObject): void {
    if (this.plan.replaces === undefined || this.#setColumns.length === 0) return;
    this.#startSet(textOf(record, this.#setColumns), record, this.rows);
  }

  endSets(): void {
    this.#openSet = undefined;
  }

  activate(version: number): void {
    this.#activate = version;
  }

  seal(): StagedRows<B> | undefined {
    const rows = this.rows;
    if (rows === 0 && this.#setStarts.size === 0 && this.#activate === undefined) return undefined;
    this.#cut();
    const sealed: StagedRows<B> = {
      stream: this.stream,
      rows,
      writer: this,
      plan: this.plan,
      segments: this.#segments,
      setColumns: this.#setColumns,
      setStarts: [...this.#setStarts.values()],
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
    this.#buffer = this.#layOut();
    return sealed;
  }

  /** Takes a buffer back that a batch is done with, so that steady loading allocates nothing. */
  recycle({ segments }: StagedRows<B>): void {
    const last = segments.at(-1);
    if (last?.plan !== this.plan) return;
    last.buffer.clear();
    this.#spare = last;
  }

  /** A buffer for rows of the plan, and what is to be known about them. */
  #layOut(): B {
    const { plan } = this;
    const named = (names: readonly string[]) => plan.columns.filter((column) => names.includes(column.name));
    this.#keyColumns = named(plan.keys);
    this.#setColumns = named(plan.replaces ?? []);
    // Two texts can be one instant or one number, so such keys are always compared by the database.
    this.#keysCompareAsText = this.#keyColumns.some(({ type }) => !["text", "integer", "boolean"].includes(type.kind));
    if (this.#keysCompareAsText) this.#mayHaveDuplicates = true;
    this.#isNested = plan.columns.some(({ path }) => path.length > 1);
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.plan === plan ? spare.buffer : this.#makeBuffer(plan, this.#hasVersions);
  }

  #changeLayout(plan: TablePlan): void {
    this.#cut();
    this.plan = plan;
    this.#spare = undefined;
    this.#buffer = this.#layOut();
  }

  #cut(): void {
    const { rows } = this.#buffer;
    if (rows === 0) return;
    this.#segments.push({ plan: this.plan, buffer: this.#buffer, firstRow: this.#firstRow });
    this.#firstRow += rows;
  }

  #widen(index: number, to: ColumnType): void {
    const columns = this.plan.columns.map((column, i) =>
      i === index ? { ...column, type: widen(column.type, to) } : column,
    );
    if (sameType(columns[index]!.type, this.plan.columns[index]!.type))
      columns[index] = { ...columns[index]!, type: { kind: "text" } };
    this.#changeLayout({ ...this.plan, columns });
  }

  #noteKey(record: JsonObject): void {
    if (this.#keysSeen.add(textOf(record, this.#keyColumns))) this.#mayHaveDuplicates = true;
  }

  #noteSet(record: JsonObject): void {
    const key = textOf(record, this.#setColumns);
    if (key !== this.#openSet) this.#startSet(key, record, this.rows - 1);
    else if (!this.#setStarts.has(key)) this.#continuesSet = true;
  }

  #startSet(key: string, record: JsonObject, row: number): void {
    this.#openSet = key;
    // The rows that go on with a set of the batch before may be of this one.
    if (this.#setStarts.has(key) || this.#continuesSet) this.#setsRestarted = true;
    const values = this.#setColumns.map(({ path: [name = ""] }) => [name, record[name]]);
    this.#setStarts.set(key, { row, record: Object.fromEntries(values) as JsonObject }); // the record itself would keep its line
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

/**
 * A set that was taken away whole cannot leave a row with one of its keys, when the set is part of the key: then rows
 * of the batch need not be compared with those of the table.
 */
export function needsMerge(staged: Pick<StagedRows<RowBuffer>, "continuesSet">, plan: TablePlan): boolean {
  const setIsInKey = plan.replaces?.every((name) => plan.keys.includes(name)) ?? false;
  return !setIsInKey || staged.continuesSet;
}

/** The value of a column in a record; undefined when the record lacks it, null when an object on the way is null. */
export function valueAt(record: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = own(record, path[0]!);
  for (let i = 1; i < path.length && value !== null; i++) {
    value = typeof value === "object" && !Array.isArray(value) ? own(value as JsonObject, path[i]!) : undefined;
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
