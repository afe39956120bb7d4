import type { Column, ColumnType } from "../../core/column.ts";
import type { LoadOptions } from "../../core/destination.ts";
import { needsMerge } from "../../core/staging.ts";
import { columnsBeyond, metadataColumns, saysWhatIsNewer, type TablePlan } from "../../core/table.ts";
import { sqlState, UNIQUE_VIOLATION } from "./refusal.ts";
import type { Session } from "./session.ts";
import { canBeAbsent, type PostgresRows } from "./stage.ts";
import { place, type Staging, type StagedTables } from "./staging-tables.ts";
import { prepareTable, type Target } from "./target.ts";
import { quote, typeName } from "./types.ts";

export interface Merged {
  readonly loaded: number;
  readonly removed: number;
}

/**
 * Moves the rows of a stream into their table, inside the caller's transaction: the newest row per key stays, a set
 * that starts anew takes its old rows away. Nothing is deleted that the batch does not speak of.
 *
 * Rows that can only be new are copied straight into the table. So are rows that are probably new, and when the table's
 * key says otherwise they go the long way: into a staging table, and from there by key.
 */
export async function merge(
  session: Session,
  rows: PostgresRows,
  target: Target,
  staging: Staging,
  options: LoadOptions,
): Promise<Merged> {
  const staged = await prepared(session, rows, target, staging, options);
  const { table } = staged;
  let removed = 0;
  let loaded = 0;
  if (rows.setStarts.length > 0 && options.method !== "append" && !target.isEmpty && rows.isPart !== true) {
    removed += await deleteSets(session, staged);
  }
  if (rows.rows > 0) {
    const wasEmpty = target.isEmpty;
    target.isEmpty = false;
    const copied = isCopiedStraight(staged, wasEmpty) ? await copyStraight(session, staged) : undefined;
    if (copied === undefined) {
      const merged = await mergeStaged(session, staged, wasEmpty);
      target.allNew = merged.removed === 0;
      removed += merged.removed;
      loaded = merged.loaded;
    } else {
      loaded = copied;
    }
  }
  if (rows.activate !== undefined) removed += await deleteOlderVersions(session, table, rows.activate, options);
  return { loaded, removed };
}

/** Makes the staging tables of a batch that is going to be merged, see `Staging.prepare`. */
export async function prepareMerge(
  session: Session,
  rows: PostgresRows,
  target: Target,
  staging: Staging,
  options: LoadOptions,
): Promise<void> {
  const staged = await prepared(session, rows, target, staging, options);
  await staging.prepare(session, rows);
  if (options.method !== "append" && staged.plan.keys.length > 0) await emptyNewest(session, staged);
}

/** A batch of a stream with all that its statements need. */
interface Staged {
  readonly rows: PostgresRows;
  readonly target: Target;
  readonly staging: Staging;
  readonly options: LoadOptions;
  /** In the types that the table has. */
  readonly plan: TablePlan;
  /** Quoted, with its schema. */
  readonly table: string;
  /** Singer's columns, of the table and of the rows. */
  readonly metadata: readonly (readonly [name: string, type: ColumnType])[];
  /** The table has a unique index on the key. */
  readonly isKeyed: boolean;
}

async function prepared(
  session: Session,
  rows: PostgresRows,
  target: Target,
  staging: Staging,
  options: LoadOptions,
): Promise<Staged> {
  const plan = inForce(await prepareTable(session, rows, target, staging, options));
  return {
    rows,
    target,
    staging,
    options,
    plan,
    table: `${quote(options.schema)}.${quote(plan.table)}`,
    metadata: metadataColumns(plan, options.metadata, rows.hasVersions || rows.activate !== undefined),
    isKeyed: plan.keys.length > 0 && (target.table?.uniques.some((columns) => sameNames(columns, plan.keys)) ?? false),
  };
}

/** The plan without what the table's types make void. */
function inForce({ newestBy, ...plan }: TablePlan): TablePlan {
  const decides = plan.columns.some(({ name, type }) => name === newestBy && saysWhatIsNewer(type));
  return decides && newestBy !== undefined ? { ...plan, newestBy } : plan;
}

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((name) => b.includes(name));

