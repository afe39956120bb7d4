import type { DuckDBConnection } from "@duckdb/node-api";
import type { Column, ColumnType } from "../../core/column.ts";
import type { LoadOptions } from "../../core/destination.ts";
import { needsMerge } from "../../core/staging.ts";
import { columnsBeyond, metadataColumns, saysWhatIsNewer, type TablePlan } from "../../core/table.ts";
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

/** How many rows went into the table, and how many were taken away. */
export interface Merged {
  readonly loaded: number;
  readonly removed: number;
}

/**
 * Moves staged rows into their table, inside the caller's transaction: the newest row per key stays, a set that starts
 * anew takes its old rows away. Nothing is deleted that the batch does not speak of.
 */
export async function merge(
  db: DuckDBConnection,
  rows: DuckdbRows,
  files: StagedFiles,
  facts: BatchFacts,
  options: LoadOptions,
): Promise<Merged> {
  const plan = inForce(await prepareTable(db, rows, files, options));
  const staged: Staged = { db, rows, files, facts, options, plan, table: qualified(options, plan.table) };
  const fresh = rows.writer.tableIsEmpty;
  let removed = 0;
  let loaded = 0;
  if (files.sets !== undefined && options.method !== "append" && !fresh)
    removed += await deleteSets(staged, files.sets);
  if (rows.rows > 0) {
    const merged = await mergeRows(staged, !fresh && needsMerge(rows, plan));
    removed += merged.removed;
    loaded = merged.loaded;
    rows.writer.tableIsEmpty = false;
  }
  if (rows.activate !== undefined) removed += await deleteOlderVersions(staged, rows.activate);
  return { loaded, removed };
}

/** A stream's part of a batch with all that its statements need. */
interface Staged {
  readonly db: DuckDBConnection;
  readonly rows: DuckdbRows;
  readonly files: StagedFiles;
  readonly facts: BatchFacts;
  readonly options: LoadOptions;
  /** In the types that the table has. */
  readonly plan: TablePlan;
  /** Quoted, with its schema. */
  readonly table: string;
}

/** `comparing`: the table can have rows with keys of the batch. */
async function mergeRows(staged: Staged, comparing: boolean): Promise<Merged> {
  const { db, rows, plan, options } = staged;
  if (options.method === "append") {
    const all = await allRows(staged, []);
    return { loaded: await insertRows(staged, all), removed: await dropTables(db, all) };
  }
  const upsert = comparing && plan.keys.length > 0;
  const keeps = upsert || (rows.mayHaveDuplicates && plan.keys.length > 0) ? whatStays(staged) : NOTHING_STAYS;
  const all = await allRows(staged, keeps.absent);
  // Most batches hold only rows that the table does not have yet; then there is nothing to compare or to take away.
  const looksFirst = plan.newestBy !== undefined || keeps.absent.length > 0 || keeps.beyond.length > 0;
  const found = upsert && looksFirst ? await matches(staged, all) : NO_MATCHES;
  let newest: string;
  let removed = 0;
  if (keeps.absent.length > 0 || (keeps.beyond.length > 0 && found.rows > 0)) {
    newest = await keepingRows(staged, all, keeps, found);
  } else {
    newest = newestRows(staged, all);
    if (found.rows > 0) {
      await db.run(`CREATE TEMP TABLE newest_rows AS FROM ${newest} newest`);
      newest = "temp.newest_rows";
      await dropOvertaken(staged);
    }
  }
  // A row can move from one set to another, and that set can start again: its key is gone though no row has it.
  if (upsert && plan.newestBy === undefined && (!looksFirst || found.rows > 0))
    removed = await deleteReplaced(staged, all);
  else if (found.rows > 0) removed = await deleteReplaced(staged, newest);
  const loaded = await insertRows(staged, newest, found.rows > 0 ? keeps.beyond : []);
  await dropTables(db, newest, all);
  return { loaded, removed };
}

