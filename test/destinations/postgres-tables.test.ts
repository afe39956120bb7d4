import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { errorOf, loadable } from "../support/postgres-runs.ts";
import { record, schema, state } from "../support/singer.ts";

const line = schema("s", { id: "integer", v: "string" }, { keys: ["id"] });
const row = (values: JsonObject, stream = "s") => record(stream, values);
const wide = (count: number) => ({
  id: "integer",
  ...Object.fromEntries(Array.from({ length: count - 1 }, (_, i) => [`p${i}`, "string"])),
});

/** The check of records does not take so many properties. */
const unchecked = { validate_records: false };

/** Tables at the limits of Postgres, and tables that somebody else has made. */
await describePostgres("tables in Postgres", (server) => {
  describe("how many columns", () => {
    test("1,599 with Singer's own load, and what records lack stays", async () => {
      await using db = await loadable(server);
      const lines = schema("s", wide(1_592), { keys: ["id"] });
      await db.load([lines, row({ id: 1, p0: "a", p1590: "z" })], unchecked);
      await db.load([lines, row({ id: 1, p0: "b" }), row({ id: 2 }), row({ id: 1, p7: "c" })], unchecked);
      expect(await db.rows("id, p0, p7, p1590")).toEqual([
        ["1", "b", "c", "z"],
        ["2", null, null, null],
      ]);
      expect(
        await db.query(
          "SELECT count(*)::int AS n FROM pg_attribute WHERE attrelid = 'main.s'::regclass AND attnum > 0",
        ),
      ).toEqual([{ n: 1_599 }]);
    });

    test("1,599 without them load, by key and without an index", async () => {
      await using db = await loadable(server);
      const settings = { ...unchecked, add_record_metadata: false, hard_delete: true };
      const properties = { ...wide(1_598), _sdc_deleted_at: "date-time" };
      const lines = schema("s", properties, { keys: ["id"] });
      await db.load([lines, row({ id: 1, p0: "a" }), row({ id: 2, p0: "a" })], settings);
      await db.query("ALTER TABLE main.s DROP CONSTRAINT " + (await ownKey(db)));
      await db.load(
        [
          lines,
          row({ id: 1, p1: "b" }),
          row({ id: 2, _sdc_deleted_at: "2026-01-01T00:00:00Z" }),
          row({ id: 1, p2: "c" }),
        ],
        settings,
      );
      expect(await db.rows("id, p0, p1, p2")).toEqual([["1", "a", "b", "c"]]);
    });

    test("one more is refused before anything is written", async () => {
      await using db = await loadable(server);
      const other = schema("other", { id: "integer" }, { keys: ["id"] });
      const error = await errorOf(
        db.load(
          [
            other,
            record("other", { id: 1 }),
            schema("s", wide(1_593), { keys: ["id"] }),
            row({ id: 1 }),
            state({ n: 1 }),
          ],
          unchecked,
        ),
      );
      expect(error).toMatchObject({ code: "SCHEMA_INVALID", stream: "s" });
      expect(error.message).toContain("1600 columns do not fit into a table of Postgres, which has room for 1599");
      expect(await db.tables()).toEqual([]);
      expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: null }]);
    });

    test("columns that a table has already count too", async () => {
      await using db = await loadable(server);
      const theirs = Array.from({ length: 1_590 }, (_, i) => `x${i} int`);
      await db.query(`CREATE TABLE main.s (id bigint, ${theirs.join(", ")})`);
      const wider = schema("s", { id: "integer", v: "string", w: "string" }, { keys: ["id"] });
      const error = await errorOf(db.load([wider, row({ id: 1, v: "a", w: "a" })])); // 1,593 and 7 of Singer's
      expect(error.code).toBe("SCHEMA_INVALID");
      await db.load([line, row({ id: 1, v: "a" })]);
      expect(await db.rows("id, v")).toEqual([["1", "a"]]);
    });
  });

  describe("a table that another program made", () => {
    const first = [row({ id: 1, v: "a" }), row({ id: 2, v: "a" })];
    const second = [row({ id: 1, v: "b" }), row({ id: 3, v: "b" })];
    const merged = [
      ["1", "b"],
      ["2", "a"],
      ["3", "b"],
    ];

    test.each<[string, string]>([
      ["without a primary key", "id bigint, v text"],
      ["with its primary key on another column", "uid bigserial PRIMARY KEY, id bigint, v text"],
      ["with a unique index on another column beside", "id bigint PRIMARY KEY, uid bigserial UNIQUE, v text"],
      ["with columns in another order", "v text, extra int, id bigint PRIMARY KEY"],
      ["with a deferrable primary key", "id bigint PRIMARY KEY DEFERRABLE, v text"],
      ["with narrow types", "id smallint PRIMARY KEY, v varchar(1)"],
      ["with a default that must not be null", "id bigint, v text, made timestamptz NOT NULL DEFAULT now()"],
      ["with a generated column", "id bigint, v text, twice bigint GENERATED ALWAYS AS (id * 2) STORED NOT NULL"],
      ["with an identity column", "id bigint, v text, number int GENERATED ALWAYS AS IDENTITY"],
      [
        "with a generated column and a key",
        "id bigint PRIMARY KEY, v text, twice bigint GENERATED ALWAYS AS (id * 2) STORED",
      ],
      ["that is inherited", "id bigint PRIMARY KEY, v text); CREATE TABLE main.child () INHERITS (main.s"],
    ])("%s takes rows by key", async (_, columns) => {
      for (const absent_properties of ["keep", "null"] as const) {
        await using db = await loadable(server);
        await db.query(`CREATE TABLE main.s (${columns})`);
        await db.load([line, ...first], { absent_properties });
        const { summary } = await db.load([line, ...second], { absent_properties });
        expect(summary.rejected).toBe(0);
        expect(await db.rows("id, v")).toEqual(merged);
      }
    });

    test("that is partitioned takes rows by key", async () => {
      await using db = await loadable(server);
      await db.query(
        `CREATE TABLE main.s (id bigint PRIMARY KEY, v text) PARTITION BY RANGE (id);
         CREATE TABLE main.low PARTITION OF main.s FOR VALUES FROM (0) TO (2);
         CREATE TABLE main.high PARTITION OF main.s DEFAULT`,
      );
      await db.load([line, ...first]);
      await db.load([line, ...second, row({ id: 1, v: "c" }), row({ id: 1, v: "b" })]);
      expect(await db.rows("id, v")).toEqual(merged);
    });

    test("what others keep in its rows stays, and so do the rows that refer to them", async () => {
      await using db = await loadable(server);
      await db.query(
        `CREATE TABLE main.s (uid bigserial PRIMARY KEY, id bigint, v text, note text DEFAULT 'none', by int GENERATED ALWAYS AS IDENTITY);
         INSERT INTO main.s (id, v, note) VALUES (1, 'old', 'mine'), (2, 'old', 'mine too');
         CREATE TABLE main.notes (uid bigint REFERENCES main.s ON DELETE CASCADE); INSERT INTO main.notes VALUES (1), (2)`,
      );
      await db.load([line, row({ id: 1, v: "b" }), row({ id: 3 }), row({ id: 2 })]);
      expect(await db.rows("uid, id, v, note, by")).toEqual([
        ["1", "1", "b", "mine", "1"],
        ["2", "2", "old", "mine too", "2"],
        ["3", "3", null, "none", "3"],
      ]);
      expect(await db.rows("uid", "notes")).toEqual([["1"], ["2"]]);
    });

    test("its types become wide enough and no wider, and what was there stays", async () => {
      await using db = await loadable(server);
      await db.query(
        `CREATE TABLE main.s (id int PRIMARY KEY, a smallint, b varchar(5), c numeric(4,1), d real, e timestamp, f uuid, g char(3), h json, i varchar);
         INSERT INTO main.s VALUES (0, 7, 'five!', 999.9, 0.5, '2026-01-01 10:00', '00000000-0000-0000-0000-00000000000a', 'abc', '{"k": 1}', 'x')`,
      );
      const types = { id: "integer", a: "integer", b: "string", c: "number", d: "number", e: "date-time", f: "string" };
      const more = { g: "string", h: "object", i: "string" };
      await db.load([
        schema("s", { ...types, ...more }, { keys: ["id"] }),
        record(
          "s",
          `{"id":1,"a":9007199254740993,"b":"six!!!","c":12345.678,"d":0.1,"e":"2026-01-01T10:00:00+02:00","f":"no uuid","g":"abcd","h":{"k":2},"i":"y"}`,
        ),
        row({ id: 0, a: 8 }), // what it lacks stays
      ]);
      expect(await db.rows("id, a, b, c, d, to_char(e, 'HH24:MI'), f, g, h::jsonb, i")).toEqual([
        ["0", "8", "five!", "999.9", "0.5", "10:00", "00000000-0000-0000-0000-00000000000a", "abc", '{"k":1}', "x"],
        ["1", "9007199254740993", "six!!!", "12345.678", "0.1", "08:00", "no uuid", "abcd", '{"k":2}', "y"],
      ]);
      const natives = await db.query(
        "SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'main.s'::regclass AND attnum BETWEEN 1 AND 10 ORDER BY attnum",
      );
      expect(natives.map(({ type }) => type)).toEqual([
        "bigint",
        "bigint",
        "text",
        "numeric",
        "double precision",
        "timestamp with time zone",
        "text",
        "text",
        "json",
        "character varying",
      ]);
    });

    test("doubled keys in a table without a key become one row, the others stay", async () => {
      await using db = await loadable(server);
      await db.query(
        `CREATE TABLE main.s (id bigint, v text, note text);
         INSERT INTO main.s VALUES (1, 'a', 'first'), (1, 'a', 'last'), (2, 'a', 'x'), (2, 'a', 'y')`,
      );
      await db.load([line, row({ id: 1, v: "b" })]);
      expect(await db.rows("id, v, note")).toEqual([
        ["1", "b", "last"],
        ["2", "a", "x"],
        ["2", "a", "y"],
      ]);
    });

    test.each<[string, string]>([
      ["a view", "CREATE VIEW main.s AS SELECT 1::bigint AS id, 'a'::text AS v"],
      [
        "a view that takes rows",
        "CREATE TABLE main.t (id bigint PRIMARY KEY, v text); CREATE VIEW main.s AS SELECT * FROM main.t",
      ],
      ["a materialized view", "CREATE MATERIALIZED VIEW main.s AS SELECT 1::bigint AS id, 'a'::text AS v"],
      ["a sequence", "CREATE SEQUENCE main.s"],
      ["an index", "CREATE TABLE main.t (id int); CREATE INDEX s ON main.t (id)"],
      ["a type", "CREATE TYPE main.s AS (id int)"],
    ])("%s of that name is refused, and nothing of the batch is written", async (_, sql) => {
      for (const add_record_metadata of [true, false]) {
        await using db = await loadable(server);
        await db.query(sql);
        const other = schema("other", { id: "integer" }, { keys: ["id"] });
        const error = await errorOf(
          db.load([other, record("other", { id: 1 }), line, ...first, state({ n: 1 })], { add_record_metadata }),
        );
        expect(error.code).toBe("WAREHOUSE_REFUSED");
        expect(error.message).toContain('"s"');
        expect(await db.tables()).not.toContain("other");
        expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: null }]);
      }
    });
  });

  describe("the key of a table of ours", () => {
    const key = async (db: { query(sql: string): Promise<Record<string, unknown>[]> }) => {
      const [found] = await db.query(
        "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conrelid = 'main.s'::regclass AND contype = 'p'",
      );
      return found?.["text"];
    };

    test("follows a key that changes, and with doubled values there is none", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 1, v: "a" }), row({ id: 2, v: "b" })]);
      expect(await key(db)).toBe("PRIMARY KEY (id)");
      await db.load([schema("s", { id: "integer", v: "string" }, { keys: ["v"] }), row({ id: 7, v: "b" })]);
      expect(await key(db)).toBe("PRIMARY KEY (v)");
      await db.load([schema("s", { id: "integer", v: "string" }, { keys: ["id", "v"] }), row({ id: 7, v: "c" })]);
      expect(await key(db)).toBe("PRIMARY KEY (id, v)");
      await db.load([line, row({ id: 8, v: "c" })]);
      expect(await key(db)).toBe(undefined);
      await db.load([line, row({ id: 7, v: "d" })]);
      expect(await db.rows("id, v")).toEqual([
        ["1", "a"],
        ["7", "d"],
        ["8", "c"],
      ]);
    });

    test("append-only, then upsert, and back", async () => {
      await using db = await loadable(server);
      const run = (load_method: "append-only" | "upsert", ...rows: [number, string][]) =>
        db.load([line, ...rows.map(([id, v]) => row({ id, v }))], { load_method });
      await run("upsert", [1, "a"], [2, "a"]);
      await run("append-only", [1, "b"], [1, "c"], [3, "c"]);
      await run("upsert", [1, "d"], [4, "d"]);
      await run("append-only", [4, "e"]);
      await run("upsert", [2, "f"]);
      expect(await db.rows("id, v")).toEqual([
        ["1", "d"],
        ["2", "f"],
        ["3", "c"],
        ["4", "d"],
        ["4", "e"],
      ]);
    });

    test("a text of 3,000 letters is no entry of an index, the others load and the table keeps its key", async () => {
      await using db = await loadable(server);
      const texts = schema("s", { id: "string", v: "string" }, { keys: ["id"] });
      // Letters without a pattern: what repeats is made short enough.
      let seed = 1;
      const long = Array.from({ length: 3_000 }, () =>
        String.fromCharCode(33 + ((seed = (seed * 48_271) % 2_147_483_647) % 90)),
      ).join("");
      const { summary } = await db.load([
        texts,
        row({ id: "a", v: "1" }),
        row({ id: long, v: "2" }),
        row({ id: "b", v: "3" }),
      ]);
      expect(summary.rejected).toBe(1);
      expect(await db.rows("id, v")).toEqual([
        ["a", "1"],
        ["b", "3"],
      ]);
      expect(await key(db)).toBe("PRIMARY KEY (id)");
      const [rejected] = await db.query("SELECT reason, payload FROM main._rejected");
      expect(rejected).toMatchObject({ payload: { id: long, v: "2" } });
      expect(rejected?.["reason"]).toContain("54000");
      expect(rejected?.["reason"]).not.toContain(long.slice(0, 20));
    });
  });

  describe("overwrite", () => {
    const overwrite = { load_method: "overwrite" } as const;
    const fresh = [line, row({ id: 2, v: "new" })];

    test("views on the table stay and show the new rows", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 1, v: "old" })]);
      await db.query("CREATE VIEW main.seen AS SELECT id, v FROM main.s");
      await db.load(fresh, overwrite);
      expect(await db.rows("id, v", "seen")).toEqual([["2", "new"]]);
      expect(await db.tables()).toEqual(["s"]);
    });

    test("a view stays while columns that it does not show change their type, come and go, and the key changes", async () => {
      await using db = await loadable(server);
      await db.load([
        schema("s", { id: "integer", v: "integer", w: "string" }, { keys: ["id"] }),
        row({ id: 1, v: 5, w: "x" }),
      ]);
      await db.query("CREATE VIEW main.seen AS SELECT id FROM main.s");
      const changed = schema("s", { id: "integer", v: "string", more: "integer" }, { keys: ["v"] });
      await db.load([changed, row({ id: 1, v: "a", more: 1 }), row({ id: 1, v: "b", more: 2 })], overwrite);
      expect(await db.rows("id, v, more, w")).toEqual([
        ["1", "a", "1", null],
        ["1", "b", "2", null],
      ]);
      expect(await db.rows("id", "seen")).toHaveLength(2);
    });

    test("a view that shows a column whose type changes: refused, and everything stays as it was", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 1, v: "old" }), state({ n: 1 })]);
      await db.query("CREATE VIEW main.seen AS SELECT id FROM main.s");
      const error = await errorOf(
        db.load(
          [schema("s", { id: "string", v: "string" }, { keys: ["id"] }), row({ id: "x", v: "new" }), state({ n: 2 })],
          overwrite,
        ),
      );
      expect(error.code).toBe("WAREHOUSE_REFUSED");
      expect(error.message).toContain("view");
      expect(await db.rows("id, v", "s")).toEqual([["1", "old"]]);
      expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: '{"n":1}' }]);
    });

    test("who could read the table still can", async () => {
      await using db = await loadable(server);
      const role = `reader_${Math.random().toString(36).slice(2)}`;
      await db.load([line, row({ id: 1, v: "old" })]);
      await db.query(
        `CREATE ROLE ${role}; GRANT USAGE ON SCHEMA main TO ${role}; GRANT SELECT ON main.s TO ${role} WITH GRANT OPTION`,
      );
      try {
        await db.load(fresh, overwrite);
        expect(await db.query(`SET ROLE ${role}; SELECT id, v FROM main.s`)).toEqual([{ id: "2", v: "new" }]);
      } finally {
        await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      }
    });

    test.each<[string, string, string]>([
      ["an index", "CREATE INDEX mine ON main.s (v)", "SELECT 1 FROM pg_indexes WHERE indexname = 'mine'"],
      [
        "a check",
        "ALTER TABLE main.s ADD CONSTRAINT mine CHECK (id > 0)",
        "SELECT 1 FROM pg_constraint WHERE conname = 'mine'",
      ],
      [
        "a policy for readers",
        "ALTER TABLE main.s ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON main.s USING (id > 5)",
        "SELECT 1 FROM pg_policies WHERE policyname = 'mine'",
      ],
      [
        "a trigger",
        "CREATE FUNCTION main.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER mine BEFORE INSERT ON main.s FOR EACH ROW EXECUTE FUNCTION main.f()",
        "SELECT 1 FROM pg_trigger WHERE tgname = 'mine'",
      ],
      [
        "a default",
        "ALTER TABLE main.s ALTER v SET DEFAULT 'mine'",
        "SELECT 1 FROM pg_attrdef WHERE pg_get_expr(adbin, adrelid) LIKE '%mine%'",
      ],
      [
        "a NOT NULL",
        "ALTER TABLE main.s ALTER v SET NOT NULL",
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'main.s'::regclass AND attname = 'v' AND attnotnull",
      ],
      ["a comment", "COMMENT ON COLUMN main.s.v IS 'mine'", "SELECT 1 FROM pg_description WHERE description = 'mine'"],
      [
        "a grant on a column",
        "GRANT SELECT (v) ON main.s TO pg_monitor",
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'main.s'::regclass AND attacl IS NOT NULL",
      ],
      [
        "a partition",
        "ALTER TABLE main.s RENAME TO p; CREATE TABLE main.s (LIKE main.p) PARTITION BY LIST (id); ALTER TABLE main.s ATTACH PARTITION main.p DEFAULT",
        "SELECT 1 FROM pg_inherits",
      ],
    ])("%s that somebody gave the table stays", async (_, make, find) => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 1, v: "old" })]);
      await db.query(make);
      for (let run = 0; run < 2; run++) await db.load(fresh, overwrite);
      expect(await db.query(find)).toHaveLength(1);
      expect(await db.rows("id, v")).toEqual([["2", "new"]]);
    });

    test("a column of another type is just that", async () => {
      await using db = await loadable(server);
      await db.load([line, row({ id: 1, v: "old" })]);
      await db.load([schema("s", { id: "string", v: "integer" }, { keys: ["id"] }), row({ id: "x", v: 5 })], overwrite);
      expect(await db.rows("id, v, pg_typeof(v)")).toEqual([["x", "5", "bigint"]]);
    });

    test("a table that is called as one in the making might be is nobody's but its owner's", async () => {
      await using db = await loadable(server);
      const names = ["s", "s__new", "s__new__new", "_chorus_elt_new_s", "x".repeat(63), "ä".repeat(31)];
      const of = (v: string) =>
        names.flatMap((name) => [
          schema(name, { id: "integer", v: "string" }, { keys: ["id"] }),
          record(name, { id: 1, v }),
        ]);
      await db.load(of("old"));
      const tables = await db.tables();
      expect(tables).toHaveLength(names.length);
      const [one, ...silent] = names.map((name) => schema(name, { id: "integer", v: "string" }, { keys: ["id"] }));
      await db.load([one!, record("s", { id: 1, v: "new" }), ...silent], overwrite);
      expect(await db.tables()).toEqual(tables);
      for (const table of tables) expect(await db.rows("v", table)).toEqual([[table === "s" ? "new" : "old"]]);
      await db.load(of("newest"), overwrite);
      expect(await db.tables()).toEqual(tables);
      for (const table of tables) expect(await db.rows("v", table)).toEqual([["newest"]]);
    });
  });

  describe("names", () => {
    test.each([
      'x"; drop table y; --',
      "%s $1 :x {y}",
      "a.b as c",
      "\\' E'",
      "ctid",
      "xmin",
      "tableoid",
      "",
      "ö".repeat(40),
      "'",
    ])("of a column: %j, also as a key", async (name) => {
      await using db = await loadable(server);
      for (const keys of [["id"], [name]]) {
        for (const v of ["1", "2"]) {
          const lines = schema("s", { id: "integer", [name]: "string" }, { keys });
          await db.load([lines, row({ id: 1, [name]: v }), row({ id: 1, [name]: v })]);
        }
      }
      expect(await db.query("SELECT count(*)::int AS n FROM main.s")).toEqual([{ n: 2 }]);
    });

    test.each(['x"; drop table y; --', "%s $1 :x {y}", "a.b as c", "pg_class", "rows_0", "ö".repeat(40)])(
      "of a stream: %j",
      async (name) => {
        await using db = await loadable(server);
        for (const load_method of ["upsert", "upsert", "append-only", "overwrite"] as const) {
          await db.load([schema(name, { id: "integer" }, { keys: ["id"] }), record(name, { id: 1 })], { load_method });
        }
        const [table, ...others] = await db.tables();
        expect(others).toEqual([]);
        expect(await db.rows("id", table!.replaceAll('"', '""'))).toEqual([["1"]]);
      },
    );

    test("of the schema: two schemas hold two tables of one name, and each its own state", async () => {
      await using db = await loadable(server);
      const schemas = ["main", 'x"; drop table y; --', "%s.ö"];
      for (const [n, default_target_schema] of schemas.entries()) {
        await db.load(
          [line, row({ id: n, v: default_target_schema }), state({ n })],
          { default_target_schema },
          { default_target_schema },
        );
      }
      for (const [n, name] of schemas.entries()) {
        const quoted = `"${name.replaceAll('"', '""')}"`;
        expect(await db.query(`SELECT id, v FROM ${quoted}.s`)).toEqual([{ id: String(n), v: name }]);
        expect(await db.query(`SELECT state FROM ${quoted}._chorus_elt_state`)).toEqual([{ state: `{"n":${n}}` }]);
      }
    });
  });
});

async function ownKey(db: { query(sql: string): Promise<Record<string, unknown>[]> }): Promise<string> {
  const [found] = await db.query(
    "SELECT conname AS name FROM pg_constraint WHERE conrelid = 'main.s'::regclass AND contype = 'p'",
  );
  return String(found?.["name"]);
}
