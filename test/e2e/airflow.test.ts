import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { delimiter, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import type { Database } from "../../scripts/postgres.mjs";
import { pythonPrograms } from "../../src/cli/dbt/toolchain.ts";
import { silentLog } from "../../src/core/log.ts";
import { describeOwnPostgres, startPostgres } from "../support/own-postgres.ts";
import { pythonWith } from "../support/python.ts";
import { count, ended, expectTruth, place, query, run, sampleApi, TOKEN, type Api, type Place } from "./pipe.ts";

const LONG_MS = 300_000;
// They take a minute and a half and a gigabyte of memory, so they are asked for.
const isWanted = process.env["AIRFLOW_TESTS"] === "1";
if (!isWanted) console.log("Skipped: the tests with Airflow; AIRFLOW_TESTS=1 runs them.");
const python = isWanted ? await pythonWith("airflow") : undefined;
const program = join(dirname(python ?? ""), "airflow");

/** Nothing of a test may be tried again: what fails once has failed. */
const POLICY = "def task_policy(task):\n    task.retries = 0\n";

/** An Airflow with the example's DAGs, and our programs on its PATH. */
async function airflow(where: Place, api: Pick<Api, "url">, settings: Record<string, string> = {}) {
  const folder = join(where.folder, "airflow");
  const dags = join(where.folder, "dags");
  const bins = join(where.folder, "bin");
  const tools = join(where.folder, "tools");
  for (const one of [folder, bins, tools]) await mkdir(one);
  await cp("examples/airflow/dags", dags, { recursive: true });
  await mkdir(join(folder, "config"));
  await writeFile(join(folder, "config", "airflow_local_settings.py"), POLICY);
  for (const [name, path] of Object.entries(manifest.bin)) await symlink(resolve(path), join(bins, name));
  // dbt is the one of all tests; what it writes is this test's.
  const dbt = await pythonPrograms(
    "dbt",
    resolve("dbt/requirements.lock"),
    resolve("dbt/requirements-uv.lock"),
    silentLog,
  );
  await symlink(dirname(dbt), join(tools, "dbt"));
  const env: Record<string, string> = {
    ...(process.env as Record<string, string>),
    PATH: [bins, dirname(process.execPath), dirname(program), process.env["PATH"] ?? ""].join(delimiter),
    NO_COLOR: "1",
    AIRFLOW_HOME: folder,
    AIRFLOW__CORE__DAGS_FOLDER: dags,
    AIRFLOW__CORE__LOAD_EXAMPLES: "False",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED: "False",
    AIRFLOW__COSMOS__ENABLE_TELEMETRY: "False",
    AIRFLOW__COSMOS__CACHE_DIR: join(where.folder, "cosmos"),
    DO_NOT_TRACK: "1",
    CHORUS_ELT_HOME: tools,
    CHORUS_ELT_DBT_TARGET: "duckdb",
    CHORUS_ELT_DBT_SELECT: "dim_users",
    AIRFLOW_CONN_CHORUS: JSON.stringify({ conn_type: "http", password: TOKEN }),
    AIRFLOW_VAR_CHORUS_REQUESTS_PER_SECOND: "5000",
    TAP_CHORUS_API_URL: api.url,
    TAP_CHORUS_START_DATE: day(-100),
    ...settings,
  };
  const attempt = async (args: readonly string[], more: Record<string, string> = {}) => {
    const begun = Date.now();
    const child = spawn(program, args, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
    const { code, stdout, stderr } = await ended(child);
    took(`airflow ${args.slice(0, 3).join(" ")}`, begun);
    expect(stdout + stderr).not.toContain(TOKEN);
    return { code, output: stdout + stderr };
  };
  return {
    env,
    folder,
    dags,
    attempt,
    /** A command that has to end well. */
    async run(...args: readonly string[]) {
      const { code, output } = await attempt(args);
      expect(code, output.slice(-5_000)).toBe(0);
      return output;
    },
  };
}

type Airflow = Awaited<ReturnType<typeof airflow>>;

const took = (what: string, begun: number) => {
  console.log(`${what}: ${((Date.now() - begun) / 1_000).toFixed(1)} s`);
};

/** The date so many days from today, UTC. */
const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

describe.skipIf(python === undefined)("the DAGs of examples/airflow", () => {
  test(
    "an hourly run loads everything, the next one what is new, by the state in the warehouse; a refused token fails it; models follow",
    async () => {
      await using api = await sampleApi("--calls", "30");
      await using where = await place(api);
      const elt = await airflow(where, api, { TARGET_WAREHOUSE_PATH: where.database });
      const [parsed] = await Promise.all([
        run("chorus-elt", ["dbt", "parse"], "", elt.env),
        elt.run("db", "migrate"), // SQLite
      ]);
      expect(parsed.code, parsed.stderr).toBe(0);

      await elt.run("dags", "reserialize");
      expect(await elt.run("dags", "list-import-errors")).toContain("No data found");

      const verified = "starting task_id=verify";
      expect(await elt.run("dags", "test", "chorus_hourly")).toContain(verified);
      await expectTruth(where.database, await api.truth());
      const whole = count(await api.requests(), "/calls/");

      await api.change({ late: 2 });
      await elt.run("dags", "test", "chorus_hourly");
      await expectTruth(where.database, await api.truth());
      expect(count(await api.requests(), "/calls/")).toBeLessThan(whole / 2);

      const wrong = { AIRFLOW_CONN_CHORUS: JSON.stringify({ conn_type: "http", password: "wrong-token" }) };
      const { code, output } = await elt.attempt(["dags", "test", "chorus_hourly"], wrong);
      expect(code).not.toBe(0);
      expect(output).toContain("API_UNAUTHORIZED");
      expect(output).toContain("Command exited with return code 20");
      expect(output, "`load` fails by its tap, though the target after it ends well").not.toContain(verified);
      expect(output).not.toContain("wrong-token");

      await elt.run("dags", "test", "chorus_models");
      const { users } = await api.truth();
      const [found] = await query(where.database, "SELECT count(*) AS n FROM analytics.dim_users");
      expect(Number(found?.["n"])).toBe(users);
    },
    LONG_MS,
  );
});

await describeOwnPostgres("Airflow with the LocalExecutor", () => {
  test.skipIf(python === undefined)(
    "a backfill in windows, four at a time, leaves the rows of one run; runs of `backfill create` over it leave those of one run up to now",
    async () => {
      await using api = await sampleApi("--calls", "60");
      await using where = await place(api);
      await using server = await startPostgres({ tcp: true });
      await using metadata = await server.database();
      await using mapped = await server.database();
      await using single = await server.database();
      const port = await freePort();
      const elt = await airflow(where, api, {
        TARGET_WAREHOUSE_URL: mapped.url,
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: `postgresql+psycopg2://${server.user}@127.0.0.1:${server.tcpPort}/${metadata.name}`,
        AIRFLOW__CORE__EXECUTOR: "LocalExecutor",
        AIRFLOW__CORE__PARALLELISM: "4",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL: `http://127.0.0.1:${port}/execution/`,
        AIRFLOW__API_AUTH__JWT_SECRET: "only-for-this-test-and-long-enough-for-hmac-with-sha512-0123456789",
        AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK: "False",
        AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL: "5",
      });
      await elt.run("db", "migrate");
      await elt.run("pools", "set", "chorus_backfill", "4", "windows of a backfill");
      await rm(join(elt.dags, "chorus_models.py")); // asks for dbt's manifest
      await elt.run("dags", "reserialize");
      await using processes = await started(elt, [
        ["api-server", "--apps", "execution", "--host", "127.0.0.1", "--port", String(port), "--workers", "1"],
        ["scheduler", "--skip-serve-logs"],
      ]);

      const range = { start: day(-8), end: day(0), window_days: 1 }; // the days that the sample account has calls on
      await elt.run("dags", "unpause", "chorus_backfill");
      await elt.run("dags", "trigger", "chorus_backfill", "--conf", JSON.stringify(range));
      await finished(metadata, processes, "chorus_backfill", 1);
      const windows = await loads(metadata, "chorus_backfill");
      expect(windows.count).toBe(8);
      expect(windows.together).toBeGreaterThan(1);
      expect(windows.together).toBeLessThanOrEqual(4);
      expect(await taskLogs(elt), "`verify` has nothing to repair").toMatch(/verified .* all equal/);
      expect(await taskLogs(elt)).not.toContain("NOT EQUAL");

      await runOnce(api, single.url, { TAP_CHORUS_START_DATE: range.start, TAP_CHORUS_END_DATE: range.end });
      const rows = await contents(single);
      expect(rows["calls"]?.length).toBeGreaterThan(30);
      expect(await contents(mapped)).toEqual(rows);

      // Beside these three hours a run that unpausing begins, and one by hand, which has no interval.
      await elt.run("dags", "unpause", "chorus_hourly");
      const hours = ["--from-date", `${day(-2)}T00:00:00Z`, "--to-date", `${day(-2)}T02:00:00Z`];
      await elt.run("backfill", "create", "--dag-id", "chorus_hourly", ...hours, "--max-active-runs", "2");
      await elt.run("dags", "trigger", "chorus_hourly");
      await finished(metadata, processes, "chorus_hourly", 5);
      expect((await loads(metadata, "chorus_hourly")).together).toBe(1);
      await runOnce(api, single.url, { TAP_CHORUS_START_DATE: range.start, TARGET_WAREHOUSE_STATE_ID: "up-to-now" });
      expect(await contents(mapped)).toEqual(await contents(single));

      for (const said of [processes.log(), await taskLogs(elt)]) {
        expect(said).not.toContain(TOKEN);
        expect(said.length).toBeGreaterThan(1_000);
      }
      const kept = await metadata.query(
        `SELECT (SELECT string_agg(rendered_fields::text, '') FROM rendered_task_instance_fields) AS fields,
           (SELECT string_agg(value::text, '') FROM xcom) AS messages`,
      );
      expect(JSON.stringify(kept)).toContain("backfill-");
      expect(JSON.stringify(kept)).not.toContain(TOKEN);
    },
    LONG_MS,
  );
});

/** How many tasks `load` of a DAG there were, and how many of them ran at the same moment at the most. */
async function loads(metadata: Database, dag: string): Promise<{ count: number; together: number }> {
  const [row] = await metadata.query(`
    WITH load AS (SELECT id, start_date, end_date FROM task_instance WHERE dag_id = '${dag}' AND task_id = 'load'),
    starts AS (
      SELECT count(*) AS n FROM load AS a JOIN load AS b ON a.start_date BETWEEN b.start_date AND b.end_date GROUP BY a.id
    )
    SELECT (SELECT count(*) FROM load) AS count, (SELECT max(n) FROM starts) AS together`);
  return { count: Number(row?.["count"]), together: Number(row?.["together"]) };
}

/** Waits until so many runs of a DAG, or more, have ended well, and none is left. */
async function finished(metadata: Database, processes: Processes, dag: string, runs: number): Promise<void> {
  const begun = Date.now();
  for (;;) {
    const found = await metadata.query(`SELECT state, run_id, logical_date FROM dag_run WHERE dag_id = '${dag}'`);
    if (found.length >= runs && found.every(({ state }) => state === "success")) break;
    if (found.some(({ state }) => state === "failed") || Date.now() - begun > LONG_MS / 2) {
      const tasks = await metadata.query(`SELECT task_id, map_index, state, run_id FROM task_instance`);
      throw new Error(`${dag}: ${JSON.stringify(found)} ${JSON.stringify(tasks)}\n${processes.log().slice(-10_000)}`);
    }
    await sleep(200);
  }
  took(`runs of ${dag}`, begun);
}

async function taskLogs({ folder }: Airflow): Promise<string> {
  const logs = join(folder, "logs");
  const entries = await readdir(logs, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, "utf8")))).join("");
}

