import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  dbt,
  dbtProgram,
  dump,
  dumpOfCsv,
  inDuckdb,
  loadRaw,
  MODELS,
  PROJECT,
  troubles,
  type DbtResult,
} from "../support/dbt.ts";
import { temporaryFolder } from "../support/folder.ts";

const GOLDEN = join(PROJECT, "integration_tests", "golden");
const TABLES = readdirSync(join(GOLDEN, "expected")).map((name) => name.replace(/\.csv$/, ""));

// Raw rows that were written by hand, loaded by target-warehouse and built by dbt, against tables that were written by hand.
describe.runIf(dbtProgram() !== undefined)("goldens on DuckDB", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let place: ReturnType<typeof inDuckdb>;
  let built: DbtResult;

  beforeAll(async () => {
    folder = await temporaryFolder();
    place = inDuckdb(join(folder.path, "golden.duckdb"));
    expect(await loadRaw(place, join(GOLDEN, "raw"), folder.path)).toBeUndefined();
    built = await dbt(place, ["build"], { folder: folder.path, vars: { discovery_call_types: ["discovery"] } });
    expect(built.code, built.output).toBe(0);
  }, 240_000);

  afterAll(async () => folder[Symbol.asyncDispose]());

  test.each(TABLES)("%s is as written by hand", async (table) => {
    const expected = await dumpOfCsv(join(GOLDEN, "expected", `${table}.csv`));
    const columns = (expected[0] ?? "").split(",");
    expect(await place.columns(table)).toEqual(expect.arrayContaining(columns));
    expect(await dump(place, table, columns)).toEqual(expected);
  });

  test("a kit that counts otherwise than its parts is warned of, and that is all", () => {
    const warned = troubles(built).map((line) => line.replace(/^(\w+) test\.chorus_elt\.(\w+)[^]*/, "$1 $2"));
    expect(warned.sort()).toEqual(["warn warn_adherence_differs", "warn warn_signals_found_differ"]);
  });

  test("bricks and kits that the catalogue does not know are kept", async () => {
    const rows = await place.read(
      `SELECT run_id, kit_code, brick_key, label, value_kind FROM ${MODELS}.fct_brick_values
        WHERE NOT is_catalogued ORDER BY run_id, brick_key`,
    );
    expect(rows).toEqual([
      ["r-custom", "CUSTOM99", "politeness", "politeness", "number"],
      ["r-custom", "CUSTOM99", "words", "words", "list"],
      ["r-f1", "FRMWRK01", "tone", "tone", "string"],
    ]);
  });
});
