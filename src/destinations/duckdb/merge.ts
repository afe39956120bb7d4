import type { DuckDBConnection } from "@duckdb/node-api";
import type { Column, ColumnType } from "../../core/column.ts";
import type { CommitResult, LoadOptions } from "../../core/destination.ts";
import { needsMerge } from "../../core/staging.ts";
import { metadataColumns, saysWhatIsNewer, type TablePlan } from "../../core/table.ts";
import { addColumn, columnsOf, createTable, safeWidening, tablesIn, widenColumn } from "./ddl.ts";
import type { DuckdbRows, DuckdbSegment } from "./stage.ts";
import { cast, literal, quote, typeName } from "./types.ts";

/** What the rows of a batch share. */
export interface BatchFacts {
  /** Milliseconds since 1970 UTC. */
  readonly receivedAt: number;
  readonly syncStartedAt: number;
  /** Sequence of the batch's first row; each row after it has one more. */
  readonly sequence: number;
}

/** Files that a segment's rows, and the sets that start, were written to. */
export interface StagedFiles {
  readonly segments: readonly string[];
  readonly sets: string | undefined;
}

/**
 * Moves staged rows into their table, inside the caller's transaction: the newest row per key stays, a set that starts
 * anew takes its old rows away. Nothing is deleted that the batch does not speak of.
 */
export async function merge(
  db: DuckDBConnection,
  staged: DuckdbRows,
  files: StagedFiles,
  facts: BatchFacts,
  options: LoadOptions,
): Promise<CommitResult> {
  const plan = inForce(await prepareTable(db, staged, files, options));
  const table = qualified(options, plan.table);
  const fresh = staged.writer.tableIsEmpty;
  let removed = 0;
  let loaded = 0;
  if (files.sets !== undefined && options.method !== "append") {
    removed += fresh ? 0 : await deleteSets(db, table, setColumns(staged, plan), files.sets);
  }
  if (staged.rows > 0) {
    const upsert = options.method !== "append" && plan.keys.length > 0;
    const all = await allRows(db, staged, plan, files);
    let rows = options.method === "append" ? all : newestRows(all, staged, plan, files);
    if (upsert && !fresh && needsMerge(staged, plan)) {
      // Most batches hold only rows that the table does not have yet; then there is nothing to compare or to take away.
      if (plan.newestBy !== undefined && (await matches(db, table, plan, rows)) > 0) {
        await db.run(`CREATE TEMP TABLE newest_rows AS FROM ${rows} newest`);
        rows = "temp.newest_rows";
        await dropOvertaken(db, table, plan);
        removed += await deleteReplaced(db, table, plan, rows);
      } else if (plan.newestBy === undefined) {
        removed += await deleteReplaced(db, table, plan, all);
      }
    }
    loaded = await insertRows(db, table, plan, rows, facts, staged, options);
    staged.writer.tableIsEmpty = false;
    for (const used of new Set([rows, all])) if (used.startsWith("temp.")) await db.run(`DROP TABLE ${used}`);
  }
  if (staged.activate !== undefined) removed += await deleteOlderVersions(db, table, staged.activate, options);
  return { loaded, removed };
}

/** Makes the table fit the plan; the plan that comes back has the types that the table really has. */
async function prepareTable(
  db: DuckDBConnection,
  staged: DuckdbRows,
  files: StagedFiles,
  options: LoadOptions,
): Promise<TablePlan> {
  const { writer, plan, hasVersions, activate } = staged;
  const versions = hasVersions || activate !== undefined;
  if (writer.readyFor === plan && !versions) return plan;
  const table = qualified(options, plan.table);
  const columns = await holdingAllRows(db, staged, files);
  const metadata = metadataColumns(plan, options.metadata, versions);
  const wanted = [...columns.map(({ name, type }) => [name, type] as const), ...metadata];
  if (!(await tablesIn(db, options.schema)).includes(plan.table)) {
    await createTable(db, table, wanted);
    writer.tableIsEmpty = true;
  } else {
    const existing = await columnsOf(db, options.schema, plan.table);
    for (const [index, [name, type]] of wanted.entries()) {
      const has = existing.get(name);
      if (has === undefined) {
        await addColumn(db, table, name, type);
      } else if (has.native !== typeName(type) && index < columns.length) {
        const to = await safeWidening(db, table, quote(name), has.type, type);
        if (has.native !== typeName(to)) await widenColumn(db, table, name, has.type, to);
        columns[index] = { ...columns[index]!, type: to };
      }
    }
  }
  writer.readyFor = plan;
  const real = { ...plan, columns };
  if (columns.some(({ type }, i) => typeName(type) !== typeName(plan.columns[i]!.type))) writer.replan(real);
  return real;
}

