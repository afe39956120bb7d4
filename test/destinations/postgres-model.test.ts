import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { loadable } from "../support/postgres-runs.ts";
import { record, schema, state } from "../support/singer.ts";

/** Which way rows take into their table depends on the table, on its key, and on what came before. */
const TABLES = {
  "made by us": [],
  "that lost its key": ['ALTER TABLE main.T DROP CONSTRAINT "KEY"'],
  "with an index beside a key of its own": [
    `CREATE TABLE main.T (uid bigserial PRIMARY KEY, v bigint, note text NOT NULL DEFAULT 'none', set text, id bigint, UNIQUE (id, set))`,
  ],
  "without an index, with a column that is computed": [
    "CREATE TABLE main.T (id bigint, twice bigint GENERATED ALWAYS AS (id * 2) STORED, w bigint, set varchar(9), number int GENERATED ALWAYS AS IDENTITY)",
  ],
  partitioned: [
    `CREATE TABLE main.T (set text, id bigint, mark bigint, PRIMARY KEY (set, id)) PARTITION BY LIST (set);
     CREATE TABLE main.T_a PARTITION OF main.T FOR VALUES IN ('a'); CREATE TABLE main.T_b PARTITION OF main.T DEFAULT`,
  ],
  "that refuses some rows": [
    "CREATE TABLE main.T (set text, id bigint, v bigint CHECK (v % 7 <> 3), PRIMARY KEY (set, id))",
  ],
} as const;
type Kind = keyof typeof TABLES;

const properties = {
  set: "string",
  id: "integer",
  mark: "integer",
  at: "integer",
  v: "integer",
  w: "integer",
  _sdc_deleted_at: "date-time",
};

await describePostgres("any rows in any table of Postgres", (server) => {
  test("equal a map in memory, over several runs, with batches in flight", { timeout: 900_000 }, async () => {
    await using db = await loadable(server);
    let cases = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(TABLES) as Kind[])),
        fc.constantFrom("none", "newest", "sets", "sets beside the key", "one set"),
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat(40), { maxLength: 2 }),
        fc.constantFrom("keep", "null"),
        fc.boolean(),
        async (kind, mode, steps, batch_size_rows, cuts, absent_properties, add_record_metadata) => {
          const table = `t${cases++}`;
          const [before] = kind === "that lost its key" ? [] : TABLES[kind];
          if (before !== undefined) await db.query(before.replaceAll("main.T", `main.${table}`));
          const head = schema(table, properties, { keys: ["set", "id"], ...IDENTITY[mode] });
          const runs: JsonObject[][] = [[]];
          steps.forEach((one, v) => {
            if (cuts.includes(v)) runs.push([]);
            runs.at(-1)!.push(one.type === "state" ? { state: v } : rowOf(one, v, mode, kind));
          });
          for (const run of runs) {
            const messages = run.map((one) => ("state" in one ? state(one) : record(table, one)));
            await db.load([head, ...messages], {
              batch_size_rows,
              absent_properties,
              add_record_metadata,
              hard_delete: true,
            });
            if (kind === "that lost its key") await dropKey(table);
          }
          const hasRows = runs.flat().some((one) => !("state" in one));
          const stored = hasRows ? await db.rows("set, id, v, w", table) : [];
          const refuses = (row: JsonObject) => kind === "that refuses some rows" && Number(row["v"]) % 7 === 3;
          expect(stored.map((one) => JSON.stringify(one)).sort()).toEqual(
            model(runs, { mode, keeps: absent_properties === "keep", refuses }),
          );
        },
      ),
      {
        seed: Number(process.env["SEED"] ?? 20_261_122),
        numRuns: Number(process.env["RUNS"] ?? 120),
        endOnFailure: true,
      },
    );

    async function dropKey(table: string): Promise<void> {
      const [key] = await db.query(
        `SELECT conname AS name FROM pg_constraint WHERE contype = 'p' AND conrelid = to_regclass('main.${table}')`,
      );
      if (key !== undefined) await db.query(`ALTER TABLE main.${table} DROP CONSTRAINT "${String(key["name"])}"`);
    }
  });
});

const IDENTITY = {
  none: {},
  newest: { newestBy: "at" },
  sets: { replaces: ["set"] },
  "sets beside the key": { replaces: ["mark"] },
  "one set": { replaces: [] },
} as const;
type Mode = keyof typeof IDENTITY;

interface Step {
  readonly type: "upsert" | "delete" | "state";
  readonly set: string;
  readonly id: number;
  readonly mark: number;
  readonly at: number | null;
  readonly lacks: readonly ("v" | "w")[];
}

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom("upsert", "upsert", "upsert", "upsert", "upsert", "delete", "state"),
  set: fc.constantFrom("a", "b"),
  id: fc.nat(4),
  mark: fc.nat(1),
  at: fc.option(fc.nat(3), { nil: null, freq: 4 }),
  lacks: fc.subarray(["v", "w"] as const),
});

/** What a record is, where one by one and a batch at a time have to come to the same. */
function rowOf({ type, set, id, mark, at, lacks }: Step, v: number, mode: Mode, kind: Kind): JsonObject {
  // What is deleted for good leaves nothing that an older row could be compared with.
  const deleted = type === "delete" && mode !== "newest" ? { _sdc_deleted_at: "2026-01-01T00:00:00Z" } : {};
  // A row that nobody sees, because it is overtaken or refused, still has parts that others lack.
  const isWhole = mode === "newest" || mode === "sets beside the key" || kind === "that refuses some rows";
  const row = { set, id, mark, at, v, w: v, ...deleted };
  return Object.fromEntries(Object.entries(row).filter(([name]) => isWhole || !(lacks as string[]).includes(name)));
}

interface Rules {
  readonly mode: Mode;
  readonly keeps: boolean;
  readonly refuses: (row: JsonObject) => boolean;
}

/** What the table must hold: one message after another, in the plainest way. */
function model(runs: readonly (readonly JsonObject[])[], { mode, keeps, refuses }: Rules): string[] {
  const rows = new Map<string, JsonObject>();
  const { replaces } = { replaces: undefined, ...IDENTITY[mode] };
  const setOf = (row: JsonObject) => JSON.stringify(replaces?.map((name) => row[name]));
  for (const messages of runs) {
    let openSet: string | undefined;
    for (const row of messages) {
      if ("state" in row) openSet = undefined;
      if ("state" in row) continue;
      if (replaces !== undefined && setOf(row) !== openSet) {
        openSet = setOf(row);
        for (const [key, old] of rows) if (setOf(old) === openSet) rows.delete(key);
      }
      const key = JSON.stringify([row["set"], row["id"]]);
      const old = rows.get(key);
      if (refuses(row) && row["_sdc_deleted_at"] === undefined) continue;
      if (mode === "newest" && old !== undefined && time(old) > time(row)) continue;
      if (row["_sdc_deleted_at"] !== undefined) rows.delete(key);
      else rows.set(key, keeps ? { ...old, ...row } : row);
    }
  }
  const text = (value: unknown) =>
    value === undefined || value === null ? null : typeof value === "string" ? value : JSON.stringify(value);
  return [...rows.values()].map((row) => JSON.stringify([row["set"], row["id"], row["v"], row["w"]].map(text))).sort();
}

const time = (row: JsonObject) => Number(row["at"] ?? -1);
