import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { withLock } from "../../src/cli/run/lock.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLog } from "../../src/core/log.ts";
import { generate } from "../../src/sample/generator.ts";
import { writeSampleMeetings } from "../../src/sample/meetings.ts";
import {
  bin,
  contents,
  ended,
  expectTruth,
  pipe,
  place,
  query,
  sampleApi,
  TOKEN,
  type Api,
  type Ended,
} from "../e2e/pipe.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { pythonWith } from "../support/python.ts";
import { samplesIn } from "./run/exposition.ts";
import { eventsIn, type RunEvent } from "./run/run-event.ts";

const python = await pythonWith("openlineage");
let api: Api;
/** All that was written by runs, for the search for secrets. */
const written: string[] = [];

beforeAll(async () => {
  api = await sampleApi("--calls", "6", "--seed", "11");
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

afterEach(() => {
  for (const text of written.splice(0)) expect(text.includes(TOKEN), "the token was written").toBe(false);
});

interface Running {
  readonly child: ChildProcess;
  readonly end: Promise<Ended>;
  /** Resolves when stderr has had this so many times. */
  saw(text: string, times?: number): Promise<void>;
}

interface Deployed extends AsyncDisposable {
  readonly folder: string;
  readonly database: string;
  readonly config: string;
  start(options?: readonly string[], env?: Record<string, string>): Running;
  run(options?: readonly string[], env?: Record<string, string>): Promise<Ended>;
  samples(): Promise<Record<string, number>>;
  events(): Promise<RunEvent[]>;
}

/** A folder with the config of a run that tells all it can. The token comes from the environment. */
async function deployed(
  source: Pick<Api, "url">,
  parts: { tap?: object; target?: object } & object = {},
): Promise<Deployed> {
  const folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const { tap, target, ...others } = parts;
  const start_date = new Date(Date.now() - 100 * 86_400_000).toISOString().slice(0, 10);
  const config = {
    tap: { api_url: source.url, start_date, max_requests_per_second: 1_000, concurrency: 4, ...tap },
    target: { path: at("chorus.duckdb"), ...target },
    run: { lock: at("run.lock"), metrics_file: at("m.prom"), openlineage: { file: at("lineage.jsonl") } },
    ...others,
  };
  await writeFile(at("run.json"), JSON.stringify(config));
  const start = (options: readonly string[] = [], env: Record<string, string> = {}): Running => {
    const child = bin("chorus-elt", ["run", "--config", at("run.json"), ...options], {
      env: { TAP_CHORUS_API_TOKEN: TOKEN, ...env },
    });
    let stderr = "";
    child.stderr?.on("data", (chunk: string) => (stderr += chunk));
    return {
      child,
      end: ended(child),
      async saw(text, times = 1) {
        while (stderr.split(text).length <= times && child.exitCode === null) {
          await new Promise((done) => setTimeout(done, 10));
        }
      },
    };
  };
  const text = (name: string) => readFile(at(name), "utf8");
  return {
    folder: folder.path,
    database: at("chorus.duckdb"),
    config: at("run.json"),
    start,
    run: (options, env) => start(options, env).end,
    samples: async () => samplesIn(await text("m.prom")),
    events: async () => eventsIn(await text("lineage.jsonl")),
    async [Symbol.asyncDispose]() {
      for (const name of ["m.prom", "lineage.jsonl"]) written.push(await text(name).catch(() => ""));
      await folder[Symbol.asyncDispose]();
    },
  };
}

const codeOf = ({ code, signal, stderr, stdout }: Ended) => {
  written.push(stderr, stdout);
  return code ?? signal;
};
const runs = (outcome: string) => `chorus_elt_runs_total{pipeline="default",outcome="${outcome}"}`;

test("a run loads what the pipe loads; a second one reads on from the state in the warehouse", async () => {
  await using piped = await place(api);
  await pipe(piped);
  await using where = await deployed(api);
  await api.requests();
  expect(codeOf(await where.run())).toBe(0);
  expect(await contents(where.database)).toEqual(await contents(piped.database));
  await expectTruth(where.database, await api.truth());
  const first = await api.requests();
  const asked = Object.values(first).flatMap((statuses) => Object.values(statuses));
  expect((await where.samples())['chorus_elt_http_requests_total{pipeline="default",code="200"}']).toBe(
    asked.reduce((sum, count) => sum + count, 0),
  );

  const [start, complete, ...more] = await where.events();
  expect([start?.eventType, complete?.eventType, more]).toEqual(["START", "COMPLETE", []]);
  expect(complete?.run.runId).toBe(start?.run.runId);
  expect(complete?.job).toMatchObject({ namespace: "chorus-elt", name: "chorus-elt.default" });
  expect(complete?.inputs).toContainEqual({ namespace: api.url, name: "calls" });
  const calls = complete?.outputs.find(({ name }) => name === "chorus.main.calls");
  expect(calls?.namespace).toBe(`duckdb://${where.database}`);
  expect(calls?.outputFacets.outputStatistics.rowCount).toBe(6);
  expect(calls?.facets.schema.fields).toContainEqual({ name: "started_at", type: "timestamp" });

  const rows = await contents(where.database);
  expect(codeOf(await where.run())).toBe(0);
  expect(await contents(where.database)).toEqual(rows);
  expect(Object.keys(await api.requests()).filter((route) => route.includes("transcript"))).toEqual([]);
  const samples = await where.samples();
  expect(samples[runs("success")]).toBe(2);
  expect(samples['chorus_elt_records_total{pipeline="default",stream="calls"}']).toBe(6);
  expect(samples['chorus_elt_lag_seconds{pipeline="default"}']).toBeLessThan(60);
  const files = await readdir(where.folder);
  expect(files.sort()).toEqual(["chorus.duckdb", "lineage.jsonl", "m.prom", "run.json", "run.lock"]);
});

test("an API that fails in mid-run: what was whole is committed, FAIL and the exit code say why, the next run goes on", async () => {
  await using failing = await sampleApi("--calls", "60", "--seed", "17", "--quirks", "Q20");
  await using where = await deployed(failing);
  const failed = await where.run();
  expect(codeOf(failed)).toBe(20);
  expect(failed.stderr).toContain("API_UNAUTHORIZED");
  const [held] = await query(where.database, "SELECT count(*) AS n FROM calls");
  expect(Number(held?.["n"])).toBeGreaterThan(0);
  const samples = await where.samples();
  expect(samples[runs("failure")]).toBe(1);
  expect(samples['chorus_elt_failures_total{pipeline="default",code="API_UNAUTHORIZED"}']).toBe(1);
  expect(Object.keys(samples).filter((key) => key.startsWith("chorus_elt_last_success"))).toEqual([]);
  const [, fail] = await where.events();
  expect(fail?.eventType).toBe("FAIL");
  expect(fail?.run.facets.errorMessage?.message).toMatch(/^API_UNAUTHORIZED: /);
  expect(fail?.outputs.find(({ name }) => name.endsWith(".calls"))?.outputFacets.outputStatistics.rowCount).toBe(
    Number(held?.["n"]),
  );
  await failing.renewToken();
  expect(codeOf(await where.run())).toBe(0);
  await expectTruth(where.database, await failing.truth());
});

test.each(["merge:2", "committed:1"])(
  "killed with -9 at %s: the lock is free, and the next run leaves what an undisturbed one leaves",
  async (step) => {
    await using where = await deployed(api, { target: { batch_size_rows: 150 } });
    const killed = await where.run([], { CHORUS_ELT_CRASH_AT: step });
    expect(codeOf(killed)).toBe("SIGKILL");
    expect(codeOf(await where.run())).toBe(0);
    await expectTruth(where.database, await api.truth());
  },
);

test("SIGTERM in mid-run: what has come is committed, ABORT is said, and it dies by the signal; the next run completes it", async () => {
  await using slow = await sampleApi("--calls", "20", "--seed", "11", "--rate", "30");
  await using where = await deployed(slow);
  const running = where.start([], { LOGLEVEL: "debug" });
  await running.saw("/transcript", 8);
  running.child.kill("SIGTERM");
  expect(codeOf(await running.end)).toBe("SIGTERM");
  expect((await where.samples())[runs("aborted")]).toBe(1);
  const [held] = await query(where.database, "SELECT count(*) AS n FROM calls");
  expect(Number(held?.["n"])).toBeGreaterThan(0);
  expect(codeOf(await where.run())).toBe(0);
  expect((await where.events()).map(({ eventType }) => eventType)).toEqual(["START", "ABORT", "START", "COMPLETE"]);
  await expectTruth(where.database, await slow.truth());
});

test("two runs are never at once: the second ends with 58 and names the first, or waits for it", async () => {
  await using where = await deployed(api);
  const env = { clock: systemClock, log: silentLog, signal: new AbortController().signal };
  let waiting: Running | undefined;
  await withLock(join(where.folder, "run.lock"), 0, env, async () => {
    const refused = await where.run();
    expect(codeOf(refused)).toBe(58);
    expect(refused.stderr).toContain(`RUN_LOCKED: process ${process.pid} has the lock`);
    waiting = where.start(["--wait", "1m"]);
    await waiting.saw("waiting for it");
  });
  expect(codeOf(await waiting!.end)).toBe(0);
  expect((await where.samples())[runs("success")]).toBe(1); // the refused one was none
});

test("what the tap's part masks never leaves it", async () => {
  await using it = await deployed(api, { tap: { privacy: { "*.email": "hash" } } });
  const { code, stderr } = await it.run([], { TAP_CHORUS_PRIVACY_KEY: "a key of this test alone" });
  expect(code, stderr).toBe(0);
  const [row] = await query(
    it.database,
    "SELECT count(email) AS found, count(email) FILTER (email LIKE '%@%') AS plain FROM participants",
  );
  expect([Number(row?.["found"]) > 5, Number(row?.["plain"])]).toEqual([true, 0]);
});

describe("--loop", () => {
  test("it runs again and again, and SIGTERM between two runs ends it", async () => {
    await using where = await deployed(api);
    const running = where.start(["--loop", "1s"]);
    await running.saw("the next run begins at", 2);
    running.child.kill("SIGTERM");
    expect(codeOf(await running.end)).toBe("SIGTERM");
    expect((await where.samples())[runs("success")]).toBe(2);
    await expectTruth(where.database, await api.truth());
  });

  test("a token that is refused ends it with its exit code", async () => {
    await using where = await deployed(api);
    const refused = await where.run(["--loop", "1h"], { TAP_CHORUS_API_TOKEN: "another-token" });
    expect(codeOf(refused)).toBe(20);
    expect((await where.samples())[runs("failure")]).toBe(1);
  });
});

test("meetings and evaluations come after the calls, each with a state of its own", async () => {
  await using where = await deployed(api);
  const source = generate({ calls: 10, seed: 2, nowMs: Date.UTC(2026, 5, 17) });
  const { path, mapping } = await writeSampleMeetings(join(where.folder, "vtt"), { source, meetings: 3 });
  const config = JSON.parse(await readFile(where.config, "utf8")) as object;
  const semarize = { api_url: api.url, kits: ["FRMWRK01"], max_requests_per_second: 1_000, concurrency: 16 };
  await writeFile(where.config, JSON.stringify({ ...config, transcripts: { path, mapping }, semarize }));
  const env = { TAP_SEMARIZE_API_TOKEN: "smz_test_sample" };
  expect(codeOf(await where.run([], env))).toBe(0);
  const counts = await query(
    where.database,
    "SELECT (SELECT count(*) FROM meetings) AS meetings, (SELECT count(*) FROM semarize_runs) AS runs",
  );
  expect(counts).toEqual([{ meetings: "3", runs: "9" }]); // six calls and three meetings
  expect(codeOf(await where.run([], env))).toBe(0);
  const ids = await query(where.database, "SELECT id FROM _chorus_elt_state ORDER BY id");
  expect(ids.map(({ id }) => id)).toEqual(["default", "meetings", "semarize"]);
  const samples = await where.samples();
  expect(samples['chorus_elt_records_total{pipeline="default",stream="meetings"}']).toBe(3);
  const { runs: paid } = (await (await fetch(`${api.url}/_sample/semarize/truth`)).json()) as { runs: unknown[] };
  expect(paid).toHaveLength(9);
});

await describePostgres("into Postgres", (server) => {
  test("a second run reads on from the state there, and lineage names the server and no password", async () => {
    const { url } = await server.database();
    await using where = await deployed(api, { target: { url, default_target_schema: "chorus" } });
    expect(codeOf(await where.run())).toBe(0);
    await api.requests();
    expect(codeOf(await where.run())).toBe(0);
    expect(Object.keys(await api.requests()).filter((route) => route.includes("transcript"))).toEqual([]);
    const [, complete] = await where.events();
    const calls = complete?.outputs.find(({ name }) => name.endsWith(".chorus.calls"));
    expect(calls?.namespace).toMatch(/^postgres:\/\/localhost:\d+$/);
    expect(calls?.outputFacets.outputStatistics.rowCount).toBe(6);
    expect((await where.samples())['chorus_elt_records_total{pipeline="default",stream="calls"}']).toBe(6);
  });
});

test("the classes that OpenLineage makes of its schema take our events", async ({ skip }) => {
  if (python === undefined) return skip();
  await using where = await deployed(api);
  codeOf(await where.run());
  codeOf(await where.run([], { TAP_CHORUS_API_TOKEN: "another-token" }));
  const input = await readFile(join(where.folder, "lineage.jsonl"));
  const parsed = spawnSync(python, ["test/support/python/parse_lineage.py"], { input, encoding: "utf8" });
  expect([parsed.stdout.trim(), parsed.stderr]).toEqual(['["START", "COMPLETE", "START", "FAIL"]', ""]);
});

describe("bad input", () => {
  const good = { tap: { api_token: TOKEN, start_date: "2026-01-01" } };
  test.each<[string, unknown, string[], number, string]>([
    ["a file that is not JSON", "{", [], 10, "run.json is not JSON"],
    ["no part tap", { target: {} }, [], 11, 'property "tap" is missing'],
    ["an unknown part", { ...good, taap: {} }, [], 11, 'property "taap" is not known'],
    ["an unknown setting", { ...good, run: { metrics: "x" } }, [], 11, '"run": property "metrics" is not known'],
    ["a lock that may be a database", { ...good, run: { lock: "chorus.duckdb" } }, [], 11, '"run.lock"'],
    ["lineage to nowhere", { ...good, run: { openlineage: {} } }, [], 11, '"run.openlineage"'],
    [
      "a setting of the tap",
      { tap: { api_token: TOKEN } },
      [],
      11,
      'run.json, part "tap"; TAP_CHORUS_* is looked at too) cannot be used: property "start_date"',
    ],
    [
      "a setting of the target",
      { ...good, target: { batch_size_rows: 0 } },
      [],
      11,
      'part "target"; TARGET_WAREHOUSE_*',
    ],
    ["a setting of Semarize", { ...good, semarize: {} }, [], 11, 'part "semarize"; TAP_SEMARIZE_*'],
    ["a duration", good, ["--loop", "hourly"], 2, "--loop takes 30s, 15m, 1h or 1d"],
    ["a catalog that is not there", good, ["--catalog", "nowhere.json"], 12, "nowhere.json"],
  ])("%s", async (_what, config, options, code, message) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "run.json");
    await writeFile(path, typeof config === "string" ? config : JSON.stringify(config));
    const child = bin("chorus-elt", ["run", "--config", path, ...options]);
    const run = await ended(child);
    expect(codeOf(run)).toBe(code);
    const last = JSON.parse(run.stderr.trim().split("\n").at(-1) ?? "") as { message: string };
    expect(last.message).toContain(message);
  });
});