/** Tap and target in one process, without Airflow. */
async function runOnce(api: Pick<Api, "url">, url: string, settings: Record<string, string>): Promise<void> {
  await using where = await place(api);
  const config = await where.file("run.json", { tap: {}, target: { url } });
  const { code, stderr } = await run("chorus-elt", ["run", "--config", config], "", {
    TAP_CHORUS_API_URL: api.url,
    TAP_CHORUS_API_TOKEN: TOKEN,
    TAP_CHORUS_MAX_REQUESTS_PER_SECOND: "1000",
    ...settings,
  });
  expect(code, stderr).toBe(0);
}

/** All rows of all tables, without what tells of the load and without links, which are signed anew in every answer. */
async function contents(db: Database): Promise<Record<string, string[]>> {
  const columns = await db.query(
    `SELECT table_name AS "table", array_agg(column_name::text) FILTER (WHERE column_name ~ '^(_sdc|media_url)') AS "left out"
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name !~ '^_' GROUP BY 1 ORDER BY 1`,
  );
  const found: Record<string, string[]> = {};
  for (const { table, "left out": leftOut } of columns) {
    const without = ((leftOut ?? []) as string[]).map((name) => ` - '${name}'`).join("");
    const rows = await db.query(`SELECT (to_jsonb(t)${without})::text AS row FROM "${String(table)}" AS t ORDER BY 1`);
    found[String(table)] = rows.map(({ row }) => String(row));
  }
  return found;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** Runs a command until its stdin ends, and then ends all that came of it: Airflow's processes leave their children behind. */
const KEEPER = `"$@" & trap "" TERM; read -r _; kill -TERM 0; sleep 1; kill -KILL 0`;

interface Processes extends AsyncDisposable {
  /** What they have said. */
  log(): string;
}

async function started(elt: Airflow, commands: readonly (readonly string[])[]): Promise<Processes> {
  const file = join(elt.folder, "log");
  const log = openSync(file, "a");
  const keepers = commands.map((args) =>
    spawn("sh", ["-c", KEEPER, "keeper", program, ...args], {
      env: elt.env,
      stdio: ["pipe", log, log],
      detached: true,
    }),
  );
  closeSync(log);
  await Promise.all(keepers.map((keeper) => once(keeper, "spawn")));
  return {
    log: () => readFileSync(file, "utf8"),
    async [Symbol.asyncDispose]() {
      const exits = keepers.map((keeper) => once(keeper, "exit"));
      for (const keeper of keepers) keeper.stdin?.end();
      await Promise.all(exits);
    },
  };
}
