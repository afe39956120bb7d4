import type { DuckDBConnection } from "@duckdb/node-api";
import type { CommitResult, LoadOptions } from "../../core/destination.ts";
import type { TablePlan } from "../../core/table.ts";
import { addColumn, columnsOf, createTable, metadataColumns, safeWidening, tablesIn, widenColumn } from "./ddl.ts";
import type { Segment, StagedRows } from "./stage.ts";
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
  staged: StagedRows,
  files: StagedFiles,
  facts: BatchFacts,
  options: LoadOptions,
): Promise<CommitResult> {
  const plan = await prepareTable(db, staged, options);
  const table = qualified(options, plan.table);
  const fresh = staged.writer.tableIsEmpty;
  let removed = 0;
  let loaded = 0;
  if (staged.sets !== undefined && files.sets !== undefined && options.method !== "append") {
    removed += fresh ? 0 : await deleteSets(db, table, plan, files.sets);
  }
  if (staged.rows > 0) {
    const upsert = options.method !== "append" && plan.keys.length > 0;
    let rows = `(${newestRows(staged, plan, files, upsert)})`;
    if (upsert && !fresh && needsMerge(staged, plan)) {
      // Most batches hold only rows that the table does not have yet; then there is nothing to compare or to take away.
      if (plan.newestBy !== undefined && (await matches(db, table, plan, rows)) > 0) {
        await db.run(`CREATE TEMP TABLE staged_rows AS FROM ${rows}`);
        rows = "temp.staged_rows";
        await dropOvertaken(db, table, plan);
        removed += await deleteReplaced(db, table, plan, rows);
      } else if (plan.newestBy === undefined) {
        removed += await deleteReplaced(db, table, plan, rows);
      }
    }
    loaded = await insertRows(db, table, plan, rows, facts, staged, options);
    staged.writer.tableIsEmpty = false;
    if (rows === "temp.staged_rows") await db.run(`DROP TABLE ${rows}`);
  }
  if (staged.activate !== undefined) removed += await deleteOlderVersions(db, table, staged.activate, options);
  return { loaded, removed };
}

/** Makes the table fit the plan; the plan that comes back has the types that the table really has. */
async function prepareTable(db: DuckDBConnection, { writer, plan, hasVersions, activate }: StagedRows, options: LoadOptions): Promise<TablePlan> {
  const versions = hasVersions || activate !== undefined;
  if (writer.readyFor === plan && !versions) return plan;
  const table = qualified(options, plan.table);
  const metadata = metadataColumns(plan, options.metadata, versions);
  const wanted = [...plan.columns.map(({ name, type }) => [name, type] as const), ...metadata];
  if (!(await tablesIn(db, options.schema)).includes(plan.table)) {
    await createTable(db, table, wanted);
    writer.tableIsEmpty = true;
    writer.readyFor = plan;
    return plan;
  }
  const existing = await columnsOf(db, options.schema, plan.table);
  const columns = [...plan.columns];
  for (const [name, type] of wanted) {
    const has = existing.get(name);
    if (has === undefined) {
      await addColumn(db, table, name, type);
    } else if (typeName(has) !== typeName(type)) {
      const to = await safeWidening(db, table, name, has, type);
      if (typeName(has) !== typeName(to)) await widenColumn(db, table, name, has, to);
      const index = columns.findIndex((column) => column.name === name);
      if (index >= 0) columns[index] = { ...columns[index]!, type: to };
    }
  }
  writer.readyFor = plan;
  const real = { ...plan, columns };
  if (columns.some(({ type }, i) => typeName(type) !== typeName(plan.columns[i]!.type))) writer.replan(real);
  return real;
}

function needsMerge(staged: StagedRows, plan: TablePlan): boolean {
  // A set that was taken away whole cannot leave a row with one of its keys, when the set is part of the key.
  const setIsInKey = plan.replaces?.every((name) => plan.keys.includes(name)) ?? false;
  return !setIsInKey || staged.continuesSet;
}

/** The query for the rows to insert, in order, with `_row` as their number. */
function newestRows(staged: StagedRows, plan: TablePlan, files: StagedFiles, upsert: boolean): string {
  let query = staged.segments.map((segment, i) => segmentQuery(segment, plan, files.segments[i] ?? "")).join(" UNION ALL ");
  if (upsert && staged.setsRestarted && files.sets !== undefined) {
    query = `SELECT s.* FROM (${query}) s WHERE NOT EXISTS (${laterSet(plan, files.sets)})`;
  }
  if (upsert && staged.mayHaveDuplicates) {
    const order = plan.newestBy === undefined ? "_row DESC" : `${quote(plan.newestBy)} DESC NULLS LAST, _row DESC`;
    query = `SELECT * FROM (${query}) QUALIFY row_number() OVER (PARTITION BY ${names(plan.keys)} ORDER BY ${order}) = 1`;
  }
  return query;
}

