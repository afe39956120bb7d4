import type { ColumnType } from "../../core/column.ts";
import { valueAt } from "../../core/staging.ts";
import { metadataColumns, type TablePlan } from "../../core/table.ts";
import type { Session } from "./session.ts";
import { CopyText } from "./copy-text.ts";
import { canBeAbsent, type PostgresRows, type PostgresSegment } from "./stage.ts";
import { cast, quote, typeName } from "./types.ts";
import { PUTS } from "./values.ts";

/** Where a batch's rows are staged: queries that give them in the types of a plan. */
export interface StagedTables {
  /**
   * All rows: `c0`, `c1` … as the plan's columns, Singer's columns by name, `_row`, the number within the batch, and
   * where rows lack something `_absent`, the places in the plan of that, or null.
   */
  all(plan: TablePlan): string;
  hasAbsent(plan: TablePlan): boolean;
  /** Sets that start: their columns as in `all`, and `_start`, the row. */
  sets(plan: TablePlan): string;
  /** One staged column and the table that it is in, for a look at its values. */
  column(segment: PostgresSegment, name: string): { readonly table: string; readonly sql: string } | undefined;
}

/** A temporary table that is there for the next batch too. */
interface Kept {
  readonly name: string;
  /** As they were made. */
  readonly columns: string;
  /** True when it may have rows of this transaction. */
  readonly isUsed: boolean;
}

/**
 * The temporary tables of a session. They are made once for each layout and are empty again after every transaction;
 * nobody else sees them, and nothing of them is logged or outlives the session.
 */
export class Staging {
  /** By purpose and stream. */
  #tables = new Map<string, Kept>();
  /** As they were when the last transaction ended. */
  #before = new Map<string, Kept>();
  #made = 0;
  #staged = new Map<PostgresRows, { readonly names: readonly string[]; readonly absent: string | undefined }>();
  #sets = new Map<PostgresRows, string>();

  /** To be called when a transaction has ended: what was made in one that was rolled back is gone. */
  reset(committed: boolean): void {
    this.#staged.clear();
    this.#sets.clear();
    if (committed)
      this.#before = new Map([...this.#tables].map(([what, table]) => [what, { ...table, isUsed: false }]));
    this.#tables = new Map(this.#before);
  }