/** The plan's columns, those made wider that would cost staged rows of an earlier layout a digit. */
async function holdingAllRows(
  db: DuckDBConnection,
  { plan, segments }: DuckdbRows,
  files: StagedFiles,
): Promise<Column[]> {
  const columns = [...plan.columns];
  for (const [i, segment] of segments.entries()) {
    if (segment.plan === plan) continue;
    for (const [index, column] of columns.entries()) {
      const staged = stagedColumn(segment.plan.columns, column.name);
      if (staged === undefined || typeName(staged.type) === typeName(column.type)) continue;
      columns[index] = {
        ...column,
        type: await safeWidening(db, parquet(files.segments[i] ?? ""), staged.sql, staged.type, column.type),
      };
    }
  }
  return columns;
}

/** The plan without what the table's types make void. */
function inForce({ newestBy, ...plan }: TablePlan): TablePlan {
  const decides = plan.columns.some(({ name, type }) => name === newestBy && saysWhatIsNewer(type));
  return decides && newestBy !== undefined ? { ...plan, newestBy } : plan;
}

/**
 * All staged rows, in the table's types: a query, or a temporary table when so many layouts came in one batch that one
 * query over all their files would take too much memory. Columns are called by their place, `c0`, `c1` …, so that
 * `_row` and the like are no column's name.
 */
async function allRows(db: DuckDBConnection, staged: DuckdbRows, plan: TablePlan, files: StagedFiles): Promise<string> {
  const queries = staged.segments.map((segment, i) => segmentQuery(segment, plan, files.segments[i] ?? ""));
  if (queries.length <= 8) return `(${queries.join(" UNION ALL ")})`;
  for (const [i, query] of queries.entries()) {
    await db.run(i === 0 ? `CREATE TEMP TABLE staged_rows AS ${query}` : `INSERT INTO temp.staged_rows ${query}`);
  }
  return "temp.staged_rows";
}

/** The query for the rows to insert, out of all that are staged. */
function newestRows(all: string, staged: DuckdbRows, plan: TablePlan, files: StagedFiles): string {
  const ofLastSets = (rows: string) => {
    if (!staged.setsRestarted || files.sets === undefined) return rows;
    return `(SELECT s.* FROM ${rows} s WHERE NOT EXISTS (${laterSet(plan, setColumns(staged, plan), files.sets)}))`;
  };
  const lastOfKeys = (rows: string) => {
    if (!staged.mayHaveDuplicates || plan.keys.length === 0) return rows;
    const newest = plan.newestBy === undefined ? "" : `${place(plan, plan.newestBy)} DESC NULLS LAST, `;
    const keys = plan.keys.map((key) => place(plan, key)).join(", ");
    return `(SELECT * FROM ${rows} QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY ${newest}_row DESC) = 1)`;
  };
  // A row can move from one set to another, and that set can start again; but a newer row of an old set counts for nothing.
  return plan.newestBy === undefined ? ofLastSets(lastOfKeys(all)) : lastOfKeys(ofLastSets(all));
}

function segmentQuery(segment: DuckdbSegment, plan: TablePlan, file: string): string {
  const columns = plan.columns.map(({ name, type }, i) => {
    const staged = stagedColumn(segment.plan.columns, name);
    const sql = staged === undefined ? `CAST(NULL AS ${typeName(type)})` : cast(staged.sql, staged.type, type);
    return `${sql} AS c${i}`;
  });
  const row = `file_row_number + ${segment.firstRow} AS _row`;
  return `SELECT ${[...columns, "extracted_at AS _extracted_at", "version AS _version", row].join(", ")} FROM ${parquet(file)}`;
}

/** What a column of the plan is called among the staged rows. */
const place = (plan: TablePlan, name: string) => `c${plan.columns.findIndex((column) => column.name === name)}`;

const parquet = (file: string) => `read_parquet(${literal(file)}, file_row_number = true)`;

/** A column as it lies in a segment's file, where decimals and JSON are texts. */
function stagedColumn(columns: readonly Column[], name: string): { sql: string; type: ColumnType } | undefined {
  const at = columns.findIndex((column) => column.name === name);
  const type = columns[at]?.type;
  if (type === undefined) return undefined;
  return {
    type,
    sql: type.kind === "decimal" || type.kind === "json" ? `CAST(c${at} AS ${typeName(type)})` : `c${at}`,
  };
}

/** A set that started again further down makes this row obsolete. */
function laterSet(plan: TablePlan, columns: readonly SetColumn[], file: string): string {
  const same = columns.map(({ name, sql }) => `${sql} = s.${place(plan, name)}`);
  return `SELECT 1 FROM read_parquet(${literal(file)}) sets WHERE ${[...same, "s._row < sets.version"].join(" AND ")}`;
}

interface SetColumn {
  readonly name: string;
  readonly sql: string;
}

