import { describe, expect, test } from "vitest";
import { parseJson, printJson, type JsonObject } from "../../src/core/json.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { connected, errorOf, loadable, type Loadable } from "../support/postgres-runs.ts";
import { activate, record, schema, state } from "../support/singer.ts";

const line = schema("s", { id: "integer", v: "string", n: "integer" }, { keys: ["id"] });
const row = (values: JsonObject | string, extra: JsonObject = {}) => record("s", values, extra);

/** Ways in which a database refuses a row, and what is bad about it there. All refuse `bad` and take everything else. */
const REFUSALS: [string, string, RegExp][] = [
  ["a check", "ALTER TABLE main.s ADD CONSTRAINT good CHECK (v <> 'bad')", /check constraint "good" \(23514\)/],
  [
    "a unique index",
    "CREATE TABLE main.x (); ALTER TABLE main.s ADD COLUMN u text GENERATED ALWAYS AS (CASE WHEN v = 'bad' THEN 'taken' END) STORED UNIQUE; INSERT INTO main.s (id, v) VALUES (-1, 'bad')",
    /unique constraint .*\(23505\)/,
  ],
  [
    "a foreign key",
    "ALTER TABLE main.s ADD COLUMN f text GENERATED ALWAYS AS (CASE WHEN v = 'bad' THEN 'nobody' END) STORED; CREATE TABLE main.people (name text PRIMARY KEY); ALTER TABLE main.s ADD CONSTRAINT known FOREIGN KEY (f) REFERENCES main.people",
    /foreign key constraint "known" \(23503\)/,
  ],
  [
    "a foreign key that is checked at the end",
    "ALTER TABLE main.s ADD COLUMN f text GENERATED ALWAYS AS (CASE WHEN v = 'bad' THEN 'nobody' END) STORED; CREATE TABLE main.people (name text PRIMARY KEY); ALTER TABLE main.s ADD CONSTRAINT known FOREIGN KEY (f) REFERENCES main.people DEFERRABLE INITIALLY DEFERRED",
    /foreign key constraint "known" \(23503\)/,
  ],
  [
    "an exclusion",
    "ALTER TABLE main.s ADD CONSTRAINT once EXCLUDE USING btree ((v || 'x') WITH =) WHERE (v = 'bad'); INSERT INTO main.s (id, v) VALUES (-1, 'bad')",
    /exclusion constraint "once" \(23P01\)/,
  ],
  [
    "a trigger",
    `CREATE FUNCTION main.check_v() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.v = 'bad' THEN RAISE 'secret: %', NEW.v; END IF; RETURN NEW; END $$;
     CREATE TRIGGER t BEFORE INSERT OR UPDATE ON main.s FOR EACH ROW EXECUTE FUNCTION main.check_v()`,
    /a trigger raised an exception \(P0001\)/,
  ],
  [
    "a trigger with a code of its own choice",
    `CREATE FUNCTION main.check_v() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.v = 'bad' THEN RAISE 'secret: %', NEW.v USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$;
     CREATE TRIGGER t BEFORE INSERT OR UPDATE ON main.s FOR EACH ROW EXECUTE FUNCTION main.check_v()`,
    /a trigger raised an exception \(23514\)/,
  ],
  [
    "an error in a trigger",
    `CREATE FUNCTION main.check_v() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.v = 'bad' THEN NEW.n := (NEW.v || '!')::int; END IF; RETURN NEW; END $$;
     CREATE TRIGGER t BEFORE INSERT OR UPDATE ON main.s FOR EACH ROW EXECUTE FUNCTION main.check_v()`,
    /invalid input syntax for type integer/,
  ],
  [
    "a NOT NULL",
    "ALTER TABLE main.s ADD COLUMN g text GENERATED ALWAYS AS (nullif(v, 'bad')) STORED NOT NULL",
    /null value in column "g".*\(23502\)/,
  ],
];

