import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dbtForBigQuery, dbtProgram, inBigQuery, inDuckdb, type Place } from "../support/dbt.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeBigQuery } from "../support/own-bigquery.ts";
import { run } from "../e2e/pipe.ts";
import { build, everything, firstDifference, OF_THE_LOAD, rowsOf, WITHOUT_TESTS } from "./built.ts";
import { sampleAccount } from "./sample.ts";

const LONG_MS = 480_000;
const HAS_DBT = dbtProgram() !== undefined && dbtForBigQuery() !== undefined;

await describeBigQuery(
  "the models on BigQuery",
  (server) => {
    test.runIf(HAS_DBT)(
      "are row by row those on DuckDB, from the same lines, also after changes",
      async () => {
        await using folder = await temporaryFolder();
        await using account = await sampleAccount(folder.path, 20, "--quirks", "Q01,Q03,Q11");
        await using raw = await server.dataset();
        await using models = await server.dataset();
        const duckdb = inDuckdb(join(folder.path, "w.duckdb"));
        const bigquery = inBigQuery(server, raw.name, models.name);
        // What a build's unit tests say of the models, they say on DuckDB; here they would take minutes.
        const builds = (args: readonly string[] = WITHOUT_TESTS) =>
          Promise.all([
            build(duckdb, join(folder.path, "duckdb"), WITHOUT_TESTS),
            build(bigquery, join(folder.path, "bigquery"), args),
          ]);
        const both = () =>
          Promise.all([duckdb, bigquery].map((place) => everything(place, { without: OF_THE_LOAD, shortened: true })));

        await load(bigquery, await account.load(duckdb), folder.path);
        await builds(["--exclude-resource-type", "unit_test"]);
        const [here = {}, there = {}] = await both();
        expect(rowsOf(here)).toBeGreaterThan(1_500);
        expect(firstDifference(here, there)).toBeUndefined();

        const changed = await account.api.change({ late: 1, edit: 2, clear: 1 });
        expect(Object.values(changed).flat().length).toBeGreaterThan(2);
        await load(bigquery, await account.load(duckdb), folder.path);
        await builds();
        const [hereNow = {}, thereNow = {}] = await both();
        expect(firstDifference(here, hereNow), "the changes were none").toBeDefined();
        expect(firstDifference(hereNow, thereNow)).toBeUndefined();
      },
      LONG_MS,
    );
  },
  { strict: false },
);

/** Loads lines into BigQuery by the real target. */
async function load(place: Place, lines: string, folder: string): Promise<void> {
  const config = join(folder, "bigquery.json");
  await writeFile(config, JSON.stringify(place.target));
  const loaded = await run("target-warehouse", ["--config", config], lines);
  expect(loaded.code, loaded.stderr).toBe(0);
}
