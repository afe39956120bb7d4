import { randomUUID } from "node:crypto";
import type { Knex } from "knex";
import type { ColumnType } from "../../core/column.ts";
import { sqlState } from "./refusal.ts";
import type { Session } from "./session.ts";
import { cast, quote, typeName, typeOf } from "./types.ts";

interface TableColumn {
  readonly type: ColumnType;
  readonly native: string;
  /** The database makes its values itself: a generated or an identity column. */
  readonly isComputed: boolean;
}

/** A table as it is now. */
export interface Table {
  /** By name: the type that a column counts as, and Postgres's own name for it, which can be a narrower one. */
  readonly columns: Map<string, TableColumn>;
  /** The columns of each unique index that `ON CONFLICT` can use. */
  readonly uniques: readonly (readonly string[])[];
  /** The primary key that we made, where it is one of ours. */
  readonly ownKey: { readonly name: string; readonly columns: readonly string[] } | undefined;
}

export async function tablesIn(session: Session, schema: string): Promise<string[]> {
  const rows = await session.rows(
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
    [schema],
  );
  return rows.map(([name]) => String(name));
}

/** What has this name; undefined when nothing has. */
export async function kindOf(session: Session, schema: string, name: string): Promise<string | undefined> {
  const [row] = await session.rows("SELECT relkind FROM pg_catalog.pg_class WHERE oid = to_regclass($1)", [
    `${quote(schema)}.${quote(name)}`,
  ]);
  return row === undefined ? undefined : (KINDS[String(row[0])] ?? "table");
}

/** https://www.postgresql.org/docs/current/catalog-pg-class.html */
const KINDS: Record<string, string> = {
  v: "view",
  m: "materialized view",
  S: "sequence",
  i: "index",
  I: "index",
  c: "type",
};

/** The table, or undefined when there is none. */
export async function describeTable(session: Session, schema: string, table: string): Promise<Table | undefined> {
  const rows = await session.rows(
    `SELECT a.attname, format_type(a.atttypid, a.atttypmod), (a.attidentity <> '' OR a.attgenerated <> '')::text, NULL
       FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL
     SELECT i.relname, NULL, x.indisprimary::text,
            (SELECT jsonb_agg(a.attname ORDER BY k.place)::text
               FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(number, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number
              WHERE k.place <= x.indnkeyatts)
       FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
      WHERE x.indrelid = to_regclass($1) AND x.indisunique AND x.indimmediate AND x.indisvalid
        AND x.indpred IS NULL AND x.indexprs IS NULL
        AND i.relkind = 'i'`, // of a partitioned table ON CONFLICT does not tell which rows it changed
    [`${quote(schema)}.${quote(table)}`],
  );
  if (rows.length === 0 && !(await tablesIn(session, schema)).includes(table)) return undefined;
  const columns = rows.filter(([, native]) => native !== null);
  const indexes = rows
    .filter(([, native]) => native === null)
    .map(([name, , , names]) => ({ name: String(name), columns: JSON.parse(names ?? "[]") as string[] }));
  return {
    columns: new Map(
      columns.map(([name, native, isComputed]) => [
        String(name),
        { type: typeOf(String(native)), native: String(native), isComputed: isComputed === "true" },
      ]),
    ),
    uniques: indexes.map((index) => index.columns),
    ownKey: indexes.find(({ name }) => name.startsWith(OWN_KEY)),
  };
}

export async function createSchema(session: Session, schema: string): Promise<void> {
  // Without the look first, CREATE SCHEMA IF NOT EXISTS asks for a privilege that nobody needs for a schema that exists.
  const found = await session.rows("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", [schema]);
  if (found.length > 0) return;
  await makeUnlessThere(session, (await builder([schema])).schema.createSchemaIfNotExists("i0").toString());
}

/** Runs a `CREATE … IF NOT EXISTS`. When two runs do that at the same moment, one of them is told that it exists. */
export async function makeUnlessThere(session: Session, create: string): Promise<void> {
  try {
    await session.run(create);
  } catch (error) {
    if (!["23505", "42710", "42P06", "42P07"].includes(sqlState(error) ?? "")) throw error;
    await session.run(create);
  }
}

