import type { JsonObject } from "../../core/json.ts";
import { valueAt, type Misfit, type RowBuffer, type Segment, type StagedRows } from "../../core/staging.ts";
import type { TablePlan } from "../../core/table.ts";
import { ParquetColumn } from "./parquet.ts";
import { PHYSICAL } from "./types.ts";
import { putter, type Put } from "./values.ts";

export type DuckdbSegment = Segment<ParquetBuffer>;
export type DuckdbRows = StagedRows<ParquetBuffer>;

/**
 * Rows as columns of a Parquet file: those of the plan, then the time of extraction, then the table version. When a
 * record lacked something that is to be kept, also `absent0`, `absent1` …: a bit for each column of the plan, 32 to a
 * number. A file in which no record did has no such columns.
 */
export class ParquetBuffer implements RowBuffer {
  misfit: Misfit | undefined;
  readonly #plan: TablePlan;
  readonly #puts: readonly Put[];
  readonly #columns: readonly ParquetColumn[];
  readonly #extractedAt = new ParquetColumn("extracted_at", "timestamp");
  readonly #version = new ParquetColumn("version", "bigint");
  readonly #keepAbsent: boolean;
  readonly #absent: readonly ParquetColumn[];
  /** The bits of the row that is being added, and those of all rows. */
  readonly #bits: Int32Array;
  readonly #anyBits: Int32Array;
  #hasAbsent = false;

  constructor(plan: TablePlan, keepAbsent: boolean) {
    this.#plan = plan;
    this.#puts = plan.columns.map(({ type }) => putter(type));
    this.#columns = plan.columns.map(({ type }, i) => new ParquetColumn(`c${i}`, PHYSICAL[type.kind]));
    this.#keepAbsent = keepAbsent;
    const words = keepAbsent ? Math.ceil(plan.columns.length / 32) : 0;
    this.#absent = Array.from({ length: words }, (_, i) => new ParquetColumn(`absent${i}`, "bigint"));
    this.#bits = new Int32Array(words);
    this.#anyBits = new Int32Array(words);
  }

  get columns(): readonly ParquetColumn[] {
    const own = [...this.#columns, this.#extractedAt, this.#version];
    return this.#hasAbsent ? [...own, ...this.#absent] : own;
  }

  get rows(): number {
    return this.#version.rows;
  }

  get bytes(): number {
    let bytes = this.#extractedAt.bytes + this.#version.bytes;
    for (const column of this.#columns) bytes += column.bytes;
    for (const column of this.#absent) bytes += column.bytes;
    return bytes;
  }

  get hasAbsent(): boolean {
    return this.#hasAbsent;
  }

  /** True when a record lacked the property of this column of the plan, and that is to be known. */
  isAbsentSomewhere(column: number): boolean {
    return this.#hasAbsent && (this.#anyBits[column >> 5]! & (1 << (column & 31))) !== 0;
  }

  add(record: JsonObject, extractedAt: number | undefined, version: number | undefined): number {
    const { columns } = this.#plan;
    let placed = 0;
    let absent = false;
    for (let i = 0; i < columns.length; i++) {
      const value = valueAt(record, columns[i]!.path);
      if (value === undefined || value === null) {
        this.#columns[i]!.addNull();
        if (value === null) {
          placed++;
        } else if (this.#keepAbsent) {
          absent = true;
          this.#bits[i >> 5]! |= 1 << (i & 31);
        }
        continue;
      }
      placed++;
      this.misfit = this.#puts[i]!(this.#columns[i]!, value);
      if (this.misfit === undefined) continue;
      for (let taken = 0; taken < i; taken++) this.#columns[taken]!.undo();
      if (absent) this.#bits.fill(0);
      return -1 - i;
    }
    if (absent || this.#hasAbsent) this.#addAbsent();
    if (extractedAt === undefined) this.#extractedAt.addNull();
    else this.#extractedAt.addInt64(Math.round(extractedAt * 1_000));
    if (version === undefined) this.#version.addNull();
    else this.#version.addInt64(version);
    return placed;
  }

  clear(): void {
    for (const column of this.#columns) column.clear();
    this.#extractedAt.clear();
    this.#version.clear();
    for (const column of this.#absent) column.clear();
    this.#anyBits.fill(0);
    this.#hasAbsent = false;
  }

  #addAbsent(): void {
    this.#hasAbsent = true;
    for (let i = 0; i < this.#absent.length; i++) {
      const column = this.#absent[i]!;
      while (column.rows < this.rows) column.addNull(); // rows before the first that lacked something
      column.addInt64(this.#bits[i]! >>> 0);
      this.#anyBits[i]! |= this.#bits[i]!;
      this.#bits[i] = 0;
    }
  }
}

/** A file of its own for the sets that start, in the types that their columns have by now; `version` is the row. */
export function setsOf({ plan, setColumns, setStarts }: DuckdbRows): DuckdbSegment | undefined {
  if (setStarts.length === 0) return undefined;
  const own = { ...plan, columns: setColumns };
  const buffer = new ParquetBuffer(own, false);
  // What does not fit its column is no row's value either.
  for (const { record, row } of setStarts) buffer.add(record, undefined, row);
  return { plan: own, buffer, firstRow: 0 };
}
