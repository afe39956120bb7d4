import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ColumnKind } from "../../core/column.ts";
import type { LoadOptions } from "../../core/destination.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { valueAt, type Misfit, type RowBuffer, type StagedRows } from "../../core/staging.ts";
import type { TablePlan } from "../../core/table.ts";
import { putter, type Put } from "./values.ts";

export type BigqueryRows = StagedRows<NdjsonBuffer>;

/** What the rows of a stream share in a run, beside their plan. */
export interface RowFacts {
  /** `_sdc_sequence` of the stream's next row. */
  sequence: number;
  /** The column that its table is partitioned by, where old and new rows are told apart by day. */
  dayColumn: string | undefined;
  /** REPEATED columns of its table, and the kind of their items. */
  readonly lists: Map<string, ColumnKind>;
}

/** Where a run keeps rows until they are loaded: a folder that nobody else can enter. */
export interface Spool {
  readonly folder: string;
  /** Files are numbered. */
  files: number;
}

/** Text held in memory before it goes to the file. */
const CHUNK_CHARS = 262_144;

/**
 * Rows as lines of JSON: `r` is `_sdc_sequence`, `c0` … are the columns of the plan as texts, `a` the places of those that
 * the record lacked, `e` when it was extracted (microseconds), `v` its table version. What is null is left out.
 */
export class NdjsonBuffer implements RowBuffer {
  rows = 0;
  bytes = 0;
  misfit: Misfit | undefined;
  /** Places in the plan of what some record lacked, where that is to be kept. */
  readonly absent = new Set<number>();
  /** `_sdc_sequence` of the first row. */
  firstSequence = 0;
  /** The days, `YYYY-MM-DD` in UTC, of the table's partition column in these rows; `""` for those without one. */
  readonly days = new Set<string>();
  readonly #plan: TablePlan;
  readonly #facts: RowFacts;
  readonly #spool: Spool;
  readonly #keepAbsent: boolean;
  readonly #addColumns: AddColumns;
  readonly #dayAt: number;
  readonly #hash = createHash("sha256");
  #text = "";
  #file: { readonly path: string; readonly descriptor: number } | undefined;

  constructor(plan: TablePlan, { method, keepAbsent }: LoadOptions, facts: RowFacts, spool: Spool) {
    this.#plan = plan;
    this.#facts = facts;
    this.#spool = spool;
    this.#keepAbsent = keepAbsent && method !== "append";
    this.#dayAt = plan.columns.findIndex(({ name }) => name === facts.dayColumn);
    this.#addColumns = compileRow(plan, facts);
  }

  get hasAbsent(): boolean {
    return this.absent.size > 0;
  }

