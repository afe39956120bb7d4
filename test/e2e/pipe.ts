import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect } from "vitest";

/** A program of ours that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Call {
  readonly title: string | null;
  readonly call_type: string | null;
  readonly started_at: string;
  readonly utterances: number | null;
  readonly transcript_status: string;
  readonly text_hash: string;
  readonly speakers_hash: string;
  readonly duration_seconds: number | null;
  readonly updated_at: string;
  readonly metrics: number;
  readonly crm_objects: number;
  readonly recordings: number;
  readonly tags: number;
  readonly named_tags: number;
  readonly trackers: number;
  readonly tracker_mentions: number;
  readonly participants: number;
  readonly deal_signals: number;
}

/** What a complete reader must hold now. */
export interface Truth {
  readonly calls: Record<string, Call>;
  readonly users: number;
  readonly teams: number;
  readonly team_members: number;
}

/** The sample API as a process of its own, as users start it. */
export interface Api extends AsyncDisposable {
  readonly url: string;
  truth(): Promise<Truth>;
  change(what: Record<string, number>): Promise<Record<string, string[]>>;
  /** Moves the server's clock on. */
  later(hours: number): Promise<void>;
  /** The token is valid again, for good. */
  renewToken(): Promise<void>;
  /** What a good client never does, and how often it was done. */
  violations(): Promise<Record<string, number>>;
  /** Requests since the last call of this, by route and status. */
  requests(): Promise<Record<string, Record<string, number>>>;
}

export const TOKEN = "canary-token-5f3a";

export async function sampleApi(...options: readonly string[]): Promise<Api> {
  const child = bin("chorus-elt", ["sample-api", "--port", "0", "--token", TOKEN, ...options]);
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  let url = "";
  for await (const line of createInterface({ input: child.stdout! })) {
    url = /^listening on (\S+)$/.exec(line)?.[1] ?? "";
    break;
  }
  if (url === "") throw new Error(`the sample API did not start: ${stderr}`);
  const json = async (path: string, init?: RequestInit) => (await fetch(url + path, init)).json();
  return {
    url,
    truth: async () => (await json("/_sample/truth")) as Truth,
    change: async (what) =>
      (await json("/_sample/changes", { method: "POST", body: JSON.stringify(what) })) as Record<string, string[]>,
    later: async (hours) => {
      await json("/_sample/clock", { method: "POST", body: JSON.stringify({ advance_seconds: hours * 3_600 }) });
    },
    renewToken: async () => {
      await json("/_sample/token", { method: "POST", body: JSON.stringify({ valid: true }) });
    },
    violations: async () => (await json("/_sample/violations")) as Record<string, number>,
    requests: async () => {
      const counts = (await json("/_sample/requests")) as Record<string, Record<string, number>>;
      await fetch(`${url}/_sample/requests/reset`, { method: "POST" });
      return counts;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

/** A folder with the configs of a pipe and its database. */
export interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly database: string;
  readonly tap: string;
  readonly target: string;
  file(name: string, content: unknown): Promise<string>;
}

export async function place(api: Pick<Api, "url">, tap: object = {}, target: object = {}): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "chorus-elt-test-"));
  const file = async (name: string, content: unknown) => {
    const path = join(folder, name);
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };
  const settings = {
    api_url: api.url,
    api_token: TOKEN,
    start_date: daysAgo(100),
    max_requests_per_second: 1_000,
    concurrency: 4,
  };
  const database = join(folder, "chorus.duckdb");
  return {
    folder,
    database,
    tap: await file("tap.json", { ...settings, ...tap }),
    target: await file("target.json", { path: database, ...target }),
    file,
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A date, as a config has it. */
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

export function bin(
  name: string,
  args: readonly string[],
  options: { env?: Record<string, string> } = {},
): ChildProcess {
  return spawn(process.execPath, [resolve("dist/bin", `${name}.js`), ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
}

/** Runs a program to its end. */
export async function run(
  name: string,
  args: readonly string[],
  input = "",
  env: Record<string, string> = {},
): Promise<Ended> {
  const child = bin(name, args, { env });
  child.stdin?.on("error", () => undefined); // it may end before it has read everything
  child.stdin?.end(input);
  return ended(child);
}

export async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

export interface PipeOptions {
  readonly state?: string | undefined;
  readonly catalog?: string;
  /** Another program in the place of tap-chorus, and its config. */
  readonly tap?: { readonly program: string; readonly config: string };
  /** Called for each line on its way from the tap to the target. */
  readonly onLine?: (line: string, count: number, kill: { tap(): void; target(): void }) => void;
  /** For the tap alone. */
  readonly env?: Record<string, string>;
  /** Called once with the ids of both processes. */
  readonly onStart?: (tap: number, target: number) => void;
}

/** `tap | target-warehouse` with the lines passing through our hands. `state` is the last line that came out. */
export async function pipe(
  where: Place,
  options: PipeOptions = {},
): Promise<{ tap: Ended; target: Ended; lines: string[]; state: string | undefined }> {
  const { program, config } = options.tap ?? { program: "tap-chorus", config: where.tap };
  const args = ["--config", config];
  if (options.state !== undefined) args.push("--state", await where.file("state.json", options.state));
  if (options.catalog !== undefined) args.push("--catalog", options.catalog);
  const tap = bin(program, args, { env: options.env ?? {} });
  const target = bin("target-warehouse", ["--config", where.target]);
  target.stdin?.on("error", () => undefined); // it may be killed
  options.onStart?.(tap.pid ?? 0, target.pid ?? 0);
  const kill = { tap: () => tap.kill("SIGKILL"), target: () => target.kill("SIGKILL") };
  const lines: string[] = [];
  const tapEnded = ended(tap);
  const targetEnded = ended(target);
  let rest = "";
  tap.stdout?.on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      lines.push(line);
      target.stdin?.write(`${line}\n`);
      options.onLine?.(line, lines.length, kill);
    }
  });
  const tapDone = await tapEnded;
  target.stdin?.end(rest);
  const targetDone = await targetEnded;
  const state = targetDone.stdout.trim().split("\n").at(-1);
  return { tap: tapDone, target: targetDone, lines, state: state === "" ? options.state : state };
}

