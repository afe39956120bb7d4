import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { bench } from "../conformance/bench.ts";
import { load, testEnv } from "../support/loading.ts";
import { record, schema, state } from "../support/singer.ts";
import { describeDestination } from "../conformance/destination.ts";
import type { Opened } from "../conformance/bench.ts";
import { isoOf, plain } from "../conformance/normal.ts";
import type { RejectedRow } from "../../src/core/destination.ts";
import { parseJson, type JsonValue } from "../../src/core/json.ts";
import duckdb from "../../src/destinations/duckdb/index.ts";
import { typeOf } from "../../src/destinations/duckdb/types.ts";
import { temporaryFolder } from "../support/folder.ts";

describeDestination("DuckDB", open);

describe("DuckDB's own", () => {
  const line = schema("s", { id: "integer", n: "integer", v: "string", at: "date-time" }, { keys: ["id"] });

  test("a table of another program, with narrower types, takes all values", async () => {
    await using db = await bench(open);
    await db.opened.run("CREATE TABLE s (id SMALLINT, n INTEGER, v UUID, x DECIMAL(4,1), f FLOAT)");
    await db.opened.run("INSERT INTO s VALUES (1, 1, '00000000-0000-0000-0000-000000000001', 1.5, 0.5)");
    const wide = schema("s", { id: "integer", n: "integer", v: "string", x: "number", f: "number" }, { keys: ["id"] });
    await db.load([wide, record("s", `{"id":2,"n":9007199254740993,"v":"any text","x":123456789.5,"f":0.1}`)]);
    expect(await db.rows("s")).toEqual([
      { id: 1, n: 1, v: "00000000-0000-0000-0000-000000000001", x: "1.5", f: 0.5 },
      { id: 2, n: "9007199254740993", v: "any text", x: "123456789.5", f: 0.1 },
    ]);
  });

  test("a table of another program, with wider types, keeps them", async () => {
    await using db = await bench(open);
    await db.opened.run('CREATE TABLE s (id VARCHAR, n DOUBLE, "at" TIMESTAMP)');
    await db.load([line, record("s", { id: 1, n: 2, at: "2024-01-01T10:00:00+05:00" })]);
    expect(await db.opened.columns("s")).toMatchObject({ id: "text", n: "number", at: "timestamp" });
    expect(await db.rows("s")).toMatchObject([{ id: "1", n: 2, at: "2024-01-01T05:00:00Z" }]);
  });

  test("a table of another program, with its columns in another case, is found by column", async () => {
    await using db = await bench(open);
    await db.opened.run("CREATE TABLE s (id BIGINT, V VARCHAR)");
    await db.load([line, record("s", { id: 1, v: "mine" })]);
    const [row = {}] = await db.rows("s");
    expect([row["V"], Object.values(row).includes("mine")]).toEqual([null, true]);
  });

  test("a table of another program that has a key twice: what a record lacks stays once", async () => {
    await using db = await bench(open);
    await db.opened.run("CREATE TABLE s (id BIGINT, v VARCHAR, x VARCHAR)");
    await db.opened.run("INSERT INTO s VALUES (1, 'stays', 'beyond'), (1, 'stays', 'beyond'), (2, 'other', NULL)");
    await db.load([line, record("s", { id: 1, n: 5 }), record("s", { id: 3, n: 6 })]);
    expect((await db.rows("s")).map(({ id, n, v, x }) => [id, n, v, x])).toEqual([
      [1, 5, "stays", "beyond"],
      [2, null, "other", null],
      [3, 6, null, null],
    ]);
  });

  test("a table _rejected of an earlier version gets ids and goes on", async () => {
    await using db = await bench(open);
    await db.opened.run(
      `CREATE TABLE _rejected (stream VARCHAR, reason VARCHAR, line BIGINT, payload JSON, rejected_at TIMESTAMPTZ)`,
    );
    await db.opened.run(`INSERT INTO _rejected VALUES ('s', 'old', 1, '{"id":1}', '2025-01-01 00:00:00+00')`);
    await db.load([line, record("s", { id: "x" })]);
    await using warehouse = await db.opened.connect(testEnv());
    const rows: RejectedRow[] = [];
    for await (const row of warehouse.rejected("main")) rows.push(row);
    expect(rows).toMatchObject([
      { stream: "s", reason: "old", payload: '{"id":1}', rejectedAt: Date.UTC(2025, 0, 1) },
      { stream: "s", payload: '{"id":"x"}' },
    ]);
    expect(rows.map(({ id }) => id.length)).toEqual([36, 36]);
    expect(rows.map(({ sequence }) => sequence === undefined)).toEqual([true, false]);
  });

  test("what a refused batch says names no value, and nothing of it stays", async () => {
    await using db = await bench(open);
    await db.opened.run("CREATE TABLE s (id BIGINT, v VARCHAR CHECK (length(v) < 5))");
    await expect(
      db.load([line, record("s", { id: 1, v: "ok" }), record("s", { id: 2, v: "spoken words" }), state({ n: 1 })]),
    ).rejects.toMatchObject({
      code: "WAREHOUSE_REFUSED",
      message: expect.not.stringContaining("spoken") as unknown,
    });
    expect(await db.rows("s")).toEqual([]);
  });

  test("dates and instants do not depend on where the process runs", async () => {
    await using db = await bench(open);
    const zone = process.env["TZ"];
    process.env["TZ"] = "Asia/Karachi";
    try {
      const of = (type: string) => schema("s", { id: "integer", at: type, day: "date" }, { keys: ["id"] });
      await db.load([of("date"), record("s", { id: 1, at: "2024-01-01", day: "2024-01-01" })]);
      await db.load([of("date-time"), record("s", { id: 2, at: "2024-01-01T10:00:00+05:00", day: null })]);
      expect(await db.values("s", "at")).toEqual(["2024-01-01T00:00:00Z", "2024-01-01T05:00:00Z"]);
      await db.load([of("string"), record("s", { id: 3, at: "text" })]);
      expect(await db.values("s", "at")).toEqual([
        "2024-01-01T00:00:00.000000Z",
        "2024-01-01T05:00:00.000000Z",
        "text",
      ]);
      expect(await db.values("s", "day")).toEqual(["2024-01-01", null, null]);
    } finally {
      if (zone === undefined) Reflect.deleteProperty(process.env, "TZ");
      else process.env["TZ"] = zone;
    }
  });

  test("tables go to the schema that is asked for, with state and rejected records", async () => {
    await using db = await bench(open);
    await db.load([line, record("s", { id: 1 }), record("s", {}), state({ n: 1 })], {
      default_target_schema: 'raw "x"',
    });
    await using warehouse = await db.opened.connect(testEnv());
    expect(await warehouse.state('raw "x"', "default")).toEqual({ n: 1 });
    const counts: unknown[] = [];
    for await (const row of warehouse.query(
      'SELECT (SELECT count(*) FROM "raw ""x""".s)::INT AS s, (SELECT count(*) FROM "raw ""x"""._rejected)::INT AS r',
    ))
      counts.push(row);
    expect(counts).toEqual([{ s: 1, r: 1 }]);
  });

  test("no staged file outlives a run, and those of a killed run are taken away", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "test.duckdb");
    await mkdir(`${path}.staging`);
    await writeFile(join(`${path}.staging`, "7.parquet"), "left behind");
    {
      await using warehouse = await duckdb.connect({ path, lock_timeout_seconds: 0, memory_limit: "160MB" }, testEnv());
      await load(warehouse, [line, record("s", { id: 1 })]);
      expect(await readdir(`${path}.staging`)).not.toContain("7.parquet");
    }
    expect(await readdir(folder.path)).toEqual(["test.duckdb"]);
  });

  test("a path that DuckDB would read as a pattern", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a[1]*?'.duckdb");
    await using warehouse = await duckdb.connect({ path, lock_timeout_seconds: 0, memory_limit: "160MB" }, testEnv());
    await load(warehouse, [line, record("s", { id: 1 })]);
    const rows: unknown[] = [];
    for await (const row of warehouse.query("SELECT id::INT AS id FROM s")) rows.push(row);
    expect(rows).toEqual([{ id: 1 }]);
  });
});

