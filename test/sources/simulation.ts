import { createHash } from "node:crypto";
import { expect } from "vitest";
import { type Env } from "../../src/core/env.ts";
import { EltError } from "../../src/core/errors.ts";
import { type JsonObject } from "../../src/core/json.ts";
import { type State } from "../../src/core/message.ts";
import { type SourceMessage } from "../../src/core/source.ts";
import { clean } from "../../src/core/value.ts";
import { type HttpRequest, type HttpResponse } from "../../src/http/send.ts";
import { type InProcess, sampleInProcess } from "../../src/sample/in-process.ts";
import { type AccountOptions } from "../../src/sample/options.ts";
import { openApi } from "../../src/sources/chorus/api.ts";
import { type Config } from "../../src/sources/chorus/config.ts";
import { readChorus } from "../../src/sources/chorus/read.ts";
import { flavourOf, memoryOf } from "../../src/sources/chorus/state.ts";
import { streams } from "../../src/sources/chorus/streams.gen.ts";
import { text } from "../../src/sources/chorus/values.ts";
import { type FakeClock, fakeClock, keptLog } from "../http/fakes.ts";
import { CONFIG } from "./fake-chorus.ts";
import { Warehouse } from "./warehouse.ts";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const NOW = Date.UTC(2026, 2, 10, 12, 10);
export type FlavourName = "calls" | "v3";

export interface Ran {
  readonly messages: number;
  readonly failures: readonly string[];
  readonly error: EltError | undefined;
  readonly lines: readonly string[];
  /** Requests to the API in this run. */
  readonly requests: number;
  /** Ids of the calls that were said in it. */
  readonly calls: readonly string[];
}

/** A sample account, a tap and a warehouse in one process, under a clock that moves only when somebody waits. */
export interface Simulation {
  readonly clock: FakeClock;
  readonly warehouse: Warehouse;
  /** What the account holds, for what no route of the sample API does. */
  readonly account: InProcess["account"];
  /** The last state that reached the warehouse. */
  state: State;
  /**
   * Calls that reached the warehouse and no state did after them. When such a call is deleted before the next run, no tap
   * can know of it; `chorus-elt verify` finds it.
   */
  readonly strays: Set<string>;
  /** Looks at every request first; what it gives is the answer. */
  before: ((request: HttpRequest) => HttpResponse | undefined) | undefined;
  /** What the sample API answers to a route of its own, e.g. `/_sample/changes`. */
  control(path: string, body: unknown): Record<string, string[]>;
  truth(): Truth;
  /** What a good client never does, and how often it was done. */
  violations(): Record<string, number>;
  /** Another reader of the same account, without a state and with a warehouse of its own. */
  another(): Simulation;
  /** One run of the tap. After `killAfter` messages nothing reaches the warehouse any more. */
  run(options?: { config?: Partial<Config>; killAfter?: number; select?: readonly string[] }): Promise<Ran>;
  later(ms: number): void;
}

interface CallTruth {
  readonly call_type: string | null;
  readonly title: string | null;
  readonly started_at: string;
  readonly duration_seconds: number | null;
  readonly updated_at: string;
  readonly transcript_status: string;
  readonly utterances: number | null;
  readonly text_hash: string | null;
  readonly speakers_hash: string | null;
  readonly participants: number;
  readonly trackers: number;
  readonly tracker_mentions: number;
  readonly tags: number;
  readonly named_tags: number;
  readonly metrics: number;
  readonly deal_signals: number;
  readonly crm_objects: number;
  readonly recordings: number;
}

interface Truth {
  readonly calls: Readonly<Record<string, CallTruth>>;
  readonly scorecards: number;
  readonly users: number;
  readonly teams: number;
  readonly team_members: number;
}

/** `skewMs`: how far our clock is ahead of the account's. */
export async function simulate(
  options: AccountOptions = {},
  settings: Partial<Config> = {},
  { skewMs = 0 }: { skewMs?: number } = {},
): Promise<Simulation> {
  const clock = fakeClock(NOW);
  const sample = await sampleInProcess({ calls: 40, ...options, token: "t", clock: () => clock.now() });
  return reader(sample, clock, settings, skewMs);
}

