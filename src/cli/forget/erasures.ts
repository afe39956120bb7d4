import { FORGOTTEN, type Reader, type Statement } from "../../core/destination.ts";
import { textIn, type Tables } from "../../sources/semarize/tables.ts";
import {
  CALL_IDS,
  ERASED,
  erasedValue,
  KEYED,
  KINDS,
  OWNED,
  plain,
  saysNothing,
  SPEAKER_IDS,
  SPOKEN,
  streamOf,
  tellsWhoWasThere,
  TOLD,
  type Trait,
} from "./people.ts";

/** A change of a table: the rows that it is about, and which of their columns are erased; all of the row without. */
export interface Erasure {
  readonly table: string;
  readonly erases?: readonly string[];
  readonly where: string;
  readonly values: readonly string[];
}

/** Everything that a person who is to be forgotten is known by; addresses are plain. */
export type Person = Readonly<Record<Trait, readonly string[]>>;

/** The tables of a schema that rows can be deleted of: no views. */
export async function baseTables(reader: Reader, schema: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 AND table_type = 'BASE TABLE'";
  for await (const { table_name: name } of reader.query(sql, [schema])) names.add(textIn(name));
  return names;
}

/** The calls that were forgotten. */
export async function forgottenCalls(reader: Reader, tables: Tables): Promise<ReadonlySet<string>> {
  const calls = new Set<string>();
  if (!tables.has(FORGOTTEN)) return calls;
  const sql = `SELECT value FROM ${tables.name(FORGOTTEN)} WHERE kind = '${KINDS.call}'`;
  for await (const { value } of reader.query(sql)) calls.add(textIn(value));
  return calls;
}

/** Every table with the id of a call loses the rows of this one. */
export function erasuresOfCall(tables: Tables, base: ReadonlySet<string>, callId: string): Erasure[] {
  return CALL_IDS.flatMap((column) =>
    tables
      .having(column)
      .filter((table) => base.has(table))
      .map((table) => ({ table, where: `${asText(column)} = $1`, values: [callId] })),
  );
}

/** Looks up the ids and names of who has these addresses. */
export async function findPerson(reader: Reader, tables: Tables, emails: readonly string[]): Promise<Person> {
  const found = { person_id: new Set<string>(), user_id: new Set<string>(), name: new Set<string>() };
  for (const [table, owned] of rulesOf(tables, OWNED)) {
    for (const { whose, name } of owned) {
      const values: string[] = [];
      const where = whoseRows(tables, table, whose, { ...NOBODY, email: emails }, values);
      if (where === undefined) continue;
      const wanted: (readonly [string, Trait])[] = Object.entries(whose);
      if (name !== undefined) wanted.push([name, "name"]);
      const select = wanted.map(([column]) => `${tables.column(table, "t", column)} AS ${quote(column)}`);
      const sql = `SELECT DISTINCT ${select.join(", ")} FROM ${tables.name(table)} t WHERE ${where}`;
      for await (const row of reader.query(sql, values)) {
        for (const [column, trait] of wanted) {
          const value = row[column];
          if (trait !== "email" && typeof value === "string" && !saysNothing(value)) found[trait].add(value);
        }
      }
    }
  }
  return { email: emails, person_id: [...found.person_id], user_id: [...found.user_id], name: [...found.name] };
}

export const NOBODY: Person = { email: [], person_id: [], user_id: [], name: [] };

/** The calls and meetings that a person was in, as a query for their `id`. */
export function callsOf(tables: Tables, person: Person): Statement {
  const values: string[] = [];
  const parts = rulesOf(tables, OWNED).flatMap(([table, owned, stream]) => {
    const id = callIdOf(tables, table);
    if (id === undefined || !tellsWhoWasThere(stream)) return [];
    return owned.flatMap(({ whose }) => {
      const where = whoseRows(tables, table, whose, person, values);
      return where === undefined ? [] : [`SELECT ${id} AS id FROM ${tables.name(table)} WHERE ${where}`];
    });
  });
  return { sql: parts.length === 0 ? "SELECT CAST(NULL AS TEXT) AS id" : parts.join(" UNION ALL "), values };
}

