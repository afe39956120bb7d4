import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dbtProgram } from "../support/dbt.ts";
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
    const unknown = await run("chorus-elt", ["dbt", "setup", "--fast"], "", env);
    expect(unknown.code).toBe(2);
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