/** True when the lines can go into the table as they are, with nothing to compare them with, or probably nothing. */
function isCopiedStraight(staged: Staged, wasEmpty: boolean): boolean {
  const { rows, plan, options, isKeyed, target } = staged;
  const fits = rows.segments.every((segment) =>
    segment.plan.columns.every(({ name, type }) =>
      plan.columns.some((column) => column.name === name && typeName(column.type) === typeName(type)),
    ),
  );
  if (!fits || deletesRows(staged)) return false;
  if (options.method === "append") return true;
  if (rows.setsRestarted || (rows.mayHaveDuplicates && plan.keys.length > 0)) return false;
  return plan.keys.length === 0 || wasEmpty || !needsMerge(rows, plan) || (isKeyed && target.allNew);
}

/** What `merge` will most likely do, asked before the batch before this one is merged: then its rows are staged early. */
export function isProbablyStaged(rows: PostgresRows, target: Target, options: LoadOptions): boolean {
  const byKey = options.method !== "append" && rows.plan.keys.length > 0;
  return byKey && rows.rows > 0 && target.ready !== undefined && !target.allNew && needsMerge(rows, rows.plan);
}

/** Copies the lines into the table; undefined, and nothing done, when one of them has a key that is there. */
async function copyStraight(session: Session, { rows, table, target }: Staged): Promise<number | undefined> {
  await session.run("SAVEPOINT straight");
  try {
    for (const { buffer } of rows.segments) {
      await session.copy(`COPY ${table} (${buffer.columns.map(quote).join(", ")}) FROM STDIN`, buffer.chunks());
    }
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
    await session.run("ROLLBACK TO straight; RELEASE straight");
    target.allNew = false;
    return undefined;
  }
  await session.run("RELEASE straight");
  return rows.rows;
}

/** Stages the rows, unless they are staged already, and merges them by key. */
async function mergeStaged(session: Session, staged: Staged, wasEmpty: boolean): Promise<Merged> {
  const { rows, plan, options, isKeyed } = staged;
  const tables = await staged.staging.stage(session, rows);
  if (rows.setsRestarted) await staged.staging.stageSets(session, rows);
  const source = newestRows(staged, tables);
  const upsert = options.method !== "append" && plan.keys.length > 0;
  if (!upsert || wasEmpty || !needsMerge(rows, plan)) {
    return { loaded: await session.run(insert(staged, source)), removed: 0 };
  }
  if (isKeyed && !deletesRows(staged) && !losesKeys(staged)) {
    return upsertRows(session, staged, tables.hasAbsent(plan) ? completed(staged, source) : source);
  }
  return replaceRows(session, staged, tables, source);
}

/** One statement, over the table's key. */
async function upsertRows(session: Session, staged: Staged, source: string): Promise<Merged> {
  const { plan, table, metadata } = staged;
  const keys = plan.keys.map(quote).join(", ");
  const own = [...plan.columns.map(({ name }) => name), ...metadata.map(([name]) => name)];
  const sets = [
    ...own.filter((name) => !plan.keys.includes(name)).map((name) => `${quote(name)} = excluded.${quote(name)}`),
    ...notWritten(staged),
  ];
  const newest = plan.newestBy === undefined ? undefined : quote(plan.newestBy);
  const condition = newest === undefined ? "" : ` WHERE old.${newest} IS NULL OR old.${newest} <= excluded.${newest}`;
  // A table of keys alone has nothing to set; the key itself makes the statement the same.
  const update = sets.length > 0 ? sets.join(", ") : `${quote(plan.keys[0]!)} = excluded.${quote(plan.keys[0]!)}`;
  const [counts] = await session.rows(
    `WITH merged AS (
       INSERT INTO ${table} AS old (${own.map(quote).join(", ")}) SELECT ${selected(staged)} FROM ${source} s
       ON CONFLICT (${keys}) DO UPDATE SET ${update}${condition}
       RETURNING old.xmax <> 0 AS updated)
     SELECT count(*), count(*) FILTER (WHERE updated) FROM merged`,
  );
  return { loaded: Number(counts?.[0]), removed: Number(counts?.[1]) };
}

/**
 * Several statements: for tables without a unique index on the key, rows that delete, and sets that are not part of the
 * key. A row that is there is changed, not deleted and written anew, so that what others keep in it stays.
 */
