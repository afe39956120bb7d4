import { describe, expect, test } from "vitest";
import { testEnv } from "../support/loading.ts";
import { record, schema, state } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

export function describeShapes(open: Open): void {
  test("a table is called by its database, schema and name in lineage", async () => {
    await using db = await bench(open);
    await using warehouse = await db.opened.connect(testEnv());
    const { namespace, name } = warehouse.dataset("main", "calls");
    expect(namespace).toMatch(/^(\w+:\/\/\S+|bigquery)$/);
    expect(name).toMatch(/^[^.]+\.[^.]+\.calls$/);
  });

  describe("columns that become wider", () => {
    test("whole number, number, text: in mid-stream, with rows of every kind still in hand", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", v: "integer" }, { keys: ["id"] }),
        record("s", { id: 1, v: 7 }),
        schema("s", { id: "integer", v: "number" }, { keys: ["id"] }),
        record("s", { id: 2, v: 1.5 }),
        schema("s", { id: "integer", v: "string" }, { keys: ["id"] }),
        record("s", { id: 3, v: "n/a" }),
        record("s", { id: 4, v: "" }),
      ]);
      expect(await db.columns("s")).toEqual({ id: "integer", v: "text" });
      expect(await db.values("s", "v")).toEqual(["7", "1.5", "n/a", ""]);
    });

    test("whole number, number, text: run after run", async () => {
      await using db = await bench(open);
      await db.load([schema("s", { id: "integer", v: "integer" }, { keys: ["id"] }), record("s", { id: 1, v: 7 })]);
      await db.load([schema("s", { id: "integer", v: "number" }, { keys: ["id"] }), record("s", { id: 2, v: 1.5 })]);
      expect(await db.values("s", "v")).toEqual([7, 1.5]);
      await db.load([schema("s", { id: "integer", v: "string" }, { keys: ["id"] }), record("s", { id: 3, v: "n/a" })]);
      expect(await db.values("s", "v")).toEqual(["7", "1.5", "n/a"]);
    });

    test("a value beyond its column widens it, the schema unchanged", async () => {
      await using db = await bench(open);
      const lines = [
        schema("s", { id: "integer", v: "any", n: "integer" }, { keys: ["id"] }),
        record("s", { id: 1, n: 5 }),
        record("s", `{"id":2,"n":2.5}`),
      ];
      await db.load(lines, { validate_records: false });
      expect(await db.columns("s")).toMatchObject({ n: "number" });
      expect(await db.values("s", "n")).toEqual([5, 2.5]);
    });

    const orders: [string, string[], string[]][] = [
      ["a 64-bit number and a fraction", ["9223372036854775807", "0.5"], ["9223372036854775807", "0.5"]],
      [
        "fractions and a 30-digit whole number",
        ["0.123456789", "123456789012345678901234567890"],
        ["0.123456789", "123456789012345678901234567890"],
      ],
      [
        "a long whole part and a long fraction",
        ["1234567890123456789012345678.5", "0.12345678901234567890123456789"],
        ["1234567890123456789012345678.5", "0.12345678901234567890123456789"],
      ],
      [
        "a huge double and a 30-digit number",
        ["1e300", "123456789012345678901234567890"],
        ["1e+300", "123456789012345678901234567890"],
      ],
    ];
    for (const [what, digits] of orders) {
      for (const reversed of [false, true]) {
        for (const batch_size_rows of [1, 100]) {
          test(`${what}${reversed ? ", the other way round" : ""}, ${batch_size_rows === 1 ? "in two batches" : "in one batch"}: no digit is lost`, async () => {
            await using db = await bench(open);
            const given = reversed ? [...digits].reverse() : digits;
            const { summary } = await db.load(
              [
                schema("s", { v: "number", w: "integer" }),
                ...given.map((v) => record("s", `{"v":${v},"w":${v.includes(".") || v.includes("e") ? 1 : v}}`)),
              ],
              { batch_size_rows },
            );
            expect(summary.rejected).toBe(0);
            expect((await db.values("s", "v")).map(amount).sort()).toEqual([...digits].map(amount).sort());
          });
        }
      }
    }

    test("all pairs of types: what was there stays, as its text where nothing else holds both", async () => {
      const samples = {
        boolean: [true, "true"],
        integer: [42, "42"],
        number: [1.5, "1.5"],
        string: ["word", "word"],
        "date-time": ["2024-01-01T10:00:00.5Z", "2024-01-01T10:00:00.5Z"],
        date: ["2024-01-01", "2024-01-01"],
        object: [{ a: 1 }, { a: 1 }],
      };
      await using db = await bench(open);
      const kinds = Object.keys(samples) as (keyof typeof samples)[];
      const pairs = kinds.flatMap((from) => kinds.map((to) => [from, to] as const));
      const run = (which: 0 | 1) =>
        pairs.flatMap(([from, to]) => {
          const type = which === 0 ? from : to;
          return [
            schema(`${from} to ${to}`, { id: "integer", v: type }, { keys: ["id"] }),
            record(`${from} to ${to}`, { id: which, v: samples[type][0] }),
          ];
        });
      await db.load(run(0));
      await db.load(run(1));
      for (const [from, to] of pairs) {
        const [old, fresh] = await db.values(`${from} to ${to}`, "v");
        expect([from, to, comparable(old)]).toEqual([from, to, comparable(expectedAfter(from, to, samples[from]))]);
        expect([from, to, comparable(fresh)]).toEqual([from, to, comparable(expectedAfter(to, from, samples[to]))]);
      }
    });
  });

  describe("schemas that change", () => {
    test("a second run adds a column", async () => {
      await using db = await bench(open);
      await db.load([schema("s", { id: "integer" }, { keys: ["id"] }), record("s", { id: 1 })]);
      await db.load([
        schema("s", { id: "integer", late: "string" }, { keys: ["id"] }),
        record("s", { id: 2, late: "x" }),
      ]);
      expect(await db.rows("s")).toEqual([
        { id: 1, late: null },
        { id: 2, late: "x" },
      ]);
    });

    test("a column that the schema no longer names keeps its values and takes null for new rows", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", gone: "string" }, { keys: ["id"] }),
        record("s", { id: 1, gone: "x" }),
      ]);
      await db.load([schema("s", { id: "integer" }, { keys: ["id"] }), record("s", { id: 2 })]);
      expect(await db.rows("s")).toEqual([
        { id: 1, gone: "x" },
        { id: 2, gone: null },
      ]);
    });

    test("a schema before each of 300 records, each with a new column or a new type", async () => {
      await using db = await bench(open);
      const properties: Record<string, string> = { id: "integer" };
      const lines: string[] = [];
      for (let i = 0; i < 300; i++) {
        const name = `c${i % 60}`;
        properties[name] = i < 60 ? "integer" : i < 120 ? "number" : i % 2 === 0 ? "string" : "number";
        lines.push(
          schema("s", properties, { keys: ["id"] }),
          record("s", { id: i, [name]: properties[name] === "string" ? `t${i}` : i }),
        );
      }
      lines.push(state({ done: true }));
      const { states } = await db.load(lines);
      expect(states).toEqual(['{"done":true}']);
      const rows = (await db.rows("s")).sort((a, b) => Number(a["id"]) - Number(b["id"]));
      const values = rows.map((row) => plain(row[`c${Number(row["id"]) % 60}`]).replace("t", ""));
      expect(values).toEqual(rows.map((_, i) => String(i)));
      expect(rows.every((row) => Object.values(row).filter((value) => value !== null).length === 2)).toBe(true);
    });

    test("what decides which row is newer changes with rows in hand: none is lost", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", at: "integer" }, { keys: ["id"], bookmarks: ["at"] }),
        record("s", { id: 1, at: 5 }),
        schema("s", { id: "integer", at: "integer" }, { keys: ["id"] }),
        record("s", { id: 2, at: 4 }),
        schema("s", { id: "integer", at: "string" }, { keys: ["id"], newestBy: "at" }),
        record("s", { id: 3, at: "x" }),
        schema("s", { id: "integer", at: "string" }, { keys: ["id"], replaces: ["id"] }),
        record("s", { id: 4, at: "y" }),
      ]);
      expect(await db.values("s", "at")).toEqual(["5", "4", "x", "y"]);
    });

    test("a key that changes with rows in hand: each row is merged by its own key", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", n: "integer" }, { keys: ["id"] }),
        record("s", { id: 1, n: 1 }),
        record("s", { id: 1, n: 2 }),
        schema("s", { id: "integer", n: "integer" }, { keys: ["n"] }),
        record("s", { id: 5, n: 2 }),
        record("s", { id: 5, n: 3 }),
      ]);
      expect(await db.rows("s")).toEqual([
        { id: 5, n: 2 },
        { id: 5, n: 3 },
      ]);
    });

    test("properties that no schema names are reported", async () => {
      await using db = await bench(open);
      const { summary } = await db.load([
        schema("s", { id: "integer" }, { keys: ["id"] }),
        record("s", { id: 1, extra: "x", "more such": null }),
        schema("s", { id: "integer" }, { keys: [] }),
        record("s", { id: 2, other: 1 }),
      ]);
      expect(summary.unknown).toEqual({ s: ["extra", "more such", "other"] });
      expect(await db.rows("s")).toEqual([{ id: 1 }, { id: 2 }]);
    });
  });

  describe("flattening", () => {
    const nested = {
      id: "integer",
      rep: {
        type: "object",
        properties: {
          name: { type: "string" },
          team: { type: ["object", "null"], properties: { title: { type: "string" }, size: { type: "integer" } } },
        },
      },
    };
    const row = record("s", { id: 1, rep: { name: "Ada", team: { title: "EMEA", size: 3 } } });

    test("off: an object is one column", async () => {
      await using db = await bench(open);
      await db.load([schema("s", nested), row]);
      expect(await db.rows("s")).toEqual([{ id: 1, rep: { name: "Ada", team: { title: "EMEA", size: 3 } } }]);
    });

    test("depth 1: objects in it are JSON", async () => {
      await using db = await bench(open);
      await db.load([schema("s", nested), row, record("s", { id: 2, rep: null })], {
        flattening_enabled: true,
        flattening_max_depth: 1,
        validate_records: false,
      });
      expect(await db.rows("s")).toEqual([
        { id: 1, rep__name: "Ada", rep__team: { title: "EMEA", size: 3 } },
        { id: 2, rep__name: null, rep__team: null },
      ]);
    });

    test("depth 2: down to the values, and what is missing on the way is null in a new row", async () => {
      await using db = await bench(open);
      await db.load(
        [schema("s", nested), row, record("s", { id: 2, rep: { name: "Bo", team: null } }), record("s", { id: 3 })],
        { flattening_enabled: true, flattening_max_depth: 2 },
      );
      expect(await db.rows("s")).toEqual([
        { id: 1, rep__name: "Ada", rep__team__title: "EMEA", rep__team__size: 3 },
        { id: 2, rep__name: "Bo", rep__team__title: null, rep__team__size: null },
        { id: 3, rep__name: null, rep__team__title: null, rep__team__size: null },
      ]);
    });

    test("properties that no schema names are reported at every level", async () => {
      await using db = await bench(open);
      const { summary } = await db.load(
        [
          schema("s", nested),
          record("s", { id: 1, rep: { name: "Ada", nick: "A", team: { title: "EMEA", size: 3, lead: "B" } }, top: 1 }),
        ],
        { flattening_enabled: true, flattening_max_depth: 2 },
      );
      expect(summary.unknown).toEqual({ s: ["rep.nick", "rep.team.lead", "top"] });
    });

    test("a property that is called what a flattened one would be called", async () => {
      await using db = await bench(open);
      const properties = {
        id: "integer",
        a__b: "string",
        a: { type: "object", properties: { b: { type: "integer" } } },
      };
      await db.load([schema("s", properties), record("s", { id: 1, a__b: "plain", a: { b: 2 } })], {
        flattening_enabled: true,
      });
      const [row = {}] = await db.rows("s");
      expect(row["a__b"]).toBe("plain");
      expect(Object.values(row)).toEqual([1, "plain", 2]);
    });
  });

  describe("names", () => {
    test("long names that agree in their first 71 characters are different columns and tables", async () => {
      await using db = await bench(open);
      const [a, b] = [`${"n".repeat(71)}_first`, `${"n".repeat(71)}_second`] as const;
      await db.load([
        schema(a, { [a]: "string", [b]: "string" }),
        record(a, { [a]: "1", [b]: "2" }),
        schema(b, { [a]: "string" }),
        record(b, { [a]: "3" }),
      ]);
      const tables = await db.tables();
      expect(tables).toHaveLength(2);
      expect(
        (
          await Promise.all(tables.map(async (table) => (await db.rows(table)).map((row) => Object.values(row))))
        ).sort(),
      ).toEqual([[["1", "2"]], [["3"]]]);
    });

    test("columns that differ only by case are different columns, run after run", async () => {
      await using db = await bench(open);
      const lines = (id: number) => [
        schema("s", { id: "integer", Name: "string", name: "string", NAME: "integer" }, { keys: ["id"] }),
        record("s", { id, Name: `N${id}`, name: `n${id}`, NAME: id }),
      ];
      await db.load(lines(1));
      await db.load(lines(2));
      expect((await db.rows("s")).map((row) => Object.values(row))).toEqual([
        [1, "N1", "n1", 1],
        [2, "N2", "n2", 2],
      ]);
    });

    test("a column that differs from an earlier one only by case may come later, before anything is committed", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", name: "string" }, { keys: ["id"] }),
        record("s", { id: 1, name: "small" }),
        schema("s", { id: "integer", Name: "string", name: "string" }, { keys: ["id"] }),
        record("s", { id: 2, Name: "LARGE", name: "small" }),
      ]);
      const rows = await db.rows("s");
      expect(rows.map((row) => row["name"])).toEqual(["small", "small"]);
      expect(rows.map((row) => Object.values(row).includes("LARGE"))).toEqual([false, true]);
    });

    test("streams that differ only by case are different tables, whichever comes first in a run", async () => {
      await using db = await bench(open);
      const lines = (stream: string, id: number) => [
        schema(stream, { id: "integer" }, { keys: ["id"] }),
        record(stream, { id }),
      ];
      await db.load([...lines("Users", 1), ...lines("users", 2)]);
      await db.load([...lines("users", 3), ...lines("Users", 4)]);
      expect(await db.values("Users", "id")).toEqual([1, 4]);
      const other = (await db.tables()).find((name) => name !== "Users") ?? "";
      expect(await db.values(other, "id")).toEqual([2, 3]);
    });

    test("reserved words and SQL are names like others", async () => {
      await using db = await bench(open);
      const words = [
        "select",
        "order",
        "table",
        "group",
        "user",
        "null",
        "end",
        'x"; drop table "select"; --',
        "it's",
        "a.b",
        "ROW_NUMBER()",
        "_row",
        "version",
        "extracted_at",
        "c0",
        "start",
        ";",
        "%s",
        "$1",
        "?",
      ];
      for (const stream of ["select", 'x"; drop table']) {
        const properties = Object.fromEntries(words.map((word) => [word, "string"]));
        const values = Object.fromEntries(words.map((word) => [word, word]));
        await db.load([
          schema(stream, properties, { keys: ["select", "it's"], replaces: ["order"], newestBy: "end" }),
          record(stream, values),
        ]);
        await db.load([schema(stream, properties, { keys: ["select", "it's"] }), record(stream, values)]);
        expect(await db.rows(stream)).toEqual([values]);
      }
      expect(await db.tables()).toEqual(["select", 'x"; drop table']);
    });

    test("a stream may have the name of a table of our own", async () => {
      await using db = await bench(open);
      const own = ["_rejected", "_chorus_elt_state", "_chorus_elt_schemas", "_Rejected"];
      const lines = own.flatMap((stream) => [
        schema(stream, { id: "integer" }, { keys: ["id"] }),
        record(stream, { id: 1 }),
        record(stream, {}),
      ]);
      const first = await db.load([...lines, state({ at: 1 })]);
      expect(first).toMatchObject({ states: ['{"at":1}'], summary: { rejected: 4 } });
      await db.load([...lines, state({ at: 2 })]);
      expect((await db.rows("_rejected")).map((row) => row["stream"])).toHaveLength(8);
      const others = await db.tables();
      expect(others).toHaveLength(4);
      for (const table of others) expect(await db.values(table, "id")).toEqual([1]);
    });

    test("a property may have the name of a metadata column", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", _SDC_Sequence: "string", _sdc_received_at: "string" }, { keys: ["id"] }),
        record("s", { id: 1, _SDC_Sequence: "mine", _sdc_received_at: "also mine" }),
      ]);
      expect(await db.wholeRows("s")).toMatchObject([{ id: 1, _SDC_Sequence: "mine", _sdc_received_at: "also mine" }]);
    });
  });
}

/** A number's digits in one form, however it is written: 1e300 and a 1 with 300 zeros are the same. */
function amount(value: unknown): string {
  const [mantissa = "", exponent = "0"] = String(value).toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = whole + fraction;
  const significant = digits.replace(/0+$/, "");
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** Digits in one form: no exponent sign, no needless point. */
function plain(value: unknown): string {
  return String(value).replace("e+", "e").replace(/\.0$/, "");
}

/** A value of `from` in a column that must also hold `to`. */
function expectedAfter(
  from: string,
  to: string,
  [value, text]: readonly [unknown, unknown] | readonly unknown[],
): unknown {
  const numeric = (kind: string) => kind === "integer" || kind === "number";
  const instant = (kind: string) => kind === "date" || kind === "date-time";
  if (from === to || from === "object" || to === "object") return value;
  if (numeric(from) && numeric(to)) return value;
  if (instant(from) && instant(to)) return from === "date" ? `${String(value)}T00:00:00Z` : value;
  return text;
}

/** Instants in one form, as they may be shown with or without zeros. */
const comparable = (value: unknown) =>
  typeof value === "string" ? value.replace(/(\.\d*?)0+Z$/, "$1Z").replace(".Z", "Z") : value;
