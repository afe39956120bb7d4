import type { Reader, Statement, Warehouse } from "../core/destination.ts";
import { EltError } from "../core/errors.ts";
import { printJson } from "../core/json.ts";
import { keyedHash } from "../core/masks.ts";
import { stateWithout } from "../sources/chorus/forget.ts";
import { epochMs, Tables, textIn } from "../sources/semarize/tables.ts";
import { parseArguments } from "./arguments.ts";
import { buriedCalls, bury, buryCalls, buryTraits } from "./forget/bury.ts";
import {
  baseTables,
  callsOf,
  countsOf,
  deleteDeadLetters,
  erasuresOfCall,
  erasuresOfPerson,
  findPerson,
  isAbout,
  NOBODY,
  readDeadLetters,
  statementOf,
  type DeadLetter,
  type Erasure,
  type Person,
} from "./forget/erasures.ts";
import { KINDS, plain } from "./forget/people.ts";
import { look, STATES } from "./kept-state.ts";
import type { Command } from "./process.ts";
import { readTapConfig, TAP_OPTION, TARGET_OPTION } from "./tap-config.ts";
import { loaderOptions } from "./target-config.ts";
import { shown, textTable } from "./text-table.ts";
import { chooseWarehouse, type Chosen } from "./warehouse.ts";

const ABOUT = `Erases from the tables of the target's schema, and notes it in the table _chorus_elt_forgotten, so that no later load brings it back.

A call or meeting id: every row that carries it goes, dead letters too, and kept states do not name it any more.
A mail address: the address, the name and the words of who has it go; the calls stay, without the texts in which they may be quoted. docs/privacy.md says exactly what goes and what remains.

Loads that run meanwhile are waited for (Postgres) or ended (BigQuery). It can be run again at any time.`;

/** Who or what is to be forgotten; addresses as they are in the warehouse, plain. */
type Subject =
  { readonly kind: "call"; readonly callId: string } | { readonly kind: "person"; readonly emails: readonly string[] };

/** `chorus-elt forget`: a table of what was erased, or would be. */
export async function forget(argv: readonly string[], { env, out }: Command): Promise<void> {
  const [first = ""] = argv;
  const value = first.startsWith("-") ? "" : first.trim();
  env.log.hide([value]);
  const options = await parseArguments(
    "chorus-elt forget <email | call id>",
    value === "" ? argv : argv.slice(1),
    {
      config: TARGET_OPTION,
      tap: {
        ...TAP_OPTION,
        describe: "Config file of tap-chorus, for its `privacy_key`, where the tap hashes addresses.",
      },
      "dry-run": { type: "boolean", describe: "Only say how many rows would go." },
    },
    ABOUT,
  );
  if (options === undefined) return;
  if (value === "") throw new EltError("USAGE", "say first what to forget: chorus-elt forget <email | call id>");
  const key = options.tap === undefined ? undefined : (await readTapConfig(options.tap, env)).privacy_key;
  const subject = subjectOf(value, key);
  const target = await chooseWarehouse({ files: options.config ?? [] }, env);
  const { default_target_schema: schema } = target.config;
  if (options["dry-run"] === true) {
    const { counts } = await look(target, (reader) => survey(reader, schema, subject));
    for (const line of told(counts, "would be ")) await out.line(line);
    return;
  }
  const tables = await look(target, (reader) => Tables.of(reader, schema));
  const at = new Date(env.clock.now());
  // Who begins to load from here on meets the tombstone. Who began before has ended, or cannot commit, once its state is had.
  await inWarehouse(target, (warehouse) => warehouse.forget(schema, tombstone(tables, subject, at)));
  const { stateIds, startedMs } = await look(target, (reader) => whereabouts(reader, schema, subject));
  for (const id of stateIds) {
    await inWarehouse(target, (warehouse) => takeOver(warehouse, target, id, { subject, startedMs }));
  }
  const counts = await inWarehouse(target, (warehouse) => erase(warehouse, schema, subject, at));
  for (const line of told(counts, "")) await out.line(line);
}

function subjectOf(value: string, key: string | undefined): Subject {
  if (!value.includes("@")) return { kind: "call", callId: value };
  const hashes = key === undefined ? [] : [keyedHash(key)(value)];
  return { kind: "person", emails: [plain(value), ...hashes] };
}

function tombstone(tables: Tables, subject: Subject, at: Date): Statement[] {
  return subject.kind === "call"
    ? bury(tables, KINDS.call, [subject.callId], at)
    : buryTraits(tables, { ...NOBODY, email: subject.emails }, at);
}

/** Rows by table, and what becomes of them. */
type Counts = ReadonlyMap<string, { deleted: number; erased: number }>;

/** What there is to erase. */
interface Survey {
  readonly tables: Tables;
  /** Undefined for a call. `calls` is a query for the ids of those that they were in. */
  readonly person: { readonly known: Person; readonly calls: Statement } | undefined;
  /** `calls` as above, or where it is known otherwise which calls these are. */
  readonly erasures: (calls: Statement) => Erasure[];
  /** Ids of rows of _rejected. */
  readonly letters: readonly string[];
  readonly counts: Counts;
}

