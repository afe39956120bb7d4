import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { dbtProgram, inDuckdb, inPostgres, MODELS } from "../support/dbt.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { run } from "../e2e/pipe.ts";
import { build, everything, firstDifference, OF_THE_LOAD, rowsOf, WITHOUT_TESTS } from "./built.ts";
import { sampleAccount } from "./sample.ts";

const LONG_MS = 240_000;
describe.runIf(dbtProgram() !== undefined)("the models on DuckDB", () => {
  test(
    "a second build changes nothing, and after late, edited and shrunken calls incremental equals full refresh",
    async () => {
      await using folder = await temporaryFolder();
      await using account = await sampleAccount(folder.path, 60, "--quirks", "Q01,Q03,Q11");
      const database = join(folder.path, "w.duckdb");
      const place = inDuckdb(database);
      await account.load(place);
      await build(place, folder.path);
      const first = await everything(place);
      expect(rowsOf(first)).toBeGreaterThan(5_000);
      await build(place, folder.path, WITHOUT_TESTS);
      expect(firstDifference(first, await everything(place))).toBeUndefined();

      const untouched = await mark(database);
      const changed = await account.api.change({ late: 2, edit: 3, clear: 1 });
      expect(Object.values(changed).flat().length).toBeGreaterThan(2);
      await account.load(place);
      await build(place, folder.path, ["--exclude", "resource_type:unit_test"]);
      const incremental = await everything(place);
      const marked = (lines: readonly string[]) => lines.filter((line) => line.includes("a mark of the test"));
      expect(marked(incremental["fct_utterances"] ?? []), "it was not built anew").toHaveLength(1);
      await build(place, folder.path, ["--full-refresh", ...WITHOUT_TESTS]);
      const whole = await everything(place);
      const withoutMark = (tables: Record<string, string[]>) => ({
        ...tables,
        fct_utterances: (tables["fct_utterances"] ?? []).filter((line) => !line.startsWith(untouched)),
      });
      expect(firstDifference(withoutMark(incremental), withoutMark(whole))).toBeUndefined();
      expect(firstDifference(first, whole), "the changes were none").toBeDefined();
    },
    LONG_MS,
  );
});

/** Changes one turn of the oldest call, which the account does not change, and gives how its line begins: a full build would undo that. */
async function mark(database: string): Promise<string> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  try {
    const table = `${MODELS}.fct_utterances`;
    const rows = await connection.runAndReadAll(
      `SELECT call_id FROM ${table} JOIN ${MODELS}.fct_calls calls USING (call_id) WHERE utterance_index = 0 AND calls.platform = 'chorus'
       ORDER BY calls.started_at, call_id LIMIT 1`,
    );
    const call = String(rows.getRows()[0]?.[0]);
    await connection.run(
      `UPDATE ${table} SET utterance_text = 'a mark of the test' WHERE call_id = '${call}' AND utterance_index = 0`,
    );
    return `${call},0,`;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

await describePostgres("the models on Postgres", (server) => {
  test.runIf(dbtProgram() !== undefined)(
    "are row by row those on DuckDB, from the same lines, and a second build changes nothing",
    async () => {
      await using folder = await temporaryFolder();
      await using account = await sampleAccount(folder.path, 60);
      await using db = await server.database();
      const duckdb = inDuckdb(join(folder.path, "w.duckdb"));
      const postgres = inPostgres(db.url);
      const lines = await account.load(duckdb);
      const config = join(folder.path, "postgres.json");
      await writeFile(config, JSON.stringify(postgres.target));
      const loaded = await run("target-warehouse", ["--config", config], lines);
      expect(loaded.code, loaded.stderr).toBe(0);
      await build(duckdb, join(folder.path, "duckdb"), WITHOUT_TESTS); // its tests have run above
      await build(postgres, join(folder.path, "postgres"));
      const [here, there] = [
        await everything(duckdb, { without: OF_THE_LOAD }),
        await everything(postgres, { without: OF_THE_LOAD }),
      ];
      expect(rowsOf(here)).toBeGreaterThan(5_000);
      expect(firstDifference(here, there)).toBeUndefined();
      await build(postgres, join(folder.path, "postgres"), WITHOUT_TESTS);
      expect(firstDifference(there, await everything(postgres, { without: OF_THE_LOAD }))).toBeUndefined();
    },
    LONG_MS,
  );
});
