import type { Column } from "../../core/column.ts";
import type { LoadOptions } from "../../core/destination.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { valueAt, type Misfit, type RowBuffer, type Segment, type StagedRows } from "../../core/staging.ts";
import { metadataColumns, type TablePlan } from "../../core/table.ts";
import { CopyText } from "./copy-text.ts";
import { instantText, PUTS, type Put } from "./values.ts";

/** Lines of one layout: a whole buffer, or a part of one. */
export interface PostgresSegment extends Omit<Segment<CopyBuffer>, "buffer"> {
  readonly buffer: Pick<CopyBuffer, "columns" | "rows" | "keepsAbsent" | "absences" | "chunks" | "firstSequence">;
}
export interface PostgresRows extends Omit<StagedRows<CopyBuffer>, "segments"> {
  readonly segments: readonly PostgresSegment[];
  /** A part of a batch whose sets have been taken away already. */
  readonly isPart?: boolean;
}

/** What the rows of a stream share in a run, beside their plan. */
export interface RowFacts {
  /** Milliseconds since 1970 UTC. */
  readonly startedAt: number;
  now(): number;
  /** `_sdc_sequence` of the stream's next row. */
  sequence: number;
}

/**
 * Rows as COPY text: the columns of the plan, then the metadata columns, in the order of `columns`. A line is exactly a
 * row of the table, so that it can be copied there as well as into a staging table.
 */
export class CopyBuffer implements RowBuffer {
  /** Names of the columns of a line; `_sdc_deleted_at` is not among them, it is null in every row. */
  readonly columns: readonly string[];
  /** What a record lacks is to stay as the table has it; also what it lacks because its layout has no column for it. */
  readonly keepsAbsent: boolean;
  misfit: Misfit | undefined;
  /** `_sdc_sequence` of the first row. */
  firstSequence = 0;
  readonly #text = new CopyText();
  readonly #facts: RowFacts;
  readonly #plan: TablePlan;
  readonly #addColumns: AddColumns;
  readonly #metadata: readonly string[];
  #receivedAt = "";
  #extracted = { at: NaN, text: "" }; // many records share the time of their page
  #absences: Absence[] = [];

  constructor(plan: TablePlan, versions: boolean, options: LoadOptions, facts: RowFacts) {
    this.#plan = plan;
    this.#facts = facts;
    this.keepsAbsent = options.keepAbsent && options.method !== "append";
    this.#metadata = metadataColumns(plan, options.metadata, versions)
      .map(([name]) => name)
      .filter((name) => name !== "_sdc_deleted_at");
    this.columns = [...plan.columns.map(({ name }) => name), ...this.#metadata];
    this.#addColumns = compileRow(plan.columns);
  }

  get rows(): number {
    return this.#text.rows;
  }

  get bytes(): number {
    return this.#text.bytes;
  }

  get hasAbsent(): boolean {
    return this.#absences.length > 0;
  }

  /** Rows that lacked properties, where what they lack is to be kept. */
  get absences(): readonly Absence[] {
    return this.#absences;
  }

  chunks(): Iterable<Buffer> {
    return this.#text.chunks();
  }

  add(record: JsonObject, extractedAt: number | undefined, version: number | undefined): number {
    const { columns } = this.#plan;
    if (this.#text.rows === 0) {
      this.firstSequence = this.#facts.sequence;
      this.#receivedAt = new Date(this.#facts.now()).toISOString();
    }
    const placed = this.#addColumns(this.#text, record, this);
    if (placed < 0) {
      this.#text.dropLine();
      return placed;
    }
    for (let i = 0; i < this.#metadata.length; i++) {
      if (i > 0 || columns.length > 0) this.#text.tab();
      this.#addMetadata(this.#metadata[i]!, extractedAt, version);
    }
    if (placed < columns.length && this.keepsAbsent) this.#noteAbsent(record);
    this.#text.endLine();
    this.#facts.sequence++;
    return placed;
  }

  clear(): void {
    this.#text.clear();
    this.#absences = [];
  }

  #addMetadata(name: string, extractedAt: number | undefined, version: number | undefined): void {
    const text = this.#text;
    switch (name) {
      case "_sdc_extracted_at":
        if (extractedAt === undefined) text.null();
        else text.ascii(this.#extractedText(extractedAt));
        break;
      case "_sdc_received_at":
      case "_sdc_batched_at":
        text.ascii(this.#receivedAt);
        break;
      case "_sdc_sequence":
        text.ascii(String(this.#facts.sequence));
        break;
      case "_sdc_sync_started_at":
        text.ascii(String(this.#facts.startedAt));
        break;
      default:
        if (version === undefined) text.null();
        else text.ascii(String(version));
    }
  }

  #extractedText(at: number): string {
    if (at !== this.#extracted.at) {
      const micros = Math.round(at * 1_000);
      const seconds = Math.floor(micros / 1_000_000);
      this.#extracted = { at, text: instantText(seconds, micros - seconds * 1_000_000) };
    }
    return this.#extracted.text;
  }

  #noteAbsent(record: JsonObject): void {
    const places = this.#plan.columns.flatMap(({ name, path }, i) =>
      valueAt(record, path) === undefined && canBeAbsent(name) ? [i] : [],
    );
    if (places.length === 0) return;
    const last = this.#absences.at(-1)?.places; // records of a stream mostly lack the same
    const same = last?.length === places.length && last.every((place, i) => place === places[i]);
    this.#absences.push({ row: this.#text.rows, places: same ? last : places });
  }
}

/** A row, by its number within the buffer, and the places in the plan of what its record lacked. */
export interface Absence {
  readonly row: number;
  readonly places: readonly number[];
}

/** A row that comes again is no longer deleted, whatever its record says or does not say. */
export const canBeAbsent = (column: string) => column !== "_sdc_deleted_at";

/** Writes the columns of a record; gives what `RowBuffer.add` gives. */
type AddColumns = (out: CopyText, record: JsonObject, buffer: { misfit: Misfit | undefined }) => number;

/**
 * The function that writes a record of this plan. It is made as source text, so that each property is read by its own
 * name at its own place: with one loop over names the engine looks every property up anew, which costs a third more.
 */
function compileRow(columns: readonly Column[]): AddColumns {
  const body = columns.map(({ path: [name = "", ...deeper] }, i) => {
    const inherited = name in Object.prototype;
    const value = deeper.length > 0 || inherited ? `valueAt(record, paths[${i}])` : `record[${JSON.stringify(name)}]`;
    return `
      ${i > 0 ? "out.tab();" : ""}
      value = ${value};
      if (value === undefined) out.null();
      else {
        placed++;
        if (value === null) out.null();
        else if ((misfit = put${i}(out, value)) !== undefined) {
          buffer.misfit = misfit;
          return ${-1 - i};
        }
      }`;
  });
  const puts = columns.map((_, i) => `const put${i} = puts[${i}];`).join("\n");
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- names stand in it as JSON texts only
  const make = new Function(
    "puts",
    "paths",
    "valueAt",
    `"use strict";
    ${puts}
    return function addColumns(out, record, buffer) {
      let placed = 0, value, misfit;
      ${body.join("")}
      return placed;
    };`,
  ) as (puts: readonly Put[], paths: readonly (readonly string[])[], at: ValueAt) => AddColumns;
  return make(
    columns.map(({ type }) => PUTS[type.kind]),
    columns.map(({ path }) => path),
    valueAt,
  );
}

type ValueAt = (record: JsonObject, path: readonly string[]) => JsonValue | undefined;
