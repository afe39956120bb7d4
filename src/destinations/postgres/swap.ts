import { describeTable, dropTable, renameTable } from "./ddl.ts";
import { sqlState } from "./refusal.ts";
import type { Session } from "./session.ts";
import { quote } from "./types.ts";

/**
 * Puts the table that `overwrite` has built in place of the old one, with the grants of the old. Where views depend on
 * the old table it stays, and takes the new rows: dropping it would drop the views.
 */
export async function swapTable(session: Session, schema: string, aside: string, table: string): Promise<void> {
  if ((await describeTable(session, schema, table)) === undefined) {
    await renameTable(session, schema, aside, table);
    return;
  }
  const grants = await grantsOf(session, schema, table);
  await session.run("SAVEPOINT swap");
  try {
    await dropTable(session, schema, table);
    await session.run("RELEASE swap");
  } catch (error) {
    if (sqlState(error) !== DEPENDENT_OBJECTS) throw error;
    await session.run("ROLLBACK TO swap; RELEASE swap");
    await refill(session, schema, aside, table);
    return;
  }
  await renameTable(session, schema, aside, table);
  for (const grant of grants) await session.run(grant);
}

const DEPENDENT_OBJECTS = "2BP01";

/** Statements that give again what others may do with the table. */
async function grantsOf(session: Session, schema: string, table: string): Promise<string[]> {
  const name = `${quote(schema)}.${quote(table)}`;
  const rows = await session.rows(
    `SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.is_grantable
       FROM pg_catalog.pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner`,
    [name],
  );
  return rows.map(
    ([privilege, grantee, grantable]) =>
      `GRANT ${String(privilege)} ON ${name} TO ${String(grantee)}${grantable === "t" ? " WITH GRANT OPTION" : ""}`,
  );
}

/** Empties the old table and moves the new rows in. Columns that only the old table has stay, and are null. */
async function refill(session: Session, schema: string, aside: string, table: string): Promise<void> {
  const [from, to] = [`${quote(schema)}.${quote(aside)}`, `${quote(schema)}.${quote(table)}`];
  const [fresh, old] = [await describeTable(session, schema, aside), await describeTable(session, schema, table)];
  for (const [name, { native }] of fresh?.columns ?? []) {
    const has = old?.columns.get(name);
    if (has === undefined) await session.run(`ALTER TABLE ${to} ADD COLUMN ${quote(name)} ${native}`);
  }
  const names = [...(fresh?.columns.keys() ?? [])].map(quote).join(", ");
  await session.run(`DELETE FROM ${to}`);
  await session.run(`INSERT INTO ${to} (${names}) SELECT ${names} FROM ${from}`);
  await dropTable(session, schema, aside);
}