/**
 * What is erased of a person. `calls` is a query for the ids of the calls that they were in. What was said there goes
 * first, while rows still tell whose they are.
 */
export function erasuresOfPerson(
  tables: Tables,
  base: ReadonlySet<string>,
  person: Person,
  calls: Statement,
): Erasure[] {
  const erasures: Erasure[] = [];
  const add = (
    table: string,
    erases: readonly string[] | undefined,
    where: (values: string[]) => string | undefined,
  ) => {
    const there = erases?.filter((column) => tables.hasColumn(table, column));
    const values: string[] = [];
    const condition = base.has(table) && there?.length !== 0 ? where(values) : undefined;
    if (condition !== undefined) erasures.push({ table, ...(there && { erases: there }), where: condition, values });
  };
  const wereThere = (table: string, values: string[]) => {
    const id = callIdOf(tables, table);
    return id === undefined ? undefined : `${id} IN (${renumbered(calls, values)})`;
  };
  /** One of these columns holds one of these values, in a call that they were in. */
  const inCalls = (table: string, columns: readonly string[], wanted: readonly string[], values: string[]) => {
    const there = columns.filter((column) => wanted.length > 0 && tables.hasColumn(table, column));
    if (there.length === 0) return undefined;
    const list = places(wanted, values);
    // Some databases know the small letters of English only.
    const holds = there.map(
      (column) => `${asText(column)} IN (${list}) OR lower(trim(${asText(column)})) IN (${list})`,
    );
    const condition = wereThere(table, values);
    return condition === undefined ? undefined : `((${holds.join(" OR ")}) AND ${condition})`;
  };
  const ids = [...person.person_id, ...person.user_id];
  const names = [...new Set([...person.name, ...person.name.map(plain)])];
  for (const [table, columns] of rulesOf(tables, TOLD)) add(table, columns, (values) => wereThere(table, values));
  for (const [table, columns] of rulesOf(tables, SPOKEN)) {
    add(table, columns, (values) => inCalls(table, ["speaker"], names, values));
    add(table, columns, (values) => inCalls(table, SPEAKER_IDS, ids, values));
  }
  for (const [table, isWhole] of rulesOf(tables, KEYED)) {
    const erases = isWhole ? undefined : ["participant_id"];
    if (!tables.hasColumn(table, "participant_id")) continue;
    const speakers = [...person.name, ...ids].map((one) => `speaker:${one}`);
    add(table, erases, (values) => (person.email.length === 0 ? undefined : addressKey(person.email, values)));
    add(table, erases, (values) => inCalls(table, ["participant_id"], speakers, values));
  }
  for (const [table, owned] of rulesOf(tables, OWNED)) {
    for (const { whose, theirs } of owned) {
      add(table, theirs, (values) => whoseRows(tables, table, whose, person, values));
    }
  }
  return erasures;
}

/** True for the payload of a dead letter that names one of the addresses, or is of one of the calls. */
export function isAbout(
  payload: string,
  { calls, emails }: { readonly calls: ReadonlySet<string>; readonly emails: readonly string[] },
): boolean {
  const text = payload.toLowerCase();
  if (emails.some((email) => text.includes(email))) return true;
  // As a value of its own: a short id can be a part of another.
  for (const [, quoted, bare] of payload.matchAll(
    /"(?:call_id|meeting_id)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|([^,}\s]+))/g,
  )) {
    if (calls.has(quoted ?? bare ?? "")) return true;
  }
  return false;
}

/** A row of _rejected. */
export interface DeadLetter {
  readonly id: string;
  readonly payload: string;
}

const REJECTED = "_rejected";
/** Ids that one statement names. */
const IDS_AT_ONCE = 500;

export async function* readDeadLetters(reader: Reader, tables: Tables): AsyncIterable<DeadLetter> {
  if (!tables.has(REJECTED)) return;
  const id = tables.column(REJECTED, "r", "id");
  const sql = `SELECT CAST(${id} AS TEXT) AS id, CAST(r.payload AS TEXT) AS payload FROM ${tables.name(REJECTED)} r`;
  for await (const row of reader.query(sql)) yield { id: textIn(row["id"]), payload: textIn(row["payload"]) };
}

