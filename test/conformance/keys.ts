import { describe, expect, test } from "vitest";
import { record, schema } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

export function describeKeys(open: Open): void {
  describe("keys", () => {
    const plain = schema("s", { id: "integer", v: "string" }, { keys: ["id"] });

    test.each([1, 2, 3, 100])("the last record with a key wins, %i rows a batch", async (batch_size_rows) => {
      await using db = await bench(open);
      const rows: [number, string][] = [
        [1, "a"],
        [2, "a"],
        [1, "b"],
        [3, "a"],
        [1, "c"],
        [2, "b"],
        [1, "d"],
      ];
      await db.load([plain, ...rows.map(([id, v]) => record("s", { id, v }))], { batch_size_rows });
      expect(await db.values("s", "v")).toEqual(["d", "b", "a"]);
    });

    test('keys ("a,b", "c") and ("a", "b,c") are different, also with tabs, quotes and empty parts', async () => {
      await using db = await bench(open);
      const pairs = [
        ["a,b", "c"],
        ["a", "b,c"],
        ["a\t", "b"],
        ["a", "\tb"],
        ["", "ab"],
        ["ab", ""],
        ['a"', "b"],
        ["a", '"b'],
      ];
      const lines = [
        schema("s", { a: "string", b: "string", n: "integer" }, { keys: ["a", "b"] }),
        ...pairs.map(([a = "", b = ""], n) => record("s", { a, b, n })),
      ];
      await db.load([...lines, ...lines.slice(1)], { batch_size_rows: 5 });
      expect((await db.values("s", "n")).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    });

    test("two ways of writing one key are one key", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { at: "date-time", n: "number", v: "integer" }, { keys: ["at", "n"] }),
        record("s", `{"at":"2024-01-01T10:00:00Z","n":1.50,"v":1}`),
        record("s", `{"at":"2024-01-01T11:00:00.000+01:00","n":15e-1,"v":2}`),
      ]);
      expect(await db.values("s", "v")).toEqual([2]);
    });

    test("a key that becomes wider in mid-batch still finds its row", async () => {
      await using db = await bench(open);
      await db.load([
        schema("s", { id: "integer", v: "integer" }, { keys: ["id"] }),
        record("s", { id: 1, v: 1 }),
        schema("s", { id: "string", v: "integer" }, { keys: ["id"] }),
        record("s", { id: "1", v: 2 }),
        record("s", { id: "x", v: 3 }),
      ]);
      expect(await db.rows("s")).toEqual([
        { id: "1", v: 2 },
        { id: "x", v: 3 },
      ]);
    });

    test("a batch of 3,000 rows that all come again is the same table", async () => {
      await using db = await bench(open);
      const lines = [plain, ...Array.from({ length: 3_000 }, (_, id) => record("s", { id, v: `v${id}` }))];
      await db.load(lines, { batch_size_rows: 700 });
      const before = await db.rows("s");
      await db.load(lines, { batch_size_rows: 1_100 });
      expect(before).toHaveLength(3_000);
      expect(await db.rows("s")).toEqual(before);
    });
  });

  describe("which row is newer", () => {
    const bySchema = { keys: ["id"], newestBy: "updated" };
    const byBookmark = { keys: ["id"], bookmarks: ["updated"] };
    const instant = (day: number) => `2024-01-0${day}T00:00:00Z`;

    for (const parts of [bySchema, byBookmark]) {
      for (const batch_size_rows of [1, 100]) {
        const where = `${batch_size_rows === 1 ? "across batches" : "within a batch"}, by ${"newestBy" in parts ? "x-newest-by" : "bookmark_properties"}`;
        test(`an older row never overwrites a newer one, ${where}`, async () => {
          await using db = await bench(open);
          const line = schema("s", { id: "integer", updated: "date-time", v: "string" }, parts);
          await db.load(
            [
              line,
              record("s", { id: 1, updated: instant(2), v: "b" }),
              record("s", { id: 1, updated: instant(1), v: "a" }),
            ],
            { batch_size_rows },
          );
          expect(await db.values("s", "v")).toEqual(["b"]);
          await db.load(
            [
              line,
              record("s", { id: 1, updated: instant(1), v: "again" }),
              record("s", { id: 2, updated: instant(1), v: "c" }),
            ],
            { batch_size_rows },
          );
          expect(await db.values("s", "v")).toEqual(["b", "c"]);
          await db.load(
            [line, record("s", { id: 1, updated: "2024-01-03T00:00:00+09:00", v: "same day, later in UTC" })],
            { batch_size_rows },
          );
          expect(await db.values("s", "v")).toEqual(["same day, later in UTC", "c"]);
        });

        test(`of equally new rows the last wins, and one that does not say loses, ${where}`, async () => {
          await using db = await bench(open);
          const line = schema("s", { id: "integer", updated: "integer", v: "string" }, parts);
          await db.load(
            [
              line,
              record("s", { id: 1, updated: 5, v: "a" }),
              record("s", { id: 1, updated: 5, v: "b" }),
              record("s", { id: 1, v: "unknown" }),
            ],
            { batch_size_rows },
          );
          expect(await db.values("s", "v")).toEqual(["b"]);
          await db.load(
            [
              line,
              record("s", { id: 2, v: "first" }),
              record("s", { id: 2, v: "second" }),
              record("s", { id: 2, updated: 1, v: "third" }),
            ],
            { batch_size_rows },
          );
          expect(await db.values("s", "v")).toEqual(["b", "third"]);
        });
      }
    }

    test("numbers say what is newer too; texts do not, then the last wins", async () => {
      await using db = await bench(open);
      const lines = (type: string, newer: unknown, older: unknown) => [
        schema(type, { id: "integer", updated: type, v: "string" }, bySchema),
        record(type, { id: 1, updated: newer as never, v: "newer" }),
        record(type, { id: 1, updated: older as never, v: "older" }),
      ];
      await db.load([...lines("number", 10.5, 9.5), ...lines("string", "9", "10")]);
      expect(await db.values("number", "v")).toEqual(["newer"]);
      expect(await db.values("string", "v")).toEqual(["older"]);
    });
  });
}
