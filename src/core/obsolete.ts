import type { Column, ColumnType } from "./column.ts";
import type { Warehouse } from "./destination.ts";
import { isExact, printJson, type JsonObject, type JsonValue } from "./json.ts";
import { valueAt } from "./staging.ts";
import { saysWhatIsNewer, type TablePlan } from "./table.ts";
import { isInt64, parseDays, parseInstant, plainDigits } from "./value.ts";

/** What to do with a record that was put aside: something newer is in its place, nothing is, or nobody can tell. */
export type Verdict = "current" | "obsolete" | "unknown";

/** A record and its place in the order of its stream: what came later has a higher `_sdc_sequence`. */
export interface Aside {
  readonly record: JsonObject;
  readonly sequence: number;
}

/** The table of a stream, as far as it says what is newer than a record that was put aside. */
export interface Place {
  readonly warehouse: Warehouse;
  /** Quoted, with its schema. */
  readonly table: string;
  /** The columns that the table has; none when there is no table. */
  readonly columns: ReadonlySet<string>;
  readonly plan: TablePlan;
  /** Columns that name a set, `[]` when the whole stream is one; undefined for a stream without sets. */
  readonly sets: readonly string[] | undefined;
  /** Rows say with `_sdc_sequence` and `_sdc_sync_started_at` when they came. */
  readonly metadata: boolean;
}

/** A name in SQL, as every database takes it. */
export const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** A verdict for each record, in their order. They are compared with the table, not with each other. */
export async function verdicts(place: Place, asides: readonly Aside[]): Promise<Verdict[]> {
  const result: Verdict[] = asides.map(() => "current");
  if (place.columns.size === 0) return result;
  const { plan, sets, columns } = place;
  if (sets !== undefined) {
    if (!isDated(place)) return result.fill("unknown");
    await ask(place, asides, sets, restarted(place, sets), result);
  }
  if (plan.keys.length > 0 && plan.keys.every((key) => columns.has(key))) {
    await ask(place, asides, plan.keys, overtaken(place), result);
  }
  return result;
}

const isDated = ({ metadata, columns }: Place) =>
  metadata && columns.has("_sdc_sequence") && columns.has("_sdc_sync_started_at");

/**
 * Asks the table about those records that have a value in each of these columns. The SQL is what databases have in
 * common. `conditions` say of a row `t` of the table what it means for the record `w` with the same values.
 */
async function ask(
  place: Place,
  asides: readonly Aside[],
  names: readonly string[],
  conditions: Partial<Record<Verdict, string>>,
  result: Verdict[],
): Promise<void> {
  const { warehouse, table, plan } = place;
  const wanted = names.map((name) => columnNamed(plan, name)).map((column) => withPlaces(column, asides));
  const newest = newestColumn(place);
  const given: string[] = [];
  const value = (text: string | undefined, type: string) => {
    if (text === undefined) return `CAST(NULL AS ${type})`;
    given.push(text);
    return `CAST($${given.length} AS ${type})`;
  };
  const rows = asides.flatMap(({ record, sequence }, n) => {
    const texts = wanted.map(({ path, type }) => textOf(valueAt(record, path), type));
    if (texts.includes(undefined)) return []; // no row of the table can have what is no value of the column
    const newer = newest === undefined ? undefined : textOf(valueAt(record, newest.path), newest.type);
    const own = texts.map((text, i) => value(text, typeName(wanted[i]?.type)));
    const rest = [value(newer, typeName(newest?.type)), value(String(sequence), "BIGINT")];
    return [`(${[String(n), ...own, ...rest].join(", ")})`];
  });
  if (rows.length === 0) return;
  const same = wanted.map((column, i) => `${comparable(`t.${quote(column.name)}`, column.type)} = w.k${i}`);
  const ranked = Object.entries(conditions) as [Verdict, string][];
  const any = ranked.map(([, condition]) => `(${condition})`).join(" OR ");
  // A join, as not every database takes EXISTS here; what stands first counts.
  const sql = `SELECT w.n AS n, min(CASE ${ranked.map(([, condition], i) => `WHEN ${condition} THEN ${i}`).join(" ")} END) AS place
    FROM ${table} t
    JOIN (VALUES ${rows.join(", ")}) AS w(${["n", ...wanted.map((_, i) => `k${i}`), "v", "s"].join(", ")})
      ON ${[...same, `(${any})`].join(" AND ")}
    GROUP BY w.n`;
  for await (const { n, place: found } of warehouse.query(sql, given)) {
    result[Number(n)] = ranked[Number(found)]?.[0] ?? "current";
  }
}

/**
 * A run that began after the record was put aside has loaded its set anew. Rows that were replayed themselves do not
 * tell: they have the sequence that they had before that run, which is how they are known.
 */
function restarted(place: Place, sets: readonly string[]): Partial<Record<Verdict, string>> {
  if (!sets.every((name) => place.columns.has(name))) return { obsolete: "1 = 0" };
  const [sequence, startedAt] = ["t._sdc_sequence", "t._sdc_sync_started_at * 1000"];
  return {
    obsolete: `${startedAt} > w.s + 1 AND ${sequence} >= ${startedAt}`,
    unknown: "t._sdc_sync_started_at IS NULL",
  };
}

