import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import type { Out } from "../io/out.ts";
import { parseArguments } from "./arguments.ts";
import type { Command } from "./process.ts";
import { bin, runPipe } from "./run-pipe.ts";
import { textTable } from "./text-table.ts";

/**
 * `chorus-elt demo`: the real programs and real pipes, against the sample API. Loads twice, to show that what has not
 * changed is neither fetched nor written again; then loads meetings of other platforms, evaluates all transcripts, builds
 * the models and shows the reports.
 */
export async function demo(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments("chorus-elt demo", argv, {
    directory: {
      type: "string",
      default: "chorus-demo",
      describe: "Folder for the database, the configs and the state.",
    },
    corpus: { type: "string", describe: "Serve the calls of this file instead of made-up ones." },
    calls: { type: "number", default: 120, describe: "How many calls to make up." },
  });
  if (options === undefined) return;
  const directory = resolve(options.directory);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const serve = options.corpus === undefined ? ["--calls", String(options.calls)] : ["--corpus", options.corpus];
  const api = await startSampleApi(serve);
  try {
    const files = await writeConfigs(directory, api.url);
    say(
      out,
      `Sample Chorus account: ${options.corpus === undefined ? `${options.calls} made-up calls` : options.corpus}`,
      "",
    );
    say(out, "First run:  tap-chorus | target-warehouse");
    const chorus = { program: "tap-chorus", config: files.tap, target: files.target, state: files.state };
    await pipe(chorus, []);
    await requests(api.url, out);
    await reset(api.url);
    say(out, "", "Second run, with the state of the first:");
    await pipe(chorus, ["--state", files.state]);
    await requests(api.url, out);
    await show(LOADED, files.database, env, out);
    await meetings(directory, options, out);
    await evaluations(directory, files, api.url, out);
    if (await models(files, env, out)) await show(REPORTED, files.database, env, out);
    say(out, "", "Next:", `  open the file       duckdb ${shown(files.database)}`, ...ownAccount(directory));
  } finally {
    api.process.kill("SIGTERM");
  }
}

interface Files {
  readonly database: string;
  readonly state: string;
  readonly tap: string;
  readonly target: string;
}

async function writeConfigs(directory: string, url: string): Promise<Files> {
  const files: Files = {
    database: join(directory, "chorus.duckdb"),
    state: join(directory, "state.json"),
    tap: join(directory, "tap.json"),
    target: join(directory, "target.json"),
  };
  const tap = {
    api_url: url,
    api_token: "sample-token",
    start_date: "2025-01-01",
    max_requests_per_second: 1_000,
    concurrency: 4,
  };
  await writeFile(files.tap, `${JSON.stringify(tap, undefined, 2)}\n`);
  await writeFile(files.target, `${JSON.stringify({ destination: "duckdb", path: files.database }, undefined, 2)}\n`);
  return files;
}