export function deleteDeadLetters(tables: Tables, ids: readonly string[]): Statement[] {
  const statements: Statement[] = [];
  for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
    const values: string[] = [];
    const where = `id IN (${places(ids.slice(from, from + IDS_AT_ONCE), values)})`;
    statements.push({ sql: `DELETE FROM ${tables.name(REJECTED)} WHERE ${where}`, values });
  }
  return statements;
}

/** The statement of an erasure. */
export function statementOf(tables: Tables, { table, erases, where, values }: Erasure): Statement {
  const name = tables.name(table);
  if (erases === undefined) return { sql: `DELETE FROM ${name} WHERE ${where}`, values };
  const sets = erases.map((column) => `${quote(column)} = ${erasedValue(column) === null ? "NULL" : `'${ERASED}'`}`);
  return { sql: `UPDATE ${name} SET ${sets.join(", ")} WHERE ${where}`, values };
}

/** How many rows of each table erasures are about, as queries for `n`; a row that several are about counts once. */
export function countsOf(
  tables: Tables,
  erasures: readonly Erasure[],
): { readonly table: string; readonly what: "deleted" | "erased"; readonly query: Statement }[] {
  const groups = new Map<
    string,
    { table: string; what: "deleted" | "erased"; conditions: string[]; values: string[] }
  >();
  for (const { table, erases, where, values } of erasures) {
    const what = erases === undefined ? "deleted" : "erased";
    const group = groups.get(`${table} ${what}`) ?? { table, what, conditions: [], values: [] };
    group.conditions.push(renumbered({ sql: where, values }, group.values));
    groups.set(`${table} ${what}`, group);
  }
  return [...groups.values()].map(({ table, what, conditions, values }) => ({
    table,
    what,
    query: { sql: `SELECT count(*) AS n FROM ${tables.name(table)} WHERE ${conditions.join(" OR ")}`, values },
  }));
}

/** The rules of streams, for each table that holds the rows of one: a stream of an Airbyte namespace has it in front. */
function rulesOf<Rule>(
  tables: Tables,
  rules: Readonly<Record<string, Rule>>,
): (readonly [table: string, rule: Rule, stream: string])[] {
  return Object.entries(rules).flatMap(([stream, rule]) =>
    tables.names.filter((name) => streamOf(name) === stream).map((name) => [name, rule, stream] as const),
  );
}

/** The id of a table's calls or meetings, as text. */
function callIdOf(tables: Tables, table: string): string | undefined {
  const column = CALL_IDS.find((one) => tables.hasColumn(table, one));
  return column === undefined ? undefined : asText(column);
}

/** The condition for the rows of a person; undefined when nothing can tell them. Adds to `values`. */
function whoseRows(
  tables: Tables,
  table: string,
  whose: Readonly<Record<string, Trait>>,
  person: Person,
  values: string[],
): string | undefined {
  const parts = Object.entries(whose).flatMap(([column, trait]) => {
    if (person[trait].length === 0 || !tables.hasColumn(table, column)) return [];
    const value = trait === "email" ? `lower(trim(${asText(column)}))` : asText(column);
    return [`${value} IN (${places(person[trait], values)})`];
  });
  return parts.length === 0 ? undefined : `(${parts.join(" OR ")})`;
}

/** A key that is one of the addresses; the second one in a call ends with `~2`. */
function addressKey(emails: readonly string[], values: string[]): string {
  const key = `lower(trim(${asText("participant_id")}))`;
  const copies = emails.map((email) => `strpos(${key}, $${values.push(`${email}~`)}) = 1`);
  return `(${key} IN (${places(emails, values)}) OR ${copies.join(" OR ")})`;
}

/** Places of these values behind those that are there. */
const places = (more: readonly string[], values: string[]) => more.map((value) => `$${values.push(value)}`).join(", ");

/** The query, its values behind those that are there. */
function renumbered(query: Statement, values: string[]): string {
  const before = values.length;
  values.push(...query.values);
  return query.sql.replace(/\$(\d+)/g, (_, place: string) => `$${before + Number(place)}`);
}

const asText = (column: string) => `CAST(${quote(column)} AS TEXT)`;

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