/** The row with the key is newer, or equally new and came later; one that does not say when it came stays. */
function overtaken(place: Place): Partial<Record<Verdict, string>> {
  const { columns, metadata } = place;
  const later = metadata && columns.has("_sdc_sequence") ? "t._sdc_sequence IS NULL OR t._sdc_sequence > w.s" : "1 = 1";
  const newest = newestColumn(place);
  if (newest === undefined) return { obsolete: later };
  const old = columns.has(newest.name)
    ? comparable(`t.${quote(newest.name)}`, newest.type)
    : `CAST(NULL AS ${typeName(newest.type)})`;
  const newer = `${old} > w.v OR (w.v IS NULL AND ${old} IS NOT NULL)`;
  return { obsolete: `${newer} OR (${old} IS NOT DISTINCT FROM w.v AND (${later}))` };
}

/** The stream's own column that says which row is newer; the sequence is asked about anyway. */
function newestColumn({ plan, metadata }: Place): Column | undefined {
  if (metadata && plan.newestBy === "_sdc_sequence") return undefined;
  const column = plan.columns.find(({ name, type }) => name === plan.newestBy && saysWhatIsNewer(type));
  // Decimals are compared as texts here, which have another order; that a double is near is enough.
  return column?.type.kind === "decimal" ? { ...column, type: { kind: "number" } } : column;
}

function columnNamed(plan: TablePlan, name: string): Column {
  const column = plan.columns.find((one) => one.name === name);
  if (column === undefined) throw new Error(`no column ${name} in the plan of ${plan.stream}`);
  return column;
}

/** A column of the table as a value that can be compared: the table can be behind the plan, whose type holds what it has. */
function comparable(column: string, type: ColumnType): string {
  if (type.kind === "json") return `CAST(to_json(${column}) AS TEXT)`;
  const value = `CAST(${column} AS ${typeName(type)})`;
  if (type.kind !== "decimal") return value;
  return `CASE WHEN ${value} LIKE '%.%' THEN rtrim(rtrim(${value}, '0'), '.') ELSE ${value} END`;
}

/** A type's name that databases have in common. */
function typeName(type: ColumnType | undefined): string {
  switch (type?.kind) {
    case "boolean":
      return "BOOLEAN";
    case "integer":
      return "BIGINT";
    case "number":
      return "DOUBLE PRECISION";
    case "timestamp":
      return "TIMESTAMP WITH TIME ZONE";
    case "date":
      return "DATE";
    case "decimal": // they differ in how many digits fit; as texts without needless zeros they are the same
    case "text":
    case "json":
    case undefined:
      return "TEXT";
  }
}

/** A decimal's scale says only what the plan knows; values that are asked about can have more places. */
function withPlaces(column: Column, asides: readonly Aside[]): Column {
  if (column.type.kind !== "decimal") return column;
  const places = asides.map(({ record }) => {
    const value = valueAt(record, column.path);
    return typeof value === "number" || isExact(value) ? (plainDigits(String(value))?.fraction.length ?? 0) : 0;
  });
  return { ...column, type: { kind: "decimal", scale: Math.min(37, Math.max(column.type.scale, ...places)) } };
}

/** A value as text that every database can cast to the column's type; undefined for null and for what is no such value. */
function textOf(value: JsonValue | undefined, type: ColumnType): string | undefined {
  if (value === undefined || value === null) return undefined;
  const digits = typeof value === "number" || isExact(value) ? String(value) : undefined;
  switch (type.kind) {
    case "boolean":
      return typeof value === "boolean" ? String(value) : undefined;
    case "integer":
      return digits !== undefined && isInt64(digits) ? digits : undefined;
    case "number":
      return Number.isFinite(Number(digits ?? NaN)) ? digits : undefined;
    case "decimal":
      return digits === undefined ? undefined : decimalText(digits);
    case "timestamp":
      return typeof value === "string" ? instantText(value) : undefined;
    case "date":
      return typeof value === "string" && value.length <= 10 && !Number.isNaN(parseDays(value)) ? value : undefined;
    case "text":
      return typeof value === "string" ? value : typeof value === "object" ? printJson(value) : String(value);
    case "json":
      return printJson(value);
  }
}

function decimalText(number: string): string | undefined {
  const digits = plainDigits(number);
  if (digits === undefined) return undefined;
  const text = `${digits.whole}${digits.fraction === "" ? "" : `.${digits.fraction}`}`;
  return digits.negative && text !== "0" ? `-${text}` : text;
}

function instantText(text: string): string | undefined {
  const instant = parseInstant(text);
  if (instant === undefined) return undefined;
  const second = new Date(instant.seconds * 1_000).toISOString().slice(0, 19);
  // The years 1 to 9999, which every database reads.
  return /^(?!0000)\d{4}-/.test(second) ? `${second}.${String(instant.micros).padStart(6, "0")}Z` : undefined;
}
