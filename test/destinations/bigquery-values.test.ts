import { describe, expect, test } from "vitest";
import { parseJson } from "../../src/core/json.ts";
import type { ColumnType } from "../../src/core/column.ts";
import { toGoogleSql } from "../../src/destinations/bigquery/google-sql.ts";
import { literal, quote, traits } from "../../src/destinations/bigquery/types.ts";
import { putter } from "../../src/destinations/bigquery/values.ts";

const decimal = (scale: number): ColumnType => ({ kind: "decimal", scale });
const text = { widenTo: { kind: "text" } };

describe("values for BigQuery", () => {
  test.each<[ColumnType, string, unknown]>([
    [{ kind: "integer" }, "9223372036854775807", '"9223372036854775807"'],
    [{ kind: "integer" }, "9223372036854775808", { widenTo: decimal(9) }],
    [{ kind: "integer" }, "0.5", { widenTo: { kind: "number" } }],
    [{ kind: "number" }, "0.1", '"0.1"'],
    [{ kind: "number" }, "0.1234567890123456789", text],
    [{ kind: "number" }, "12345678901234567.25", { widenTo: decimal(9) }],
    [decimal(9), "99999999999999999999999999999.999999999", '"99999999999999999999999999999.999999999"'],
    [decimal(9), "0.0000000001", { widenTo: decimal(18) }],
    [decimal(18), "12345678901234567890.123456789012345678", '"12345678901234567890.123456789012345678"'],
    [decimal(18), "123456789012345678901.5", text],
    [decimal(9), "1e-5", '"0.00001"'],
    [decimal(9), "1E+40", text],
    [
      { kind: "json" },
      '{"n":123456789012345678901234567890}',
      String.raw`"{\"n\":\"123456789012345678901234567890\"}"`,
    ],
    [{ kind: "date" }, '"0000-01-01"', { reason: "is not in the years 1 to 9999" }],
    [{ kind: "timestamp" }, '"2026-01-01T01:30:00.1234567+02:00"', '"2025-12-31T23:30:00.123456Z"'],
  ])("for %j %s is %j", (type, value, expected) => {
    expect(putter(type, undefined)(parseJson(value))).toEqual(expected);
  });

  test("lists have items of one kind, and none that is null", () => {
    const put = putter({ kind: "json" }, "integer");
    expect(put(parseJson("[1,9007199254740993]"))).toBe(String.raw`"[\"1\",\"9007199254740993\"]"`);
    expect(put([1, null])).toEqual({ reason: "has an item that is null" });
    expect(put([1, "one"])).toEqual({ reason: "has an item of another type" });
    expect(put("no list")).toHaveProperty("reason");
  });
});

describe("names and texts in GoogleSQL", () => {
  test.each([
    ["call_id", "call_id"],
    ["_TABLE_x", /^x_TABLE_x_[0-9a-f]{8}$/],
    ["_partitiontime", /^x_partitiontime_[0-9a-f]{8}$/],
    ["1st", /^_1st_[0-9a-f]{8}$/],
    ["", /^__[0-9a-f]{8}$/],
    ["a.b", /^a_b_[0-9a-f]{8}$/],
    ["grüße", /^gr__e_[0-9a-f]{8}$/],
  ])("%j is spelt %s", (name, expected) => {
    const spelt = traits.spell?.(name);
    if (typeof expected === "string") expect(spelt).toBe(expected);
    else expect(spelt).toMatch(expected);
  });

  test("nothing gets out of its quotes", () => {
    expect(quote("a`b\\c")).toBe("`a\\`b\\\\c`");
    expect(literal("it's \\ a\nline")).toBe(String.raw`'it\'s \\ a\nline'`);
  });
});

describe("the SQL that databases have in common becomes GoogleSQL", () => {
  test.each([
    ['SELECT "a b" FROM "t" WHERE x = $1', "SELECT `a b` FROM `t` WHERE x = @p1"],
    ["SELECT CAST(x AS TEXT), CAST(y AS BIGINT)", "SELECT CAST(x AS STRING), CAST(y AS INT64)"],
    ["SELECT CAST($2 AS TIMESTAMP WITH TIME ZONE)", "SELECT CAST(@p2 AS TIMESTAMP)"],
    ["SELECT CAST(x AS DOUBLE PRECISION)", "SELECT CAST(x AS FLOAT64)"],
    ["SELECT 'it''s $1 AS TEXT) \"x\"'", String.raw`SELECT 'it\'s $1 AS TEXT) "x"'`],
    ['SELECT EXTRACT(EPOCH FROM "at")', "SELECT (UNIX_MICROS(`at`) / 1000000)"],
    ['SELECT CAST(to_json(t."k") AS TEXT)', "SELECT TO_JSON_STRING(t.`k`)"],
    ["SELECT 1 FROM information_schema.columns", "SELECT 1 FROM `d`.INFORMATION_SCHEMA.COLUMNS"],
    ["SELECT 1 FROM information_schema.tables", "SELECT 1 FROM `d`.INFORMATION_SCHEMA.TABLES"],
    [
      "SELECT v.id FROM (VALUES ($1, CAST(NULL AS TEXT)), ($2, 'x, y')) AS v(id, t)",
      "SELECT v.id FROM UNNEST([STRUCT(@p1 AS id, CAST(NULL AS STRING) AS t), (@p2, 'x, y')]) AS v",
    ],
  ])("%s", (sql, expected) => {
    expect(toGoogleSql(sql, "d")).toBe(expected);
  });
});
