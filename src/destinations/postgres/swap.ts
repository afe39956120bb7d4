import { widen } from "../../core/column.ts";
import { describeTable, dropKey, dropTable, OWN_KEY, renameTable, tryAddKey, widenColumns } from "./ddl.ts";
import { sqlState } from "./refusal.ts";
import type { Session } from "./session.ts";
import { cast, holds, quote } from "./types.ts";

/**
 * Puts the table that `overwrite` has built in place of the old one, with the grants of the old. Where somebody has given
 * the old table more than grants, or views depend on it, it stays and takes the new rows: nothing of that may be lost.
 */
export async function swapTable(session: Session, schema: string, aside: string, table: string): Promise<void> {
  if ((await describeTable(session, schema, table)) === undefined) {
    await renameTable(session, schema, aside, table);
    return;
  }
  if (await isMoreThanOurs(session, schema, table)) {
    await refill(session, schema, aside, table);
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

/** True when the table has an owner, a kind, an index, a rule for its rows or its readers … that we did not give it. */
async function isMoreThanOurs(session: Session, schema: string, table: string): Promise<boolean> {
  const [found] = await session.rows(
    `SELECT c.relkind <> 'r' OR c.relowner <> to_regrole(quote_ident(current_user)) OR c.relrowsecurity OR c.relhasrules OR c.relispartition
         OR c.reltablespace <> 0 OR c.reloptions IS NOT NULL OR c.relreplident <> 'd'
         OR EXISTS (SELECT 1 FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                     WHERE x.indrelid = c.oid AND NOT starts_with(i.relname, '${OWN_KEY}'))
         OR EXISTS (SELECT 1 FROM pg_constraint r WHERE r.conrelid = c.oid AND r.contype NOT IN ('n', 'p'))
         OR EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)
         OR EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)
         OR EXISTS (SELECT 1 FROM pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent))
         OR EXISTS (SELECT 1 FROM pg_publication_rel u WHERE u.prrelid = c.oid)
         OR EXISTS (SELECT 1 FROM pg_statistic_ext s WHERE s.stxrelid = c.oid)
         OR EXISTS (SELECT 1 FROM pg_description d WHERE d.classoid = 'pg_class'::regclass AND d.objoid = c.oid)
         OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                     AND (a.atthasdef OR a.attidentity <> '' OR a.attacl IS NOT NULL OR a.attnotnull AND NOT EXISTS
                       (SELECT 1 FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary AND a.attnum = ANY(x.indkey))))
       FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [`${quote(schema)}.${quote(table)}`],
  );
  return found?.[0] === "t";
}

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

/** Empties the old table and moves the new rows in. Columns that only the old table has stay, with their defaults. */
async function refill(session: Session, schema: string, aside: string, table: string): Promise<void> {
  const [from, to] = [`${quote(schema)}.${quote(aside)}`, `${quote(schema)}.${quote(table)}`];
  const [fresh, old] = [await describeTable(session, schema, aside), await describeTable(session, schema, table)];
  const changes = [];
  const values = [];
  for (const [name, { type, native }] of fresh?.columns ?? []) {
    const has = old?.columns.get(name);
    if (has === undefined) await session.run(`ALTER TABLE ${to} ADD COLUMN ${quote(name)} ${native}`);
    const holding = has === undefined ? type : widen(has.type, type);
    if (has !== undefined && !holds(has.native, holding)) changes.push({ name, from: has.type, to: holding });
    values.push(cast(quote(name), type, holding));
  }
  const { ownKey } = old ?? {};
  const keyChanges = ownKey !== undefined && JSON.stringify(ownKey.columns) !== JSON.stringify(fresh?.ownKey?.columns);
  if (keyChanges) await dropKey(session, to, ownKey.name, ownKey.columns);
  if (changes.length > 0) await widenColumns(session, to, changes);
  const names = [...(fresh?.columns.keys() ?? [])].map(quote).join(", ");
  await session.run(`DELETE FROM ${to}`);
  await session.run(`INSERT INTO ${to} (${names}) SELECT ${values.join(", ")} FROM ${from}`);
  await dropTable(session, schema, aside);
  if (keyChanges && fresh?.ownKey !== undefined) await tryAddKey(session, schema, table, fresh.ownKey.columns);
}
