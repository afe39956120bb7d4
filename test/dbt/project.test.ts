import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { profileOf } from "../../src/cli/dbt/profile.ts";
import type { TargetConfig } from "../../src/cli/target-config.ts";
import { builtTables, dbt, dbtProgram, inDuckdb, loadRaw, PROJECT, troubles, type Place } from "../support/dbt.ts";
import { temporaryFolder } from "../support/folder.ts";

const LONG_MS = 300_000;
/** What can be switched off; what is in one list is off at the same time, to save builds. */
const SWITCHES = [
  ["deals", "recordings", "tags"],
  ["meetings", "semarize"],
  ["trackers", "utterances"],
];

// The project as a whole, on the rows of the golden set.
describe.runIf(dbtProgram() !== undefined)("the dbt project", { timeout: LONG_MS }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let raw: string;
  let built: Promise<Built> | undefined;

  interface Built {
    readonly place: Place;
    /** Has `target/` in it. */
    readonly folder: string;
  }

  /** The models as they are, built once. */
  function everythingBuilt(): Promise<Built> {
    built ??= (async () => {
      const path = join(folder.path, "built.duckdb");
      await copyFile(raw, path);
      const [place, own] = [inDuckdb(path), join(folder.path, "built")];
      const run = await dbt(place, ["build", "--exclude", "resource_type:test", "resource_type:unit_test"], {
        folder: own,
      });
      expect(run.code, run.output.slice(-2_000)).toBe(0);
      return { place, folder: own };
    })();
    return built;
  }

  beforeAll(async () => {
    folder = await temporaryFolder();
    raw = join(folder.path, "raw.duckdb");
    expect(await loadRaw(inDuckdb(raw), join(PROJECT, "integration_tests/golden/raw"), folder.path)).toBeUndefined();
  }, LONG_MS);

  afterAll(async () => folder[Symbol.asyncDispose]());

  test.each(SWITCHES)("builds with chorus_using_%s, and so on, switched off", async (...off) => {
    const path = join(folder.path, `${off[0]}.duckdb`);
    await copyFile(raw, path);
    const place = inDuckdb(path);
    const vars = Object.fromEntries(off.map((name) => [`chorus_using_${name}`, false]));
    const only = ["--exclude", "resource_type:test", "resource_type:unit_test"];
    const run = await dbt(place, ["build", ...only], { folder: join(folder.path, String(off[0])), vars });
    expect(troubles(run).filter((line) => !/^no-op /i.test(line))).toEqual([]);
    expect(run.code, run.output.slice(-2_000)).toBe(0);
    expect(await builtTables(place)).toContain("fct_calls");
  });

  test("builds on an empty database, where no table is there yet", async () => {
    const place = inDuckdb(join(folder.path, "empty.duckdb"));
    const run = await dbt(place, ["build"], { folder: join(folder.path, "empty") });
    expect(troubles(run).filter((line) => !/^no-op /i.test(line))).toEqual([]);
    expect(run.code, run.output.slice(-2_000)).toBe(0);
  });

  test("has one page of documentation, which needs no network, and knows how fresh its sources are", async () => {
    const { place, folder: own } = await everythingBuilt();
    const docs = await dbt(place, ["docs", "generate", "--static"], { folder: own });
    expect(docs.code, docs.output).toBe(0);
    expect((await stat(join(own, "target/static_index.html"))).size).toBeGreaterThan(1_000_000);
    const fresh = await dbt(place, ["source", "freshness", "--select", "source:chorus.calls"], { folder: own });
    expect(fresh.output).toMatch(/PASS freshness of chorus\.calls/);
    const manifest = JSON.parse(await readFile(join(own, "target/manifest.json"), "utf8")) as {
      nodes: Record<
        string,
        { resource_type: string; access?: string; columns: Record<string, { description: string }> }
      >;
    };
    const bare = Object.entries(manifest.nodes).flatMap(([id, { access, columns }]) =>
      access !== "public"
        ? []
        : Object.entries(columns).flatMap(([name, { description }]) => (description === "" ? [`${id}.${name}`] : [])),
    );
    expect(bare, "columns of public models without a description").toEqual([]);
  });

  test("is as its linter and its rules want it, and MetricFlow takes its metrics", async () => {
    const { place, folder: own } = await everythingBuilt();
    const rules = join(folder.path, "dbt-bouncer.yml");
    const text = await readFile(join(PROJECT, "dbt-bouncer.yml"), "utf8");
    await writeFile(rules, text.replace("dbt_artifacts_dir: target", `dbt_artifacts_dir: ${join(own, "target")}`));
    const bouncer = await tool("dbt-bouncer", ["run", "--config-file", rules], { CI: "true" });
    expect(bouncer.code, bouncer.output).toBe(0);
    const environment = profileOf(place.target as unknown as TargetConfig);
    const style = await tool("sqlfluff", ["lint", "models", "snapshots", "tests", "analyses"], {
      ...environment,
      DBT_TARGET_PATH: join(own, "sqlfluff"),
    });
    expect(style.code, style.output.slice(-4_000)).toBe(0);
    // MetricFlow looks for the manifest where dbt puts it by default.
    expect((await dbt(place, ["parse", "--target-path", join(PROJECT, "target")], { folder: own })).code).toBe(0);
    const metrics = await tool("mf", ["validate-configs"], environment);
    expect(metrics.code, metrics.output).toBe(0);
    const asked = await tool("mf", ["query", "--metrics", "calls,talk_ratio,evaluated_share"], environment);
    expect(asked.code, asked.output).toBe(0);
    const [total] = await place.read("SELECT CAST(sum(call_count) AS varchar) FROM analytics.rpt_coverage_daily");
    expect(asked.output).toMatch(new RegExp(`\\b${String(total?.[0])}\\b`));
  });
});

/** Runs a program of the tool chain in the project. */
async function tool(name: string, args: readonly string[], environment: Record<string, string>) {
  const programs = dirname(dbtProgram() ?? "");
  const child = spawn(join(programs, name), args, {
    cwd: PROJECT,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: [programs, process.env["PATH"] ?? ""].join(delimiter),
      DBT_PROFILES_DIR: PROJECT,
      DBT_TARGET_PATH: join(PROJECT, "target"),
      NO_COLOR: "1",
      DO_NOT_TRACK: "1",
      ...environment,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => (output += part));
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}
