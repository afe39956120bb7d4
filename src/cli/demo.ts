import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import type { Warehouse } from "../core/destination.ts";
import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import type { Out } from "../io/out.ts";
import { parseArguments } from "./arguments.ts";
import type { Command } from "./process.ts";

/**
 * `chorus-elt demo`: the real programs and a real pipe, against the sample API. Loads twice; the second run shows that
 * what has not changed is neither fetched nor written again.
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
    await pipe(files, []);
    await requests(api.url, out);
    await reset(api.url);
    say(out, "", "Second run, with the state of the first:");
    await pipe(files, ["--state", files.state]);
    await requests(api.url, out);
    await summary(files.database, env, out);
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

/** `tap-chorus --config … | target-warehouse --config … > state.json`, as a shell would run it. */
async function pipe(files: Files, tapOptions: readonly string[]): Promise<void> {
  const tap = spawn(process.execPath, [bin("tap-chorus"), "--config", files.tap, ...tapOptions], {
    stdio: ["ignore", "pipe", "inherit"],
    env: quiet(),
  });
  const target = spawn(process.execPath, [bin("target-warehouse"), "--config", files.target], {
    stdio: [tap.stdout, "pipe", "inherit"],
    env: quiet(),
  });
  tap.stdout.destroy(); // the pipe is the target's alone, or a tap whose target is gone would wait for ever
  let states = "";
  target.stdout.on("data", (chunk: Buffer) => (states += chunk.toString()));
  const ends = [once(tap, "exit"), once(target, "exit")] as Promise<[number | null]>[];
  await finished(target.stdout);
  const [tapCode, targetCode] = (await Promise.all(ends)).map(([code]) => code);
  if (tapCode !== 0 || targetCode !== 0) {
    throw new EltError(
      "UNEXPECTED",
      `the pipe failed: tap-chorus ended with ${String(tapCode)}, target-warehouse with ${String(targetCode)}`,
    );
  }
  const last = states.trim().split("\n").at(-1) ?? "";
  if (last !== "") await writeFile(files.state, `${last}\n`);
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

const REPORTS: readonly (readonly [title: string, sql: string])[] = [
  [
    "Rows per table",
    "SELECT table_name AS table, estimated_size AS rows FROM duckdb_tables() WHERE table_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY 1",
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

async function summary(path: string, env: Env, out: Out): Promise<void> {
  const { default: duckdb } = await import("../destinations/duckdb/index.ts");
  const config = { path, lock_timeout_seconds: 10, memory_limit: "256MB" };
  await using warehouse: Warehouse = await duckdb.connect(config, env);
  for (const [title, sql] of REPORTS) {
    const rows: Record<string, unknown>[] = [];
    for await (const row of warehouse.query(sql)) rows.push(row);
    say(out, "", title, ...table(rows));
  }
}

function table(rows: readonly Record<string, unknown>[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => printed(row[name])))];
  const widths = names.map((_, i) => Math.max(...cells.map((line) => width(line[i] ?? ""))));
  const isNumber = names.map((_, i) => cells.slice(1).every((line) => /^[\d.,]+( %)?$/.test(line[i] ?? "")));
  return cells.map((line) => {
    const padded = line.map((cell, i) => {
      const fill = " ".repeat((widths[i] ?? 0) - width(cell));
      return isNumber[i] === true ? fill + cell : cell + fill;
    });
    return `  ${padded.join("  ").trimEnd()}`;
  });
}

const printed = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value ?? ""));

/** Characters as a reader counts them. */
const width = (text: string) => Array.from(new Intl.Segmenter().segment(text)).length;

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

function bin(name: string): string {
  const here = dirname(fileURLToPath(import.meta.url)); // dist/chunks
  return resolve(here, "..", "bin", `${name}.js`);
}

function say(out: Out, ...lines: readonly string[]): void {
  for (const line of lines) void out.line(line);
}
