import type { TablePlan } from "../../core/table.ts";
import type { Client } from "./client.ts";
import { createTable } from "./ddl.ts";
import type { Queries } from "./query.ts";
import type { Staged } from "./staged.ts";
import type { Target } from "./target.ts";
import { literal, quote } from "./types.ts";

/**
 * On which days the rows of each call are, whatever the table: a merge reads only the partitions of these days and of the
 * days that its rows bring. Without it a call whose start was changed would be there twice, or every merge would have to
 * read every partition. Two whole numbers a call; a superset does no harm.
 */
export const DAYS = "_chorus_elt_days";

/** A stream of a batch whose merge can be kept to some partitions. */
export interface Dated {
  readonly staged: Staged;
  /** In the types that the table has. */
  readonly plan: TablePlan;
  /** The column that the table is partitioned by. */
  readonly field: string;
  readonly isDate: boolean;
  /** The column by which rows are found again; its values are what `DAYS` knows. */
  readonly key: string;
}

/** How a stream's merge can be kept to partitions; undefined when it cannot be. */
export function datedOf(staged: Staged, plan: TablePlan, { table }: Target): Dated | undefined {
  const field = table?.partitioning?.field;
  const native = field === undefined ? undefined : table?.columns.get(field)?.native;
  const column = plan.columns.find(({ name }) => name === field);
  const key = keyOf(plan);
  if (field === undefined || column === undefined || key === undefined) return undefined;
  if (native !== "TIMESTAMP" && native !== "DATE") return undefined;
  return { staged, plan, field, isDate: native === "DATE", key };
}

/** A column that a row keeps for good: part of its key, and of its set where it has one. */
function keyOf({ keys, replaces, columns }: TablePlan): string | undefined {
  const shared =
    replaces === undefined ? keys : keys.length === 0 ? replaces : keys.filter((key) => replaces.includes(key));
  return shared.find((name) => {
    const kind = columns.find((column) => column.name === name)?.type.kind;
    return kind === "text" || kind === "integer" || kind === "date";
  });
}

const NEW_TABLE = {
  name: DAYS,
  columns: [
    { name: "id", type: { kind: "integer" } },
    { name: "day", type: { kind: "date" } },
  ],
  clustering: ["id"],
} as const;

/** Makes the table of days. */
export async function createDays(client: Client, dataset: string): Promise<void> {
  await createTable(client, dataset, NEW_TABLE);
}

/**
 * The days that the keys of each stream's rows are on so far, `""` for rows that have none; undefined for a table that was
 * not made by us, or before there were days, and has to be covered first.
 */
export async function knownDays(
  queries: Queries,
  dataset: string,
  dated: readonly Dated[],
): Promise<(Set<string> | undefined)[]> {
  const days = dated.map((): Set<string> | undefined => undefined);
  const table = daysTable(dataset);
  const parts = dated.map(
    (one, i) => `SELECT DISTINCT ${i} AS stream, d.day, d.id = ${marker(one)} AS covers FROM ${table} d
      WHERE d.id = ${marker(one)} OR d.id IN (SELECT ${stagedFingerprint(one)} FROM ${one.staged.table} WHERE r IS NOT NULL OR s IS NOT NULL)`,
  );
  const found = dated.map(() => new Set<string>());
  for await (const [stream, day, covers] of queries.rows(parts.join(" UNION ALL "))) {
    const place = Number(stream);
    if (covers === "true") days[place] = found[place];
    else found[place]?.add(typeof day === "string" ? day : "");
  }
  return days;
}

/** Adds what the tables of these streams hold: both columns are read whole, once. */
export async function coverTables(
  queries: Queries,
  dataset: string,
  dated: readonly Dated[],
  id: string,
): Promise<void> {
  const parts = dated.map(({ key, field, isDate, plan }) => {
    const day = isDate ? quote(field) : `DATE(${quote(field)})`;
    return `SELECT ${fingerprint(key, quote(key))} AS id, ${day} AS day FROM ${quote(`${dataset}.${plan.table}`)}`;
  });
  await queries.run(`${id}_cover`, added(dataset, [...parts, ...dated.map(markerRow)]));
}

/** Forgets that a table is covered: rows are appended to it, whose days are not noted. The next merge covers it anew. */
export async function uncoverTable(queries: Queries, dataset: string, dated: Dated, id: string): Promise<void> {
  await queries.run(`${id}_uncover`, `DELETE FROM ${daysTable(dataset)} WHERE id = ${marker(dated)}`);
}

/** A condition on rows `t` that keeps to the partitions of these days. */
export function withinDays({ field, isDate }: Dated, days: ReadonlySet<string>): string {
  const column = `t.${quote(field)}`;
  const conditions = rangesOf([...days].filter((day) => day !== "")).map(([first, last]) =>
    isDate
      ? `${column} BETWEEN DATE '${first}' AND DATE '${last}'`
      : `${column} BETWEEN TIMESTAMP '${first} 00:00:00+00' AND TIMESTAMP '${last} 23:59:59.999999+00'`,
  );
  if (days.has("")) conditions.push(`${column} IS NULL`);
  return conditions.length === 0 ? "FALSE" : `(${conditions.join(" OR ")})`;
}

/** The statement that adds what a batch brings, to be run in its transaction. Tables that were empty are covered by it. */
export function addDays(dataset: string, dated: readonly (Dated & { readonly wasEmpty: boolean })[]): string {
  const parts = dated.map((one) => {
    const index = one.plan.columns.findIndex(({ name }) => name === one.field);
    const value = one.staged.value(index, { kind: one.isDate ? "date" : "timestamp" });
    return `SELECT ${stagedFingerprint(one)} AS id, ${one.isDate ? value : `DATE(${value})`} AS day FROM ${one.staged.table} WHERE r IS NOT NULL`;
  });
  return added(dataset, [...parts, ...dated.filter(({ wasEmpty }) => wasEmpty).map(markerRow)]);
}

function added(dataset: string, parts: readonly string[]): string {
  const table = daysTable(dataset);
  return `INSERT INTO ${table} (id, day) SELECT id, day FROM (${parts.join(" UNION ALL ")}) EXCEPT DISTINCT SELECT id, day FROM ${table}`;
}

const daysTable = (dataset: string) => quote(`${dataset}.${DAYS}`);

const fingerprint = (key: string, sql: string) =>
  `FARM_FINGERPRINT(CONCAT(${literal(`${key}:`)}, CAST(${sql} AS STRING)))`;

/** Staged values are texts already, in the form that a cast gives. */
function stagedFingerprint({ key, plan, staged }: Dated): string {
  const index = plan.columns.findIndex(({ name }) => name === key);
  const type = plan.columns[index]?.type ?? { kind: "text" };
  return fingerprint(key, staged.value(index, type));
}

/** Says that the table is covered. */
const marker = ({ key, field, plan }: Dated) => `FARM_FINGERPRINT(${literal(`table:${plan.table}:${key}:${field}`)})`;
const markerRow = (one: Dated) => `SELECT ${marker(one)}, CAST(NULL AS DATE)`;

/** Days without gaps as one range. */
function rangesOf(days: string[]): [string, string][] {
  const ranges: [string, string][] = [];
  for (const day of days.sort()) {
    const last = ranges.at(-1);
    if (last !== undefined && Date.parse(day) - Date.parse(last[1]) <= 86_400_000) last[1] = day;
    else ranges.push([day, day]);
  }
  return ranges;
}
