import type { Tombstone, Warehouse } from "../../core/destination.ts";
import { isExact, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Eraser } from "../../core/load.ts";
import { Tables } from "../../sources/semarize/tables.ts";
import { buriedCalls, bury, buryTraits, exhume } from "./bury.ts";
import { baseTables, erasuresOfPerson, statementOf, type Person } from "./erasures.ts";
import {
  CALL_IDS,
  erasedValue,
  hashed,
  KEYED,
  KINDS,
  OWNED,
  ruleFor,
  saysNothing,
  SPEAKER_IDS,
  SPOKEN,
  streamOf,
  tellsWhoWasThere,
  TOLD,
  TRAITS,
  type Trait,
} from "./people.ts";

const MOST_ANSWERS = 100_000;

/**
 * Keeps forgotten calls and people out of what is loaded. It learns on the way: a record that shows a person's address also
 * tells their ids and name, and which call they were in. What was loaded before that is taken back by `settle`.
 */
export class TombstoneEraser implements Eraser {
  readonly #warehouse: Warehouse;
  readonly #schema: string;
  readonly #calls: ReadonlySet<string>;
  readonly #seenIn: Set<string>;
  readonly #people: Readonly<Record<Trait, Set<string>>>;
  /** Whether a value is a forgotten person's, by trait and value: the same people come again and again. */
  readonly #answers = new Map<string, boolean>();
  /** Since the last `settle`, as it came; and how many of these are noted. */
  readonly #learned = { ...noTraits(), seenIn: new Set<string>() };
  #noted = 0;
  /** Something is noted that is not taken back yet, of this run or of one that was killed. */
  #isUnsettled: boolean;

  constructor(tombstones: readonly Tombstone[], warehouse: Warehouse, schema: string) {
    const of = (wanted: string) => new Set(tombstones.flatMap(({ kind, value }) => (kind === wanted ? [value] : [])));
    this.#warehouse = warehouse;
    this.#schema = schema;
    this.#calls = of(KINDS.call);
    this.#seenIn = of(KINDS.seenIn);
    this.#isUnsettled = of(KINDS.unsettled).size > 0;
    this.#people = { email: of("email"), person_id: of("person_id"), user_id: of("user_id"), name: of("name") };
  }

  erase(name: string, record: JsonObject): JsonObject | undefined {
    const call = callOf(record);
    if (call !== undefined && this.#calls.has(call)) return undefined;
    if (this.#people.email.size === 0) return record;
    const stream = streamOf(name);
    const columns = this.#owned(stream, record, call);
    const wasThere = call !== undefined && this.#seenIn.has(call);
    if (this.#isKey(record["participant_id"], wasThere)) {
      if (ruleFor(KEYED, stream) === true) return undefined;
      columns.push("participant_id");
    }
    if (wasThere) {
      columns.push(...(ruleFor(TOLD, stream) ?? []));
      const spoken = ruleFor(SPOKEN, stream);
      if (spoken !== undefined && this.#hasSpoken(record)) columns.push(...spoken);
    }
    const there = columns.filter((column) => record[column] !== undefined && record[column] !== null);
    if (there.length === 0) return record;
    return { ...record, ...Object.fromEntries(there.map((column) => [column, erasedValue(column)])) };
  }

  async note(): Promise<void> {
    const { seenIn, ...traits } = this.#learned;
    const learned = TRAITS.reduce((sum, trait) => sum + traits[trait].size, seenIn.size);
    if (learned === this.#noted) return;
    this.#noted = learned;
    this.#isUnsettled = true;
    const tables = await Tables.of(this.#warehouse, this.#schema);
    const at = new Date();
    await this.#warehouse.forget(this.#schema, [
      ...buryTraits(tables, this.#known, at),
      ...bury(tables, KINDS.seenIn, [...seenIn], at),
      ...bury(tables, KINDS.unsettled, [""], at),
    ]);
  }

  async settle(): Promise<void> {
    await this.note();
    if (!this.#isUnsettled) return;
    const tables = await Tables.of(this.#warehouse, this.#schema);
    const base = await baseTables(this.#warehouse, this.#schema);
    const erasures = erasuresOfPerson(tables, base, this.#known, buriedCalls(tables));
    await this.#warehouse.forget(this.#schema, [
      ...erasures.map((erasure) => statementOf(tables, erasure)),
      exhume(tables, KINDS.unsettled),
    ]);
    for (const learned of Object.values(this.#learned)) learned.clear();
    this.#noted = 0;
    this.#isUnsettled = false;
  }

  /** What was learned of people; rows with their address came without it. */
  get #known(): Person {
    const { person_id: persons, user_id: users, name: names } = this.#learned;
    return { email: [], person_id: [...persons], user_id: [...users], name: [...names] };
  }

  /** The columns of a record that are a forgotten person's; notes what it tells of them. */
  #owned(stream: string, record: JsonObject, call: string | undefined): string[] {
    const erased: string[] = [];
    for (const { whose, theirs, name } of ruleFor(OWNED, stream) ?? []) {
      const traits = Object.entries(whose);
      if (!traits.some(([column, trait]) => this.#is(trait, record[column]))) continue;
      erased.push(...theirs);
      if (call !== undefined && tellsWhoWasThere(stream) && !this.#seenIn.has(call)) {
        this.#seenIn.add(call);
        this.#learned.seenIn.add(call);
      }
      for (const [column, trait] of traits) if (trait !== "email") this.#add(trait, record[column]);
      if (name !== undefined) this.#add("name", record[name]);
    }
    return erased;
  }

  #hasSpoken(record: JsonObject): boolean {
    return this.#is("name", record["speaker"]) || SPEAKER_IDS.some((column) => this.#isId(record[column]));
  }

  /** An address in the place of an id, of which the second one in a call ends with `~2`; or a speaker who is nothing else. */
  #isKey(value: JsonValue | undefined, wasThere: boolean): boolean {
    if (typeof value !== "string") return false;
    if (this.#is("email", value.replace(/~\d+$/, ""))) return true;
    if (!wasThere || !value.startsWith("speaker:")) return false;
    const speaker = value.slice("speaker:".length);
    return this.#is("name", speaker) || this.#isId(speaker);
  }

  #isId(value: JsonValue | undefined): boolean {
    return this.#is("person_id", value) || this.#is("user_id", value);
  }

  #is(trait: Trait, value: JsonValue | undefined): boolean {
    if (typeof value !== "string" || value === "") return false;
    const question = `${trait} ${value}`;
    const known = this.#answers.get(question);
    if (known !== undefined) return known;
    const answer = this.#people[trait].has(hashed(trait, value));
    if (this.#answers.size >= MOST_ANSWERS) this.#answers.clear();
    this.#answers.set(question, answer);
    return answer;
  }

  #add(trait: Trait, value: JsonValue | undefined): void {
    if (typeof value !== "string" || saysNothing(value)) return;
    const hash = hashed(trait, value);
    if (this.#people[trait].has(hash)) return;
    this.#people[trait].add(hash);
    this.#learned[trait].add(value);
    this.#answers.clear(); // it was nobody's before
  }
}

const noTraits = (): Record<Trait, Set<string>> => ({
  email: new Set(),
  person_id: new Set(),
  user_id: new Set(),
  name: new Set(),
});

function callOf(record: JsonObject): string | undefined {
  for (const column of CALL_IDS) {
    const value = record[column];
    if (typeof value === "string") return value;
    if (typeof value === "number" || isExact(value)) return String(value);
  }
  return undefined;
}