  /** To be called at a savepoint; what it gives is to be called after a rollback to that. */
  mark(): () => void {
    const tables = new Map(this.#tables);
    return () => {
      this.#staged.clear();
      this.#sets.clear();
      this.#tables = tables;
    };
  }

  /** Copies the rows into staging tables, unless that has been done in this transaction. */
  async stage(session: Session, rows: PostgresRows): Promise<StagedTables> {
    if (!this.#staged.has(rows)) {
      const names: string[] = [];
      for (const segment of rows.segments) names.push(await this.#stageSegment(session, rows, segment));
      this.#staged.set(rows, { names, absent: await this.#stageAbsences(session, rows) });
    }
    return this.#queries(rows);
  }

  /** Copies the sets that start. */
  async stageSets(session: Session, rows: PostgresRows): Promise<StagedTables> {
    if (!this.#sets.has(rows)) {
      const name = await this.empty(session, "sets", rows.stream, setColumns(rows));
      await session.copy(`COPY pg_temp.${name} FROM STDIN`, setLines(rows));
      this.#sets.set(rows, name);
    }
    return this.#queries(rows);
  }

  /**
   * An empty table for this purpose, with these columns. The last one for the same purpose is of no more use then.
   * `isUsed`: rows will be put there before it is asked for again.
   */
  async empty(
    session: Session,
    what: string,
    stream: string,
    columns: readonly string[],
    isUsed = true,
  ): Promise<string> {
    const purpose = `${what} ${stream}`;
    const known = this.#tables.get(purpose);
    const wanted = columns.join(", ");
    if (known?.columns === wanted) {
      if (known.isUsed) await session.run(`TRUNCATE pg_temp.${known.name}`);
      this.#tables.set(purpose, { ...known, isUsed });
      return known.name;
    }
    if (known !== undefined) await session.run(`DROP TABLE pg_temp.${known.name}`);
    const name = await this.#make(session, what, wanted, "DELETE ROWS");
    this.#tables.set(purpose, { name, columns: wanted, isUsed });
    return name;
  }

  /** Makes the tables that a batch will need: a rollback to a savepoint that comes after leaves them there. */
  async prepare(session: Session, rows: PostgresRows): Promise<void> {
    const last = rows.segments.at(-1);
    if (last !== undefined) await this.empty(session, "rows", rows.stream, rowColumns(last), false);
    if (hasAbsences(rows)) await this.empty(session, "absent", rows.stream, ABSENT_COLUMNS, false);
    if (rows.setStarts.length > 0) await this.empty(session, "sets", rows.stream, setColumns(rows), false);
  }

  async #stageSegment(session: Session, rows: PostgresRows, segment: PostgresSegment): Promise<string> {
    const { plan, buffer, firstRow } = segment;
    const columns = rowColumns(segment);
    // The last layout is most likely that of the next batch.
    const name =
      segment === rows.segments.at(-1)
        ? await this.empty(session, "rows", rows.stream, columns)
        : await this.#make(session, "rows", columns.join(", "), "DROP");
    const names = [...plan.columns.map((_, i) => `c${i}`), ...metadataOf(segment).map(quote)].join(", ");
    // Without it the numbers go on from the batch before: they tell the order, but not the place.
    if (needsPlaces(rows)) await session.run(`ALTER TABLE pg_temp.${name} ALTER COLUMN _row RESTART WITH ${firstRow}`);
    await session.copy(`COPY pg_temp.${name} (${names}) FROM STDIN`, buffer.chunks());
    return name;
  }

  async #stageAbsences(session: Session, rows: PostgresRows): Promise<string | undefined> {
    if (!hasAbsences(rows)) return undefined;
    const name = await this.empty(session, "absent", rows.stream, ABSENT_COLUMNS);
    await session.copy(`COPY pg_temp.${name} FROM STDIN`, absenceLines(rows));
    return name;
  }

  async #make(session: Session, what: string, columns: string, atCommit: "DELETE ROWS" | "DROP"): Promise<string> {
    const name = `${what}_${this.#made++}`;
    await session.run(`CREATE TEMP TABLE ${name} (${columns}) ON COMMIT ${atCommit}`);
    return name;
  }

  #queries(rows: PostgresRows): StagedTables {
    const staged = () => this.#staged.get(rows)!;
    const hasAbsent = (plan: TablePlan) =>
      staged().absent !== undefined || rows.segments.some((segment) => lacking(segment, plan).length > 0);
    return {
      hasAbsent,
      all: (plan) => {
        const { names, absent } = staged();
        const withAbsent = hasAbsent(plan);
        const queries = rows.segments.map((segment, i) =>
          segmentQuery(segment, plan, names[i]!, withAbsent ? { absent } : undefined),
        );
        return `(${queries.join(" UNION ALL ")})`;
      },
      sets: (plan) => {
        const columns = rows.setColumns.map(({ name, type }, i) => inPlan(plan, name, `c${i}`, type));
        return `(SELECT ${[...columns, "_start"].join(", ")} FROM pg_temp.${this.#sets.get(rows)!})`;
      },
      column: (segment, name) => {
        const at = segment.plan.columns.findIndex((column) => column.name === name);
        const table = staged().names[rows.segments.indexOf(segment)]!;
        return at < 0 ? undefined : { table: `pg_temp.${table}`, sql: `c${at}` };
      },
    };
  }
}

const ABSENT_COLUMNS = ["_row bigint", "places int[]"];

/** True when rows are spoken of by their number within the batch. */
const needsPlaces = (rows: PostgresRows) =>
  rows.segments.length > 1 || rows.setStarts.length > 0 || rows.isPart === true || hasAbsences(rows);

const hasAbsences = ({ segments }: PostgresRows) => segments.some(({ buffer }) => buffer.absences.length > 0);

