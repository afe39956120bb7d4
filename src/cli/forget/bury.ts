import { FORGOTTEN, type Statement } from "../../core/destination.ts";
import type { Tables } from "../../sources/semarize/tables.ts";
import type { Person } from "./erasures.ts";
import { hashed, KINDS, TRAITS } from "./people.ts";

/** Values of a statement are limited, so long lists become several statements. */
const AT_ONCE = 500;

/** Tombstones of these values; those that are there are not made twice. */
export function bury(tables: Tables, kind: string, values: readonly string[], at: Date): Statement[] {
  const table = tables.name(FORGOTTEN);
  const statements: Statement[] = [];
  for (let from = 0; from < values.length; from += AT_ONCE) {
    const some = values.slice(from, from + AT_ONCE);
    const places = some.map((_, i) => `$${i + 2}`);
    const rows = places.map((place) => `($1, ${place}, ${instant(at)})`);
    statements.push(
      { sql: `DELETE FROM ${table} WHERE kind = $1 AND value IN (${places.join(", ")})`, values: [kind, ...some] },
      { sql: `INSERT INTO ${table} (kind, value, forgotten_at) VALUES ${rows.join(", ")}`, values: [kind, ...some] },
    );
  }
  return statements;
}

/** Tombstones of what a person is known by. */
export function buryTraits(tables: Tables, person: Person, at: Date): Statement[] {
  return TRAITS.flatMap((trait) =>
    bury(tables, trait, [...new Set(person[trait].map((value) => hashed(trait, value)))], at),
  );
}

/** Tombstones of the calls that a query gives the ids of. */
export function buryCalls(tables: Tables, calls: Statement, at: Date): Statement {
  const table = tables.name(FORGOTTEN);
  return {
    sql: `INSERT INTO ${table} (kind, value, forgotten_at)
      SELECT DISTINCT '${KINDS.seenIn}', found.id, ${instant(at)} FROM (${calls.sql}) AS found
      WHERE found.id IS NOT NULL
        AND found.id NOT IN (SELECT value FROM ${table} WHERE kind = '${KINDS.seenIn}')`,
    values: calls.values,
  };
}

/** Takes the tombstones of a kind away. */
export const exhume = (tables: Tables, kind: string): Statement => ({
  sql: `DELETE FROM ${tables.name(FORGOTTEN)} WHERE kind = $1`,
  values: [kind],
});

/** The ids of the calls that forgotten people were in, as a query. */
export const buriedCalls = (tables: Tables): Statement => ({
  sql: `SELECT value FROM ${tables.name(FORGOTTEN)} WHERE kind = '${KINDS.seenIn}'`,
  values: [],
});

const instant = (at: Date) => `CAST('${at.toISOString()}' AS TIMESTAMP WITH TIME ZONE)`;
