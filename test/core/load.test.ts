import { expect, test } from "vitest";
import type { SealedBatch, Warehouse } from "../../src/core/destination.ts";
import { silentLog } from "../../src/core/log.ts";
import { StagingWriter, type RowBuffer } from "../../src/core/staging.ts";
import { planTable } from "../../src/core/table.ts";
import { startRun, testEnv } from "../support/loading.ts";
import { record, schema } from "../support/singer.ts";

test("rows that the database refuses are counted and named like others that are put aside", async () => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (text: string) => void warnings.push(text) };
  const refused = [{ stream: "s", reason: "violates check constraint" }];
  const run = startRun(warehouse([], refused), {}, { ...testEnv(), log });
  await run.lines([schema("s", { id: "integer" }, { keys: ["id"] }), record("s", { id: 1 }), record("s", { id: 2 })]);
  await run.loader.finish();
  expect(run.loader.summary).toMatchObject({ rejected: 1, rows: { s: 1 } });
  expect(warnings).toEqual([expect.stringMatching(/stream "s".*violates check constraint/)]);
});

test("what is put aside has an id of its own, its place among the rows, and the schema in force", async () => {
  const batches: SealedBatch[] = [];
  const run = startRun(warehouse(batches, []));
  const bad = record("s", { id: "x" });
  const wider = schema("s", { id: "integer", n: "integer" }, { keys: ["id"] });
  await run.lines([schema("s", { id: "integer" }, { keys: ["id"] }), bad, record("s", { id: 1 }), wider, bad]);
  await run.loader.finish();
  const rejected = batches.flatMap((batch) => batch.rejected);
  expect(rejected.map(({ row, line, payload }) => [row, line, payload])).toEqual([
    [0, 2, '{"id":"x"}'],
    [1, 5, '{"id":"x"}'],
  ]);
  expect(new Set(rejected.map(({ id }) => id)).size).toBe(2);
  expect(rejected.map((one) => one.schema.includes('"n"'))).toEqual([false, true]);
  expect(batches.map(({ replayed }) => replayed)).toEqual([[]]);
});

/** A database that takes every batch and says that it refused these rows. */
function warehouse(batches: SealedBatch[], refused: { stream: string; reason: string }[]): Warehouse {
  const writers = new Map<string, StagingWriter<RowBuffer>>();
  const traits = { maxIdentifier: 63, caseInsensitive: false, quote: (name: string) => name };
  const none = async function* () {};
  return {
    maxCommits: 1,
    firstBatchRows: Infinity,
    dataset: (schema, table) => ({ namespace: "test", name: `${schema}.${table}` }),
    check: async () => undefined,
    state: async () => undefined,
    async table(message) {
      const plan = planTable(message, { traits, flattenDepth: 0, table: message.stream, columns: [] });
      const known = writers.get(message.stream);
      known?.replan(plan);
      const writer = known ?? new StagingWriter(plan, () => counting());
      writers.set(message.stream, writer);
      return writer;
    },
    async commit(batch) {
      batches.push(batch);
      return { loaded: 0, removed: 0, refused };
    },
    finish: async () => undefined,
    rejected: none,
    query: none,
    forgotten: async () => [],
    forget: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A buffer that only counts; what is text in the place of the key does not fit. */
function counting(): RowBuffer {
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    bytes: 0,
    misfit: undefined,
    hasAbsent: false,
    add: (row) => {
      rows++;
      return Object.keys(row).length;
    },
    clear: () => {
      rows = 0;
    },
  };
}
