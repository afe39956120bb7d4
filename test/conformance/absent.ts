import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { record, schema } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

/** `absent_properties`: a record that lacks a property says nothing about it, or says that it is null. */
export function describeAbsent(open: Open): void {
  const line = schema("s", { id: "integer", a: "string", b: "string", c: "string" }, { keys: ["id"] });
  const row = (values: JsonObject) => record("s", values);
  const old = row({ id: 1, a: "old", b: "old", c: "old" });

  describe("properties that a record lacks", () => {
    for (const batch_size_rows of [1, 2, 100]) {
      test(`keep: they stay as they are, null is null, and a new row has none, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([line, old]);
        await db.load([line, row({ id: 2, b: "new" }), row({ id: 1, a: "new", b: null })], { batch_size_rows });
        expect(await db.rows("s")).toEqual([
          { id: 1, a: "new", b: null, c: "old" },
          { id: 2, a: null, b: "new", c: null },
        ]);
      });

      test(`null: they become null, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const settings = { absent_properties: "null", batch_size_rows } as const;
        await db.load([line, old], settings);
        await db.load([line, row({ id: 1, b: "first" }), row({ id: 2, b: "new" }), row({ id: 1, a: "new" })], settings);
        expect(await db.rows("s")).toEqual([
          { id: 1, a: "new", b: null, c: null },
          { id: 2, a: null, b: "new", c: null },
        ]);
      });

      test(`keep: records of one key add up, wherever a batch ends, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([line, old]);
        const parts = (id: number) => [row({ id, a: "1", b: "1" }), row({ id, b: null }), row({ id, a: "2" })];
        await db.load([line, ...parts(1), ...parts(2)], { batch_size_rows });
        expect(await db.rows("s")).toEqual([
          { id: 1, a: "2", b: null, c: "old" },
          { id: 2, a: "2", b: null, c: null },
        ]);
      });

      test(`keep: columns that the schema no longer names stay, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([line, old, row({ id: 2, a: "old", b: "old", c: "old" })]);
        const less = schema("s", { id: "integer", a: "string" }, { keys: ["id"] });
        await db.load([less, row({ id: 1, a: "1" }), row({ id: 3, a: "3" }), row({ id: 1, a: "new" })], {
          batch_size_rows,
        });
        expect(await db.rows("s")).toEqual([
          { id: 1, a: "new", b: "old", c: "old" },
          { id: 2, a: "old", b: "old", c: "old" },
          { id: 3, a: "3", b: null, c: null },
        ]);
      });

      test(`keep: a column that comes later in the run is not known to the rows before, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([line, old, row({ id: 2, a: "old", b: "old", c: "old" })]);
        await db.load(
          [
            schema("s", { id: "integer", a: "string" }, { keys: ["id"] }),
            row({ id: 1, a: "new" }),
            schema("s", { id: "integer", a: "string", b: "string", d: "string" }, { keys: ["id"] }),
            row({ id: 2, b: "new", d: "new" }),
          ],
          { batch_size_rows },
        );
        expect(await db.rows("s")).toEqual([
          { id: 1, a: "new", b: "old", c: "old", d: null },
          { id: 2, a: "old", b: "new", c: "old", d: "new" },
        ]);
      });

      test(`keep: what stays becomes wider with its column, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const of = (type: string) => schema("s", { id: "integer", n: type, v: "integer" }, { keys: ["id"] });
        await db.load([of("integer"), row({ id: 1, n: 7, v: 1 }), row({ id: 2, n: 8, v: 1 })]);
        await db.load(
          [of("integer"), row({ id: 1, v: 2 }), of("string"), row({ id: 2, v: 2 }), row({ id: 3, n: "x", v: 2 })],
          { batch_size_rows },
        );
        expect(await db.rows("s")).toEqual([
          { id: 1, n: "7", v: 2 },
          { id: 2, n: "8", v: 2 },
          { id: 3, n: "x", v: 2 },
        ]);
      });
    }

    test("null: columns that the schema no longer names become null for rows that come again", async () => {
      await using db = await bench(open);
      const settings = { absent_properties: "null" } as const;
      await db.load([line, old, row({ id: 2, a: "old", b: "old", c: "old" })], settings);
      await db.load(
        [schema("s", { id: "integer", a: "string" }, { keys: ["id"] }), row({ id: 1, a: "new" })],
        settings,
      );
      expect(await db.rows("s")).toEqual([
        { id: 1, a: "new", b: null, c: null },
        { id: 2, a: "old", b: "old", c: "old" },
      ]);
    });

    test("keep: values of every type stay to the last digit, also out of the batch itself", async () => {
      const properties = {
        boolean: "boolean",
        integer: "integer",
        number: "number",
        string: "string",
        at: "date-time",
        date: "date",
        object: "object",
        any: "any",
        big: "number",
      };
      const values = `"boolean":true,"integer":9223372036854775807,"number":0.1,"string":"é\\n","at":"2024-01-01T10:00:00.123456Z","date":"2024-01-01","object":{"x":[1,null]},"any":"text","big":123456789012345678901234567890.5`;
      const names = schema("s", { id: "integer", more: "integer", ...properties }, { keys: ["id"] });
      await using db = await bench(open);
      await db.load([names, record("s", `{"id":0,${values}}`)]);
      const [first = {}] = await db.rows("s");
      const expected = Object.fromEntries(Object.keys(properties).map((name) => [name, first[name] ?? null]));
      await db.load([names, row({ id: 0, more: 1 }), record("s", `{"id":1,${values}}`), row({ id: 1, more: 1 })]);
      expect(expected).toMatchObject({ any: "text", big: "123456789012345678901234567890.5" });
      expect(await db.rows("s")).toEqual([
        { id: 0, more: 1, ...expected },
        { id: 1, more: 1, ...expected },
      ]);
    });

    test("keep: of a hundred columns each record has one", async () => {
      await using db = await bench(open);
      const names = Array.from({ length: 100 }, (_, i) => `p${i}`);
      const wide = schema(
        "s",
        { id: "integer", ...Object.fromEntries(names.map((name) => [name, "integer"])) },
        {
          keys: ["id"],
        },
      );
      const all = Object.fromEntries(names.map((name, i) => [name, i]));
      await db.load([wide, row({ id: 1, ...all }), ...names.map((name, i) => row({ id: 2, [name]: i }))]);
      await db.load([wide, ...names.map((name, i) => row({ id: (i % 2) + 1, [name]: -i }))]);
      const expected = (id: number) =>
        Object.fromEntries(names.map((name, i) => [name, (i % 2) + 1 === id ? 0 - i : i]));
      expect(await db.rows("s")).toEqual([
        { id: 1, ...expected(1) },
        { id: 2, ...expected(2) },
      ]);
    });

    test("keep: flattened, what the path does not reach stays, and null on the way is null", async () => {
      await using db = await bench(open);
      const rep = {
        type: ["object", "null"],
        properties: { name: { type: ["string", "null"] }, size: { type: ["integer", "null"] } },
      };
      const nested = schema("s", { id: "integer", rep }, { keys: ["id"] });
      const settings = { flattening_enabled: true };
      const ids = [1, 2, 3, 4];
      await db.load([nested, ...ids.map((id) => row({ id, rep: { name: "Ada", size: 3 } }))], settings);
      await db.load(
        [
          nested,
          row({ id: 1, rep: { name: "Bo" } }),
          row({ id: 2 }),
          row({ id: 3, rep: null }),
          row({ id: 4, rep: { size: null } }),
        ],
        settings,
      );
      expect(await db.rows("s")).toEqual([
        { id: 1, rep__name: "Bo", rep__size: 3 },
        { id: 2, rep__name: "Ada", rep__size: 3 },
        { id: 3, rep__name: null, rep__size: null },
        { id: 4, rep__name: "Ada", rep__size: null },
      ]);
    });
  });

  describe("properties that a record lacks, where a column says which row is newer", () => {
    const dated = schema(
      "s",
      { id: "integer", at: "integer", a: "string", b: "string", c: "string" },
      { keys: ["id"], newestBy: "at" },
    );

    for (const batch_size_rows of [1, 100]) {
      test(`records older than the table's row count for nothing, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([dated, row({ id: 1, at: 5, a: "5" })]);
        await db.load(
          [
            dated,
            row({ id: 1, at: 4, a: "4", b: "4", c: "4" }),
            row({ id: 1, b: "no time", c: "no time" }),
            row({ id: 1, at: 6, b: "6" }),
          ],
          { batch_size_rows },
        );
        expect(await db.rows("s")).toEqual([{ id: 1, at: 6, a: "5", b: "6", c: null }]);
      });

      test(`in order of time they add up, equally new ones too, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load(
          [
            dated,
            row({ id: 1, a: "no time", b: "no time", c: "no time" }),
            row({ id: 1, at: 1, a: "1", b: "1" }),
            row({ id: 1, at: 2, b: "2" }),
            row({ id: 1, at: 2, b: null }),
          ],
          { batch_size_rows },
        );
        expect(await db.rows("s")).toEqual([{ id: 1, at: 2, a: "1", b: null, c: "no time" }]);
      });
    }

    test("within a batch an older record still tells what a newer one lacks", async () => {
      await using db = await bench(open);
      await db.load([dated, row({ id: 1, at: 5, a: "5", c: "5" })]);
      await db.load([dated, row({ id: 1, at: 9, a: "9" }), row({ id: 1, at: 8, a: "8", b: "8" })]);
      expect(await db.rows("s")).toEqual([{ id: 1, at: 9, a: "9", b: "8", c: "5" }]);
    });

    test("columns that the schema no longer names stay with the newer row", async () => {
      await using db = await bench(open);
      await db.load([dated, row({ id: 1, at: 5, a: "5", b: "5" }), row({ id: 2, at: 5, a: "5", b: "5" })]);
      const less = schema("s", { id: "integer", at: "integer", a: "string" }, { keys: ["id"], newestBy: "at" });
      await db.load([
        less,
        row({ id: 1, at: 6, a: "6" }),
        row({ id: 1, at: 3, a: "3" }),
        row({ id: 2, at: 4, a: "4" }),
      ]);
      expect(await db.rows("s")).toEqual([
        { id: 1, at: 6, a: "6", b: "5", c: null },
        { id: 2, at: 5, a: "5", b: "5", c: null },
      ]);
    });
  });

  describe("properties that a record lacks, in sets and with load methods", () => {
    const turns = schema(
      "turns",
      { call: "string", n: "integer", text: "string", mark: "integer" },
      { keys: ["call", "n"], replaces: ["call"] },
    );
    const turn = (call: string, n: number, values: JsonObject) => record("turns", { call, n, ...values });

    for (const batch_size_rows of [1, 2, 3, 100]) {
      test(`a set that starts anew keeps nothing, one that goes on does, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([turns, turn("a", 0, { text: "old", mark: 1 }), turn("a", 1, { text: "old", mark: 1 })]);
        await db.load(
          [
            turns,
            turn("b", 0, { text: "first" }),
            turn("a", 0, { mark: 2 }),
            turn("a", 1, { text: "new" }),
            turn("a", 0, { text: "more" }),
            turn("b", 0, { mark: 3 }),
            turn("b", 0, { text: "second" }),
          ],
          { batch_size_rows },
        );
        expect(await db.rows("turns")).toEqual([
          { call: "a", n: 0, text: "more", mark: 2 },
          { call: "a", n: 1, text: "new", mark: null },
          { call: "b", n: 0, text: "second", mark: 3 },
        ]);
      });

      test(`overwrite keeps within the run, and nothing of the old table, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([line, old]);
        await db.load([line, row({ id: 1, a: "new" }), row({ id: 2, b: "new" }), row({ id: 1, b: "new" })], {
          load_method: "overwrite",
          batch_size_rows,
        });
        expect(await db.rows("s")).toEqual([
          { id: 1, a: "new", b: "new", c: null },
          { id: 2, a: null, b: "new", c: null },
        ]);
      });

      test(`a row that was deleted for good and comes again is a new row, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const settings = { hard_delete: true, batch_size_rows };
        const deletable = schema(
          "s",
          { id: "integer", a: "string", b: "string", _sdc_deleted_at: "date-time" },
          { keys: ["id"] },
        );
        const deleted = (id: number) => row({ id, _sdc_deleted_at: "2026-01-01T00:00:00Z" });
        await db.load([deletable, row({ id: 1, a: "old", b: "old" }), row({ id: 2, a: "old" })], settings);
        await db.load(
          [
            deletable,
            row({ id: 1, b: "gone too" }),
            deleted(1),
            row({ id: 2, b: "stays" }),
            row({ id: 1, a: "new" }),
            row({ id: 2, b: "new" }),
          ],
          settings,
        );
        expect((await db.rows("s")).map(({ id, a, b }) => [id, a, b])).toEqual([
          [1, "new", null],
          [2, "old", "new"],
        ]);
      });
    }

    test("append adds rows as they are", async () => {
      await using db = await bench(open);
      await db.load([line, old, row({ id: 1, b: "new" })], { load_method: "append-only" });
      expect(await db.rows("s")).toEqual([
        { id: 1, a: "old", b: "old", c: "old" },
        { id: 1, a: null, b: "new", c: null },
      ]);
    });

    for (const absent_properties of ["keep", "null"] as const) {
      test(`metadata is that of the newest record, none where the run writes none, absent_properties ${absent_properties}`, async () => {
        await using db = await bench(open);
        const extracted = { time_extracted: "2025-12-31T23:00:00Z", version: 7 };
        await db.load([
          line,
          record("s", { id: 1, a: "old" }, extracted),
          record("s", { id: 2, a: "old" }, extracted),
          record("s", { id: 3, a: "old" }, extracted),
        ]);
        await db.load([line, row({ id: 2, b: "new" })], { absent_properties });
        await db.load([line, row({ id: 3, b: "new" })], { absent_properties, add_record_metadata: false });
        const rows = (await db.wholeRows("s")).sort((x, y) => Number(x["id"]) - Number(y["id"]));
        expect(rows.map((one) => [one["_sdc_extracted_at"] !== null, one["_sdc_table_version"]])).toEqual([
          [true, 7],
          [false, null],
          [false, null],
        ]);
        expect(rows.map((one) => one["_sdc_received_at"] !== null)).toEqual([true, true, false]);
      });
    }
  });
}