await describePostgres("rows that Postgres refuses", (server) => {
  describe("go to _rejected, all others load", () => {
    test.each(REFUSALS)("%s", async (_, sql, reason) => {
      await using db = await loadable(server);
      const other = schema("other", { id: "integer" }, { keys: ["id"] });
      await db.load([line, row({ id: 2, v: "old" })]);
      await db.query(sql);
      const { states, summary } = await db.load([
        other,
        record("other", { id: 1 }),
        line,
        row({ id: 1, v: "a" }),
        row({ id: 2, v: "bad", n: 7 }),
        row({ id: 3, v: "b" }),
        state({ n: 1 }),
      ]);
      expect(states).toEqual(['{"n":1}']);
      expect(summary).toMatchObject({ rejected: 1, rows: { s: 2, other: 1 } });
      expect((await db.rows("id, v")).filter(([id]) => id !== "-1")).toEqual([
        ["1", "a"],
        ["2", "old"],
        ["3", "b"],
      ]);
      expect(await db.rows("id", "other")).toEqual([["1"]]);
      const [one, ...rest] = await rejected(db);
      expect(rest).toEqual([]);
      expect(one).toMatchObject({ stream: "s", payload: { id: 2, v: "bad", n: 7 } });
      expect(one?.reason).toMatch(reason);
      expect(one?.reason).not.toMatch(/secret|bad/);
      const [first, third] = await sequences(db, 1, 3);
      expect(one?.sequence).toBeGreaterThanOrEqual(first!);
      expect(one?.sequence).toBeLessThan(third!);
    });

    test("a row that does not fit onto a page", async () => {
      await using db = await loadable(server);
      const many = Object.fromEntries(Array.from({ length: 1_200 }, (_, i) => [`p${i}`, i]));
      const lines = schema(
        "s",
        { id: "integer", ...Object.fromEntries(Object.keys(many).map((name) => [name, "integer"])) },
        { keys: ["id"] },
      );
      for (const load_method of ["append-only", "upsert"] as const) {
        await db.load([lines, row({ id: 1, p7: 7 }), row({ ...many, id: 2 }), row({ id: 3, p7: 7 })], {
          load_method,
          validate_records: false,
        });
      }
      expect(await db.rows("id, p7")).toEqual([
        ["1", "7"],
        ["3", "7"],
      ]);
      const found = await rejected(db);
      expect(found.map(({ payload }) => payload)).toEqual([
        expect.objectContaining({ ...many, id: 2 }),
        { ...many, id: 2 },
      ]);
      expect(found[0]?.reason).toContain("row is too big");
    });

    test("a number beyond numeric in an object", async () => {
      await using db = await loadable(server);
      const lines = schema("s", { id: "integer", o: "object" }, { keys: ["id"] });
      const payload = '{"id":2,"o":{"a":[1e200000]}}';
      await db.load([lines, row({ id: 1, o: {} }), row(payload), row({ id: 3, o: { a: 1 } })]);
      expect(await db.rows("id")).toEqual([["1"], ["3"]]);
      const [one] = await db.query("SELECT payload::text AS text FROM main._rejected");
      expect(one?.["text"]).toMatch(/1e\+?200000/i);
    });
  });

  describe("wherever they stand", () => {
    const check = "ALTER TABLE main.s ADD CONSTRAINT good CHECK (v <> 'bad')";
    const ids = Array.from({ length: 50 }, (_, id) => id);

    test.each<[string, number[]]>([
      ["first", [0]],
      ["last", [49]],
      ["first and last", [0, 49]],
      ["side by side", [20, 21, 22]],
      ["all but one", ids.filter((id) => id !== 31)],
      ["all", ids],
    ])("%s in a batch", async (_, bad) => {
      for (const load_method of ["upsert", "append-only"] as const) {
        await using db = await loadable(server);
        await db.load([line]);
        await db.load([line, row({ id: 100, v: "old" })]);
        await db.query(check);
        const { states } = await db.load(
          [line, ...ids.map((id) => row({ id, v: bad.includes(id) ? "bad" : "good" })), state({ n: 1 })],
          { load_method },
        );
        expect(states).toEqual(['{"n":1}']);
        expect((await db.rows("id")).map(([id]) => Number(id))).toEqual([
          ...ids.filter((id) => !bad.includes(id)),
          100,
        ]);
        const found = await rejected(db);
        expect(found.map(({ payload }) => payload["id"])).toEqual(bad);
        expect(found.map(({ sequence }) => sequence)).toEqual([...found.map(({ sequence }) => sequence)].sort());
      }
    });

    test("more than 1,000 in a batch are no bad rows here and there: the run ends, and nothing of the batch is written", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: -1, v: "old" }), state({ n: 1 })]);
      await db.query(check);
      const lines = [
        line,
        ...Array.from({ length: 1_001 }, (_, id) => row({ id, v: "bad" })),
        row({ id: -1, v: "new" }),
        state({ n: 2 }),
      ];
      const error = await errorOf(db.load(lines));
      expect(error).toMatchObject({ code: "WAREHOUSE_REFUSED", stream: "s" });
      expect(error.message).toContain("more than 1000 rows");
      expect(await db.rows("id, v")).toEqual([["-1", "old"]]);
      expect(await db.query("SELECT to_regclass('main._rejected') AS name")).toEqual([{ name: null }]);
      expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: '{"n":1}' }]);
    });

    test("in every batch, in a table without a key and with another layout than the batch", async () => {
      await using db = await loadable(server);
      const lines = schema("s", { id: "integer", v: "string" });
      await db.load([schema("s", { id: "string", v: "string" }), row({ id: "x", v: "old" })]);
      await db.query(check);
      const given = ids.map((id) => row({ id, v: id % 7 === 3 ? "bad" : "good" }));
      const { summary } = await db.load([lines, ...given], { batch_size_rows: 11 });
      expect(summary.rejected).toBe(7);
      expect(await db.query("SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM main.s")).toEqual([
        { n: 44, ids: 44 },
      ]);
    });

    test("among sets, doubled keys, rows that lack things and rows that delete", async () => {
      for (const batch_size_rows of [1, 4, 100]) {
        await using db = await loadable(server);
        const set = (replaces: string[]) =>
          schema(
            "s",
            { set: "string", id: "integer", v: "string", w: "string", _sdc_deleted_at: "date-time" },
            { keys: ["set", "id"], replaces },
          );
        const settings = { batch_size_rows, hard_delete: true };
        await db.load(
          [
            set(["set"]),
            row({ set: "a", id: 1, v: "old" }),
            row({ set: "a", id: 9, v: "old" }),
            row({ set: "b", id: 1, v: "old", w: "w" }),
          ],
          settings,
        );
        await db.query(check);
        await db.load(
          [
            set(["set"]),
            row({ set: "a", id: 1, v: "bad" }),
            row({ set: "a", id: 2, v: "first", w: "kept" }),
            row({ set: "a", id: 2, v: "second" }),
            row({ set: "a", id: 3, v: "bad" }),
            row({ set: "a", id: 3, v: "good" }),
            row({ set: "a", id: 4, v: "good" }),
            row({ set: "a", id: 4, v: "bad" }),
            row({ set: "a", id: 5, v: "good" }),
            row({ set: "a", id: 5, _sdc_deleted_at: "2026-01-01T00:00:00Z" }),
          ],
          settings,
        );
        expect(await db.rows("set, id, v, w")).toEqual([
          ["a", "2", "second", "kept"],
          ["a", "3", "good", null],
          ["a", "4", "good", null],
          ["b", "1", "old", "w"],
        ]);
        const found = (await rejected(db)).map(({ payload }) => [payload["id"], payload["v"]]);
        expect(found).toEqual(expect.arrayContaining([[1, "bad"]]));
        for (const [, v] of found) expect(v).toBe("bad");
      }
    });

    test("beside ACTIVATE_VERSION in the same batch", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 1, v: "old" }, { version: 1 }), row({ id: 2, v: "old" }, { version: 1 })]);
      await db.query(check);
      const { summary } = await db.load(
        [
          line,
          row({ id: 1, v: "new" }, { version: 2 }),
          row({ id: 2, v: "bad" }, { version: 2 }),
          row({ id: 3, v: "new" }, { version: 2 }),
          activate("s", 2),
        ],
        { hard_delete: true },
      );
      expect(summary.rejected).toBe(1);
      expect(await db.rows("id, v")).toEqual([
        ["1", "new"],
        ["3", "new"],
      ]);
    });

    test("after a schema that changed in the same batch", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 0, v: "old" })]);
      await db.query(check);
      await db.load([
        line,
        row({ id: 1, v: "good" }),
        row({ id: 2, v: "bad" }),
        schema("s", { id: "integer", v: "string", n: "number", more: "string" }, { keys: ["id"] }),
        row({ id: 3, v: "bad", n: 0.5 }),
        row({ id: 4, v: "good", n: 0.5, more: "m" }),
        row({ id: 0, n: 1 }),
      ]);
      expect(await db.rows("id, v, n, more")).toEqual([
        ["0", "old", "1", null],
        ["1", "good", null, null],
        ["4", "good", "0.5", "m"],
      ]);
      expect((await rejected(db)).map(({ payload }) => payload)).toEqual([
        { id: 2, v: "bad" },
        { id: 3, v: "bad", n: 0.5 },
      ]);
    });

    test("beside records that no column takes", async () => {
      await using db = await loadable(server);
      await db.load([line]);
      await db.load([line, row({ id: 0, v: "old" })]);
      await db.query(check);
      await db.load([line, row({ id: "x" }), row({ id: 1, v: "bad" }), row({ id: "y" }), row({ id: 2, v: "good" })]);
      expect((await rejected(db)).map(({ payload }) => payload["id"])).toEqual(["x", 1, "y"]);
    });

    test("a batch with bad rows leaves no more behind in the session than one without", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 0, v: "old" })]);
      await db.query(check);
      const counts: number[] = [];
      await using run = await connected(db);
      await run.line(line);
      for (let batch = 0; batch < 6; batch++) {
        for (const id of ids) await run.line(row({ id, v: id % 9 === batch ? "bad" : `good ${batch}` }));
        await run.loader.flush();
        const [found] = await db.query(
          "SELECT count(*)::int AS n FROM pg_class WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg_temp%')",
        );
        counts.push(Number(found?.["n"]));
      }
      expect(counts.at(-1)).toBe(counts[1]);
    });
  });

  describe("the payload is the record", () => {
    const properties = {
      id: "integer",
      text: "string",
      big: "integer",
      digits: "number",
      yes: "boolean",
      at: "date-time",
      day: "date",
      object: "object",
      list: "array",
      any: "any",
      none: "string",
      flat: {
        type: ["object", "null"],
        properties: {
          a: { type: ["string", "null"] },
          deep: { type: ["object", "null"], properties: { b: { type: ["number", "null"] } } },
        },
      } as JsonObject,
    };
    const texts = [
      "",
      " ",
      "\t",
      "\n",
      "\r\n",
      "\\",
      "\\N",
      "\\t",
      "\\\\n",
      "\"q\" 'q'",
      "é ☃ 😀👩‍👩‍👧 \u2028",
      "NULL",
      "\u0001\u001f\u007f",
      "x".repeat(300_000),
    ];

    test.each([false, true])("for all types, flattening %s", async (flattening_enabled) => {
      await using db = await loadable(server);
      const settings = { flattening_enabled, flattening_max_depth: 3 };
      await db.load([schema("s", properties, { keys: ["id"] }), row({ id: 0 })], settings);
      await db.query("ALTER TABLE main.s ADD CONSTRAINT good CHECK (id = 0)");
      const records = [
        ...texts.map(
          (text, i) =>
            `{"id":${i + 1},"text":${JSON.stringify(text)},"object":{"k":${JSON.stringify(text)}},"list":[${JSON.stringify(text)},null]}`,
        ),
        '{"id":101,"big":9223372036854775807,"digits":0.1,"yes":true,"at":"2026-01-01T10:00:00.123456Z","day":"2026-02-03"}',
        '{"id":102,"big":-9007199254740993,"digits":1e-7,"yes":false,"any":{"n":123456789012345678901234567890}}',
        '{"id":103,"digits":123456789012345678901234567890.123456789,"any":[1,[2,[]]],"object":{},"list":[]}',
        '{"id":104,"any":"word","flat":{"a":"\\t","deep":{"b":1.5}}}',
        '{"id":105,"any":0,"none":null,"flat":{"a":null}}',
      ];
      await db.load([schema("s", properties, { keys: ["id"] }), ...records.map((one) => row(one))], settings);
      const found = await db.query("SELECT payload::text AS text FROM main._rejected ORDER BY sequence");
      expect(found.map(({ text }) => canonical(String(text)))).toEqual(records.map(canonical));
    });

    test("a record that is refused by the check of its schema keeps what the schema does not name", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 1, v: 5, unknown: { deep: ["\t"] } })]);
      expect((await rejected(db))[0]?.payload).toEqual({ id: 1, v: 5, unknown: { deep: ["\t"] } });
    });
  });
});

interface Aside {
  readonly stream: string;
  readonly reason: string;
  readonly payload: JsonObject;
  readonly sequence: number;
}

async function rejected(db: Loadable): Promise<Aside[]> {
  const rows = await db.query("SELECT stream, reason, payload, sequence FROM main._rejected ORDER BY sequence, line");
  return rows.map((one) => ({ ...one, sequence: Number(one["sequence"]) })) as unknown as Aside[];
}

async function sequences(db: Loadable, ...ids: number[]): Promise<(number | undefined)[]> {
  const rows = await db.query("SELECT id, _sdc_sequence AS at FROM main.s");
  return ids.map((id) => Number(rows.find((one) => Number(one["id"]) === id)?.["at"]));
}

/** JSON with its keys in order, every digit kept. */
function canonical(text: string): string {
  const sort = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sort);
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort()
        .map(([key, inner]) => [key, sort(inner)]),
    );
  };
  return printJson(sort(parseJson(text)) as never);
}
