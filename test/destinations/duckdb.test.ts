import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describeDestination } from "../conformance/destination.ts";
import type { Opened } from "../conformance/bench.ts";
import { isExact, parseJson, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import duckdb from "../../src/destinations/duckdb/index.ts";
import { typeOf } from "../../src/destinations/duckdb/types.ts";
import { temporaryFolder } from "../support/folder.ts";

describeDestination("DuckDB", open);

/** A database file in a folder of its own. */
async function open(): Promise<Opened> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "test.duckdb");
  const read = async (sql: string) => {
    const instance = await DuckDBInstance.create(path);
    const db = await instance.connect();
    try {
      await db.run("SET TimeZone = 'UTC'");
      return (await db.runAndReadAll(sql)).getRowObjects();
    } finally {
      db.closeSync();
      instance.closeSync();
    }
  };
  const types = async (table: string) =>
    (
      await read(
        `SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ${literal(table)} ORDER BY column_index`,
      )
    ).map((row) => [String(row["column_name"]), String(row["data_type"])] as const);
  return {
    connect: (env) => duckdb.connect({ path, lock_timeout_seconds: 0, memory_limit: "160MB" }, env),
    async rows(table) {
      const columns = await types(table);
      const select = columns.map(([name, type]) =>
        type === "TIMESTAMP WITH TIME ZONE" ? `epoch_us(${quote(name)})::VARCHAR` : `${quote(name)}::VARCHAR`,
      );
      const rows = await read(`SELECT ${select.map((sql, i) => `${sql} AS c${i}`).join(", ")} FROM ${quote(table)}`);
      return rows.map((row) =>
        Object.fromEntries(columns.map(([name, type], i) => [name, normal(row[`c${i}`] as string | null, type)])),
      );
    },
    tables: async () => (await read("SELECT table_name FROM duckdb_tables()")).map((row) => String(row["table_name"])),
    columns: async (table) => Object.fromEntries((await types(table)).map(([name, type]) => [name, typeOf(type).kind])),
    async run(sql) {
      await read(sql);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

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
    case "TIMESTAMP WITH TIME ZONE":
      return isoOf(BigInt(text));
    case "JSON":
      return plain(parseJson(text));
    default:
      return text;
  }
}

function isoOf(micros: bigint): string {
  const second = 1_000_000n;
  const rest = ((micros % second) + second) % second;
  const whole = new Date(Number((micros - rest) / 1_000n)).toISOString().slice(0, 19);
  return `${whole}${rest === 0n ? "" : `.${rest.toString().padStart(6, "0").replace(/0+$/, "")}`}Z`;
}

/** Numbers that a double cannot hold become their digits, everything else stays. */
function plain(value: JsonValue): JsonValue {
  if (isExact(value)) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, inner]) => [key, plain(inner ?? null)]));
}