async function survey(
  reader: Reader,
  schema: string,
  subject: Subject,
  rejected?: AsyncIterable<DeadLetter>,
): Promise<Survey> {
  const tables = await Tables.of(reader, schema);
  const base = await baseTables(reader, schema);
  const counts = new Map<string, { deleted: number; erased: number }>();
  const add = (table: string, what: "deleted" | "erased", rows: number) => {
    const known = counts.get(table) ?? { deleted: 0, erased: 0 };
    counts.set(table, { ...known, [what]: known[what] + rows });
  };
  const emails = subject.kind === "call" ? [] : subject.emails;
  const known = subject.kind === "call" ? NOBODY : await findPerson(reader, tables, emails);
  const calls = callsOf(tables, known);
  const erasures = (these: Statement) =>
    subject.kind === "call"
      ? erasuresOfCall(tables, base, subject.callId)
      : erasuresOfPerson(tables, base, known, these);

  const ids = new Set(subject.kind === "call" ? [subject.callId] : []);
  for await (const { id } of reader.query(calls.sql, calls.values)) if (id !== null) ids.add(textIn(id));
  const letters: string[] = [];
  for await (const { id, payload } of rejected ?? readDeadLetters(reader, tables)) {
    if (isAbout(payload, { calls: ids, emails })) letters.push(id);
  }
  add("_rejected", "deleted", letters.length);
  for (const { table, what, query } of countsOf(tables, erasures(calls))) {
    for await (const { n } of reader.query(query.sql, query.values)) add(table, what, Number(n));
  }
  return { tables, person: subject.kind === "call" ? undefined : { known, calls }, erasures, letters, counts };
}

/** All at once: tombstones of what was found out, and everything that is erased. */
async function erase(warehouse: Warehouse, schema: string, subject: Subject, at: Date): Promise<Counts> {
  const rejected = warehouse.rejected(schema); // gives rows of earlier versions an id
  const { tables, person, erasures, letters, counts } = await survey(warehouse, schema, subject, rejected);
  await warehouse.forget(schema, [
    ...(person === undefined ? [] : [...buryTraits(tables, person.known, at), buryCalls(tables, person.calls, at)]),
    ...erasures(buriedCalls(tables)).map((erasure) => statementOf(tables, erasure)),
    ...deleteDeadLetters(tables, letters),
  ]);
  return counts;
}

/** The pipelines that states are kept of, and when a call started, milliseconds since 1970. */
async function whereabouts(
  reader: Reader,
  schema: string,
  subject: Subject,
): Promise<{ stateIds: readonly string[]; startedMs: number | undefined }> {
  const tables = await Tables.of(reader, schema);
  const stateIds: string[] = [];
  if (tables.has(STATES)) {
    for await (const { id } of reader.query(`SELECT id FROM ${tables.name(STATES)}`)) stateIds.push(textIn(id));
  }
  const started = tables.column("calls", "c", "started_at");
  let startedMs: number | undefined;
  if (subject.kind === "call" && started !== "NULL") {
    const sql = `SELECT ${epochMs(started)} AS ms FROM ${tables.name("calls")} c WHERE c."call_id" = $1`;
    for await (const { ms } of reader.query(sql, [subject.callId])) if (ms !== null) startedMs = Number(ms);
  }
  return { stateIds, startedMs };
}

/** Takes the right to write from whoever has it, and lets the state forget the call. */
async function takeOver(
  warehouse: Warehouse,
  { config }: Chosen,
  stateId: string,
  { subject, startedMs }: { readonly subject: Subject; readonly startedMs: number | undefined },
): Promise<void> {
  const kept = await warehouse.state(config.default_target_schema, stateId);
  const without = kept === undefined || subject.kind !== "call" ? kept : stateWithout(kept, subject.callId, startedMs);
  const state = printJson(without) === printJson(kept) ? undefined : without;
  await warehouse.commit({ rows: [], rejected: [], replayed: [], state }, { ...loaderOptions(config), stateId });
}

/** A warehouse has the right to write for one pipeline, so each gets its own. */
async function inWarehouse<T>({ connect }: Chosen, work: (warehouse: Warehouse) => Promise<T>): Promise<T> {
  await using warehouse = await connect();
  return await work(warehouse);
}

function told(counts: Counts, tense: string): string[] {
  const rows = [...counts].flatMap(([table, { deleted, erased }]) => [
    ...(deleted === 0 ? [] : [[table, shown(deleted), `${tense}deleted`]]),
    ...(erased === 0 ? [] : [[table, shown(erased), `${tense}erased`]]),
  ]);
  return rows.length === 0 ? ["no row is about it"] : textTable([["table", "rows", ""], ...rows]);
}
