import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { profileOf } from "../../src/cli/dbt/profile.ts";
import type { TargetConfig } from "../../src/cli/target-config.ts";
import { dbtForBigQuery, dbtProgram } from "../support/dbt.ts";
import { temporaryFolder } from "../support/folder.ts";
import { query, run } from "../e2e/pipe.ts";

describe.runIf(dbtProgram() !== undefined)("chorus-elt dbt", { timeout: 120_000 }, () => {
  test("installs what it needs once, builds into the file of the target, and passes options on", async () => {
    await using folder = await temporaryFolder();
    const env = { CHORUS_ELT_HOME: join(folder.path, "home"), TARGET_WAREHOUSE_PATH: join(folder.path, "w.duckdb") };
    const first = await run("chorus-elt", ["dbt", "seed", "--select", "kits"], "", env);
    expect(first.code, first.stdout + first.stderr).toBe(0);
    expect(first.stderr).toContain("installing dbt");
    const [kits] = await query(join(folder.path, "w.duckdb"), "SELECT count(*) AS n FROM analytics.kits");
    expect(Number(kits?.["n"])).toBe(5);
    const again = await run("chorus-elt", ["dbt", "setup"], "", env);
    expect([again.code, again.stderr]).toEqual([0, ""]);
    const listed = await run("chorus-elt", ["dbt", "ls", "--select", "fct_calls", "--output", "name", "--quiet"], "", {
      ...env,
      CHORUS_ELT_DBT_SCHEMA: "elsewhere",
    });
    expect(listed.stdout.trim().split("\n")[0]).toContain("fct_calls");
    expect(existsSync(join(env.CHORUS_ELT_HOME, "dbt-logs")), "what dbt writes is kept here").toBe(true);
  });

  test("a model that fails is exit code 52; what does not exist is said", async () => {
    await using folder = await temporaryFolder();
    const env = { TARGET_WAREHOUSE_PATH: join(folder.path, "w.duckdb") };
    const failed = await run("chorus-elt", ["dbt", "build", "--select", "no_such_model", "--vars", "{"], "", env);
    expect(failed.code).toBe(52);
    for (const options of [["--fast"], ["--dev", "--bigquery"]]) {
      const unknown = await run("chorus-elt", ["dbt", "setup", ...options], "", env);
      expect([unknown.code, options]).toEqual([2, options]);
    }
    const help = await run("chorus-elt", ["dbt"]);
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining("--config")]);
  });

  test("without Python it says what is missing", async () => {
    await using folder = await temporaryFolder();
    const env = { CHORUS_ELT_HOME: join(folder.path, "home"), PYTHON: join(folder.path, "no-python") };
    const ended = await run("chorus-elt", ["dbt", "setup"], "", env);
    expect(ended.code).toBe(51);
    expect(ended.stderr).toContain("Python 3.10 or later was not found");
  });
});

const BIGQUERY = { destination: "bigquery", project: "p", location: "EU", labels: {}, job_timeout_seconds: 60 };

describe("the profile for BigQuery", () => {
  const profile = (settings: object) => profileOf({ ...BIGQUERY, ...settings } as unknown as TargetConfig);

  test("has what the target's config says", () => {
    const settings = { default_target_schema: "raw", maximum_bytes_billed: 5, labels: { team: "revops" } };
    const more = { impersonate_service_account: "dbt@p.iam.gserviceaccount.com", api_endpoint: "https://private" };
    expect(profile({ ...settings, ...more })).toEqual({
      CHORUS_ELT_DBT_TARGET: "bigquery",
      CHORUS_ELT_SCHEMA: "raw",
      CHORUS_ELT_BQ_PROJECT: "p",
      CHORUS_ELT_BQ_LOCATION: "EU",
      CHORUS_ELT_BQ_TIMEOUT_SECONDS: "60",
      CHORUS_ELT_BQ_LABELS: '{"team":"revops"}',
      CHORUS_ELT_BQ_METHOD: "oauth",
      CHORUS_ELT_BQ_MAX_BYTES: "5",
      CHORUS_ELT_BQ_IMPERSONATE: "dbt@p.iam.gserviceaccount.com",
      CHORUS_ELT_BQ_API_ENDPOINT: "https://private",
    });
  });

  test("signs as the target does: by a token, by the content of a key file, by its path", () => {
    const [path, json] = [{ credentials_path: "key.json" }, { credentials_json: '{"project_id":"of-the-key"}' }];
    expect(profile({ ...path })).toMatchObject({
      CHORUS_ELT_BQ_METHOD: "service-account",
      CHORUS_ELT_BQ_KEYFILE: resolve("key.json"),
    });
    expect(profile({ ...path, ...json })).toMatchObject({
      CHORUS_ELT_BQ_METHOD: "service-account-json",
      CHORUS_ELT_BQ_KEYFILE_JSON: json.credentials_json,
    });
    expect(profile({ ...path, ...json, access_token: "t" })).toMatchObject({
      CHORUS_ELT_BQ_METHOD: "oauth-secrets",
      CHORUS_ELT_BQ_TOKEN: "t",
    });
  });

  test("takes the project from the key when the config has none", async () => {
    await using folder = await temporaryFolder();
    const credentials_path = join(folder.path, "key.json");
    await writeFile(credentials_path, '{"project_id":"of-the-file"}');
    const project = (settings: object) => profile({ project: undefined, ...settings })["CHORUS_ELT_BQ_PROJECT"];
    expect(project({ credentials_path })).toBe("of-the-file");
    expect(project({ credentials_json: '{"project_id":"of-the-key"}' })).toBe("of-the-key");
    expect(() => project({ credentials_json: "{}" })).toThrow('dbt needs "project"');
    expect(() => project({ credentials_path: join(folder.path, "none.json") })).toThrow("cannot read the key file");
  });
});

describe.runIf(dbtForBigQuery() !== undefined)("chorus-elt dbt on BigQuery", () => {
  test("setup knows its dbt by the config and by --bigquery", async () => {
    await using folder = await temporaryFolder();
    const config = join(folder.path, "target.json");
    await writeFile(config, '{"destination":"bigquery","project":"p"}');
    for (const options of [["--bigquery"], ["--config", config]]) {
      const ended = await run("chorus-elt", ["dbt", "setup", ...options]);
      expect([ended.code, ended.stdout.trim()], ended.stderr).toEqual([0, dbtForBigQuery()]);
    }
  });
});