/** A database file in a folder of its own. */
async function open(): Promise<Opened> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "test.duckdb");
  const using = async <T>(work: (read: Read) => Promise<T>): Promise<T> => {
    const instance = await DuckDBInstance.create(path);
    const db = await instance.connect();
    try {
      await db.run("SET TimeZone = 'UTC'");
      return await work(async (sql) => (await db.runAndReadAll(sql)).getRows());
    } finally {
      db.closeSync();
      instance.closeSync();
    }
  };
  const types = async (read: Read, table: string) => {
    const sql = `SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ${literal(table)} ORDER BY column_index`;
    return (await read(sql)).map(([name, type]) => [String(name), String(type)] as const);
  };
  return {
    connect: (env) => duckdb.connect({ path, lock_timeout_seconds: 0, memory_limit: "160MB" }, env),
    rows: (table) =>
      using(async (read) => {
        const columns = await types(read, table);
        const select = columns.map(([name, type]) =>
          type.startsWith("TIMESTAMP") ? `epoch_us(${quote(name)})::VARCHAR` : `${quote(name)}::VARCHAR`,
        );
        const rows = await read(`SELECT ${select.join(", ")} FROM ${quote(table)}`);
        return rows.map((row) =>
          Object.fromEntries(columns.map(([name, type], i) => [name, normal(row[i] as string | null, type)])),
        );
      }),
    tables: () =>
      using(async (read) => (await read("SELECT table_name FROM duckdb_tables()")).map(([name]) => String(name))),
    columns: (table) =>
      using(async (read) =>
        Object.fromEntries((await types(read, table)).map(([name, type]) => [name, typeOf(type).kind])),
      ),
    async run(sql) {
      await using((read) => read(sql));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

type Read = (sql: string) => Promise<unknown[][]>;

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** A value, read as text, in the form that the suite compares. */
function normal(text: string | null, type: string): JsonValue {
  if (text === null) return null;
  if (type.startsWith("DECIMAL")) return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
  switch (type) {
    case "BOOLEAN":
      return text === "true";
    case "BIGINT":
    case "INTEGER":
      return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case "DOUBLE":
      return Number(text);
    case "TIMESTAMP":
    case "TIMESTAMP WITH TIME ZONE":
      return isoOf(BigInt(text));
    case "JSON":
      return plain(parseJson(text));
    default:
      return text;
  }
}
