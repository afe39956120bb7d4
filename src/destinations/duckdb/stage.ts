import type { ColumnType } from "../../core/column.ts";
import type { JsonObject } from "../../core/json.ts";
import { valueAt, type Misfit, type RowBuffer, type Segment, type StagedRows } from "../../core/staging.ts";
import type { TablePlan } from "../../core/table.ts";
import { ParquetColumn } from "./parquet.ts";
import { PHYSICAL } from "./types.ts";
import { putter, type Put } from "./values.ts";

export type DuckdbSegment = Segment<ParquetBuffer>;
export type DuckdbRows = StagedRows<ParquetBuffer>;

/** Rows as columns of a Parquet file: those of the plan, then the time of extraction, then the table version. */
export class ParquetBuffer implements RowBuffer {
  readonly columns: readonly ParquetColumn[];
  misfit: Misfit | undefined;
  hasAbsent = false;
  readonly #plan: TablePlan;
  readonly #puts: readonly Put[];
  readonly #extractedAt = new ParquetColumn("extracted_at", "timestamp");
  readonly #version = new ParquetColumn("version", "bigint");

  constructor(plan: TablePlan) {
    this.#plan = plan;
    this.#puts = plan.columns.map(({ type }) => putter(type));
    const own = plan.columns.map(
      ({ type }: { type: ColumnType }, i) => new ParquetColumn(`c${i}`, PHYSICAL[type.kind]),
    );
    this.columns = [...own, this.#extractedAt, this.#version];
  }

  get rows(): number {
    return this.#version.rows;
  }

  get bytes(): number {
    let bytes = 0;
    for (const column of this.columns) bytes += column.bytes;
    return bytes;
  }

  add(record: JsonObject, extractedAt: number | undefined, version: number | undefined): number {
    const { columns } = this.#plan;
    let placed = 0;
    let absent = false;
    for (let i = 0; i < columns.length; i++) {
      const value = valueAt(record, columns[i]!.path);
      if (value === undefined || value === null) {
        this.columns[i]!.addNull();
        if (value === null) placed++;
        else absent = true;
        continue;
      }
      placed++;
      this.misfit = this.#puts[i]!(this.columns[i]!, value);
      if (this.misfit === undefined) continue;
      for (let taken = 0; taken < i; taken++) this.columns[taken]!.undo();
      return -1 - i;
    }
    if (absent) this.hasAbsent = true;
    if (extractedAt === undefined) this.#extractedAt.addNull();
    else this.#extractedAt.addInt64(Math.round(extractedAt * 1_000));
    if (version === undefined) this.#version.addNull();
    else this.#version.addInt64(version);
    return placed;
  }

  clear(): void {
    for (const column of this.columns) column.clear();
    this.hasAbsent = false;
  }
}

/** A file of its own for the sets that start, in the types that their columns have by now; `version` is the row. */
export function setsOf({ plan, setColumns, setStarts }: DuckdbRows): DuckdbSegment | undefined {
  if (setStarts.length === 0) return undefined;
  const own = { ...plan, columns: setColumns };
  const buffer = new ParquetBuffer(own);
  // What does not fit its column is no row's value either.
  for (const { record, row } of setStarts) buffer.add(record, undefined, row);
  return { plan: own, buffer, firstRow: 0 };
}