/** Columns by name and type, in order. */
export type Columns = readonly (readonly [name: string, type: ColumnType])[];

export async function createTable(
  session: Session,
  schema: string,
  table: string,
  columns: Columns,
  keys: readonly string[],
): Promise<void> {
  const names = [schema, table, newKeyName(), ...columns.map(([name]) => name)];
  const knex = await builder(names);
  const token = (name: string) => `i${names.lastIndexOf(name)}`;
  const create = knex.schema.withSchema("i0").createTable("i1", (made) => {
    columns.forEach(([, type], i) => made.specificType(`i${i + 3}`, typeName(type)));
    if (keys.length > 0) made.primary(keys.map(token), { constraintName: "i2" });
  });
  await session.run(create.toString());
}

export async function addColumns(session: Session, schema: string, table: string, columns: Columns): Promise<void> {
  const knex = await builder([schema, table, ...columns.map(([name]) => name)]);
  const alter = knex.schema.withSchema("i0").alterTable("i1", (altered) => {
    columns.forEach(([, type], i) => altered.specificType(`i${i + 2}`, typeName(type)));
  });
  await session.run(alter.toString());
}

/** Makes columns hold more, their rows kept to the last digit. The table is written anew once. */
export async function widenColumns(
  session: Session,
  table: string,
  columns: readonly { readonly name: string; readonly from: ColumnType; readonly to: ColumnType }[],
): Promise<void> {
  const changes = columns.map(({ name, from, to }) => {
    const column = quote(name);
    return `ALTER COLUMN ${column} TYPE ${typeName(to)} USING ${cast(column, from, to)}`;
  });
  await session.run(`ALTER TABLE ${table} ${changes.join(", ")}`);
}

export async function dropTable(session: Session, schema: string, table: string): Promise<void> {
  await session.run((await builder([schema, table])).schema.withSchema("i0").dropTableIfExists("i1").toString());
}

export async function renameTable(session: Session, schema: string, from: string, to: string): Promise<void> {
  await session.run(`ALTER TABLE ${quote(schema)}.${quote(from)} RENAME TO ${quote(to)}`);
}

/** Takes our primary key away, and the NOT NULL that came with it. */
export async function dropKey(
  session: Session,
  table: string,
  name: string,
  columns: readonly string[],
): Promise<void> {
  const nullable = columns.map((column) => `, ALTER COLUMN ${quote(column)} DROP NOT NULL`);
  await session.run(`ALTER TABLE ${table} DROP CONSTRAINT ${quote(name)}${nullable.join("")}`);
}

/** Gives the table its primary key, or leaves it without when rows are doubled or lack a part of it. */
export async function tryAddKey(
  session: Session,
  schema: string,
  table: string,
  keys: readonly string[],
): Promise<boolean> {
  const names = keys.map(quote).join(", ");
  try {
    await session.run(
      `SAVEPOINT own_key; ALTER TABLE ${quote(schema)}.${quote(table)} ADD CONSTRAINT ${newKeyName()} PRIMARY KEY (${names}); RELEASE own_key`,
    );
    return true;
  } catch (error) {
    const isAboutRows = /^23|^54/.test(sqlState(error) ?? ""); // 54: a value is too long for an index
    if (!isAboutRows) throw error;
    await session.run("ROLLBACK TO own_key; RELEASE own_key");
    return false;
  }
}

/** How many columns a primary key can have. */
export const MAX_KEY_COLUMNS = 32;

/** How the names of primary keys that we made begin. */
export const OWN_KEY = "chorus_elt_key_";

/** Names of constraints are shared by all tables of a schema, and they stay when a table is renamed. */
const newKeyName = () => `${OWN_KEY}${randomUUID().slice(-12)}`;

/**
 * Knex as a builder of statements, without a connection. It takes `a.b` and `a as b` in a name for more than a name, so
 * it gets `i0`, `i1` … instead, and puts the real names in when it quotes them.
 */
async function builder(names: readonly string[]): Promise<Knex> {
  const { default: knex } = await import("knex");
  return knex({ client: "pg", wrapIdentifier: (token: string) => quote(names[Number(token.slice(1))] ?? token) });
}
