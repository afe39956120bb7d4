import { describe, expect, test } from "vitest";
import { record, schema } from "../support/singer.ts";
import { bench, type Bench, type Open } from "./bench.ts";

/** Loads one value, as JSON text, into a column and gives back what is there. */
async function stored(db: Bench, type: string, json: string) {
  await db.load([schema("s", { id: "integer", v: type }, { keys: ["id"] }), record("s", `{"id":1,"v":${json}}`)]);
  return (await db.values("s", "v"))[0];
}

export function describeValues(open: Open): void {
  describe("values", () => {
    test.each([
      ["2024-01-01T10:00:00+05:00", "2024-01-01T05:00:00Z"],
      ["2024-01-01T10:00:00.123456-0330", "2024-01-01T13:30:00.123456Z"],
      ["2024-06-30 23:59:60Z", "2024-07-01T00:00:00Z"],
      ["2024-02-29T24:00:00Z", "2024-03-01T00:00:00Z"],
      ["2024-01-01T10:00:00.123456789Z", "2024-01-01T10:00:00.123456Z"],
      ["2024-01-01T10:00:00", "2024-01-01T10:00:00Z"],
      ["2024-01-01", "2024-01-01T00:00:00Z"],
      ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
      ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"],
      ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"],
    ])("the date-time %s is the instant %s", async (text, instant) => {
      await using db = await bench(open);
      expect(await stored(db, "date-time", JSON.stringify(text))).toBe(instant);
    });

    test.each(["0001-01-01", "1970-01-01", "2024-02-29", "9999-12-31"])("the date %s stays that date", async (date) => {
      await using db = await bench(open);
      expect(await stored(db, "date", JSON.stringify(date))).toBe(date);
    });

    test("what is no date-time or date is put aside", async () => {
      await using db = await bench(open);
      const { summary } = await db.load([
        schema("s", { id: "integer", at: "date-time", day: "date" }, { keys: ["id"] }),
        ...["yesterday", "2023-02-29T00:00:00Z", "2024-13-01", "2024-01-01T25:00:00Z", "12:00", ""].map((at, id) =>
          record("s", { id, at }),
        ),
        record("s", { id: 7, day: "2024-02-30" }),
        record("s", { id: 8, at: "2024-01-01T00:00:00Z", day: "2024-01-01" }),
      ]);
      expect(summary.rejected).toBe(7);
      expect(await db.values("s", "id")).toEqual([8]);
    });

    test.each([
      ["integer", "9223372036854775807", "9223372036854775807"],
      ["integer", "-9223372036854775808", "-9223372036854775808"],
      ["integer", "9007199254740993", "9007199254740993"],
      ["integer", "9223372036854775808", "9223372036854775808"],
      ["number", "0.07", 0.07],
      ["number", "1e300", 1e300],
      ["number", "5e-324", 5e-324],
      ["number", "123456789012345678901234567.891", "123456789012345678901234567.891"],
      ["number", "0.123456789012345678901234567891", "0.123456789012345678901234567891"],
      ["number", "-12345678901234567890123456789012345678.5", "-12345678901234567890123456789012345678.5"],
    ])("%s keeps every digit of %s", async (type, digits, expected) => {
      await using db = await bench(open);
      expect(await stored(db, type, digits)).toEqual(expected);
    });

    test("whole numbers of 64 bits stay whole numbers, whether or not a double could hold them", async () => {
      await using db = await bench(open);
      const digits = ["9007199254740992", "9007199254740993", "1234567890123456800", "9223372036854775807"];
      await db.load([schema("s", { n: "integer" }), ...digits.map((n) => record("s", `{"n":${n}}`))]);
      expect(await db.columns("s")).toEqual({ n: "integer" });
      expect((await db.values("s", "n")).map(String).sort()).toEqual([...digits].sort());
    });

    test("an empty text is not null", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", v: "string" }),
        record("s", { id: 1, v: "" }),
        record("s", { id: 2, v: null }),
        record("s", { id: 3 }),
      ]);
      expect(await db.values("s", "v")).toEqual(["", null, null]);
    });

    test.each([
      "tab\tnewline\nreturn\r",
      "back\\slash \\N \\. \\t",
      "\\N",
      "NULL",
      "\u2028\u2029 and \u0085",
      "emoji 👩‍👩‍👧 and שלום",
      "quotes ' \" ` $$ ; -- /*",
      '{"not":"parsed"}',
      " spaces ",
      "x".repeat(100_000) + "ß",
    ])("the text %j is kept as it is", async (text) => {
      await using db = await bench(open);
      expect(await stored(db, "string", JSON.stringify(text))).toBe(text);
    });

    test("NUL and lone surrogates become U+FFFD at any depth, in names too, and are counted", async () => {
      await using db = await bench(open);
      const { summary } = await db.load([
        schema("s", { id: "integer", v: "string", deep: "object", "b\u0000d": "string" }, { keys: ["id"] }),
        record(
          "s",
          String.raw`{"id":1,"v":"a\u0000b","deep":{"k\u0000":[{"x":"\u0000\ud83d"}],"fine":"\ud83d\ude00"},"b\u0000d":"name"}`,
        ),
        record("s", String.raw`{"id":2,"v":"\udc00 low first \\u0000"}`),
      ]);
      expect(summary.replaced).toBeGreaterThanOrEqual(5);
      expect(await db.rows("s")).toEqual([
        { id: 1, v: "a\ufffdb", deep: { "k\ufffd": [{ x: "\ufffd\ufffd" }], fine: "😀" }, "b\ufffdd": "name" },
        { id: 2, v: "\ufffd low first \\u0000", deep: null, "b\ufffdd": null },
      ]);
    });

    test("a stream whose name has a NUL is a table like any other", async () => {
      await using db = await bench(open);
      await db.load([schema("a\u0000b", { id: "integer" }), record("a\u0000b", { id: 1 })]);
      expect(await db.rows("a\ufffdb")).toEqual([{ id: 1 }]);
    });

    test("objects and lists are JSON with every digit", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", o: "object", l: "array", any: "any" }),
        record(
          "s",
          `{"id":1,"o":{"n":9223372036854775807,"s":"\\"","e":{}},"l":[0.1234567890123456789,null,[]],"any":"text"}`,
        ),
        record("s", `{"id":2,"o":{},"l":[],"any":12345678901234567890.5}`),
        record("s", `{"id":3,"any":{"a":[true]}}`),
        record("s", `{"id":4,"any":null}`),
      ]);
      expect(await db.rows("s")).toEqual([
        { id: 1, o: { n: "9223372036854775807", s: '"', e: {} }, l: ["0.1234567890123456789", null, []], any: "text" },
        { id: 2, o: {}, l: [], any: "12345678901234567890.5" },
        { id: 3, o: null, l: null, any: { a: [true] } },
        { id: 4, o: null, l: null, any: null },
      ]);
    });

    test("anyOf and several types: the type that holds them all", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", {
          id: "integer",
          number_or_text: { anyOf: [{ type: "number" }, { type: "string" }, { type: "null" }] },
          whole_or_number: { type: ["integer", "number"] },
          instant: { oneOf: [{ type: "string", format: "date-time" }, { type: "null" }] },
          text_or_object: { anyOf: [{ type: "string" }, { type: "object" }] },
          by_reference: { $ref: "#/definitions/flag" },
          flag_or_whole: { type: ["boolean", "integer"] },
        }).replace('"properties"', '"definitions":{"flag":{"type":"boolean"}},"properties"'),
        record("s", {
          id: 1,
          number_or_text: 1.5,
          whole_or_number: 2,
          instant: "2024-01-01T01:00:00+01:00",
          text_or_object: "a",
          by_reference: true,
          flag_or_whole: true,
        }),
        record("s", {
          id: 2,
          number_or_text: "n/a",
          whole_or_number: 2.5,
          instant: null,
          text_or_object: { a: 1 },
          by_reference: false,
          flag_or_whole: 7,
        }),
      ]);
      expect(await db.rows("s")).toEqual([
        {
          id: 1,
          number_or_text: "1.5",
          whole_or_number: 2,
          instant: "2024-01-01T00:00:00Z",
          text_or_object: "a",
          by_reference: true,
          flag_or_whole: "true",
        },
        {
          id: 2,
          number_or_text: "n/a",
          whole_or_number: 2.5,
          instant: null,
          text_or_object: { a: 1 },
          by_reference: false,
          flag_or_whole: "7",
        },
      ]);
    });

    test("text in a number's place is put aside, also without validation", async () => {
      await using db = await bench(open);
      const lines = [
        schema("s", { id: "integer", n: "number" }, { keys: ["id"] }),
        ...['"NaN"', '"Infinity"', '"5"', "true", "[1]"].map((n, id) => record("s", `{"id":${id},"n":${n}}`)),
        record("s", { id: 9, n: 1.25 }),
      ];
      for (const validate_records of [true, false]) {
        const { summary } = await db.load(lines, { validate_records });
        expect(summary.rejected).toBe(5);
        expect(await db.rows("s")).toEqual([{ id: 9, n: 1.25 }]);
      }
    });

    test("names that every JavaScript object has are names like others", async () => {
      await using db = await bench(open);
      const { summary } = await db.load([
        schema(
          "s",
          { id: "integer", constructor: "string", toString: "string", ["__proto__"]: "string" },
          { keys: ["id"] },
        ),
        record("s", `{"id":1}`),
        record("s", `{"id":2,"constructor":"c","toString":"t","__proto__":"p"}`),
        record("s", `{"id":9007199254740993,"__proto__":"p"}`),
      ]);
      expect(summary.rejected).toBe(0);
      const rows = (await db.rows("s")).sort((a, b) => Number(a["id"]) - Number(b["id"]));
      expect(
        rows.map((row) =>
          ["id", "constructor", "toString", "__proto__"].map((name) => new Map(Object.entries(row)).get(name)),
        ),
      ).toEqual([
        [1, null, null, null],
        [2, "c", "t", "p"],
        ["9007199254740993", null, null, "p"],
      ]);
    });

    test("a key that stands twice in a record counts as JSON counts it: the last one", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", v: "number" }),
        record("s", `{"id":1,"v":1,"v":2}`),
        record("s", `{"id":2,"v":1,"v":0.12345678901234567890}`),
      ]);
      expect(await db.values("s", "v")).toEqual(["2", "0.1234567890123456789"]);
    });

    test("a deeply nested value is kept", async () => {
      await using db = await bench(open);
      const deep = "[".repeat(500) + "]".repeat(500);
      await db.load([schema("s", { id: "integer", v: "any" }), record("s", `{"id":1,"v":${deep}}`)]);
      expect(JSON.stringify((await db.values("s", "v"))[0])).toBe(deep);
    });
  });
}