function reader(sample: InProcess, clock: FakeClock, settings: Partial<Config>, skewMs: number): Simulation {
  const warehouse = new Warehouse();
  const simulation: Simulation = {
    clock,
    warehouse,
    account: sample.account,
    state: {},
    strays: new Set(),
    before: undefined,
    control: (path, body) => sample.control("POST", path, body) as Record<string, string[]>,
    truth: () => sample.control("GET", "/_sample/truth") as Truth,
    violations: () => sample.control("GET", "/_sample/violations") as Record<string, number>,
    another: () => reader(sample, clock, settings, skewMs),
    later: (ms) => clock.advance(ms),
    async run({ config = {}, killAfter = Number.POSITIVE_INFINITY, select } = {}) {
      let requests = 0;
      const transport = {
        async send(request: HttpRequest): Promise<HttpResponse> {
          requests++;
          clock.advance(5);
          return simulation.before?.(request) ?? sample.send(request);
        },
        [Symbol.asyncDispose]: async () => undefined,
      };
      const log = keptLog();
      const stop = new AbortController();
      const ours = { ...clock, now: () => clock.now() + skewMs };
      const env: Env = { clock: ours, log, signal: stop.signal, step: () => undefined };
      const merged: Config = {
        ...CONFIG,
        api_token: "t",
        api_flavour: "auto",
        auth_scheme: "auto",
        start_date: "2025-12-01",
        ...settings,
        ...config,
      };
      const failures: string[] = [];
      const unstated = new Set<string>();
      const calls = new Set<string>();
      let messages = 0;
      let error: EltError | undefined;
      const take = (message: SourceMessage) => {
        if (message.type === "failure") failures.push(`${message.stream} ${message.error.code}`);
        if (message.type === "record" && message.stream === "calls") calls.add(text(message.record["call_id"]) ?? "");
        if (++messages > killAfter) {
          stop.abort(new Error("killed"));
          return;
        }
        warehouse.take(message);
        if (message.type === "record" && message.stream === "calls")
          unstated.add(text(message.record["call_id"]) ?? "");
        if (message.type !== "state") return;
        simulation.state = structuredClone(message.state);
        unstated.clear();
      };
      const wanted = select ?? streams.map(({ name }) => name);
      const selection = streams
        .filter(({ name }) => wanted.includes(name))
        .map((stream) => ({ stream, fields: new Set(Object.keys(stream.schema["properties"] as object)) }));
      try {
        await using api = await openApi(merged, env, {
          transport,
          flavour: flavourOf(simulation.state),
          memory: memoryOf(simulation.state),
        });
        for await (const message of readChorus(merged, selection, simulation.state, env, { api, streams }))
          take(message);
      } catch (thrown) {
        if (!(thrown instanceof EltError) && !stop.signal.aborted) throw thrown;
        error = thrown instanceof EltError ? thrown : undefined;
      }
      for (const callId of unstated) simulation.strays.add(callId);
      return { messages, failures, error, lines: log.lines, requests, calls: [...calls].sort() };
    },
  };
  return simulation;
}

/** Ends green. */
export async function quiet(simulation: Simulation, options: Parameters<Simulation["run"]>[0] = {}): Promise<Ran> {
  const ran = await simulation.run(options);
  expect([ran.failures, ran.error], ran.lines.join("\n")).toEqual([[], undefined]);
  return ran;
}

const V3_TYPES = new Set(["meeting", "dialer"]);

/** Columns that hold how an answer was written, not what it said. */
const WRITTEN = new Set(["content_hash"]);

/** All rows of the account's lists and of calls that are not marked as deleted, to compare two warehouses by. */
export function alive({ warehouse }: Simulation): Record<string, string[]> {
  const ids = new Set(warehouse.rows("calls").flatMap((row) => (row["_deleted_at"] == null ? [row["call_id"]] : [])));
  const tables = [...warehouse.tables.keys()].sort().map((name): [string, string[]] => {
    const rows = warehouse.rows(name).filter((row) => row["call_id"] === undefined || ids.has(row["call_id"]));
    const told = rows.map((row) => Object.entries(row).filter(([column]) => !WRITTEN.has(column)));
    return [name, told.map((row) => JSON.stringify(row)).sort()];
  });
  return Object.fromEntries(tables.filter(([, rows]) => rows.length > 0));
}

