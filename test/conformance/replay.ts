import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Env } from "../../src/core/env.ts";
import { printJson, type JsonObject } from "../../src/core/json.ts";
import { replay, type ReplayOptions } from "../../src/core/replay.ts";
import { decode } from "../../src/dialects/singer/codec.ts";
import { fakeClock } from "../support/clock.ts";
import { testEnv, type Settings } from "../support/loading.ts";
import { activate, record, schema } from "../support/singer.ts";
import { bench, loadOptions, type Bench, type Open } from "./bench.ts";

type Parts = Partial<Pick<ReplayOptions, "streams" | "dryRun">> & { readonly schema?: string };

/** `chorus-elt replay`, over whatever database. Runs come a minute after each other, as a newer run starts later. */
export function describeReplay(open: Open, share: number): void {
  let minutes = 0;
  const next = (): Env => testEnv(fakeClock(Date.UTC(2026, 0, 1) + minutes++ * 60_000));
  const load = (db: Bench, lines: readonly string[], settings: Settings = {}) => db.load(lines, settings, next());

  /** Loaded, obsolete and left, by stream, with the reasons of those that are left. */
  async function replayed(db: Bench, settings: Settings = {}, parts: Parts = {}) {
    const env = next();
    await using warehouse = await db.opened.connect(env);
    const message = parts.schema === undefined ? undefined : decode(parts.schema, 1);
    const schemas = new Map(message?.type === "schema" ? [[message.stream, message]] : []);
    const { streams = new Set(), dryRun = false } = parts;
    const result = await replay(warehouse, { ...loadOptions(settings), schemas, streams, dryRun }, env);
    return Object.fromEntries(
      [...result].map(([stream, { loaded, obsolete, left }]) => [stream, [loaded, obsolete, Object.fromEntries(left)]]),
    );
  }
  const fix = (db: Bench, payload: JsonObject, where: string) =>
    db.opened.run(`UPDATE _rejected SET payload = '${JSON.stringify(payload)}' WHERE ${where}`);
  const left = async (db: Bench) => (await db.rows("_rejected")).length;

  const line = schema("s", { id: "integer", n: "integer", v: "string" }, { keys: ["id"] });
  const row = (values: JsonObject) => record("s", values);
  const wider = schema("s", { id: "integer", n: "string", v: "string" }, { keys: ["id"] });
  const turns = schema(
    "turns",
    { call: "string", n: "integer", text: "any" },
    { keys: ["call", "n"], replaces: ["call"] },
  );
  const turn = (call: string, n: number, text: JsonObject[string]) => record("turns", { call, n, text: text ?? null });
  const mustBe = '"n": must be integer,null';

  describe("replay", () => {
    test("a payload that was corrected is loaded, the others stay with their reason", async () => {
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: "one", v: "a" }), row({ id: 2, n: "two" }), row({ id: 3, n: 3 })]);
      await fix(db, { id: 1, n: 1, v: "a" }, "line = 2");
      expect(await replayed(db)).toEqual({ s: [1, 0, { [mustBe]: 1 }] });
      expect(await db.rows("s")).toEqual([
        { id: 1, n: 1, v: "a" },
        { id: 3, n: 3, v: null },
      ]);
      expect(await db.rows("_rejected")).toMatchObject([{ stream: "s", line: 3, payload: { id: 2, n: "two" } }]);
    });

    test("with a corrected schema, or without validation, all are loaded", async () => {
      for (const [settings, parts] of [
        [{}, { schema: wider }],
        [{ validate_records: false }, { schema: wider }],
      ] as const) {
        await using db = await bench(open);
        await load(db, [line, row({ id: 1, n: "one" }), row({ id: 2, n: 2 })]);
        expect(await replayed(db, settings, parts)).toEqual({ s: [1, 0, {}] });
        expect(await db.values("s", "n")).toEqual(["one", "2"]);
        expect(await left(db)).toBe(0);
      }
      await using db = await bench(open);
      const short = schema("s", { id: "integer", v: { type: "string", maxLength: 3 } }, { keys: ["id"] });
      await load(db, [short, row({ id: 1, v: "too long" })]);
      expect(await replayed(db, { validate_records: false })).toEqual({ s: [1, 0, {}] });
      expect(await db.values("s", "v")).toEqual(["too long"]);
    });

    test("what is rejected again is there once, as the same row with a new reason", async () => {
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: "one" }), row({ n: 5 })]);
      const before = await db.rows("_rejected");
      await fix(db, { id: "x", n: 1 }, "line = 2");
      expect(await replayed(db)).toEqual({
        s: [0, 0, { '"id": must be integer,null': 1, 'key property "id" is missing': 1 }],
      });
      const [first, second] = (await db.rows("_rejected")).sort((a, b) => Number(a["line"]) - Number(b["line"]));
      const [was, other] = before.sort((a, b) => Number(a["line"]) - Number(b["line"]));
      expect(first).toEqual({ ...was, reason: '"id": must be integer,null', payload: { id: "x", n: 1 } });
      expect(second).toEqual(other);
      await fix(db, { id: 1, n: 1 }, "line = 2");
      expect(await replayed(db)).toMatchObject({ s: [1, 0, {}] });
      expect(await db.rows("s")).toEqual([{ id: 1, n: 1, v: null }]);
    });

    for (const batch_size_rows of [1, 100]) {
      test(`what came later is not overwritten, what came earlier is, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const lines = [
          line,
          row({ id: 1, n: 1, v: "earlier" }),
          row({ id: 1, n: "x", v: "bad" }),
          row({ id: 2, n: "x", v: "bad" }),
          row({ id: 2, n: 2, v: "later" }),
          row({ id: 3, n: "x", v: "bad" }),
          row({ id: 4, n: "x", v: "first" }),
          row({ id: 4, n: "x", v: "second" }),
        ];
        await load(db, lines, { batch_size_rows });
        await load(db, [line, row({ id: 3, n: 3, v: "later run" })]);
        expect(await replayed(db, { batch_size_rows }, { schema: wider })).toEqual({ s: [3, 2, {}] });
        expect(await db.values("s", "v")).toEqual(["bad", "later", "later run", "second"]);
        expect(await left(db)).toBe(0);
      });
    }

    test("what is obsolete goes although it still does not fit", async () => {
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: "x" })]);
      await load(db, [line, row({ id: 1, n: 1 })]);
      expect(await replayed(db)).toEqual({ s: [0, 1, {}] });
      expect([await left(db), await db.values("s", "n")]).toEqual([0, [1]]);
    });

    test("of two that were put aside one after another the first does not come back over the second", async () => {
      for (const batch_size_rows of [1, 100]) {
        await using db = await bench(open);
        await load(db, [line, row({ id: 1, n: "x", v: "first" }), row({ id: 1, n: "x", v: "second" })]);
        await fix(db, { id: 1, n: 2, v: "second" }, "line = 3");
        expect(await replayed(db, { batch_size_rows })).toEqual({ s: [1, 1, {}] });
        expect([await left(db), await db.values("s", "v")]).toEqual([0, ["second"]]);
      }
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: "x", v: "first" }), row({ id: 1, n: "x", v: "second" })]);
      await fix(db, { id: 1, n: 1, v: "first" }, "line = 2");
      expect(await replayed(db)).toEqual({ s: [1, 0, { [mustBe]: 1 }] });
      expect(await replayed(db, {}, { schema: wider })).toEqual({ s: [1, 0, {}] });
      expect(await db.values("s", "v")).toEqual(["second"]);
    });

    test("a column that says which row is newer decides; of equally new rows the later one", async () => {
      await using db = await bench(open);
      const dated = (n: string) => schema("s", { id: "integer", n, at: "date-time" }, { keys: ["id"], newestBy: "at" });
      const day = (d: number) => `2024-01-0${d}T00:00:00Z`;
      await load(db, [
        dated("integer"),
        ...[1, 2, 3, 4].map((id) => row({ id, n: "bad", at: day(5) })),
        row({ id: 5, n: "bad" }),
      ]);
      await load(db, [
        dated("integer"),
        row({ id: 1, n: 1, at: day(4) }),
        row({ id: 2, n: 2, at: day(5) }),
        row({ id: 3, n: 3, at: day(6) }),
        row({ id: 4, n: 4 }),
        row({ id: 5, n: 5, at: day(1) }),
      ]);
      expect(await replayed(db, {}, { schema: dated("string") })).toEqual({ s: [2, 3, {}] });
      expect(await db.values("s", "n")).toEqual(["bad", "2", "3", "bad", "5"]);
    });

    test("without metadata columns a row that is there stays", async () => {
      await using db = await bench(open);
      const settings = { add_record_metadata: false, batch_size_rows: 1 };
      const lines = [line, row({ id: 1, v: "there" }), row({ id: 1, n: "x" }), row({ id: 2, n: "x", v: "first" })];
      await load(db, [...lines, row({ id: 2, n: "x", v: "second" })], settings);
      expect(await replayed(db, settings, { schema: wider })).toEqual({ s: [2, 1, {}] });
      expect(await db.wholeRows("s")).toHaveLength(2);
      expect(await db.values("s", "v")).toEqual(["there", "second"]);
      expect(await db.columns("s")).toEqual({ id: "integer", n: "text", v: "text" });
    });

    test("a row that a run without metadata left stays too", async () => {
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: "x" })]);
      await load(db, [line, row({ id: 1, n: 1 })], { add_record_metadata: false });
      expect(await replayed(db, {}, { schema: wider })).toEqual({ s: [0, 1, {}] });
      expect(await db.values("s", "n")).toEqual([1]);
    });

    test("keys of every type are found, however they are written", async () => {
      const keys: [string, string, string, string][] = [
        ["text", "string", '"it\'s \\"1\\""', '"it\'s \\"1\\""'],
        ["whole", "integer", "9223372036854775807", "9223372036854775807"],
        ["number", "number", "1.50", "15e-1"],
        ["decimal", "number", "12345678901234567890.5", "12345678901234567890.50"],
        ["instant", "date-time", '"2024-01-01T10:00:00Z"', '"2024-01-01T11:00:00.000+01:00"'],
        ["day", "date", '"2024-01-01"', '"2024-01-01"'],
        ["flag", "boolean", "true", "true"],
        ["json", "any", '"word"', '"word"'],
      ];
      await using db = await bench(open);
      for (const [stream, type, key, again] of keys) {
        const of = (n: string) => schema(stream, { k: type, id: "integer", n }, { keys: ["k", "id"] });
        await load(db, [
          of("integer"),
          record(stream, `{"k":${again},"id":1,"n":"bad"}`),
          record(stream, `{"k":${again},"id":2,"n":"bad"}`),
          record(stream, `{"k":${key},"id":1,"n":1}`),
        ]);
        expect(await replayed(db, {}, { schema: of("string"), streams: new Set([stream]) })).toEqual({
          [stream]: [1, 1, {}],
        });
        expect([stream, (await db.values(stream, "n")).sort()]).toEqual([stream, ["1", "bad"]]);
      }
    });

    test("only the streams that are asked for; one without a schema stays", async () => {
      await using db = await bench(open);
      const other = schema("t", { id: "integer" }, { keys: ["id"] });
      await load(db, [line, row({ id: 1, n: "x" }), other, record("t", { id: "y" })]);
      expect(await replayed(db, {}, { streams: new Set(["t", "nobody"]) })).toEqual({
        t: [0, 0, { '"id": must be integer,null': 1 }],
        nobody: [0, 0, {}],
      });
      await db.opened.run("DELETE FROM _chorus_elt_schemas WHERE stream = 's'");
      expect(await replayed(db, {}, { streams: new Set(["s"]) })).toEqual({
        s: [0, 0, { "no schema is kept for the stream; give one with --schema": 1 }],
      });
      expect(await left(db)).toBe(2);
    });

    test("a dry run says what would become of them and changes nothing", async () => {
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: "x" }), row({ id: 2, n: "x" }), row({ id: 3, n: "x" }), row({ n: 4 })]);
      await load(db, [line, row({ id: 1, n: 1 })]);
      await fix(db, { id: 2, n: 2 }, "line = 3");
      const before = [await db.rows("_rejected"), await db.wholeRows("s")];
      const expected = { s: [1, 1, { [mustBe]: 1, 'key property "id" is missing': 1 }] };
      expect(await replayed(db, {}, { dryRun: true })).toEqual(expected);
      expect([await db.rows("_rejected"), await db.wholeRows("s")]).toEqual(before);
      expect(await replayed(db)).toEqual(expected);
    });

    test("a replayed record that lacks properties leaves them as they are", async () => {
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: 1, v: "stays" }), row({ id: 1, n: "x" })]);
      await fix(db, { id: 1, n: 2 }, "line = 3");
      await replayed(db);
      expect(await db.rows("s")).toEqual([{ id: 1, n: 2, v: "stays" }]);
    });

    test("a row that the database refused when it was replayed is the record that it was, in its old place", async () => {
      await using db = await bench(open);
      await load(db, [turns, turn("a", 0, 1)]);
      const sequence = Number((await db.wholeRows("turns"))[0]?.["_sdc_sequence"]);
      await load(db, [turns, turn("a", 0, 2), turn("a", 1, 3)]);
      {
        const replayOf = decode(turns, 1) as unknown as JsonObject;
        const env = next();
        await using warehouse = await db.opened.connect(env);
        const aside = { stream: "turns", reason: "refused", line: 1, row: 0 };
        const of = (n: number) => printJson({ call: "a", n, text: "old", _sdc_sequence: sequence });
        const message = printJson({ ...replayOf, replaces: undefined, replayOf });
        const rejected = [0, 2].map((n) => ({ ...aside, id: `refused ${n}`, payload: of(n), schema: message }));
        await warehouse.commit({ rows: [], rejected, state: undefined, replayed: [] }, loadOptions());
      }
      expect(await replayed(db)).toEqual({ turns: [0, 2, {}] });
      expect(await db.values("turns", "text")).toEqual([2, 3]);
    });

    test("a payload that is no object, or is not even there, stays", async () => {
      await using db = await bench(open);
      await load(db, [line, row({ id: 1, n: "x" }), row({ id: 2, n: "x" }), row({ id: 3, n: "x" })]);
      await db.opened.run("UPDATE _rejected SET payload = '[1]' WHERE line = 2");
      await db.opened.run("UPDATE _rejected SET payload = NULL WHERE line = 3");
      expect(await replayed(db)).toEqual({ s: [0, 0, { "the payload is no JSON object": 2, [mustBe]: 1 }] });
      expect(await left(db)).toBe(3);
    });

    test("append adds them, whatever is there", async () => {
      await using db = await bench(open);
      const settings = { load_method: "append" } as const;
      await load(db, [line, row({ id: 1, n: "x", v: "bad" }), row({ id: 1, v: "good" })], settings);
      expect(await replayed(db, settings, { schema: wider })).toEqual({ s: [1, 0, {}] });
      expect((await db.values("s", "v")).sort()).toEqual(["bad", "good"]);
      expect(await left(db)).toBe(0);
      await load(db, [line, row({ id: 1, n: "x", v: "stays" }), row({ id: 1, n: "x", v: "added" })], settings);
      await fix(db, { id: 1, n: "3", v: "added" }, "line = 3");
      await db.opened.run("UPDATE _rejected SET payload = '[]' WHERE line = 2");
      expect(await replayed(db, settings, { schema: wider })).toMatchObject({ s: [1, 0, expect.anything()] });
      expect(await left(db)).toBe(1);
    });

    test("overwrite: into the table of the last run, and nothing of an earlier run's", async () => {
      await using db = await bench(open);
      const settings = { load_method: "overwrite" } as const;
      await load(db, [line, row({ id: 1, n: "x", v: "old run" }), row({ id: 2, v: "old run" })], settings);
      await load(db, [line, row({ id: 3, n: "x", v: "bad" }), row({ id: 4, v: "good" })], settings);
      expect(await replayed(db, settings, { schema: wider })).toEqual({ s: [1, 1, {}] });
      expect(await db.values("s", "v")).toEqual(["bad", "good"]);
      expect(await db.tables()).toEqual(["s"]);
    });

    test("a replayed row has the newest table version, so the next activation of it does not take it away", async () => {
      await using db = await bench(open);
      const of = (id: number, n: JsonObject[string]) => record("s", { id, n: n ?? null }, { version: 7 });
      await load(db, [line, of(1, 1), of(2, "x"), activate("s", 7)]);
      expect(await replayed(db, {}, { schema: wider })).toEqual({ s: [1, 0, {}] });
      await load(db, [line, activate("s", 7)], { hard_delete: true });
      expect(await db.values("s", "id")).toEqual([1, 2]);
    });
  });

  describe("replay of sets", () => {
    const turnsOf = (type: string) =>
      schema("turns", { call: "string", n: "integer", text: type }, { keys: ["call", "n"], replaces: ["call"] });
    const wide = { schema: turnsOf("any") };
    const texts = async (db: Bench) => (await db.rows("turns")).map(({ call, n, text }) => [call, n, text]);

    for (const batch_size_rows of [1, 2, 100]) {
      test(`they join their set and do not start it anew, ${batch_size_rows} rows a batch`, async () => {
        await using db = await bench(open);
        const bad = [turn("a", 0, 0), turn("b", 1, 1), turn("b", 2, 2), turn("c", 0, 0)];
        const lines = [bad[0]!, turn("a", 1, "a1"), turn("b", 0, "b0"), bad[1]!, bad[2]!, turn("b", 3, "b3"), bad[3]!];
        await load(db, [turnsOf("string"), ...lines], { batch_size_rows });
        expect(await replayed(db, { batch_size_rows }, wide)).toEqual({ turns: [4, 0, {}] });
        expect(await texts(db)).toEqual([
          ["a", 0, 0],
          ["a", 1, "a1"],
          ["b", 0, "b0"],
          ["b", 1, 1],
          ["b", 2, 2],
          ["b", 3, "b3"],
          ["c", 0, 0],
        ]);
      });
    }

    test("a set that a later run has loaded anew takes nothing of the old version", async () => {
      await using db = await bench(open);
      await load(db, [turnsOf("string"), turn("a", 0, "a0"), turn("a", 1, 1), turn("b", 0, 0), turn("b", 1, "b1")]);
      await load(db, [turnsOf("string"), turn("a", 0, "new")]);
      expect(await replayed(db, {}, wide)).toEqual({ turns: [1, 1, {}] });
      expect(await texts(db)).toEqual([
        ["a", 0, "new"],
        ["b", 0, 0],
        ["b", 1, "b1"],
      ]);
    });

    test("a set that is replayed in two goes is whole", async () => {
      await using db = await bench(open);
      await load(db, [turnsOf("string"), ...[0, 1, 2].map((n) => turn("a", n, n))]);
      await fix(db, { call: "a", n: 1, text: "first" }, "line = 3");
      expect(await replayed(db)).toMatchObject({ turns: [1, 0, {}] });
      expect(await replayed(db, {}, wide)).toEqual({ turns: [2, 0, {}] });
      expect((await texts(db)).map(([, , text]) => text)).toEqual([0, "first", 2]);
    });

    test("the whole stream as one set", async () => {
      await using db = await bench(open);
      const users = schema("s", { id: "integer", n: "integer" }, { keys: ["id"], replaces: [] });
      await load(db, [users, row({ id: 1, n: "x" }), row({ id: 2 })]);
      await load(db, [users, row({ id: 3, n: "x" }), row({ id: 4 })]);
      const parts = { schema: schema("s", { id: "integer", n: "string" }, { keys: ["id"], replaces: [] }) };
      expect(await replayed(db, {}, parts)).toEqual({ s: [1, 1, {}] });
      expect(await db.values("s", "id")).toEqual([3, 4]);
    });

    test("without metadata columns nobody can tell: they stay", async () => {
      await using db = await bench(open);
      const settings = { add_record_metadata: false };
      await load(db, [turnsOf("string"), turn("a", 0, "a0"), turn("a", 1, 1)], settings);
      expect(await replayed(db, settings, wide)).toEqual({
        turns: [0, 0, { "without metadata columns nobody can tell whether its set was loaded anew": 1 }],
      });
      expect([await left(db), await texts(db)]).toEqual([1, [["a", 0, "a0"]]]);
    });
  });

  describe("replay of any input", () => {
    const step = fc.record({ id: fc.nat(3), at: fc.nat(3), bad: fc.boolean(), cut: fc.boolean() });

    test(
      "random records, some put aside and replayed in two goes, end as if all had been good",
      { timeout: 120_000 },
      async () => {
        await using db = await bench(open);
        let table = 0;
        await fc.assert(
          fc.asyncProperty(
            fc.array(step, { minLength: 1, maxLength: 20 }),
            fc.integer({ min: 1, max: 6 }),
            fc.integer({ min: 1, max: 6 }),
            fc.boolean(),
            async (steps, batch_size_rows, replayRows, newest) => {
              const stream = `r${table++}`;
              const head = schema(
                stream,
                { id: "integer", at: "integer", v: "integer", ok: { type: "boolean" } },
                { keys: ["id"], ...(newest ? { newestBy: "at" } : {}) },
              );
              const runs: string[][] = [[head]];
              steps.forEach(({ id, at, bad, cut }, v) => {
                if (cut) runs.push([head]);
                runs.at(-1)?.push(record(stream, { id, at, v, ok: bad ? "no" : true }));
              });
              for (const lines of runs) await load(db, lines, { batch_size_rows });
              const streams = new Set([stream]);
              const parts = (even: boolean) => ({
                streams,
                // Half of them fit after the first correction, all after the second.
                schema: schema(
                  stream,
                  {
                    id: "integer",
                    at: "integer",
                    v: even ? { type: "integer", multipleOf: 2, enum: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18] } : "integer",
                    ok: {},
                  },
                  { keys: ["id"], ...(newest ? { newestBy: "at" } : {}) },
                ),
              });
              await replayed(db, { batch_size_rows: replayRows }, parts(true));
              expect(await replayed(db, { batch_size_rows: replayRows }, parts(false))).toMatchObject({
                [stream]: [expect.any(Number), expect.any(Number), {}],
              });
              const last = new Map<number, [number, number]>();
              steps.forEach(({ id, at }, v) => {
                const old = last.get(id);
                if (!newest || old === undefined || old[1] <= at) last.set(id, [v, at]);
              });
              const expected = [...last].map(([id, [v]]) => [id, v]).sort();
              expect((await db.rows(stream)).map(({ id, v }) => [id, v]).sort()).toEqual(expected);
            },
          ),
          { seed: 20_260_102, endOnFailure: true, numRuns: Math.ceil(25 * share) },
        );
      },
    );
  });
}
