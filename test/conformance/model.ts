import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { record, schema, state } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

const RUNS = { seed: 20_260_101, endOnFailure: true } as const;

export function describeModel(open: Open, share: number): void {
  describe("any input", () => {
    test("random schemas and records come back exactly", { timeout: 120_000 }, async () => {
      await using db = await bench(open);
      let table = 0;
      await fc.assert(
        fc.asyncProperty(streams, fc.integer({ min: 1, max: 5 }), async ({ types, rows }, batch_size_rows) => {
          const stream = `t${table++}`;
          const properties = { _n: "integer", ...Object.fromEntries(types.map((type, i) => [`p${i}`, type])) };
          const records = rows.map(
            (values, n) =>
              `{"_n":${n},${values
                .slice(0, types.length)
                .map((value, i) => `"p${i}":${value}`)
                .join(",")}}`,
          );
          const { summary } = await db.load(
            [schema(stream, properties, { keys: ["_n"] }), ...records.map((one) => record(stream, one))],
            { batch_size_rows },
          );
          expect(summary.rejected).toBe(0);
          const stored = (await db.rows(stream)).sort((a, b) => Number(a["_n"]) - Number(b["_n"]));
          expect(stored.map((row) => types.map((_, i) => canonical(row[`p${i}`])))).toEqual(
            rows.map((values) => types.map((type, i) => expectedValue(type, values[i] ?? "null"))),
          );
        }),
        { ...RUNS, numRuns: 40 * share },
      );
    });

    test(
      "random upserts, sets and deletions in random batches equal a map in memory",
      { timeout: 120_000 },
      async () => {
        await using db = await bench(open);
        let table = 0;
        await fc.assert(
          fc.asyncProperty(
            fc.array(step, { maxLength: 30 }),
            fc.integer({ min: 1, max: 9 }),
            fc.constantFrom("none", "newest", "sets", "sets beside the key"),
            fc.array(fc.nat(30), { maxLength: 2 }),
            fc.constantFrom("keep", "null"),
            async (steps, batch_size_rows, mode, cuts, absent_properties) => {
              const stream = `m${table++}`;
              const newestBy = mode === "newest" ? { newestBy: "at" } : {};
              const replaces =
                mode === "sets" ? { replaces: ["set"] } : mode === "sets beside the key" ? { replaces: ["mark"] } : {};
              const head = schema(
                stream,
                {
                  set: "string",
                  id: "integer",
                  mark: "integer",
                  at: "integer",
                  v: "integer",
                  w: "integer",
                  _sdc_deleted_at: "date-time",
                },
                { keys: ["set", "id"], ...newestBy, ...replaces },
              );
              const runs: string[][] = [[]];
              steps.forEach((one, v) => {
                if (cuts.includes(v)) runs.push([]);
                // A row that is deleted for good leaves nothing behind that an older one could be compared with.
                const type = mode === "newest" && one.type === "delete" ? "upsert" : one.type;
                // A row that moves to another set in a batch where its old set starts anew keeps less than one by one.
                const lacks = mode === "sets beside the key" ? [] : one.lacks;
                runs.at(-1)?.push(type === "state" ? state({ v }) : record(stream, rowOf({ ...one, type, lacks }, v)));
              });
              const settings = { batch_size_rows, absent_properties, hard_delete: true } as const;
              for (const lines of runs) await db.load([head, ...lines], settings);
              const expected = model(
                runs.map((lines) => lines.map((line) => JSON.parse(line) as JsonObject)),
                { mode, batchRows: batch_size_rows, keeps: absent_properties === "keep" },
              );
              const stored = steps.some(({ type }) => type !== "state") ? await db.rows(stream) : [];
              expect(stored.map(summary).sort()).toEqual(expected.map(summary).sort());
            },
          ),
          { ...RUNS, numRuns: 80 * share },
        );
      },
    );
  });
}

// Values as JSON text, by the words of `schema`.
const text = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .filter((one) => !one.includes("\u0000") && one.isWellFormed());
const whole = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const VALUES: Record<string, fc.Arbitrary<string>> = {
  string: fc.oneof(text, fc.constantFrom("", "\\N", "\t\n", "NULL", "\u2028")).map((one) => JSON.stringify(one)),
  integer: fc.oneof(fc.integer().map(String), whole, fc.constantFrom("0", "9007199254740992", "9007199254740993")),
  number: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => String(one === 0 ? 0 : one)),
    fc.integer().map(String),
  ),
  boolean: fc.boolean().map(String),
  "date-time": fc
    .date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
    .map((one) => JSON.stringify(one)),
  date: fc
    .date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
    .map((one) => JSON.stringify(one.toISOString().slice(0, 10))),
  object: fc
    .dictionary(text, fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)))
    .map((one) => JSON.stringify(one)),
  array: fc.array(fc.oneof(text, fc.integer(), fc.constant(null)), { maxLength: 4 }).map((one) => JSON.stringify(one)),
  any: fc
    .jsonValue({ maxDepth: 2 })
    .map((one) => JSON.stringify(one))
    .filter((one) => one !== "null" && !/\\u0000|\\u[dD]/.test(one) && !one.includes("-0")),
};