export async function query(database: string, sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(database, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Everything that is in the database, in a form that two databases can be compared by. */
export async function contents(database: string): Promise<Record<string, string[]>> {
  const tables = await query(
    database,
    "SELECT table_name AS name FROM duckdb_tables() WHERE table_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY 1",
  );
  const found: Record<string, string[]> = {};
  for (const { name } of tables) {
    // Links to media are signed anew in every answer.
    const columns = `COLUMNS(c -> c NOT LIKE '\\_sdc%' ESCAPE '\\' AND c NOT LIKE 'media\\_url%' ESCAPE '\\')`;
    const rows = await query(database, `SELECT ${columns} FROM "${String(name)}"`);
    found[String(name)] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return found;
}

/** The key of every stream, as the catalog has it. */
const KEYS = (
  JSON.parse(readFileSync("catalog.json", "utf8")) as { streams: { stream: string; key_properties: string[] }[] }
).streams.map(({ stream, key_properties: keys }) => [stream, keys.join(", ")] as const);

/** What of the account flavour `v3` tells: calls of two types, without tags and signals. */
export function inV3(truth: Truth): Truth {
  const told = Object.entries(truth.calls).filter(([, { call_type: type }]) => type === "meeting" || type === "dialer");
  const calls = told.map(([id, call]) => [id, { ...call, tags: 0, named_tags: 0, deal_signals: 0 }] as const);
  return { ...truth, calls: Object.fromEntries(calls) };
}

/** The pass rule of every test that breaks something: the warehouse equals the source's truth, nothing twice. */
export async function expectTruth(database: string, truth: Truth): Promise<void> {
  const tables = new Set(
    (await query(database, "SELECT table_name AS name FROM duckdb_tables()")).map(({ name }) => name),
  );
  for (const [table, keys] of KEYS) {
    if (!tables.has(table)) continue;
    const [twice] = await query(
      database,
      `SELECT count(*) AS n FROM (SELECT ${keys} FROM ${table} GROUP BY ALL HAVING count(*) > 1)`,
    );
    expect(Number(twice?.["n"]), `${table}: rows with the same key`).toBe(0);
  }
  const calls = await query(
    database,
    "SELECT call_id, title, epoch_ms(started_at) AS started, epoch_ms(updated_at) AS updated, duration_seconds FROM calls",
  );
  const ids = Object.keys(truth.calls).sort();
  expect(calls.map((row) => row["call_id"]).sort()).toEqual(ids);
  for (const row of calls) {
    const call = truth.calls[String(row["call_id"])];
    const found = [row["title"], Number(row["started"]), Number(row["updated"]), row["duration_seconds"]];
    expect(found).toEqual([
      call?.title,
      Date.parse(call?.started_at ?? ""),
      Date.parse(call?.updated_at ?? ""),
      call?.duration_seconds,
    ]);
  }
  await expectCounts(database, truth, "participants", (call) => call.participants);
  await expectCounts(database, truth, "trackers", (call) => call.trackers);
  await expectCounts(database, truth, "tracker_mentions", (call) => call.tracker_mentions);
  await expectCounts(database, truth, "tags", (call) => call.tags + call.named_tags);
  await expectCounts(database, truth, "deal_signals", (call) => call.deal_signals);
  await expectCounts(database, truth, "crm_associations", (call) => call.crm_objects);
  await expectCounts(database, truth, "recordings", (call) => call.recordings);
  await expectCounts(database, truth, "engagement_metrics WHERE origin = 'api'", (call) => call.metrics);
  await expectTurns(database, truth);
  for (const table of ["users", "teams", "team_members"] as const) {
    const [row] = await query(database, `SELECT count(*) AS n FROM ${table}`);
    expect(Number(row?.["n"]), table).toBe(truth[table]);
  }
}

async function expectCounts(database: string, truth: Truth, table: string, of: (call: Call) => number): Promise<void> {
  const [name = ""] = table.split(" ");
  const exists = await query(database, `SELECT 1 FROM duckdb_tables() WHERE table_name = '${name}'`);
  const rows =
    exists.length === 0 ? [] : await query(database, `SELECT call_id, count(*) AS n FROM ${table} GROUP BY 1`);
  const found = Object.fromEntries(rows.map((row) => [String(row["call_id"]), Number(row["n"])]));
  const wanted = Object.fromEntries(
    Object.entries(truth.calls).flatMap(([id, call]) => (of(call) === 0 ? [] : [[id, of(call)]])),
  );
  expect(found, table).toEqual(wanted);
}

/** Every turn in its place, with its words and its speaker. */
async function expectTurns(database: string, truth: Truth): Promise<void> {
  const sql =
    "SELECT call_id, text, coalesce(speaker, '') AS speaker FROM utterances ORDER BY call_id, utterance_index";
  const turns = new Map<string, { texts: string[]; speakers: string[] }>();
  for (const { call_id: id, text, speaker } of await query(database, sql)) {
    const call = turns.get(String(id)) ?? { texts: [], speakers: [] };
    call.texts.push(String(text));
    call.speakers.push(String(speaker));
    turns.set(String(id), call);
  }
  const hash = (lines: readonly string[]) => createHash("sha256").update(lines.join("\n")).digest("hex");
  const found = [...turns].map(
    ([id, { texts, speakers }]) => [id, [texts.length, hash(texts), hash(speakers)]] as const,
  );
  const spoken = Object.entries(truth.calls).filter(([, call]) => (call.utterances ?? 0) > 0);
  const wanted = spoken.map(([id, call]) => [id, [call.utterances, call.text_hash, call.speakers_hash]] as const);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
}

/** How many requests went to routes that contain `part`. */
export function count(requests: Record<string, Record<string, number>>, part: string): number {
  return Object.entries(requests)
    .filter(([route]) => route.includes("/api/") && route.includes(part))
    .flatMap(([, statuses]) => Object.values(statuses))
    .reduce((sum, n) => sum + n, 0);
}