  add(record: JsonObject, extractedAt: number | undefined, version: number | undefined): number {
    if (this.rows === 0) this.firstSequence = this.#facts.sequence;
    const row = { text: "", day: "", misfit: undefined };
    const placed = this.#addColumns(row, record, this.#dayAt);
    if (placed < 0) {
      this.misfit = row.misfit;
      return placed;
    }
    let line = `{"r":${this.#facts.sequence++}${row.text}`;
    if (extractedAt !== undefined) line += `,"e":${Math.round(extractedAt * 1_000)}`;
    if (version !== undefined) line += `,"v":${version}`;
    if (placed < this.#plan.columns.length && this.#keepAbsent) line += this.#absent(record);
    this.#put(`${line}}\n`);
    if (this.#dayAt >= 0) this.days.add(row.day);
    this.rows++;
    return placed;
  }

  clear(): void {
    // A buffer is used for one batch: its file and its hash are of that one.
  }

  /** Writes what is still in memory, and gives the file and a hash of all that is in it. */
  end(): { readonly path: string; readonly hash: string } {
    this.#write();
    if (this.#file === undefined) this.#open();
    closeSync(this.#file!.descriptor);
    return { path: this.#file!.path, hash: this.#hash.digest("hex") };
  }

  #absent(record: JsonObject): string {
    const places = this.#plan.columns.flatMap(({ name, path }, i) =>
      valueAt(record, path) === undefined && canBeAbsent(name) ? [i] : [],
    );
    if (places.length === 0) return "";
    for (const place of places) this.absent.add(place);
    return `,"a":[${places.join(",")}]`;
  }

  #put(line: string): void {
    this.#text += line;
    this.bytes += line.length;
    if (this.#text.length >= CHUNK_CHARS) this.#write();
  }

  #write(): void {
    if (this.#text === "") return;
    const bytes = Buffer.from(this.#text);
    this.#text = "";
    this.#hash.update(bytes);
    if (this.#file === undefined) this.#open();
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file!.descriptor, bytes, at);
  }

  #open(): void {
    const path = join(this.#spool.folder, `${this.#spool.files++}.json`);
    this.#file = { path, descriptor: openSync(path, "w", 0o600) };
  }
}

/** A row that comes again is no longer deleted, whatever its record says or does not say. */
export const canBeAbsent = (column: string) => column !== "_sdc_deleted_at";

/** The rows of a stream in a batch as one file, and a hash of what is in it. */
export async function spoolFile(rows: BigqueryRows, spool: Spool): Promise<{ path: string; hash: string }> {
  const parts = rows.segments.map(({ buffer }) => buffer.end());
  const sets = setLines(rows);
  const [first] = parts;
  const path = first?.path ?? join(spool.folder, `${spool.files++}.json`);
  for (const part of parts.slice(1)) {
    await appendFile(path, await readFile(part.path)); // small: a layout seldom changes with many rows in hand
    await rm(part.path);
  }
  if (sets !== "") await appendFile(path, sets, { mode: 0o600 });
  const hash = createHash("sha256")
    .update(parts.map((part) => part.hash).join())
    .update(sets)
    .digest("hex");
  return { path, hash };
}

/** Sets that start: `s` is the `_sdc_sequence` of the first row that counts, the columns are those of the set. */
function setLines({ plan, setColumns, setStarts, segments }: BigqueryRows): string {
  const first = segments[0]?.buffer.firstSequence ?? 0;
  const puts = setColumns.map(({ name, type, path: [property = ""] }) => ({
    place: plan.columns.findIndex((column) => column.name === name),
    property,
    put: putter(type, undefined),
  }));
  let lines = "";
  for (const { record, row } of setStarts) {
    let line = `{"s":${first + row}`;
    for (const { place, property, put } of puts) {
      const value = record[property] ?? null;
      const text = value === null ? undefined : put(value);
      if (typeof text === "string") line += `,"c${place}":${text}`; // what does not fit its column is no row's value either
    }
    lines += `${line}}\n`;
  }
  return lines;
}

interface Row {
  text: string;
  day: string;
  misfit: Misfit | undefined;
}

/** Writes the columns of a record; gives what `RowBuffer.add` gives. */
type AddColumns = (row: Row, record: JsonObject, dayAt: number) => number;

/**
 * The function that writes a record of this plan. It is made as source text, so that each property is read by its own
 * name at its own place: with one loop over names the engine looks every property up anew.
 */
function compileRow({ columns }: TablePlan, { dayColumn, lists }: RowFacts): AddColumns {
  const body = columns.map(({ name: column, path: [name = "", ...deeper] }, i) => {
    const inherited = name in Object.prototype;
    const value = deeper.length > 0 || inherited ? `valueAt(record, paths[${i}])` : `record[${JSON.stringify(name)}]`;
    return `
      value = ${value};
      if (value !== undefined) {
        placed++;
        if (value !== null) {
          put = put${i}(value);
          if (typeof put !== "string") { row.misfit = put; return ${-1 - i}; }
          text += ',"c${i}":' + put;
          ${column === dayColumn ? "row.day = put.slice(1, 11);" : ""}
        }
      }`;
  });
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- names stand in it as JSON texts only
  const make = new Function(
    "puts",
    "paths",
    "valueAt",
    `"use strict";
    ${columns.map((_, i) => `const put${i} = puts[${i}];`).join("\n")}
    return function addColumns(row, record) {
      let placed = 0, text = "", value, put;
      ${body.join("")}
      row.text = text;
      return placed;
    };`,
  ) as (puts: readonly Put[], paths: readonly (readonly string[])[], at: ValueAt) => AddColumns;
  return make(
    columns.map(({ name, type }) => putter(type, lists.get(name))),
    columns.map(({ path }) => path),
    valueAt,
  );
}

type ValueAt = (record: JsonObject, path: readonly string[]) => JsonValue | undefined;
