import { widen, type Column, type ColumnType } from "../../core/column.ts";
import type { LoadOptions } from "../../core/destination.ts";
import { EltError } from "../../core/errors.ts";
import { metadataColumns, type TablePlan } from "../../core/table.ts";
import {
  addColumns,
  createTable,
  describeTable,
  dropKey,
  kindOf,
  MAX_KEY_COLUMNS,
  tryAddKey,
  widenColumns,
  type Columns,
  type Table,
} from "./ddl.ts";
import type { Session } from "./session.ts";
import type { PostgresRows } from "./stage.ts";
import type { Staging } from "./staging-tables.ts";
import { holds, MAX_COLUMNS, quote, typeName } from "./types.ts";

/** What is known of a stream's table. It is forgotten when a transaction is rolled back. */
export interface Target {
  table: Table | undefined;
  /** The plan that the table was made to fit, and the same with the types that the table really has. */
  ready: { readonly plan: TablePlan; readonly versions: boolean; readonly real: TablePlan } | undefined;
  /** True while nothing can be in the table. */
  isEmpty: boolean;
  /** True when none of the last batch's rows was there before: then chances are that none of the next is. */
  allNew: boolean;
}

export const unknownTarget = (): Target => ({ table: undefined, ready: undefined, isEmpty: false, allNew: false });

/** Makes the table fit the plan; the plan that comes back has the types that the table really has. */
export async function prepareTable(
  session: Session,
  rows: PostgresRows,
  target: Target,
  staging: Staging,
  options: LoadOptions,
): Promise<TablePlan> {
  const { plan } = rows;
  const versions = rows.hasVersions || rows.activate !== undefined;
  if (target.ready?.plan === plan && target.ready.versions === versions) return target.ready.real;
  const keys = options.method === "append" || plan.keys.length > MAX_KEY_COLUMNS ? [] : plan.keys;
  const found = await describeTable(session, options.schema, plan.table);
  const columns = await holdingAllRows(session, rows, staging);
  const metadata = metadataColumns(plan, options.metadata, versions);
  checkCount(plan, metadata, found);
  if (found?.ownKey === undefined) await checkIsTable(session, plan, options); // ours is one
  let real: TablePlan = { ...plan, columns };
  if (found !== undefined && fits(found, columns, metadata, keys)) {
    target.table = found;
  } else if (found === undefined) {
    const all = [...columns.map(({ name, type }) => [name, type] as const), ...metadata];
    await createTable(session, options.schema, plan.table, all, keys);
  } else {
    if (found.ownKey !== undefined && !sameNames(found.ownKey.columns, keys))
      await changeKey(session, found, plan, keys, options);
    real = { ...plan, columns: await fitTable(session, found, columns, plan, options) };
    const missing = metadata.filter(([name]) => !found.columns.has(name));
    if (missing.length > 0) await addColumns(session, options.schema, plan.table, missing);
  }
  if (target.table !== found || found === undefined) {
    target.table = await describeTable(session, options.schema, plan.table);
  }
  target.isEmpty = found === undefined || (target.ready === undefined && (await isEmpty(session, plan, options)));
  if (target.isEmpty) target.allNew = true;
  target.ready = { plan, versions, real };
  if (real.columns.some(({ type }, i) => typeName(type) !== typeName(plan.columns[i]!.type))) rows.writer.replan(real);
  return real;
}

/** True when there is nothing to change: what most batches of most runs find. */
function fits(
  { columns, ownKey }: Table,
  wanted: readonly Column[],
  metadata: readonly (readonly [name: string, type: ColumnType])[],
  keys: readonly string[],
): boolean {
  const hasColumns = wanted.every(({ name, type }) => {
    const has = columns.get(name);
    return has !== undefined && holds(has.native, type);
  });
  const hasKey = ownKey === undefined || sameNames(ownKey.columns, keys);
  return hasColumns && hasKey && metadata.every(([name]) => columns.has(name));
}

/** Adds columns that are missing, and makes those wider that would not hold the plan's values. */
async function fitTable(
  session: Session,
  found: Table,
  wanted: readonly Column[],
  plan: TablePlan,
  options: LoadOptions,
): Promise<Column[]> {
  const table = `${quote(options.schema)}.${quote(plan.table)}`;
  const missing = wanted.filter(({ name }) => !found.columns.has(name));
  if (missing.length > 0) {
    await addColumns(
      session,
      options.schema,
      plan.table,
      missing.map(({ name, type }) => [name, type]),
    );
  }
  const changes: { name: string; from: ColumnType; to: ColumnType }[] = [];
  const columns: Column[] = [];
  for (const column of wanted) {
    const has = found.columns.get(column.name);
    if (has === undefined || holds(has.native, column.type)) {
      columns.push(column);
      continue;
    }
    const type = await safeWidening(session, table, quote(column.name), has.type, widen(has.type, column.type));
    columns.push({ ...column, type });
    if (!holds(has.native, type)) changes.push({ name: column.name, from: has.type, to: type });
  }
  if (changes.length > 0) await widenColumns(session, table, changes);
  return columns;
}

