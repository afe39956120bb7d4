import { describe, expect, test } from "vitest";
import { record, schema, state } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

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
