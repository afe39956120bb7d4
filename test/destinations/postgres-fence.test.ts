import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { connected, errorOf, loadable, terminate } from "../support/postgres-runs.ts";
import { record, schema, state } from "../support/singer.ts";

const line = schema("s", { id: "integer", v: "string" }, { keys: ["id"] });
const row = (values: JsonObject, stream = "s") => record(stream, values);
const overwrite = { load_method: "overwrite" } as const;

/** One run at a time writes for a state id, and a run that was overtaken writes nothing any more. */
await describePostgres("the fence of a pipeline in Postgres", (server) => {
  describe("a second run with the same state id", () => {
    test("waits, then gives up with WAREHOUSE_LOCKED and has changed nothing", async () => {
      await using db = await loadable(server);
      await using first = await connected(db);
      await first.lines([line, row({ id: 1, v: "first" })]);
      const started = performance.now();
      const error = await errorOf(db.load([line, row({ id: 2, v: "second" })], {}, { lock_timeout_seconds: 0.6 }));
      expect(performance.now() - started).toBeGreaterThan(500);
      expect(error.code).toBe("WAREHOUSE_LOCKED");
      expect(error.message).toContain('state id "default"');
      await first.lines([state({ n: 1 })]);
      await first.loader.finish();
      expect(first.states).toEqual(['{"n":1}']);
      expect(await db.rows("id, v")).toEqual([["1", "first"]]);
    });

    test("goes on when the first ends in time", async () => {
      await using db = await loadable(server);
      const first = await connected(db);
      await first.lines([line, row({ id: 1, v: "first" }), state({ n: 1 })]);
      await first.loader.finish();
      const second = db.load([line, row({ id: 1, v: "second" }), state({ n: 2 })]);
      await new Promise((done) => setTimeout(done, 300));
      expect(await db.rows("id, v")).toEqual([["1", "first"]]);
      await first[Symbol.asyncDispose]();
      expect((await second).states).toEqual(['{"n":2}']);
      expect(await db.rows("id, v")).toEqual([["1", "second"]]);
    });
  });

  describe("a run that lost its connections while another took over", () => {
    for (const isOver of [true, false]) {
      test(`ends with WAREHOUSE_FENCED, and nothing of it is written: the other ${isOver ? "is over" : "still lives"}`, async () => {
        await using db = await loadable(server);
        await using zombie = await connected(db, { batch_size_rows: 2 });
        await zombie.lines([
          line,
          row({ id: 1, v: "zombie" }),
          row({ id: 2, v: "zombie" }),
          row({ id: 3, v: "zombie" }),
          state({ n: 1 }),
        ]);
        await terminate(db);
        const heir = await connected(db);
        await heir.lines([line, row({ id: 1, v: "heir" }), row({ id: 9, v: "heir" }), state({ n: 2 })]);
        await heir.loader.flush();
        if (isOver) await heir[Symbol.asyncDispose]();
        const started = performance.now();
        const error = await errorOf(
          zombie.lines([row({ id: 4, v: "zombie" }), state({ n: 3 })]).then(() => zombie.loader.finish()),
        );
        expect(error.code).toBe("WAREHOUSE_FENCED");
        expect(performance.now() - started).toBeLessThan(4_000); // it does not wait for a lock that will do it no good
        await heir[Symbol.asyncDispose]();
        expect(zombie.states).toEqual([]);
        const rows = await db.rows("id, v");
        expect(rows.filter(([id]) => id === "1" || id === "9")).toEqual([
          ["1", "heir"],
          ["9", "heir"],
        ]);
        expect(rows.filter(([id]) => id === "3" || id === "4")).toEqual([]);
        expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: '{"n":2}' }]);
      });
    }

    test("also when only the connection that holds the lock was lost", async () => {
      await using db = await loadable(server);
      await using zombie = await connected(db, { batch_size_rows: 1 });
      await zombie.lines([line, ...[1, 2, 3, 4, 5].map((id) => row({ id, v: "zombie" }))]); // two batches at a time
      await zombie.loader.flush();
      await terminate(db, "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')");
      expect(
        await db.query(
          `SELECT 1 FROM pg_stat_activity WHERE application_name = 'target-warehouse' AND datname = current_database()`,
        ),
      ).toHaveLength(1);
      await db.load([line, row({ id: 1, v: "heir" })]);
      const error = await errorOf(zombie.line(row({ id: 1, v: "zombie" })).then(() => zombie.loader.finish()));
      expect(error.code).toBe("WAREHOUSE_FENCED");
      expect((await db.rows("id, v"))[0]).toEqual(["1", "heir"]);
    });

    test("holds in overwrite: neither a table in the making nor the tables of the other are touched", async () => {
      await using db = await loadable(server);
      const other = schema("t", { id: "integer" }, { keys: ["id"] });
      await db.load([line, row({ id: 0, v: "old" })]);
      await using zombie = await connected(db, overwrite);
      await zombie.lines([line, row({ id: 1, v: "zombie" }), state({ n: 1 })]);
      await zombie.loader.flush();
      await terminate(db);
      await using heir = await connected(db, overwrite);
      await heir.lines([line, row({ id: 2, v: "heir" }), other, record("t", { id: 2 }), state({ n: 2 })]);
      await heir.loader.flush();
      expect((await errorOf(zombie.line(other))).code).toBe("WAREHOUSE_FENCED");
      expect((await errorOf(zombie.loader.finish())).code).toBe("WAREHOUSE_FENCED");
      expect(await db.rows("id, v")).toEqual([["0", "old"]]);
      await heir.loader.finish();
      expect(await db.rows("id, v")).toEqual([["2", "heir"]]);
      expect(await db.rows("id", "t")).toEqual([["2"]]);
      expect(await db.tables()).toEqual(["s", "t"]);
      expect(zombie.states).toEqual([]);
      expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: '{"n":2}' }]);
    });
  });

  describe("runs with different state ids", () => {
    const ids = Array.from({ length: 6 }, (_, i) => `pipeline ${i}`);

    test("begin at the same moment in an empty database, each with its tables and its state", async () => {
      await using db = await loadable(server);
      await db.query("DROP SCHEMA main");
      const runs = await Promise.all(ids.map((state_id) => connected(db, { state_id })));
      const begun = runs.map(async (run, n) => {
        const stream = ids[n]!;
        await run.lines([
          schema(stream, { id: "integer" }, { keys: ["id"] }),
          record(stream, { id: n }),
          record(stream, {}),
        ]);
        await run.line(state({ n }));
        await run.loader.finish();
        await run[Symbol.asyncDispose]();
        return run.states;
      });
      expect(await Promise.all(begun)).toEqual(ids.map((_, n) => [`{"n":${n}}`]));
      for (const [n, id] of ids.entries()) expect(await db.rows("id", id)).toEqual([[String(n)]]);
      expect(await db.query("SELECT id, state FROM main._chorus_elt_state ORDER BY id")).toEqual(
        ids.map((id, n) => ({ id, state: `{"n":${n}}` })),
      );
      expect(await db.query("SELECT stream FROM main._rejected")).toHaveLength(ids.length);
    });

    test("share a table, also while they make it and make it wider", async () => {
      await using db = await loadable(server);
      const wider = schema("s", { id: "integer", v: "string", w: "integer" }, { keys: ["id"] });
      await Promise.all(
        ids.map((state_id, n) =>
          db.load(
            [
              line,
              ...Array.from({ length: 20 }, (_, i) => row({ id: n * 100 + i, v: "a" })),
              wider,
              ...Array.from({ length: 20 }, (_, i) => row({ id: n * 100 + 10 + i, w: n })),
              ...Array.from({ length: 20 }, (_, i) => row({ id: 1_000 + ((i * (n + 1)) % 20), w: 1 })), // in another order each
            ],
            { state_id, batch_size_rows: 7 },
          ),
        ),
      );
      expect(
        await db.query(
          "SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids, count(v)::int AS v, count(w)::int AS w FROM main.s",
        ),
      ).toEqual([{ n: 6 * 30 + 20, ids: 6 * 30 + 20, v: 6 * 20, w: 6 * 20 + 20 }]);
    });
  });
});