describe("examples", () => {
  /** A folder that stands for the folders of the examples, with our program on a PATH of its own. */
  async function machine() {
    const folder = await temporaryFolder();
    const here = (text: string) =>
      text.replaceAll(/\/(etc|var\/lib|var\/log)\/chorus-elt\b/g, (_, of: string) => join(folder.path, of));
    const put = (name: string, text: string) => writeFile(join(folder.path, name), text, { mode: 0o755 });
    for (const name of ["etc", "var/lib", "var/log", "bin"]) await mkdir(join(folder.path, name), { recursive: true });
    await put("etc/run.json", here(await readFile("examples/run.json", "utf8")));
    await put("etc/chorus-elt.env", (await readFile("examples/chorus-elt.env", "utf8")).replace(/=.*/, `=${TOKEN}`));
    await put("bin/chorus-elt", `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/bin/chorus-elt.js")}" "$@"\n`);
    const env = {
      PATH: `${join(folder.path, "bin")}:${process.env["PATH"] ?? ""}`,
      TAP_CHORUS_API_URL: api.url,
      TAP_CHORUS_MAX_REQUESTS_PER_SECOND: "1000",
    };
    return {
      start: (command: string) => spawn("/bin/sh", ["-c", here(command)], { env, stdio: ["ignore", "pipe", "pipe"] }),
      text: (name: string) => readFile(join(folder.path, name), "utf8"),
      async expectLoaded() {
        const calls = await query(join(folder.path, "var/lib/chorus.duckdb"), "SELECT count(*) AS n FROM calls");
        expect(calls).toEqual([{ n: "6" }]);
        expect(samplesIn(await this.text("var/lib/chorus-elt.prom"))[runs("success")]).toBeGreaterThan(0);
        expect(eventsIn(await this.text("var/lib/openlineage.jsonl"))).not.toEqual([]);
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  }

  /** What systemd would do for a unit, as a shell says it. */
  async function serviceCommand(name: string): Promise<string> {
    const unit = await readFile(`examples/systemd/${name}`, "utf8");
    const setting = (word: string) => new RegExp(`^${word}=(.+)$`, "m").exec(unit)?.[1] ?? "";
    return `set -a; . ${setting("EnvironmentFile")}; exec ${setting("ExecStart")}`;
  }

  test("the line of the crontab loads the account, and its log goes to the file", async () => {
    await using there = await machine();
    const lines = (await readFile("examples/cron/chorus-elt.cron", "utf8")).split("\n");
    const [command = ""] = lines.flatMap((line) => /^(?:\S+ ){5}chorus-elt (.+)$/.exec(line)?.[1] ?? []);
    expect(codeOf(await ended(there.start(command)))).toBe(0);
    expect(await there.text("var/log/run.log")).toContain("loaded");
    await there.expectLoaded();
  });

  test("the service loads the account", async () => {
    await using there = await machine();
    expect(codeOf(await ended(there.start(await serviceCommand("chorus-elt.service"))))).toBe(0);
    await there.expectLoaded();
  });

  test("the service that loops loads the account and stops when it is told to", async () => {
    await using there = await machine();
    const child = there.start(await serviceCommand("chorus-elt-loop.service"));
    child.stderr.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes("the next run begins")) child.kill("SIGTERM");
    });
    expect(codeOf(await ended(child))).toBe("SIGTERM");
    await there.expectLoaded();
  });

  const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;
  test.skipIf(!hasSystemd)("systemd finds nothing wrong with the units", async () => {
    const units = (await readdir("examples/systemd")).map((name) => `examples/systemd/${name}`);
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", ...units], { encoding: "utf8" });
    expect([verified.status, verified.stderr]).toEqual([0, ""]);
  });
});
