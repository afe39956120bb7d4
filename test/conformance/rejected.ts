import { describe, expect, test } from "vitest";
import type { Rejected, RejectedRow, Warehouse } from "../../src/core/destination.ts";
import { parseJson, printJson } from "../../src/core/json.ts";
import { fakeClock } from "../support/clock.ts";
import { startRun, testEnv } from "../support/loading.ts";
import { record, schema, state } from "../support/singer.ts";
import { bench, loadOptions, type Open } from "./bench.ts";

export function describeRejected(open: Open): void {
  describe("records that cannot be loaded", () => {
    test("are put aside with stream, reason, line and payload; the others are loaded and states go on", async () => {
      await using db = await bench(open);
      const { states, summary } = await db.load([
        schema("s", { id: "integer", n: "number", at: "date-time" }, { keys: ["id"] }),
        record("s", { id: 1, n: 1 }),
        record("s", `{"id":2,"n":"spoken words","big":12345678901234567890}`),
        record("s", { n: 3 }),
        record("s", { id: null, n: 4 }),
        record("s", { id: 5, at: "tomorrow" }),
        state({ n: 1 }),
        record("s", { id: 6, n: 6 }),
      ]);
      expect(states).toEqual(['{"n":1}']);
      expect(summary).toMatchObject({ rejected: 4, keysMissing: true, rows: { s: 2 } });
      expect(await db.values("s", "id")).toEqual([1, 6]);
      const rows = (await db.rows("_rejected")).sort((a, b) => Number(a["line"]) - Number(b["line"]));
      expect(rows).toMatchObject([
        {
          stream: "s",
          reason: '"n": must be number,null',
          line: 3,
          payload: { id: 2, n: "spoken words", big: "12345678901234567890" },
        },
        { stream: "s", reason: 'key property "id" is missing', line: 4, payload: { n: 3 } },
        { stream: "s", reason: 'key property "id" is null', line: 5, payload: { id: null, n: 4 } },
        { stream: "s", reason: 'property "at" is not a date-time', line: 6, payload: { id: 5, at: "tomorrow" } },
      ]);
    });

    test("come into the table run after run", async () => {
      await using db = await bench(open);
      for (let run = 0; run < 2; run++)
        await db.load([schema("s", { id: "integer" }, { keys: ["id"] }), record("s", {})]);
      expect(await db.rows("_rejected")).toHaveLength(2);
    });

    test("a row that is put aside leaves nothing of itself in its batch", async () => {
      await using db = await bench(open);
      const properties = {
        a: "boolean",
        b: "string",
        c: "integer",
        d: "number",
        e: "date-time",
        f: "date",
        g: "object",
        last: "integer",
      };
      const good = { a: true, b: "ä", c: 1, d: 0.5, e: "2024-01-01T00:00:00Z", f: "2024-01-01", g: { x: 1 } };
      const rows = Array.from({ length: 40 }, (_, n) => ({
        ...(n % 3 === 0 ? {} : good),
        a: n % 2 === 0,
        last: n % 5 === 0 ? "bad" : n,
      }));
      await db.load([schema("s", properties), ...rows.map((row) => record("s", row))], { validate_records: false });
      const kept = rows.filter((row) => row.last !== "bad");
      const nothing = { a: null, b: null, c: null, d: null, e: null, f: null, g: null };
      const byLast = (all: { last?: unknown }[]) => all.sort((x, y) => Number(x.last) - Number(y.last));
      expect(byLast(await db.rows("s"))).toEqual(byLast(kept.map((row) => ({ ...nothing, ...row }))));
    });
  });

  describe("what was put aside, to be replayed", () => {
    const line = schema("s", { id: "integer", n: "integer" }, { keys: ["id"] });
    const all = async (warehouse: Warehouse) => {
      const rows: RejectedRow[] = [];
      for await (const row of warehouse.rejected("main")) rows.push(row);
      return rows;
    };
    const later = (minutes: number) => testEnv(fakeClock(Date.UTC(2026, 0, 1, 0, minutes)));

    test("nothing, before anything was", async () => {
      await using db = await bench(open);
      await db.load([line, record("s", { id: 1 })]);
      await using warehouse = await db.opened.connect(testEnv());
      expect(await all(warehouse)).toEqual([]);
    });

    test("comes oldest first, each with an id of its own and every digit of its payload", async () => {
      await using db = await bench(open);
      const bad = (n: string) => record("s", `{"id":1,"n":"x","big":${n},"text":"it's \\"q\\""}`);
      await db.load([line, bad("12345678901234567890"), record("s", { id: 5 }), bad("0.10")], {}, later(1));
      await db.load([line, bad("3")], {}, later(0));
      await db.load([line, bad("4")], {}, later(2));
      await using warehouse = await db.opened.connect(testEnv());
      const rows = await all(warehouse);
      expect(new Set(rows.map(({ id }) => id)).size).toBe(4);
      const numbers = rows.map(({ payload }) => printJson((parseJson(payload) as { big: never }).big));
      expect(numbers.sort()).toEqual(["0.1", "12345678901234567890", "3", "4"]);
      expect(rows.map(({ stream, reason }) => [stream, reason])).toEqual(
        rows.map(() => ["s", '"n": must be integer,null']),
      );
      expect([...rows].sort((a, b) => a.rejectedAt - b.rejectedAt)).toEqual(rows);
    });

    test("has its place in the order of the stream's rows", async () => {
      await using db = await bench(open);
      const bad = record("s", { id: "x" });
      const good = (id: number) => record("s", { id });
      await db.load([line, bad, good(1), bad, bad, good(2), good(3), bad], { batch_size_rows: 4 });
      await using warehouse = await db.opened.connect(testEnv());
      const places = (await all(warehouse)).map(({ line: number, sequence }) => [number, sequence] as const);
      const sequences: (readonly [number, number])[] = [];
      for await (const row of warehouse.query('SELECT id, CAST(_sdc_sequence AS TEXT) AS place FROM main."s"')) {
        sequences.push([Number(row["id"]), Number(row["place"])]);
      }
      const of = new Map(sequences);
      const before = (number: number) => places.find(([one]) => one === number)?.[1] ?? NaN;
      expect(before(2)).toBeLessThan(of.get(1)!);
      for (const number of [4, 5]) {
        expect(before(number)).toBeGreaterThanOrEqual(of.get(1)!);
        expect(before(number)).toBeLessThan(of.get(2)!);
      }
      expect(before(8)).toBeGreaterThanOrEqual(of.get(3)!);
    });

    test("the schema of a stream's last rejected record is kept, in the same transaction", async () => {
      await using db = await bench(open);
      const other = schema("t", { id: "integer" }, { keys: ["id"], replaces: [], newestBy: "id" });
      const wider = schema("s", { id: "integer", n: "integer", more: "string" }, { keys: ["id", "n"] });
      await db.load([line, record("s", { id: "x" }), wider, record("s", { id: 1, n: "x" }), other, record("t", {})]);
      await using warehouse = await db.opened.connect(testEnv());
      const schemas = new Map(
        (await all(warehouse)).map(({ stream, schema: text }) => [stream, parseJson(text ?? "")]),
      );
      expect(schemas.get("s")).toMatchObject({ stream: "s", keys: ["id", "n"] });
      expect(schemas.get("t")).toMatchObject({ stream: "t", keys: ["id"], replaces: [], newestBy: "id" });
      expect(await db.opened.tables()).toContain("_chorus_elt_schemas");
      expect(await db.opened.rows("_chorus_elt_schemas")).toHaveLength(2);
    });

    test("goes with the batch that replays it; what is rejected again stays as the same row", async () => {
      await using db = await bench(open);
      await db.load([line, ...[1, 2, 3].map((id) => record("s", { id, n: "x" }))], {}, later(0));
      const env = later(5);
      await using warehouse = await db.opened.connect(env);
      const before = await all(warehouse);
      const [, second, third] = before;
      const again: Rejected = { ...third!, reason: "still", row: 0, first: third!, schema: third!.schema ?? "" };
      const options = loadOptions();
      await warehouse.commit(
        { rows: [], rejected: [again], state: undefined, replayed: [second!.id, third!.id] },
        options,
      );
      expect(await all(warehouse)).toEqual([before[0], { ...third, reason: "still" }]);
      await warehouse.commit(
        { rows: [], rejected: [], state: undefined, replayed: [before[0]!.id, third!.id] },
        options,
      );
      expect(await all(warehouse)).toEqual([]);
    });

    test("can be read while batches are committed", async () => {
      await using db = await bench(open);
      await db.load([line, ...Array.from({ length: 3_000 }, (_, id) => record("s", { id, n: "x" }))]);
      await using warehouse = await db.opened.connect(later(1));
      const run = startRun(warehouse, {}, later(1));
      await run.line(line);
      let read = 0;
      for await (const { id, line: number } of warehouse.rejected("main")) {
        read++;
        if (number % 500 !== 2) continue;
        await run.lines([record("s", { id: number }), record("s", { id: number, n: "worse" })]);
        await run.loader.flush();
        await warehouse.commit({ rows: [], rejected: [], state: undefined, replayed: [id] }, loadOptions());
      }
      expect(read).toBe(3_000);
      expect(await all(warehouse)).toHaveLength(3_000);
      await run.loader.finish();
    });
  });

  describe("schemas as taps write them", () => {
    const check = async (property: object, values: string[], settings = {}) => {
      await using db = await bench(open);
      const line = schema("s", { id: "integer", v: property as never }, { keys: ["id"] });
      await db.load([line, ...values.map((v, id) => record("s", `{"id":${id},"v":${v}}`))], settings);
      return await db.values("s", "id");
    };

    test("multipleOf hints at digits and does not reject: 0.07 with 0.01", async () => {
      expect(await check({ type: "number", multipleOf: 0.01 }, ["0.07", "1.005"])).toEqual([0, 1]);
    });

    test("exclusiveMinimum of draft 4 and of draft 6", async () => {
      expect(await check({ type: "number", minimum: 0, exclusiveMinimum: true }, ["0", "0.1"])).toEqual([1]);
      expect(await check({ type: "number", minimum: 0, exclusiveMinimum: false }, ["0", "-1"])).toEqual([0]);
      expect(await check({ type: "number", exclusiveMinimum: 0 }, ["0", "0.1"])).toEqual([1]);
    });

    test("bounds of 64 bits, as taps for databases write them", async () => {
      const line = schema("s", { id: "integer" }, { keys: ["id"] }).replace(
        '{"type":["integer","null"]}',
        '{"type":["integer"],"minimum":-9223372036854775808,"maximum":9223372036854775807}',
      );
      await using db = await bench(open);
      const { summary } = await db.load([line, record("s", '{"id":9223372036854775807}'), record("s", '{"id":1}')]);
      expect(summary.rejected).toBe(0);
      expect((await db.values("s", "id")).map(String).sort()).toEqual(["1", "9223372036854775807"]);
    });

    test("patterns that JavaScript reads only without its u flag", async () => {
      expect(await check({ type: "string", pattern: "^[a-z\\_\\-]+$" }, ['"a_b"', '"A"'])).toEqual([0]);
    });

    test("an enum, a maxLength and additionalProperties reject what they say", async () => {
      expect(await check({ enum: ["ready", "pending"] }, ['"ready"', '"lost"'])).toEqual([0]);
      expect(await check({ type: "string", maxLength: 3 }, ['"abc"', '"abcd"'])).toEqual([0]);
      expect(
        await check({ type: "object", properties: { a: {} }, additionalProperties: false }, ['{"a":1}', '{"b":1}']),
      ).toEqual([0]);
    });

    test("validate_records off: only what no column can hold is put aside", async () => {
      expect(await check({ type: "string", maxLength: 3 }, ['"abcd"', "5", "{}"], { validate_records: false })).toEqual(
        [0, 1, 2],
      );
    });
  });
}
