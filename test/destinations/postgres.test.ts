import pg from "pg";
import { parseJson, type JsonValue } from "../../src/core/json.ts";
import postgres from "../../src/destinations/postgres/index.ts";
import { typeOf } from "../../src/destinations/postgres/types.ts";
import { describeDestination } from "../conformance/destination.ts";
import type { Opened } from "../conformance/bench.ts";
import { isoOf, plain } from "../conformance/normal.ts";
import { describePostgres, type Postgres } from "../support/own-postgres.ts";

await describePostgres("Postgres", (server) => {
  describeDestination("Postgres", () => open(server));
});

/** A database of its own, on the server that all test files share. */
async function open(server: Postgres): Promise<Opened> {
  const database = await server.database();
  const using = async <T>(work: (read: Read) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query("SET timezone TO 'UTC'");
      return await work(async (text, values = []) => {
        const { rows } = await client.query<(string | null)[]>({ text, values, rowMode: "array", types: AS_TEXT });
        return rows;
      });
    } finally {
      await client.end();
    }
  };
  const types = async (read: Read, table: string) => {
    const sql = `SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
      WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;
    return (await read(sql, [`${quote("main")}.${quote(table)}`])).map(
      ([name, type]) => [String(name), String(type)] as const,
    );
  };
  // Statements of the suite name no schema.
  await using((read) => read(`CREATE SCHEMA main; ALTER DATABASE ${database.name} SET search_path TO main`));
  return {
    connect: (env) => postgres.connect(config(database.url), env),
    rows: (table) =>
      using(async (read) => {
        const columns = await types(read, table);
        const select = columns.map(([name, type]) =>
          type.startsWith("timestamp")
            ? `(extract(epoch FROM ${quote(name)}) * 1000000)::bigint`
            : `${quote(name)}::text`,
        );
        const rows = await read(`SELECT ${select.join(", ")} FROM main.${quote(table)}`);
        return rows.map((row) =>
          Object.fromEntries(columns.map(([name, type], i) => [name, normal(row[i] ?? null, type)])),
        );
      }),
    tables: () =>
      using(async (read) =>
        (await read("SELECT tablename FROM pg_tables WHERE schemaname = 'main'")).map(([name]) => String(name)),
      ),
    columns: (table) =>
      using(async (read) =>
        Object.fromEntries((await types(read, table)).map(([name, type]) => [name, typeOf(type).kind])),
      ),
    async run(sql) {
      await using((read) => read(sql));
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

type Read = (sql: string, values?: unknown[]) => Promise<(string | null)[][]>;

const AS_TEXT = { getTypeParser: () => (text: string | Buffer) => text };

const config = (url: string) => ({
  url,
  default_target_schema: "main",
  statement_timeout_seconds: 0,
  lock_timeout_seconds: 0,
  connect_timeout_seconds: 0,
});

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** A value, read as text, in the form that the suite compares. */
function normal(text: string | null, type: string): JsonValue {
  if (text === null) return null;
  switch (type) {
    case "boolean":
      return text === "true";
    case "bigint":
      return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case "double precision":
      return Number(text);
    case "numeric":
      return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
    case "timestamp with time zone":
      return isoOf(BigInt(text));
    case "jsonb":
    case "json":
      return plain(parseJson(text));
    default:
      return text;
  }
}