/** The plan's columns, those made wider that would cost staged rows of an earlier layout a digit. */
async function holdingAllRows(session: Session, rows: PostgresRows, staging: Staging): Promise<Column[]> {
  const columns = [...rows.plan.columns];
  const changed = rows.segments.filter(({ plan }) => plan !== rows.plan);
  if (changed.length === 0) return columns;
  const tables = await staging.stage(session, rows);
  for (const segment of changed) {
    for (const [index, column] of columns.entries()) {
      const from = segment.plan.columns.find(({ name }) => name === column.name)?.type;
      const staged = tables.column(segment, column.name);
      if (from === undefined || staged === undefined || typeName(from) === typeName(column.type)) continue;
      columns[index] = { ...column, type: await safeWidening(session, staged.table, staged.sql, from, column.type) };
    }
  }
  return columns;
}

/** The type that values can really be widened to: whole numbers beyond 2^53 do not go into a double. */
async function safeWidening(
  session: Session,
  table: string,
  column: string,
  from: ColumnType,
  to: ColumnType,
): Promise<ColumnType> {
  if (from.kind !== "integer" || to.kind !== "number") return to;
  const large = await session.rows(
    `SELECT 1 FROM ${table} WHERE ${column} NOT BETWEEN -9007199254740992 AND 9007199254740992 LIMIT 1`,
  );
  return large.length > 0 ? { kind: "decimal", scale: 0 } : to;
}

/** The stream has another key than the one that we made the table's primary key for. */
async function changeKey(
  session: Session,
  { ownKey }: Table,
  plan: TablePlan,
  keys: readonly string[],
  options: LoadOptions,
): Promise<void> {
  if (ownKey === undefined) return;
  await dropKey(session, `${quote(options.schema)}.${quote(plan.table)}`, ownKey.name, ownKey.columns);
  if (keys.length > 0) await tryAddKey(session, options.schema, plan.table, keys);
}

/** Names are shared by tables, views, sequences, indexes and types. */
async function checkIsTable(session: Session, { stream, table }: TablePlan, { schema }: LoadOptions): Promise<void> {
  const kind = await kindOf(session, schema, table);
  if (kind === undefined || kind === "table") return;
  throw new EltError(
    "WAREHOUSE_REFUSED",
    `stream "${stream}": in the schema "${schema}" "${table}" is a ${kind}, where its table would have to be`,
    { stream },
  );
}

/** Postgres's own columns, and the name that is none. */
const RESERVED = ["", "ctid", "cmin", "cmax", "tableoid", "xmin", "xmax"];

/** The plan with other names for columns that cannot have theirs. */
export function withoutReserved(plan: TablePlan): TablePlan {
  const taken = new Set(plan.columns.map(({ name }) => name));
  const free = (name: string): string => (taken.has(name) || RESERVED.includes(name) ? free(`${name}_`) : name);
  const renamed = new Map(RESERVED.filter((name) => taken.has(name)).map((name) => [name, free(name)]));
  if (renamed.size === 0) return plan;
  const nameOf = (name: string) => renamed.get(name) ?? name;
  return {
    ...plan,
    columns: plan.columns.map((column) => ({ ...column, name: nameOf(column.name) })),
    keys: plan.keys.map(nameOf),
    ...(plan.replaces === undefined ? {} : { replaces: plan.replaces.map(nameOf) }),
    ...(plan.newestBy === undefined ? {} : { newestBy: nameOf(plan.newestBy) }),
  };
}

async function isEmpty(session: Session, plan: TablePlan, { schema }: LoadOptions): Promise<boolean> {
  return (await session.rows(`SELECT 1 FROM ${quote(schema)}.${quote(plan.table)} LIMIT 1`)).length === 0;
}

/** Room for what a staging table has beside the columns of a line. */
const STAGING_COLUMNS = 1;

function checkCount(plan: TablePlan, metadata: Columns, found: Table | undefined): void {
  const names = [...plan.columns.map(({ name }) => name), ...metadata.map(([name]) => name)];
  const { size } = new Set([...names, ...(found?.columns.keys() ?? [])]);
  if (size + STAGING_COLUMNS <= MAX_COLUMNS) return;
  throw new EltError(
    "SCHEMA_INVALID",
    `stream "${plan.stream}": ${size} columns do not fit into a table of Postgres, which has room for ${MAX_COLUMNS - STAGING_COLUMNS}; deselect some, or turn flattening off`,
    { stream: plan.stream },
  );
}

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((name) => b.includes(name));