const streams = fc.array(fc.constantFrom(...Object.keys(VALUES)), { minLength: 1, maxLength: 4 }).chain((types) =>
  fc.record({
    types: fc.constant(types),
    rows: fc.array(
      fc.tuple(...types.map((type) => fc.option(VALUES[type] ?? fc.constant("null"), { nil: "null", freq: 5 }))),
      { minLength: 1, maxLength: 8 },
    ),
  }),
);

function expectedValue(type: string, json: string): unknown {
  if (json === "null") return canonical(null);
  if (type === "integer") return canonical(json);
  const value: unknown = JSON.parse(json);
  return canonical(
    type === "date-time"
      ? String(value)
          .replace(".000Z", "Z")
          .replace(/(\.\d*[1-9])0+Z/, "$1Z")
      : value,
  );
}

/** Whole numbers in one form, whether a double holds them or not; key order and -0 do not count. */
function canonical(value: unknown): unknown {
  if (typeof value === "number") return Object.is(value, -0) ? "0" : String(value);
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, canonical(inner)]));
  return value;
}

interface Step {
  readonly type: "upsert" | "delete" | "state";
  readonly set: string;
  readonly id: number;
  readonly mark: number;
  readonly at: number | null;
  readonly lacks: readonly string[];
}

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom("upsert", "upsert", "upsert", "upsert", "delete", "state"),
  set: fc.constantFrom("a", "b"),
  id: fc.nat(2),
  mark: fc.nat(1),
  at: fc.option(fc.nat(3), { nil: null, freq: 4 }),
  lacks: fc.subarray(["v", "w"]),
});

function rowOf({ type, set, id, mark, at, lacks }: Step, v: number): JsonObject {
  const row = { set, id, mark, at, v, w: v, ...(type === "delete" ? { _sdc_deleted_at: "2026-01-01T00:00:00Z" } : {}) };
  return Object.fromEntries(Object.entries(row).filter(([name]) => !lacks.includes(name)));
}

const summary = (row: JsonObject) => JSON.stringify(["set", "id", "v", "w"].map((name) => row[name] ?? null));

interface ModelOptions {
  readonly mode: string;
  readonly batchRows: number;
  readonly keeps: boolean;
}

/** What the table must hold: rows by key, one line after another, in the plainest way. */
function model(runs: readonly (readonly JsonObject[])[], { mode, batchRows, keeps }: ModelOptions): JsonObject[] {
  const rows = new Map<string, JsonObject>();
  const keyOf = (row: JsonObject) => JSON.stringify([row["set"], row["id"]]);
  const setBy = mode === "sets" ? "set" : mode === "sets beside the key" ? "mark" : undefined;
  const put = (row: JsonObject) => {
    const key = keyOf(row);
    if (row["_sdc_deleted_at"] !== undefined) rows.delete(key);
    else rows.set(key, keeps ? { ...rows.get(key), ...row } : row);
  };
  for (const messages of runs) {
    if (mode === "newest") {
      for (const batch of batches(messages, batchRows)) inOrderOfTime(batch, rows, keyOf).forEach(put);
      continue;
    }
    let openSet: unknown;
    for (const message of messages) {
      if (message["type"] === "STATE") openSet = undefined;
      const row = message["record"] as JsonObject | undefined;
      if (row === undefined) continue;
      if (setBy !== undefined && row[setBy] !== openSet) {
        for (const [key, old] of rows) if (old[setBy] === row[setBy]) rows.delete(key);
        openSet = row[setBy];
      }
      put(row);
    }
  }
  return [...rows.values()];
}

/** The records of each batch. */
function batches(messages: readonly JsonObject[], batchRows: number): JsonObject[][] {
  const records = messages.flatMap(({ record }) => (record === undefined ? [] : [record as JsonObject]));
  return Array.from({ length: Math.ceil(records.length / batchRows) }, (_, i) =>
    records.slice(i * batchRows, (i + 1) * batchRows),
  );
}

/** The records of a batch that are not older than what the table has, the oldest first. */
function inOrderOfTime(
  batch: readonly JsonObject[],
  rows: ReadonlyMap<string, JsonObject>,
  keyOf: (row: JsonObject) => string,
): JsonObject[] {
  const time = (row: JsonObject | undefined) => Number(row?.["at"] ?? -1);
  return batch.filter((row) => time(row) >= time(rows.get(keyOf(row)))).sort((a, b) => time(a) - time(b));
}
