import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { columnsOf, dbt, dbtProgram, dump, dumpOfCsv, inDuckdb, loadRaw, PROJECT, troubles } from "../support/dbt.ts";
import { temporaryFolder } from "../support/folder.ts";

const GOLDEN = join(PROJECT, "integration_tests", "golden");
const TABLES = readdirSync(join(GOLDEN, "expected")).map((name) => name.replace(/\.csv$/, ""));

/** Warnings that rows of the golden set are there to raise. */
const WARNED: readonly string[] = [];

// A hand-written set of raw rows, loaded by target-warehouse and built by dbt, against tables that were written by hand.
describe.runIf(dbtProgram() !== undefined)("goldens on DuckDB", { timeout: 240_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let place: ReturnType<typeof inDuckdb>;

  beforeAll(async () => {
    folder = await temporaryFolder();
    place = inDuckdb(join(folder.path, "golden.duckdb"));
    expect(await loadRaw(place, join(GOLDEN, "raw"), folder.path)).toBeUndefined();
    const vars = { discovery_call_types: ["discovery"] };
    const built = await dbt(place, ["build"], { folder: folder.path, vars });
    expect(troubles(built).filter((line) => !WARNED.some((name) => line.includes(name)))).toEqual([]);
    expect(built.code, built.output).toBe(0);
  }, 240_000);

  afterAll(async () => folder[Symbol.asyncDispose]());

  test.each(TABLES)("%s is as written by hand", async (table) => {
    const expected = await dumpOfCsv(join(GOLDEN, "expected", `${table}.csv`));
    const columns = (expected[0] ?? "").split(",");
    expect(await columnsOf(place, table)).toEqual(expect.arrayContaining(columns));
    expect(await dump(place, table, columns)).toEqual(expected);
  });
});