const setColumns = (rows: PostgresRows) => [
  ...rows.setColumns.map(({ type }, i) => `c${i} ${typeName(type)}`),
  "_start bigint",
];

const metadataOf = ({ plan, buffer }: PostgresSegment) => buffer.columns.slice(plan.columns.length);

function rowColumns(segment: PostgresSegment): string[] {
  const types = new Map(metadataColumns(segment.plan, true, true));
  return [
    ...segment.plan.columns.map(({ type }, i) => `c${i} ${typeName(type)}`),
    ...metadataOf(segment).map((name) => `${quote(name)} ${typeName(types.get(name) ?? { kind: "text" })}`),
    "_row bigint GENERATED BY DEFAULT AS IDENTITY (MINVALUE 0 CACHE 10000)",
  ];
}

/** What a column of the plan is called among the staged rows. */
export const place = (plan: TablePlan, name: string) => `c${plan.columns.findIndex((column) => column.name === name)}`;

/** A staged column in the type that it has in the plan, under the name it has there. */
function inPlan({ columns }: TablePlan, name: string, sql: string, type: ColumnType): string {
  const at = columns.findIndex((column) => column.name === name);
  return `${cast(sql, type, columns[at]?.type ?? type)} AS c${at}`;
}

/** Places in the plan of columns that a segment does not have, and that its rows so say nothing about. */
function lacking({ plan: { columns }, buffer }: PostgresSegment, plan: TablePlan): number[] {
  if (!buffer.keepsAbsent || columns.length === plan.columns.length) return [];
  const has = new Set(columns.map(({ name }) => name));
  return plan.columns.flatMap(({ name }, i) => (!has.has(name) && canBeAbsent(name) ? [i] : []));
}

/** `noting`: with a column `_absent`, out of the table of that name where there is one. */
function segmentQuery(
  segment: PostgresSegment,
  plan: TablePlan,
  table: string,
  noting: { readonly absent: string | undefined } | undefined,
): string {
  const staged = new Map(segment.plan.columns.map((column, i) => [column.name, { sql: `c${i}`, type: column.type }]));
  const columns = plan.columns.map(({ name, type }, i) => {
    const { sql, type: from } = staged.get(name) ?? { sql: `NULL::${typeName(type)}`, type };
    return `${cast(sql, from, type)} AS c${i}`;
  });
  const has = new Set(metadataOf(segment));
  const metadata = metadataColumns(plan, true, true).map(([name, type]) =>
    has.has(name) ? quote(name) : `NULL::${typeName(type)} AS ${quote(name)}`,
  );
  const list = [...columns, ...metadata, "_row"];
  if (noting === undefined) return `SELECT ${list.join(", ")} FROM pg_temp.${table}`;
  const places = lacking(segment, plan);
  const always = places.length > 0 ? `ARRAY[${places.join(", ")}]` : "NULL::int[]";
  if (noting.absent === undefined) return `SELECT ${list.join(", ")}, ${always} AS _absent FROM pg_temp.${table}`;
  return `SELECT ${list.join(", ")}, ${always} || places AS _absent FROM pg_temp.${table} LEFT JOIN pg_temp.${noting.absent} USING (_row)`;
}

/** Sets as lines: their values, in the types that their columns have by now, then the row they start at. */
function setLines({ setColumns, setStarts }: PostgresRows): Iterable<Buffer> {
  const text = new CopyText();
  for (const { record, row } of setStarts) {
    for (const { path, type } of setColumns) {
      const value = valueAt(record, path) ?? null;
      // What does not fit its column is no row's value either.
      if (value === null || PUTS[type.kind](text, value) !== undefined) text.null();
      text.tab();
    }
    text.ascii(String(row));
    text.endLine();
  }
  return text.chunks();
}

function absenceLines({ segments }: PostgresRows): Iterable<Buffer> {
  const text = new CopyText();
  for (const { buffer, firstRow } of segments) {
    for (const { row, places } of buffer.absences) {
      text.ascii(String(firstRow + row));
      text.tab();
      text.ascii(`{${places.join(",")}}`);
      text.endLine();
    }
  }
  return text.chunks();
}
