import { describe, expect, test } from "vitest";
import { record, schema, state } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

export function describeSets(open: Open): void {
  const turns = schema(
    "turns",
    { call: "string", n: "integer", text: "string" },
    { keys: ["call", "n"], replaces: ["call"] },
  );
  const turn = (call: string, n: number, text: string) => record("turns", { call, n, text });
  const set = (call: string, texts: string[]) => texts.map((text, n) => turn(call, n, text));
  const calls = schema("calls", { call: "string", status: "string" }, { keys: ["call"] });
  const clearing = (call: string) => record("calls", { call, status: "gone" }, { clears: ["turns"] });

  describe("sets that are replaced", () => {
    for (const batch_size_rows of [1, 2, 3, 5, 100]) {
      test(`a shorter new version leaves no row of the old, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([turns, ...set("a", ["1", "2", "3", "4"]), ...set("b", ["1", "2"])], { batch_size_rows });
        expect(await db.values("turns", "text")).toEqual(["1", "2", "3", "4", "1", "2"]);
        await db.load([turns, ...set("a", ["x", "y"])], { batch_size_rows });
        expect(await db.rows("turns")).toEqual([
          { call: "a", n: 0, text: "x" },
          { call: "a", n: 1, text: "y" },
          { call: "b", n: 0, text: "1" },
          { call: "b", n: 1, text: "2" },
        ]);
      });

      test(`two versions of a set in one run, another set between: the second stays, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load([turns, ...set("a", ["1", "2", "3"]), ...set("b", ["1"]), ...set("a", ["x"])], {
          batch_size_rows,
        });
        expect(await db.values("turns", "text")).toEqual(["x", "1"]);
      });

      test(`a state between two versions of a set: the second stays, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const { states } = await db.load(
          [turns, ...set("a", ["1", "2", "3"]), state({ n: 1 }), ...set("a", ["x", "y"]), state({ n: 2 })],
          { batch_size_rows },
        );
        expect(states.at(-1)).toBe('{"n":2}');
        expect(await db.values("turns", "text")).toEqual(["x", "y"]);
      });

      test(`clears empties a set, and rows after it are the set, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        await db.load(
          [
            calls,
            turns,
            ...set("a", ["1", "2"]),
            ...set("b", ["1"]),
            clearing("a"),
            ...set("c", ["1", "2"]),
            clearing("c"),
            turn("c", 7, "new"),
          ],
          { batch_size_rows },
        );
        expect(await db.rows("turns")).toEqual([
          { call: "b", n: 0, text: "1" },
          { call: "c", n: 7, text: "new" },
        ]);
      });

      test(`the whole stream as one set: [], ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const users = schema("users", { id: "integer" }, { keys: ["id"], replaces: [] });
        const all = (ids: number[]) => ids.map((id) => record("users", { id }));
        await db.load([users, ...all([1, 2, 3, 4, 5])], { batch_size_rows });
        expect(await db.values("users", "id")).toEqual([1, 2, 3, 4, 5]);
        await db.load([users, ...all([2, 9, 4])], { batch_size_rows });
        expect(await db.values("users", "id")).toEqual([2, 4, 9]);
        await db.load([users, ...all([1, 2]), state({ n: 1 }), ...all([7, 8])], { batch_size_rows });
        expect(await db.values("users", "id")).toEqual([7, 8]);
      });

      test(`sets without a key: the last version stays, with all its rows, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const words = schema("words", { call: "string", word: "string" }, { replaces: ["call"] });
        const word = (call: string, text: string) => record("words", { call, word: text });
        await db.load(
          [words, word("a", "um"), word("a", "um"), word("b", "so"), word("a", "well"), word("a", "well")],
          { batch_size_rows },
        );
        expect(await db.rows("words")).toEqual([
          { call: "a", word: "well" },
          { call: "a", word: "well" },
          { call: "b", word: "so" },
        ]);
      });
    }

    test("a set that an earlier batch began, and that starts again in the batch that ends it", async () => {
      await using db = await bench(open);
      await db.load([turns, turn("a", 0, "old"), turn("a", 1, "old"), turn("b", 0, "b"), turn("a", 5, "new")], {
        batch_size_rows: 1,
      });
      await db.load(
        [turns, ...set("c", ["1"]), turn("c", 9, "old"), turn("b", 0, "b"), turn("c", 0, "new"), turn("c", 1, "new")],
        { batch_size_rows: 2 },
      );
      expect(await db.values("turns", "text")).toEqual(["new", "b", "new", "new"]);
    });

    test("a key that stands twice in a set that spans batches: the last wins", async () => {
      await using db = await bench(open);
      await db.load([turns, turn("a", 0, "x"), turn("a", 1, "first"), turn("a", 1, "second"), turn("a", 2, "y")], {
        batch_size_rows: 2,
      });
      expect(await db.values("turns", "text")).toEqual(["x", "second", "y"]);
    });

    test("a set that is not part of the key takes its rows away, and keys still replace", async () => {
      await using db = await bench(open);
      const lines = schema(
        "s",
        { id: "integer", folder: "string", v: "string" },
        { keys: ["id"], replaces: ["folder"] },
      );
      await db.load([
        lines,
        record("s", { id: 1, folder: "a", v: "1" }),
        record("s", { id: 2, folder: "a", v: "2" }),
        record("s", { id: 3, folder: "b", v: "3" }),
      ]);
      await db.load([lines, record("s", { id: 3, folder: "a", v: "moved" })]);
      expect(await db.rows("s")).toEqual([{ id: 3, folder: "a", v: "moved" }]);
    });

    test("the value that names a set may become wider while sets are in hand", async () => {
      await using db = await bench(open);
      const line = (type: string) =>
        schema("s", { set: type, n: "integer" }, { keys: ["set", "n"], replaces: ["set"] });
      await db.load([
        line("integer"),
        record("s", { set: 1, n: 1 }),
        record("s", { set: 2, n: 1 }),
        record("s", { set: 3, n: 1 }),
      ]);
      await db.load([
        line("integer"),
        record("s", { set: 1, n: 2 }),
        record("s", `{"set":18446744073709551616,"n":2}`),
        record("s", { set: 2, n: 2 }),
        line("string"),
        record("s", { set: "3", n: 2 }),
        record("s", { set: "x", n: 2 }),
      ]);
      expect((await db.rows("s")).map((row) => JSON.stringify(Object.values(row))).sort()).toEqual([
        '["1",2]',
        '["18446744073709551616",2]',
        '["2",2]',
        '["3",2]',
        '["x",2]',
      ]);
    });

    test("clears of a stream that never came, or that has no sets, changes nothing", async () => {
      await using db = await bench(open);
      const { summary } = await db.load([
        calls,
        record("calls", { call: "a" }, { clears: ["turns", "calls", "nobody"] }),
      ]);
      expect(summary.rows).toEqual({ calls: 1 });
      expect(await db.values("calls", "call")).toEqual(["a"]);
    });

    test("only clears in a batch are committed too", async () => {
      await using db = await bench(open);
      await db.load([turns, ...set("a", ["1", "2"])]);
      await db.load([calls, turns, clearing("a"), state({ n: 1 })], { batch_size_rows: 1 });
      expect(await db.rows("turns")).toEqual([]);
    });

    test("append keeps every version", async () => {
      await using db = await bench(open);
      await db.load([turns, ...set("a", ["1"]), ...set("b", ["1"]), ...set("a", ["2"])], {
        load_method: "append-only",
      });
      expect((await db.values("turns", "text")).sort()).toEqual(["1", "1", "2"]);
    });
  });
}