async function replaceRows(session: Session, staged: Staged, tables: StagedTables, source: string): Promise<Merged> {
  const { plan, table, metadata, isKeyed } = staged;
  const join = keysMatch(plan);
  const hasAbsent = tables.hasAbsent(plan);
  const newest = await emptyNewest(session, staged);
  await session.run(
    `INSERT INTO ${newest} SELECT ${selected(staged)}, ${hasAbsent ? "s._absent" : "NULL"} FROM ${source} s`,
  );
  if (plan.newestBy !== undefined) {
    await session.run(`DELETE FROM ${newest} s WHERE EXISTS (${newerInTable(staged, plan.newestBy)})`);
  }
  let removed = 0;
  if (deletesRows(staged) || losesKeys(staged)) {
    // A row can move from one set to another, and that set can start again: its key is gone though no row has it.
    const gone = plan.newestBy === undefined ? tables.all(plan) : newest;
    const stays = `SELECT 1 FROM ${newest} s WHERE ${join}${andIsThere(staged)} AND coalesce(${COMES_AGAIN} <> ALL(s._absent), true)`;
    removed += await session.run(
      `DELETE FROM ${table} t USING (SELECT DISTINCT ${keyPlaces(plan)} FROM ${gone} s) s WHERE ${join} AND NOT EXISTS (${stays})`,
    );
  }
  if (!isKeyed) removed += await deleteDoubled(session, staged, newest);
  const sets = [
    ...plan.columns.flatMap((column, i) => {
      const { name } = column;
      const value = hasAbsent && canStay(plan, name) ? kept(i, column) : `s.c${i}`;
      return plan.keys.includes(name) ? [] : [`${quote(name)} = ${value}`];
    }),
    ...metadata.map(([name]) => `${quote(name)} = s.${quote(name)}`),
    ...notWritten(staged),
  ];
  const update = `UPDATE ${table} t SET ${sets.join(", ")} FROM ${newest} s WHERE ${join}`;
  const updated = sets.length > 0 ? await session.run(update) : 0;
  const isNew = `(SELECT s.* FROM ${newest} s WHERE NOT EXISTS (SELECT 1 FROM ${table} t WHERE ${join}))`;
  const loaded = await session.run(insert(staged, isNew));
  return { loaded: loaded + updated, removed: removed + updated };
}

/** An empty table for the newest rows of a batch, in the types of the plan. */
async function emptyNewest(session: Session, { plan, metadata, staging }: Staged): Promise<string> {
  const columns = [
    ...plan.columns.map(({ type }, i) => `c${i} ${typeName(type)}`),
    ...metadata.map(([name, type]) => `${quote(name)} ${typeName(type)}`),
    "_absent int[]",
  ];
  return `pg_temp.${await staging.empty(session, "newest", plan.stream, columns)}`;
}

/** Of rows of the table that share a key of the batch the last one stays, so that the key is there once. */
async function deleteDoubled(session: Session, { plan, table }: Staged, newest: string): Promise<number> {
  const keys = plan.keys.map((key) => `t.${quote(key)}`).join(", ");
  const numbered = `SELECT t.tableoid AS part, t.ctid AS place, row_number() OVER (PARTITION BY ${keys} ORDER BY t.tableoid, t.ctid DESC) AS number
    FROM ${table} t JOIN ${newest} s ON ${keysMatch(plan)}`;
  return session.run(
    `DELETE FROM ${table} t USING (${numbered}) d WHERE d.number > 1 AND t.tableoid = d.part AND t.ctid = d.place`,
  );
}

/** Rows that say that they are deleted, and are to go. */
function deletesRows({ plan, options }: Staged): boolean {
  return options.hardDelete && plan.columns.some(({ name }) => name === "_sdc_deleted_at");
}

const andIsThere = (staged: Staged) =>
  deletesRows(staged) ? ` AND s.${place(staged.plan, "_sdc_deleted_at")} IS NULL` : "";

/** A key of the batch can be gone at its end though no row deletes it. */
function losesKeys({ rows, plan }: Staged): boolean {
  return rows.setsRestarted && plan.replaces?.every((name) => plan.keys.includes(name)) === false;
}

