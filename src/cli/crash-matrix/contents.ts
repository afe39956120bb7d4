import { createHash } from "node:crypto";
import type { Warehouse } from "../../core/destination.ts";
import { printJson } from "../../core/json.ts";
import { quote } from "../../core/obsolete.ts";
import { textIn } from "../../sources/semarize/tables.ts";

/** What is in the tables of a schema, in a form that two runs can be compared by. */
export type Contents = ReadonlyMap<string, Table>;

interface Table {
  readonly columns: readonly string[];
  /** Hashes of the rows with a key, one of each row; more than one is one too many. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
}

/** Columns by which each stream's rows are told apart. */
export type Keys = ReadonlyMap<string, readonly string[]>;

/**
 * Reads all tables but our own, whose names begin with `_`. Only a hash of what is in a row is held; where a table has no
 * key, that is the key.
 */
export async function readContents(warehouse: Warehouse, schema: string, keys: Keys): Promise<Contents> {
  const contents = new Map<string, Table>();
  for (const [table, columns] of await columnsByTable(warehouse, schema)) {
    contents.set(table, await readTable(warehouse, { schema, table, columns, keys: keys.get(table) ?? [] }));
  }
  return contents;
}

/** What `found` lacks of `wanted`, has beside it, or has otherwise. Counts and keys, no other values. */
export function differences(wanted: Contents, found: Contents): string[] {
  const tables = [...new Set([...wanted.keys(), ...found.keys()])].sort();
  return tables.flatMap((table) => tableDifferences(table, wanted.get(table), found.get(table)));
}

/** Streams of which other keys were sent than are there, or a key more than once. */
export function unlikeSent(sent: ReadonlyMap<string, ReadonlySet<string>>, contents: Contents): string[] {
  return [...sent].flatMap(([stream, keys]) => {
    const rows = contents.get(stream)?.rows ?? new Map<string, readonly string[]>();
    const count = rowsIn(rows);
    if (count === keys.size && rows.size === keys.size) return [];
    return [`${stream}: ${keys.size} keys were sent, and ${count} rows with ${rows.size} keys are there`];
  });
}

export function countRows(contents: Contents): number {
  return [...contents.values()].reduce((sum, { rows }) => sum + rowsIn(rows), 0);
}

function tableDifferences(name: string, wanted: Table | undefined, found: Table | undefined): string[] {
  if (wanted === undefined) return [`${name}: the table should not be there`];
  if (found === undefined) return [`${name}: the table is missing, with ${rowsIn(wanted.rows)} rows`];
  const both = [...wanted.rows].flatMap(([key, before]) => {
    const now = found.rows.get(key);
    return now === undefined ? [] : [{ key, before, now }];
  });
  const faults: [keys: string[], what: string][] = [
    [[...wanted.rows.keys()].filter((key) => !found.rows.has(key)), "missing"],
    [[...found.rows.keys()].filter((key) => !wanted.rows.has(key)), "too many"],
    [both.filter(({ before, now }) => now.length > before.length).map(({ key }) => key), "doubled"],
    [both.filter(({ before, now }) => now.length < before.length).map(({ key }) => key), "fewer than they were"],
    [both.filter(({ before, now }) => isChanged(before, now)).map(({ key }) => key), "changed"],
  ];
  const told = faults.filter(([keys]) => keys.length > 0).map(([keys, what]) => counted(keys, what));
  if (wanted.columns.join() !== found.columns.join()) told.push("other columns");
  return told.length === 0 ? [] : [`${name}: ${told.join(", ")}`];
}

const isChanged = (before: readonly string[], now: readonly string[]) =>
  before.length === now.length && [...before].sort().join() !== [...now].sort().join();

function counted(keys: readonly string[], what: string): string {
  return `${keys.length} ${what} (${keys[0] ?? ""}${keys.length > 1 ? ", …" : ""})`;
}

const rowsIn = (rows: Table["rows"]) => [...rows.values()].reduce((sum, hashes) => sum + hashes.length, 0);

/** SQL that every database here understands. */
async function columnsByTable(warehouse: Warehouse, schema: string): Promise<Map<string, string[]>> {
  const sql = `SELECT table_name AS t, column_name AS c FROM information_schema.columns
    WHERE table_schema = $1 ORDER BY table_name, column_name`;
  const found = new Map<string, string[]>();
  for await (const row of warehouse.query(sql, [schema])) {
    const [table, column] = [row["t"], row["c"]] as [string, string];
    if (!table.startsWith("_") && !IGNORED.test(column)) found.set(table, [...(found.get(table) ?? []), column]);
  }
  return found;
}

/** When a row was loaded is another thing in every run; and links to media are signed anew in every answer. */
const IGNORED = /^_sdc_|^media_url/;

interface Place {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly keys: readonly string[];
}

async function readTable(warehouse: Warehouse, { schema, table, columns, keys }: Place): Promise<Table> {
  const rows = new Map<string, string[]>();
  const list = columns.map((column, i) => `${quote(column)} AS c${i}`).join(", ");
  for await (const row of warehouse.query(`SELECT ${list} FROM ${quote(schema)}.${quote(table)}`)) {
    const values = columns.map((_, i) => row[`c${i}`] ?? null);
    const hash = hashOf(printJson(values));
    const key = keys.map((name) => `${name}=${textIn(values[columns.indexOf(name)])}`).join(", ");
    const known = rows.get(key === "" ? hash : key);
    if (known === undefined) rows.set(key === "" ? hash : key, [hash]);
    else known.push(hash);
  }
  return { columns, rows };
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("base64url").slice(0, 16);