async function dropTables(db: DuckDBConnection, ...used: readonly string[]): Promise<0> {
  for (const table of new Set(used)) if (table.startsWith("temp.")) await db.run(`DROP TABLE ${table}`);
  return 0;
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
    writer.beyond = [];
  } else {
    const existing = await columnsOf(db, options.schema, plan.table);
    writer.beyond = columnsBeyond(plan, existing.keys());
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

/** What of the table's rows stays where a newer row comes: what records lack, and columns that no schema names. */
interface Stays {
  /** Places in the plan of columns whose property some record lacked. */
  readonly absent: readonly number[];
  readonly beyond: readonly string[];
}
const NOTHING_STAYS: Stays = { absent: [], beyond: [] };

function whatStays({ rows, plan, options }: Staged): Stays {
  if (!options.keepAbsent) return NOTHING_STAYS;
  const isAbsentSomewhere = (name: string) =>
    rows.segments.some((segment) => {
      const at = segment.plan.columns.findIndex((column) => column.name === name);
      return at < 0 || segment.buffer.isAbsentSomewhere(at);
    });
  // A row that comes again is no longer deleted.
  const canStay = (name: string) => !plan.keys.includes(name) && name !== "_sdc_deleted_at";
  const absent = plan.columns.flatMap(({ name }, i) => (canStay(name) && isAbsentSomewhere(name) ? [i] : []));
  return { absent, beyond: rows.writer.beyond };
}

/** Rows of the table that have a key of the batch, and how many different keys they have. */
interface Found {
  readonly rows: number;
  readonly keys: number;
}
const NO_MATCHES: Found = { rows: 0, keys: 0 };

async function matches({ db, table, plan }: Staged, rows: string): Promise<Found> {
  const keys = tuple(plan.keys.map(quote));
  const sql = `SELECT count(*), count(DISTINCT ${keys}) FROM ${table} WHERE ${keyIn(plan, rows)}`;
  const [found = []] = (await db.runAndReadAll(sql)).getRows();
  return { rows: Number(found[0]), keys: Number(found[1]) };
}

/**
 * All staged rows, in the table's types: a query, or a temporary table when so many layouts came in one batch that one
 * query over all their files would take too much memory. Columns are called by their place, `c0`, `c1` …, so that
 * `_row` and the like are no column's name; `a0`, `a1` … say of those in `absent` whether the record lacked them.
 */
async function allRows({ db, rows, plan, files }: Staged, absent: readonly number[]): Promise<string> {
  const queries = rows.segments.map((segment, i) => segmentQuery(segment, plan, files.segments[i] ?? "", absent));
  if (queries.length <= 8) return `(${queries.join(" UNION ALL ")})`;
  for (const [i, query] of queries.entries()) {
    await db.run(i === 0 ? `CREATE TEMP TABLE staged_rows AS ${query}` : `INSERT INTO temp.staged_rows ${query}`);
  }
  return "temp.staged_rows";
}

/** The query for the rows to insert, out of all that are staged: whole rows, whatever their records lacked. */
function newestRows(staged: Staged, all: string): string {
  // A row can move from one set to another, and that set can start again; but a newer row of an old set counts for nothing.
  return staged.plan.newestBy === undefined
    ? ofLastSets(staged, lastOfKeys(staged, all))
    : lastOfKeys(staged, ofLastSets(staged, all));
}

/** Without the rows of sets that started again further down. */
function ofLastSets({ rows, plan, files }: Staged, source: string): string {
  if (!rows.setsRestarted || files.sets === undefined) return source;
  return `(SELECT s.* FROM ${source} s WHERE NOT EXISTS (${laterSet(plan, setColumns(rows, plan), files.sets)}))`;
}

function lastOfKeys({ rows, plan }: Staged, source: string): string {
  if (!rows.mayHaveDuplicates || plan.keys.length === 0) return source;
  const newest = plan.newestBy === undefined ? "" : `${place(plan, plan.newestBy)} DESC NULLS LAST, `;
  return `(SELECT * FROM ${source} QUALIFY row_number() OVER (PARTITION BY ${keyPlaces(plan)} ORDER BY ${newest}_row DESC) = 1)`;
}

/**
 * The rows to insert, completed with what stays: a query, or the temporary table `newest_rows`, where columns beyond the
 * plan are called `b0`, `b1` ….
 */
async function keepingRows(staged: Staged, all: string, stays: Stays, found: Found): Promise<string> {
  const { db, rows, plan, table } = staged;
  const combines = rows.mayHaveDuplicates && stays.absent.length > 0;
  if (found.rows === 0)
    return combines ? combinedRows(staged, ofLastSets(staged, all), all, stays) : newestRows(staged, all);
  const needed = [...plan.keys, ...stays.absent.map((i) => plan.columns[i]!.name), ...stays.beyond];
  if (plan.newestBy !== undefined) needed.push(plan.newestBy);
  const keys = names(plan.keys);
  const once =
    found.rows > found.keys ? ` QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY rowid DESC) = 1` : "";
  await db.run(
    `CREATE TEMP TABLE old_rows AS SELECT ${names([...new Set(needed)])} FROM ${table} WHERE ${keyIn(plan, all)}${once}`,
  );
  const source = combines
    ? combinedRows(staged, notOvertaken(plan, ofLastSets(staged, all)), all, stays)
    : notOvertaken(plan, newestRows(staged, all));
  const columns = plan.columns.map(({ name }, i) =>
    stays.absent.includes(i) ? `CASE WHEN s.a${i} THEN o.${quote(name)} ELSE s.c${i} END AS c${i}` : `s.c${i}`,
  );
  const beyond = stays.beyond.map((name, i) => `o.${quote(name)} AS b${i}`);
  const join = combines ? `${keysMatch(plan, "o")} AND NOT s._is_new` : keysMatch(plan, "o");
  await db.run(
    `CREATE TEMP TABLE newest_rows AS SELECT ${[...columns, ...beyond, "s._extracted_at", "s._version", "s._row"].join(", ")}
     FROM ${source} s LEFT JOIN temp.old_rows o ON ${join}`,
  );
  await db.run("DROP TABLE temp.old_rows");
  return "temp.newest_rows";
}

/**
 * One row for each key out of several of which some lack something: each column from the newest row that has it. `_is_new`
 * says that a row was deleted for good in between: then what came before stays no more.
 */
function combinedRows(staged: Staged, source: string, all: string, { absent }: Stays): string {
  const { rows, plan, options } = staged;
  const keys = keyPlaces(plan);
  const newest = plan.newestBy === undefined ? "" : `${place(plan, plan.newestBy)} ASC NULLS FIRST, `;
  const ranked = `SELECT *, row_number() OVER (PARTITION BY ${keys} ORDER BY ${newest}_row) AS _rank FROM ${source}`;
  const deletion = deletesRows(plan, options) ? `${place(plan, "_sdc_deleted_at")} IS NOT NULL` : "false";
  const ofKey = `OVER (PARTITION BY ${keys})`;
  const gone = `SELECT *, max(_rank) ${ofKey} AS _last, max(_rank) FILTER (WHERE ${deletion}) ${ofKey} AS _gone FROM (${ranked})`;
  const stays = "_gone IS NULL OR _rank > _gone OR _rank = _last";
  const columns = plan.columns.map(({ name }, i) => {
    if (plan.keys.includes(name)) return `c${i}`;
    const has = absent.includes(i) ? ` FILTER (WHERE NOT a${i})` : "";
    return `arg_max_null(c${i}, _rank)${has} AS c${i}`;
  });
  const list = [
    ...columns,
    ...absent.map((i) => `bool_and(a${i}) AS a${i}`),
    ...["_extracted_at", "_version", "_row"].map((name) => `arg_max_null(${name}, _rank) AS ${name}`),
    "bool_or(_gone IS NOT NULL) AS _is_new",
  ];
  const combined = `SELECT ${list.join(", ")} FROM (${gone}) WHERE ${stays} GROUP BY ${keys}`;
  if (!rows.setsRestarted || plan.newestBy !== undefined) return `(${combined})`;
  return `(SELECT * FROM (${combined}) WHERE _row IN (SELECT _row FROM ${newestRows(staged, all)} newest))`;
}

/** Without the rows that are older than what `old_rows` has. */
function notOvertaken(plan: TablePlan, source: string): string {
  if (plan.newestBy === undefined) return source;
  return `(SELECT s.* FROM ${source} s WHERE NOT EXISTS (SELECT 1 FROM temp.old_rows o WHERE ${keysMatch(plan, "o")} AND ${isNewer(plan, "o")}))`;
}

function segmentQuery(segment: DuckdbSegment, plan: TablePlan, file: string, absent: readonly number[]): string {
  const columns = plan.columns.map(({ name, type }, i) => {
    const staged = stagedColumn(segment.plan.columns, name);
    const sql = staged === undefined ? `CAST(NULL AS ${typeName(type)})` : cast(staged.sql, staged.type, type);
    return `${sql} AS c${i}`;
  });
  const lacks = absent.map((i) => `${isAbsent(segment, plan.columns[i]!.name)} AS a${i}`);
  const row = `file_row_number + ${segment.firstRow} AS _row`;
  const rest = [...lacks, "extracted_at AS _extracted_at", "version AS _version", row];
  return `SELECT ${[...columns, ...rest].join(", ")} FROM ${parquet(file)}`;
}

/** Whether a row's record lacked a column of the plan; one whose layout has no such column did. */
function isAbsent({ plan, buffer }: DuckdbSegment, name: string): string {
  const at = plan.columns.findIndex((column) => column.name === name);
  if (at < 0) return "true";
  if (!buffer.isAbsentSomewhere(at)) return "false";
  return `(coalesce(absent${at >> 5}, 0) & ${2 ** (at & 31)}) <> 0`;
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

async function deleteSets({ db, rows, plan, table }: Staged, file: string): Promise<number> {
  const columns = setColumns(rows, plan);
  if (columns.length === 0) return (await db.run(`DELETE FROM ${table}`)).rowsChanged;
  const sets = `SELECT ${columns.map(({ sql }) => sql).join(", ")} FROM read_parquet(${literal(file)}) sets`;
  return (await db.run(`DELETE FROM ${table} WHERE ${tuple(columns.map(({ name }) => quote(name)))} IN (${sets})`))
    .rowsChanged;
}

async function deleteReplaced({ db, table, plan }: Staged, rows: string): Promise<number> {
  return (await db.run(`DELETE FROM ${table} WHERE ${keyIn(plan, rows)}`)).rowsChanged;
}

/** Takes away staged rows that are older than what the table has. */
async function dropOvertaken({ db, table, plan }: Staged): Promise<void> {
  if (plan.newestBy === undefined) return;
  await db.run(
    `DELETE FROM temp.newest_rows s USING ${table} t WHERE ${keysMatch(plan, "t")} AND ${isNewer(plan, "t")}`,
  );
}

/** The row of the table, by its alias, is newer than the staged one, `s`. */
function isNewer(plan: TablePlan, table: string): string {
  const [old, fresh] = [`${table}.${quote(plan.newestBy ?? "")}`, `s.${place(plan, plan.newestBy ?? "")}`];
  return `(${old} > ${fresh} OR (${fresh} IS NULL AND ${old} IS NOT NULL))`;
}

const keysMatch = (plan: TablePlan, table: string) =>
  plan.keys.map((key) => `${table}.${quote(key)} = s.${place(plan, key)}`).join(" AND ");

const keyPlaces = (plan: TablePlan) => plan.keys.map((key) => place(plan, key)).join(", ");

function keyIn(plan: TablePlan, rows: string): string {
  return `${tuple(plan.keys.map(quote))} IN (SELECT ${tuple(plan.keys.map((key) => place(plan, key)))} FROM ${rows} replacing)`;
}

/** Rows that say that they are deleted are to go. */
const deletesRows = (plan: TablePlan, options: LoadOptions) =>
  options.hardDelete && plan.columns.some(({ name }) => name === "_sdc_deleted_at");

/** `beyond`: columns that the plan does not know, which the rows have as `b0`, `b1` …. */
async function insertRows(staged: Staged, rows: string, beyond: readonly string[] = []): Promise<number> {
  const { db, table, plan, facts, options } = staged;
  const values: Record<string, string> = {
    _sdc_extracted_at: "_extracted_at",
    _sdc_received_at: `make_timestamptz(${facts.receivedAt * 1_000})`,
    _sdc_batched_at: `make_timestamptz(${facts.receivedAt * 1_000})`,
    _sdc_deleted_at: "NULL",
    _sdc_sequence: `${facts.sequence} + _row`,
    _sdc_table_version: "_version",
    _sdc_sync_started_at: String(facts.syncStartedAt),
  };
  const versions = staged.rows.hasVersions || staged.rows.activate !== undefined;
  const metadata = metadataColumns(plan, options.metadata, versions).map(([name]) => name);
  const own = plan.columns.map(({ name }) => name);
  const select = [
    ...own.map((name) => place(plan, name)),
    ...metadata.map((name) => values[name] ?? "NULL"),
    ...beyond.map((_, i) => `b${i}`),
  ].join(", ");
  const stays = deletesRows(plan, options) ? ` WHERE ${place(plan, "_sdc_deleted_at")} IS NULL` : "";
  return (
    await db.run(
      `INSERT INTO ${table} (${names([...own, ...metadata, ...beyond])}) SELECT ${select} FROM ${rows} inserted${stays}`,
    )
  ).rowsChanged;
}

async function deleteOlderVersions({ db, table, options }: Staged, version: number): Promise<number> {
  const older = `coalesce(_sdc_table_version, -1) < ${version}`;
  if (options.hardDelete) return (await db.run(`DELETE FROM ${table} WHERE ${older}`)).rowsChanged;
  return (await db.run(`UPDATE ${table} SET _sdc_deleted_at = now() WHERE ${older} AND _sdc_deleted_at IS NULL`))
    .rowsChanged;
}

const qualified = (options: LoadOptions, table: string) => `${quote(options.schema)}.${quote(table)}`;
const names = (columns: readonly string[]) => columns.map(quote).join(", ");
const tuple = (columns: readonly string[]) => (columns.length === 1 ? (columns[0] ?? "") : `(${columns.join(", ")})`);