/** What becomes of the columns of the table that the rows do not have: Singer's are those of the last writer, so none. */
function notWritten({ target, plan, metadata, options }: Staged): string[] {
  const columns = target.table?.columns ?? new Map<string, never>();
  const written = new Set(metadata.map(([name]) => name));
  const singers = metadataColumns(plan, true, true).flatMap(([name]) =>
    columns.has(name) && !written.has(name) ? [`${quote(name)} = NULL`] : [],
  );
  if (options.keepAbsent) return singers;
  const beyond = columnsBeyond(plan, columns.keys()).filter((name) => columns.get(name)?.isComputed !== true);
  return [...singers, ...beyond.map((name) => `${quote(name)} = DEFAULT`)];
}

/** The query for the rows to load, out of all that are staged. */
function newestRows(staged: Staged, tables: StagedTables): string {
  const { rows, plan, options } = staged;
  const all = tables.all(plan);
  if (options.method === "append") return all;
  // A row can move from one set to another, and that set can start again; but a newer row of an old set counts for nothing.
  const whole =
    plan.newestBy === undefined
      ? ofLastSets(staged, tables, lastOfKeys(staged, all))
      : lastOfKeys(staged, ofLastSets(staged, tables, all));
  if (!combines(staged, tables)) return whole;
  const combined = combinedRows(staged, ofLastSets(staged, tables, all));
  if (!rows.setsRestarted || plan.newestBy !== undefined) return combined;
  return `(SELECT * FROM ${combined} combined WHERE _row IN (SELECT _row FROM ${whole} whole))`;
}

/** Without the rows of sets that started again further down. */
function ofLastSets({ rows, plan }: Staged, tables: StagedTables, source: string): string {
  if (!rows.setsRestarted) return source;
  const same = rows.setColumns.map(({ name }) => `sets.${place(plan, name)} = s.${place(plan, name)}`);
  const later = `SELECT 1 FROM ${tables.sets(plan)} sets WHERE ${[...same, "s._row < sets._start"].join(" AND ")}`;
  return `(SELECT s.* FROM ${source} s WHERE NOT EXISTS (${later}))`;
}

function lastOfKeys({ rows, plan }: Staged, source: string): string {
  if (!rows.mayHaveDuplicates || plan.keys.length === 0) return source;
  const keys = keyPlaces(plan);
  const newest = plan.newestBy === undefined ? "" : `s.${place(plan, plan.newestBy)} DESC NULLS LAST, `;
  return `(SELECT DISTINCT ON (${keys}) s.* FROM ${source} s ORDER BY ${keys}, ${newest}s._row DESC)`;
}

/** Several rows of a key may have to be put together, because some lack what others have. */
const combines = ({ rows, plan }: Staged, tables: StagedTables) =>
  rows.mayHaveDuplicates && plan.keys.length > 0 && tables.hasAbsent(plan);

/** Among the places in `_absent`: the row was deleted for good in between, so nothing of the table's row stays. */
const COMES_AGAIN = -1;

/**
 * One row for each key out of several that lack properties: each column from the newest row that has it. Rows that are
 * older than the table's count for nothing.
 */
function combinedRows(staged: Staged, source: string): string {
  const { plan, metadata } = staged;
  const keys = keyPlaces(plan);
  const [order, current] =
    plan.newestBy === undefined
      ? ["", ""]
      : [`s.${place(plan, plan.newestBy)} NULLS FIRST, `, ` WHERE NOT EXISTS (${newerInTable(staged, plan.newestBy)})`];
  const deletion = deletesRows(staged) ? `s.${place(plan, "_sdc_deleted_at")} IS NOT NULL` : "false";
  const ranked = `SELECT s.*, row_number() OVER (PARTITION BY ${keys} ORDER BY ${order}s._row) AS _rank FROM ${source} s${current}`;
  const gone = `SELECT s.*, max(_rank) OVER (PARTITION BY ${keys}) AS _last,
    max(_rank) FILTER (WHERE ${deletion}) OVER (PARTITION BY ${keys}) AS _gone FROM (${ranked}) s`;
  const newest = (what: string, filter = "") => `(array_agg(${what} ORDER BY s._rank DESC)${filter})[1]`;
  const lacks = (i: number) => `coalesce(${i} = ANY(s._absent), false)`;
  const absent = plan.columns.map((_, i) => `CASE WHEN bool_and(${lacks(i)}) THEN ${i} END`);
  const list = [
    ...plan.columns.map(({ name }, i) => {
      if (plan.keys.includes(name)) return `s.c${i}`;
      return `${newest(`s.c${i}`, canStay(plan, name) ? ` FILTER (WHERE NOT ${lacks(i)})` : "")} AS c${i}`;
    }),
    ...metadata.map(([name]) => `${newest(`s.${quote(name)}`)} AS ${quote(name)}`),
    "max(s._row) AS _row",
    `array_remove(ARRAY[CASE WHEN bool_or(s._gone IS NOT NULL) THEN ${COMES_AGAIN} END, ${absent.join(", ")}], NULL) AS _absent`,
  ];
  return `(SELECT ${list.join(", ")} FROM (${gone}) s WHERE _gone IS NULL OR _rank > _gone OR _rank = _last GROUP BY ${keys})`;
}