/**
 * The pass rule: what is in the warehouse and not marked as deleted equals the account. `v3` has no calls of other types
 * than meeting and dialer, no tags and no signals; of a call whose conversation is refused it knows what the list says.
 */
export function expectTruth(simulation: Simulation, flavour: FlavourName = "calls"): void {
  const { warehouse } = simulation;
  const { calls, ...account } = simulation.truth();
  const isStray = (id: string) => simulation.strays.has(id) && calls[id] === undefined;
  const found = warehouse
    .rows("calls")
    .filter((row) => row["_deleted_at"] == null && !isStray(text(row["call_id"]) ?? ""));
  const foundIds = found.map((row) => text(row["call_id"]) ?? "").sort();
  const isThere = ({ call_type: type }: CallTruth) => flavour === "calls" || V3_TYPES.has(type ?? "");
  const wanted = Object.entries(calls).flatMap(([id, call]) => (isThere(call) ? [id] : []));
  expect(foundIds).toEqual(wanted.sort());
  const statuses = new Map(warehouse.rows("transcripts").map((row) => [text(row["call_id"]), text(row["status"])]));
  const turns = new Map<string, { index: number; text: string; speaker: string }[]>();
  for (const row of warehouse.rows("utterances")) {
    const id = text(row["call_id"]) ?? "";
    const mine = turns.get(id) ?? [];
    mine.push({
      index: Number(row["utterance_index"]),
      text: clean(text(row["text"]) ?? "").value,
      speaker: clean(text(row["speaker"]) ?? "").value,
    });
    turns.set(id, mine);
  }
  for (const name of ["users", "teams", "team_members"] as const) {
    expect(warehouse.rows(name).length, name).toBe(account[name]);
  }
  for (const row of found) {
    const id = text(row["call_id"]) ?? "";
    const call = calls[id];
    expect(call, `${id} is in the warehouse and not in the account`).toBeDefined();
    if (call === undefined) continue;
    const mine = (turns.get(id) ?? []).sort((a, b) => a.index - b.index);
    const isReady = call.transcript_status === "ready";
    const isListedOnly = flavour === "v3" && call.transcript_status === "forbidden";
    const details = (told: Record<string, unknown>) => (isListedOnly ? {} : told);
    expect({
      id,
      title: row["title"] == null ? null : clean(text(row["title"]) ?? "").value,
      started_at: row["started_at"],
      duration: row["duration_seconds"],
      // `v3` does not say of a meeting that never took place that it has no transcript: it is waited for until the age limit.
      status: flavour === "v3" && call.transcript_status === "none" ? "none" : statuses.get(id),
      turns: mine.length,
      text: mine.length === 0 ? null : hash(mine.map((turn) => turn.text)),
      speakers: mine.length === 0 ? null : hash(mine.map((turn) => turn.speaker)),
      ...(flavour === "calls"
        ? { tags: count(warehouse, "tags", id), signals: count(warehouse, "deal_signals", id) }
        : {}),
      participants: count(warehouse, "participants", id),
      trackers: count(warehouse, "trackers", id),
      crm: count(warehouse, "crm_associations", id),
      ...details({
        updated_at: row["updated_at"],
        mentions: count(warehouse, "tracker_mentions", id),
        metrics: count(warehouse, "engagement_metrics", id, ({ origin }) => origin === "api"),
        recordings: count(warehouse, "recordings", id),
      }),
    }).toEqual({
      id,
      title: call.title,
      started_at: call.started_at,
      duration: call.duration_seconds,
      status: call.transcript_status,
      turns: isReady ? call.utterances : 0,
      text: isReady && call.utterances !== 0 ? call.text_hash : null,
      speakers: isReady && call.utterances !== 0 ? call.speakers_hash : null,
      ...(flavour === "calls" ? { tags: call.tags + call.named_tags, signals: call.deal_signals } : {}),
      participants: call.participants,
      trackers: call.trackers,
      crm: call.crm_objects,
      ...details({
        updated_at: call.updated_at,
        mentions: call.tracker_mentions,
        metrics: call.metrics,
        recordings: call.recordings,
      }),
    });
  }
}

function count(
  warehouse: Warehouse,
  table: string,
  callId: string,
  suits: (row: JsonObject) => boolean = () => true,
): number {
  return warehouse.rows(table).filter((row) => row["call_id"] === callId && suits(row)).length;
}

function hash(lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}