/** The columns that name a set, as they lie in the file of sets, in the table's types. */
function setColumns({ setColumns: columns }: DuckdbRows, plan: TablePlan): SetColumn[] {
  return columns.map(({ name }) => {
    const staged = stagedColumn(columns, name);
    const to = plan.columns.find((column) => column.name === name)?.type;
    return { name, sql: staged === undefined || to === undefined ? "NULL" : cast(staged.sql, staged.type, to) };
  });
}

async function deleteSets(
  db: DuckDBConnection,
  table: string,
  columns: readonly SetColumn[],
  file: string,
): Promise<number> {
  if (columns.length === 0) return (await db.run(`DELETE FROM ${table}`)).rowsChanged;
  const sets = `SELECT ${columns.map(({ sql }) => sql).join(", ")} FROM read_parquet(${literal(file)}) sets`;
  return (await db.run(`DELETE FROM ${table} WHERE ${tuple(columns.map(({ name }) => quote(name)))} IN (${sets})`))
    .rowsChanged;
}

async function deleteReplaced(db: DuckDBConnection, table: string, plan: TablePlan, rows: string): Promise<number> {
  return (await db.run(`DELETE FROM ${table} WHERE ${keyIn(plan, rows)}`)).rowsChanged;
}

/** Takes away staged rows that are older than what the table has. */
async function dropOvertaken(db: DuckDBConnection, table: string, plan: TablePlan): Promise<void> {
  const same = plan.keys.map((key) => `t.${quote(key)} = s.${place(plan, key)}`);
  const [old, fresh] = [`t.${quote(plan.newestBy ?? "")}`, `s.${place(plan, plan.newestBy ?? "")}`];
  const overtaken = [...same, `(${old} > ${fresh} OR (${fresh} IS NULL AND ${old} IS NOT NULL))`].join(" AND ");
  await db.run(`DELETE FROM temp.newest_rows s USING ${table} t WHERE ${overtaken}`);
}

async function matches(db: DuckDBConnection, table: string, plan: TablePlan, rows: string): Promise<number> {
  const sql = `SELECT count(*) FROM ${table} WHERE ${keyIn(plan, rows)}`;
  return Number((await db.runAndReadAll(sql)).getRows()[0]?.[0]);
}

function keyIn(plan: TablePlan, rows: string): string {
  return `${tuple(plan.keys.map(quote))} IN (SELECT ${tuple(plan.keys.map((key) => place(plan, key)))} FROM ${rows} replacing)`;
}

async function insertRows(
  db: DuckDBConnection,
  table: string,
  plan: TablePlan,
  rows: string,
  facts: BatchFacts,
  staged: DuckdbRows,
  options: LoadOptions,
): Promise<number> {
  const values: Record<string, string> = {
    _sdc_extracted_at: "_extracted_at",
    _sdc_received_at: `make_timestamptz(${facts.receivedAt * 1_000})`,
    _sdc_batched_at: `make_timestamptz(${facts.receivedAt * 1_000})`,
    _sdc_deleted_at: "NULL",
    _sdc_sequence: `${facts.sequence} + _row`,
    _sdc_table_version: "_version",
    _sdc_sync_started_at: String(facts.syncStartedAt),
  };
  const metadata = metadataColumns(plan, options.metadata, staged.hasVersions || staged.activate !== undefined).map(
    ([name]) => name,
  );
  const own = plan.columns.map(({ name }) => name);
  const select = [...own.map((name) => place(plan, name)), ...metadata.map((name) => values[name] ?? "NULL")].join(
    ", ",
  );
  const deletes =
    options.hardDelete && own.includes("_sdc_deleted_at") ? ` WHERE ${place(plan, "_sdc_deleted_at")} IS NULL` : "";
  return (
    await db.run(
      `INSERT INTO ${table} (${names([...own, ...metadata])}) SELECT ${select} FROM ${rows} inserted${deletes}`,
    )
  ).rowsChanged;
}

async function deleteOlderVersions(
  db: DuckDBConnection,
  table: string,
  version: number,
  options: LoadOptions,
): Promise<number> {
  const older = `coalesce(_sdc_table_version, -1) < ${version}`;
  if (options.hardDelete) return (await db.run(`DELETE FROM ${table} WHERE ${older}`)).rowsChanged;
  return (await db.run(`UPDATE ${table} SET _sdc_deleted_at = now() WHERE ${older} AND _sdc_deleted_at IS NULL`))
    .rowsChanged;
}

const qualified = (options: LoadOptions, table: string) => `${quote(options.schema)}.${quote(table)}`;
const names = (columns: readonly string[]) => columns.map(quote).join(", ");
const tuple = (columns: readonly string[]) => (columns.length === 1 ? (columns[0] ?? "") : `(${columns.join(", ")})`);