function segmentQuery(segment: Segment, plan: TablePlan, file: string): string {
  const columns = plan.columns.map(({ name, type }) => {
    const at = segment.plan.columns.findIndex((column) => column.name === name);
    const from = segment.plan.columns[at]?.type;
    if (from === undefined) return `CAST(NULL AS ${typeName(type)}) AS ${quote(name)}`;
    // Decimals and JSON lie as text in the file.
    const raw = from.kind === "decimal" || from.kind === "json" ? `CAST(c${at} AS ${typeName(from)})` : `c${at}`;
    return `${cast(raw, from, type)} AS ${quote(name)}`;
  });
  const row = `file_row_number + ${segment.firstRow} AS _row`;
  const source = `read_parquet(${literal(file)}, file_row_number = true)`;
  return `SELECT ${[...columns, "extracted_at AS _extracted_at", "version AS _version", row].join(", ")} FROM ${source}`;
}

/** A set that started again further down makes this row obsolete. */
function laterSet(plan: TablePlan, file: string): string {
  const same = setColumns(plan).map(({ name, sql }) => `${sql} = s.${quote(name)}`);
  return `SELECT 1 FROM read_parquet(${literal(file)}) sets WHERE ${[...same, 's._row < sets."start"'].join(" AND ")}`;
}

const setColumns = (plan: TablePlan) =>
  plan.columns
    .filter(({ name }) => plan.replaces?.includes(name))
    .map(({ name, type }, i) => ({ name, sql: `CAST(sets.c${i} AS ${typeName(type)})` }));

async function deleteSets(db: DuckDBConnection, table: string, plan: TablePlan, file: string): Promise<number> {
  const columns = setColumns(plan);
  if (columns.length === 0) return (await db.run(`DELETE FROM ${table}`)).rowsChanged;
  const sets = `SELECT ${columns.map(({ sql }) => sql).join(", ")} FROM read_parquet(${literal(file)}) sets`;
  return (await db.run(`DELETE FROM ${table} WHERE ${tuple(columns.map(({ name }) => quote(name)))} IN (${sets})`)).rowsChanged;
}

async function deleteReplaced(db: DuckDBConnection, table: string, plan: TablePlan, rows: string): Promise<number> {
  const key = tuple(plan.keys.map(quote));
  return (await db.run(`DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${rows})`)).rowsChanged;
}

/** Takes away staged rows that are older than what the table has. */
async function dropOvertaken(db: DuckDBConnection, table: string, plan: TablePlan): Promise<void> {
  const same = plan.keys.map((key) => `t.${quote(key)} = s.${quote(key)}`);
  const version = quote(plan.newestBy ?? "");
  const overtaken = [...same, `t.${version} > s.${version}`].join(" AND ");
  await db.run(`DELETE FROM temp.staged_rows s USING ${table} t WHERE ${overtaken}`);
}

async function matches(db: DuckDBConnection, table: string, plan: TablePlan, rows: string): Promise<number> {
  const sql = `SELECT count(*) FROM ${table} SEMI JOIN ${rows} staged USING (${names(plan.keys)})`;
  return Number((await db.runAndReadAll(sql)).getRows()[0]?.[0]);
}

async function insertRows(
  db: DuckDBConnection,
  table: string,
  plan: TablePlan,
  rows: string,
  facts: BatchFacts,
  staged: StagedRows,
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
  const metadata = metadataColumns(plan, options.metadata, staged.hasVersions || staged.activate !== undefined).map(([name]) => name);
  const own = plan.columns.map(({ name }) => name);
  const select = [...own.map(quote), ...metadata.map((name) => values[name] ?? "NULL")].join(", ");
  const deletes = options.hardDelete && own.includes("_sdc_deleted_at") ? " WHERE _sdc_deleted_at IS NULL" : "";
  return (await db.run(`INSERT INTO ${table} (${names([...own, ...metadata])}) SELECT ${select} FROM ${rows}${deletes}`)).rowsChanged;
}

async function deleteOlderVersions(db: DuckDBConnection, table: string, version: number, options: LoadOptions): Promise<number> {
  const older = `coalesce(_sdc_table_version, -1) < ${version}`;
  if (options.hardDelete) return (await db.run(`DELETE FROM ${table} WHERE ${older}`)).rowsChanged;
  return (await db.run(`UPDATE ${table} SET _sdc_deleted_at = now() WHERE ${older} AND _sdc_deleted_at IS NULL`)).rowsChanged;
}

const qualified = (options: LoadOptions, table: string) => `${quote(options.schema)}.${quote(table)}`;
const names = (columns: readonly string[]) => columns.map(quote).join(", ");
const tuple = (columns: readonly string[]) => (columns.length === 1 ? (columns[0] ?? "") : `(${columns.join(", ")})`);