/** A row of the table with the key of `s` that is newer. */
function newerInTable(staged: Staged, newestBy: string): string {
  const [old, fresh] = [`t.${quote(newestBy)}`, `s.${place(staged.plan, newestBy)}`];
  const isNewer = `(${old} > ${fresh} OR (${fresh} IS NULL AND ${old} IS NOT NULL))`;
  return `SELECT 1 FROM ${staged.table} t WHERE ${keysMatch(staged.plan)} AND ${isNewer}`;
}

const keysMatch = (plan: TablePlan) => plan.keys.map((key) => `t.${quote(key)} = s.${place(plan, key)}`).join(" AND ");

const keyPlaces = (plan: TablePlan) => plan.keys.map((key) => `s.${place(plan, key)}`).join(", ");

/** Rows with what their records lacked as the table has it, for a table that has each key once. */
function completed({ plan, table, metadata }: Staged, source: string): string {
  const list = [
    ...plan.columns.map((column, i) => (canStay(plan, column.name) ? `${kept(i, column)} AS c${i}` : `s.c${i}`)),
    ...metadata.map(([name]) => `s.${quote(name)}`),
  ];
  return `(SELECT ${list.join(", ")} FROM ${source} s LEFT JOIN ${table} t ON ${keysMatch(plan)})`;
}

function kept(i: number, { name, type }: Column): string {
  return `CASE WHEN ${i} = ANY(s._absent) THEN t.${quote(name)}::${typeName(type)} ELSE s.c${i} END`;
}

/** A record that does not say which row is newer is older than one that does, so that never stays. */
const canStay = (plan: TablePlan, name: string) =>
  canBeAbsent(name) && name !== plan.newestBy && !plan.keys.includes(name);

/** The columns of a staged row, in the order of the table's: the plan's, then Singer's. */
function selected({ plan, metadata }: Staged): string {
  const columns = [...plan.columns.map((_, i) => `s.c${i}`), ...metadata.map(([name]) => `s.${quote(name)}`)];
  return columns.join(", ");
}

function insert(staged: Staged, source: string): string {
  const { plan, table, metadata } = staged;
  const own = [...plan.columns.map(({ name }) => name), ...metadata.map(([name]) => name)];
  const stays = deletesRows(staged) ? ` WHERE s.${place(plan, "_sdc_deleted_at")} IS NULL` : "";
  return `INSERT INTO ${table} (${own.map(quote).join(", ")}) SELECT ${selected(staged)} FROM ${source} s${stays}`;
}

async function deleteSets(session: Session, { rows, plan, table, staging }: Staged): Promise<number> {
  if (rows.setColumns.length === 0) return session.run(`DELETE FROM ${table}`);
  const tables = await staging.stageSets(session, rows);
  const same = rows.setColumns.map(({ name }) => `t.${quote(name)} = sets.${place(plan, name)}`);
  return session.run(`DELETE FROM ${table} t USING ${tables.sets(plan)} sets WHERE ${same.join(" AND ")}`);
}

async function deleteOlderVersions(
  session: Session,
  table: string,
  version: number,
  options: LoadOptions,
): Promise<number> {
  const older = `coalesce(_sdc_table_version, -1) < ${version}`;
  if (options.hardDelete) return session.run(`DELETE FROM ${table} WHERE ${older}`);
  return session.run(`UPDATE ${table} SET _sdc_deleted_at = now() WHERE ${older} AND _sdc_deleted_at IS NULL`);
}
