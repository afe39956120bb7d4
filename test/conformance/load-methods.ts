import { describe, expect, test } from "vitest";
import type { LoadMethod } from "../../src/core/destination.ts";
import { Loader } from "../../src/core/load.ts";
import type { SchemaMessage, StateMessage } from "../../src/core/message.ts";
import { startRun, testEnv } from "../support/loading.ts";
import { fakeClock } from "../support/clock.ts";
import { record, schema, state } from "../support/singer.ts";
import { bench, loadOptions, type Open } from "./bench.ts";

export function describeLoadMethods(open: Open): void {
  const line = schema("s", { id: "integer", v: "string" }, { keys: ["id"] });
  const row = (id: number, v: string) => record("s", { id, v });

  describe("load methods", () => {
    test.each(["append", "append-only"] as const)("%s adds every record as a row", async (load_method) => {
      await using db = await bench(open);
      for (const v of ["a", "b"]) await db.load([line, row(1, v), row(1, v)], { load_method });
      expect(await db.values("s", "v")).toEqual(["a", "a", "b", "b"]);
    });

    test("overwrite leaves what the run brought, and keys count within the run", async () => {
      await using db = await bench(open);
      await db.load([line, row(1, "old"), row(2, "old")]);
      const { states } = await db.load(
        [line, row(2, "a"), state({ n: 1 }), row(2, "b"), row(3, "c"), state({ n: 2 })],
        { load_method: "overwrite", batch_size_rows: 1 },
      );
      expect(states).toEqual(['{"n":1}', '{"n":2}']);
      expect(await db.rows("s")).toEqual([
        { id: 2, v: "b" },
        { id: 3, v: "c" },
      ]);
      expect(await db.tables()).toEqual(["s"]);
    });

    test("overwrite: until the run ends the old table stays and no state is said", async () => {
      await using db = await bench(open);
      await db.load([line, row(1, "old")]);
      {
        await using warehouse = await db.opened.connect(testEnv());
        const run = startRun(warehouse, { load_method: "overwrite" });
        await run.lines([line, row(2, "new"), state({ n: 1 })]);
        await run.loader.flush();
        expect(run.states).toEqual([]);
      }
      expect(await db.rows("s")).toEqual([{ id: 1, v: "old" }]);
      await using warehouse = await db.opened.connect(testEnv());
      expect(await warehouse.state("main", "default")).toBeUndefined();
    });

    test("overwrite: what a run that ended early left does not come into the next", async () => {
      await using db = await bench(open);
      await db.load([line, row(1, "old")]);
      expect(await db.failingLoad([line, row(2, "half"), record("nobody", {})], { load_method: "overwrite" })).toBe(
        "RECORD_BEFORE_SCHEMA",
      );
      expect(await db.rows("s")).toEqual([{ id: 1, v: "old" }]);
      await db.load([line, row(3, "new")], { load_method: "overwrite" });
      expect(await db.rows("s")).toEqual([{ id: 3, v: "new" }]);
      expect(await db.tables()).toEqual(["s"]);
    });

    test("overwrite: a schema or a key that changes on the way is still one new table", async () => {
      await using db = await bench(open);
      await db.load([line, row(1, "old")]);
      await db.load(
        [
          line,
          row(2, "a"),
          schema("s", { id: "integer", v: "string", w: "integer" }, { keys: ["id"] }),
          record("s", { id: 3, v: "b", w: 5 }),
          schema("s", { id: "integer", v: "string", w: "number" }, { keys: ["v"] }),
          record("s", { id: 4, v: "a", w: 1.5 }),
        ],
        { load_method: "overwrite" },
      );
      expect(await db.tables()).toEqual(["s"]);
      expect(await db.rows("s")).toEqual([
        { id: 3, v: "b", w: 5 },
        { id: 4, v: "a", w: 1.5 },
      ]);
    });

    test("each stream can have its own; only those that are complete are put in place, and only their states are said", async () => {
      await using db = await bench(open);
      const own = (stream: string, method: LoadMethod): SchemaMessage => ({
        type: "schema",
        stream,
        schema: { type: "object", properties: { id: { type: "integer" }, v: { type: "string" } } },
        keys: method === "append" ? [] : ["id"],
        method,
      });
      const run = async (v: string, methods: Record<string, LoadMethod>, complete: readonly string[]) => {
        const said: string[] = [];
        await using warehouse = await db.opened.connect(testEnv());
        const options = { ...loadOptions(), keepStates: (all: readonly StateMessage[]) => ({ kept: all.length }) };
        const loader = new Loader(warehouse, options, testEnv(), ({ stream = "" }) => said.push(stream));
        for (const [stream, method] of Object.entries(methods)) await loader.accept(own(stream, method), "", 0);
        for (const stream of Object.keys(methods)) {
          for (const id of [1, 1]) await loader.accept({ type: "record", stream, record: { id, v } }, "", 1);
          await loader.accept({ type: "state", stream, state: { v } }, "", 2);
        }
        await loader.flush();
        const early = [...said];
        await loader.finish(new Set(complete));
        return { early, late: said.slice(early.length), kept: await warehouse.state("main", "default") };
      };
      await run("old", { adds: "append", merges: "upsert", whole: "upsert", half: "upsert" }, []);
      const { early, late, kept } = await run(
        "new",
        { adds: "append", merges: "upsert", whole: "overwrite", half: "overwrite" },
        ["adds", "merges", "whole"],
      );
      expect([early, late, kept]).toEqual([["adds", "merges"], ["whole"], { kept: 1 }]);
      expect(await db.values("adds", "v")).toEqual(["new", "new", "old", "old"]);
      expect(await db.values("merges", "v")).toEqual(["new"]);
      expect(await db.values("whole", "v")).toEqual(["new"]);
      expect(await db.values("half", "v")).toEqual(["old"]);
    });

    test("overwrite: a stream without a record keeps its old table", async () => {
      await using db = await bench(open);
      await db.load([line, row(1, "old")]);
      await db.load([line], { load_method: "overwrite" });
      expect(await db.rows("s")).toEqual([{ id: 1, v: "old" }]);
    });
  });

  describe("metadata columns", () => {
    test("off: only the stream's own columns", async () => {
      await using db = await bench(open);
      await db.load([line, row(1, "a")], { add_record_metadata: false });
      expect(await db.wholeRows("s")).toEqual([{ id: 1, v: "a" }]);
    });

    test("on: when it was extracted, received and committed, in which order, by which run", async () => {
      await using db = await bench(open);
      const clock = fakeClock(Date.UTC(2026, 0, 1));
      await db.load(
        [
          line,
          record("s", { id: 1, v: "a" }, { time_extracted: "2025-12-31T23:00:00.123456+01:00", version: 7 }),
          row(2, "b"),
        ],
        {},
        testEnv(clock),
      );
      const shared = {
        _sdc_received_at: "2026-01-01T00:00:00Z",
        _sdc_batched_at: "2026-01-01T00:00:00Z",
        _sdc_deleted_at: null,
        _sdc_sync_started_at: Date.UTC(2026, 0, 1),
      };
      const rows = await db.wholeRows("s");
      expect(rows).toMatchObject([
        { id: 1, v: "a", _sdc_extracted_at: "2025-12-31T22:00:00.123456Z", _sdc_table_version: 7, ...shared },
        { id: 2, v: "b", _sdc_extracted_at: null, _sdc_table_version: null, ...shared },
      ]);
      expect(Number(rows[1]?.["_sdc_sequence"])).toBe(Number(rows[0]?.["_sdc_sequence"]) + 1);
    });

    test("turned on for a table that was made without: old rows have none", async () => {
      await using db = await bench(open);
      await db.load([line, row(1, "a")], { add_record_metadata: false });
      await db.load([line, row(2, "b")]);
      await db.load([line, row(3, "c")], { add_record_metadata: false });
      const rows = (await db.wholeRows("s")).sort((a, b) => Number(a["id"]) - Number(b["id"]));
      expect(rows.map((one) => one["_sdc_received_at"] !== null)).toEqual([false, true, false]);
    });

    test("a stream with an empty list of properties is a table of metadata", async () => {
      await using db = await bench(open);
      const { summary } = await db.load([schema("s", {}), record("s", { a: 1 }), record("s", {})], {
        add_record_metadata: false,
      });
      expect(summary).toMatchObject({ rows: { s: 2 }, unknown: { s: ["a"] } });
      expect(await db.rows("s")).toEqual([{}, {}]);
    });
  });
}