async function startSampleApi(options: readonly string[]): Promise<{ url: string; process: ChildProcess }> {
  const args = ["sample-api", "--port", "0", "--token", "sample-token", ...options];
  const child = spawn(process.execPath, [bin("chorus-elt"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: quiet(),
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url !== undefined) return { url, process: child };
  }
  throw new EltError("UNEXPECTED", "the sample API ended before it listened");
}

/** Meetings of Zoom and Teams about the deals of the account, from WebVTT files. */
async function meetings(
  directory: string,
  { corpus, calls }: { corpus: string | undefined; calls: number },
  out: Out,
): Promise<void> {
  const [{ writeSampleMeetings }, { generate }, { readCorpus }] = await Promise.all([
    import("../sample/meetings.ts"),
    import("../sample/generator.ts"),
    import("../sample/corpus.ts"),
  ]);
  const nowMs = Math.floor(Date.now() / 3_600_000) * 3_600_000; // as the sample API takes it
  const source = corpus === undefined ? generate({ calls, seed: 1, nowMs }) : await readCorpus(corpus);
  const { path, mapping, files } = await writeSampleMeetings(join(directory, "meetings"), { source });
  if (files.length === 0) return;
  say(out, "", `Meetings of other platforms:  tap-transcripts | target-warehouse`, `  ${files.length} WebVTT files`);
  const config = await write(directory, "meetings.json", { path, mapping });
  await pipe({ program: "tap-transcripts", config, ...(await loadsInto(directory, "meetings")) }, []);
}

const KITS = ["FRMWRK01", "BATTLE01", "SIGNAL01", "REPCRT01", "CALLEVAL"];

async function evaluations(directory: string, files: Files, url: string, out: Out): Promise<void> {
  say(out, "", "Evaluations:  tap-semarize | target-warehouse");
  const config = await write(directory, "semarize.json", {
    api_url: url,
    api_token: "smz_test_sample",
    warehouse_config: files.target,
    kits: KITS,
    max_runs: 10_000,
    concurrency: 16,
    max_requests_per_second: 1_000,
  });
  await pipe({ program: "tap-semarize", config, ...(await loadsInto(directory, "semarize")) }, []);
  const { runs } = (await (await fetch(`${url}/_sample/semarize/truth`)).json()) as { runs: unknown[] };
  say(out, `  ${runs.length} runs of ${KITS.length} kits`);
}

/** Builds the models; false, and a word about it, where Python is missing. */
async function models(files: Files, env: Command["env"], out: Out): Promise<boolean> {
  const { toolchain } = await import("./dbt/toolchain.ts");
  try {
    await toolchain("dbt", env.log);
  } catch (error) {
    if (!(error instanceof EltError) || error.code !== "TOOLCHAIN_MISSING") throw error;
    say(out, "", `The models are not built: ${error.message}`);
    return false;
  }
  say(out, "", "Models:  chorus-elt dbt build");
  const child = spawn(process.execPath, [bin("chorus-elt"), "dbt", "build", "--quiet", "--config", files.target], {
    stdio: ["ignore", process.stderr, "inherit"], // it says nothing unless something is wrong
    env: quiet(),
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new EltError("DBT_FAILED", `chorus-elt dbt build ended with ${String(code)}`);
  return true;
}

/** The config of a target that loads into the same file, with a state of its own. */
async function loadsInto(directory: string, name: string): Promise<Pick<Pipe, "target" | "state">> {
  const settings = { destination: "duckdb", path: join(directory, "chorus.duckdb"), state_id: name };
  return {
    target: await write(directory, `target-${name}.json`, settings),
    state: join(directory, `state-${name}.json`),
  };
}

async function write(directory: string, name: string, config: object): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`);
  return path;
}

/** A tap with its config, and a target with its own; the state goes to a file. */
interface Pipe {
  readonly program: string;
  readonly config: string;
  readonly target: string;
  readonly state: string;
}

/** `tap --config … | target-warehouse --config … > state.json`, as a shell would run it. */
async function pipe(files: Pipe, tapOptions: readonly string[]): Promise<void> {
  const tap = { program: files.program, args: ["--config", files.config, ...tapOptions], environment: quiet() };
  const target = { program: "target-warehouse", args: ["--config", files.target], environment: quiet() };
  const ended = await runPipe(tap, target);
  if (ended.tap !== 0 || ended.target !== 0) {
    const codes = `${files.program} ended with ${String(ended.tap)}, target-warehouse with ${String(ended.target)}`;
    throw new EltError("UNEXPECTED", `the pipe failed: ${codes}`);
  }
  if (ended.state !== "") await writeFile(files.state, `${ended.state}\n`);
}

const quiet = () => ({ ...process.env, LOGLEVEL: process.env["LOGLEVEL"] ?? "WARNING" });

async function requests(url: string, out: Out): Promise<void> {
  const counts = (await (await fetch(`${url}/_sample/requests`)).json()) as Record<string, Record<string, number>>;
  const total = (part: string) =>
    Object.entries(counts)
      .filter(([route]) => route.includes("/api/") && route.includes(part))
      .flatMap(([, statuses]) => Object.values(statuses))
      .reduce((sum, count) => sum + count, 0);
  say(out, `  ${total("")} requests, ${total("/transcript")} of them for transcripts`);
}

async function reset(url: string): Promise<void> {
  await fetch(`${url}/_sample/requests/reset`, { method: "POST" });
}

type Shown = readonly (readonly [title: string, sql: string])[];

const LOADED: Shown = [
  [
    "Rows per table",
    "SELECT table_name AS table, estimated_size AS rows FROM duckdb_tables() WHERE schema_name = 'main' AND table_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY 1",
  ],
  [
    "Calls per team",
    `SELECT coalesce(t.name, 'no team') AS team, count(*) AS calls, round(sum(c.duration_seconds) / 3600, 1) AS hours
     FROM calls c LEFT JOIN teams t ON t.team_id = c.owner_team_id GROUP BY ALL ORDER BY calls DESC, team LIMIT 8`,
  ],
  [
    "Talk ratio by rep",
    `SELECT c.owner_name AS rep, count(*) AS calls, printf('%.0f %%', avg(m.value)) AS talks
     FROM calls c JOIN engagement_metrics m USING (call_id)
     WHERE m.metric = 'rep_talk_percent' AND m.origin = 'api' AND c.owner_name IS NOT NULL
     GROUP BY ALL ORDER BY calls DESC, rep LIMIT 8`,
  ],
  [
    "Top trackers",
    `SELECT name AS tracker, sum(mention_count)::BIGINT AS mentions, count(DISTINCT call_id) AS calls
     FROM trackers GROUP BY ALL ORDER BY mentions DESC, tracker LIMIT 8`,
  ],
];

const REPORTED: Shown = [
  [
    "Framework adherence: steps skipped, all weeks",
    `SELECT label AS step, sum(calls_scored)::BIGINT AS calls, sum(calls_skipped)::BIGINT AS skipped,
            printf('%.0f %%', 100 * sum(calls_skipped) / sum(calls_scored)) AS share
     FROM analytics.rpt_framework_adherence_weekly WHERE team_id = 'all' GROUP BY step_key, label, position ORDER BY position`,
  ],
  [
    "Battlecard accuracy, newest month",
    `SELECT competitor, claims, accurate, outdated, printf('%.0f %%', 100 * accuracy_ratio) AS accuracy, coalesce(action, '') AS action
     FROM analytics.rpt_battlecard_accuracy_monthly
     WHERE month_starting_on = (SELECT max(month_starting_on) FROM analytics.rpt_battlecard_accuracy_monthly)
     ORDER BY is_total, competitor`,
  ],
  [
    "Deal signal coverage",
    `SELECT deal_name AS deal, chorus_signals AS chorus, zoom_signals AS zoom, teams_signals AS teams, total_signals AS total, card_text AS signals
     FROM analytics.rpt_deal_signal_coverage ORDER BY total_signals DESC, deal_name LIMIT 8`,
  ],
  [
    "Rep certification",
    `SELECT rep_name AS rep, card_text AS status, calls_scored AS calls, coalesce(weakest_skill, '') AS weakest
     FROM analytics.rpt_rep_certification ORDER BY readiness DESC, rep_name LIMIT 8`,
  ],
];

async function show(tables: Shown, path: string, env: Env, out: Out): Promise<void> {
  const { default: duckdb } = await import("../destinations/duckdb/index.ts");
  const config = { path, lock_timeout_seconds: 10, memory_limit: "256MB" };
  await using warehouse = await duckdb.connectReader(config, env);
  for (const [title, sql] of tables) {
    const rows: Record<string, unknown>[] = [];
    for await (const row of warehouse.query(sql)) rows.push(row);
    say(out, "", title, ...table(rows));
  }
}

function table(rows: readonly Record<string, unknown>[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  return textTable([names, ...rows.map((row) => names.map((name) => printed(row[name])))]);
}

const printed = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value ?? ""));

function ownAccount(directory: string): string[] {
  const state = shown(join(directory, "state.json"));
  return [
    "  your own account    put your token and a start date into a copy of sample_config.json, then",
    "                      tap-chorus --config config.json | target-warehouse > state.json",
    `  look at the state   chorus-elt state show --config ${shown(join(directory, "target.json"))}  (also in ${state})`,
  ];
}

/** A path as one would type it from here. */
function shown(path: string): string {
  const here = `${process.cwd()}/`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}

function say(out: Out, ...lines: readonly string[]): void {
  for (const line of lines) void out.line(line);
}
