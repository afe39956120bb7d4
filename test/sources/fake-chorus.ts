import { type Env } from "../../src/core/env.ts";
import { type JsonObject } from "../../src/core/json.ts";
import { type RecordMessage, type State } from "../../src/core/message.ts";
import { type SourceMessage } from "../../src/core/source.ts";
import { type HttpRequest, type HttpResponse } from "../../src/http/send.ts";
import { openApi } from "../../src/sources/chorus/api.ts";
import { type Config } from "../../src/sources/chorus/config.ts";
import { readChorus } from "../../src/sources/chorus/read.ts";
import { streams } from "../../src/sources/chorus/streams.gen.ts";
import { text } from "../../src/sources/chorus/values.ts";
import { type FakeClock, fakeClock, keptLog } from "../http/fakes.ts";

type Reply = readonly [status: number, body: unknown, headers?: Record<string, string>];

/** A Chorus of which a test owns every call, in memory; what it was asked is kept in `asked`. */
export interface FakeChorus {
  calls: JsonObject[];
  users: JsonObject[] | undefined;
  teams: JsonObject[] | undefined;
  /** Answer for a call's transcript; without one it has two turns. */
  transcripts: Map<string, Reply | (() => Reply)>;
  /** `list`, `call c1`, `transcript c1`, `users`, `teams` in the order of the requests. */
  asked: string[];
  /** Looks at every request first; what it gives is the answer. */
  before: ((request: HttpRequest, nth: number) => Reply | undefined) | undefined;
  /** Rows a page may have, whatever is asked. */
  cap: number;
  /** The server's clock is this much ahead of ours. */
  aheadMs: number;
  hints: boolean;
  readonly clock: FakeClock;
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
}

export function fakeChorus(calls: JsonObject[] = [], nowMs = Date.UTC(2026, 2, 10, 12)): FakeChorus {
  const clock = fakeClock(nowMs);
  const chorus: FakeChorus = {
    calls,
    users: [{ id: "u1", name: "Robin Rep", team_ids: ["t1"], primary_team_id: "t1" }],
    teams: [{ id: "t1", name: "North", user_ids: ["u1"] }],
    transcripts: new Map(),
    asked: [],
    before: undefined,
    cap: 100,
    aheadMs: 0,
    hints: true,
    clock,
    async handle(request) {
      const url = new URL(request.url);
      clock.advance(10);
      const [name, callId, part] = url.pathname.replace("/api/v1/", "").split("/");
      chorus.asked.push(
        callId === undefined
          ? name === "calls"
            ? "list"
            : (name ?? "")
          : part === undefined
            ? `call ${callId}`
            : `transcript ${callId}`,
      );
      const [status, body, headers] =
        chorus.before?.(request, chorus.asked.length) ?? route(chorus, url, name ?? "", callId, part);
      const date = new Date(clock.now() + chorus.aheadMs).toUTCString();
      const text = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
      return { status, headers: { date, ...headers }, body: Buffer.from(text) };
    },
  };
  return chorus;
}

function route(
  chorus: FakeChorus,
  url: URL,
  name: string,
  callId: string | undefined,
  part: string | undefined,
): Reply {
  if (callId !== undefined) {
    const call = chorus.calls.find(({ id }) => text(id) === decodeURIComponent(callId));
    if (call === undefined) return [404, { errors: [{ status: "404", code: "not_found" }] }];
    if (part === undefined) return [200, call];
    const transcript = chorus.transcripts.get(callId);
    return (typeof transcript === "function" ? transcript() : transcript) ?? [200, talk(`words of ${callId}`)];
  }
  const from = Date.parse(url.searchParams.get("startDate") ?? "1900-01-01");
  const to = Date.parse(url.searchParams.get("endDate") ?? "2900-01-01");
  const startOf = ({ date }: JsonObject) => Date.parse(text(date) ?? "");
  const lists: Record<string, JsonObject[] | undefined> = {
    calls: chorus.calls
      .filter((one) => !(startOf(one) < from) && !(startOf(one) > to)) // one without a date is in every range
      .sort((a, b) => startOf(b) - startOf(a)),
    users: chorus.users,
    teams: chorus.teams,
  };
  const all = lists[name];
  if (all === undefined) return [404, ""];
  const offset = Number(url.searchParams.get("offset"));
  const rows = all.slice(offset, offset + Math.min(chorus.cap, Number(url.searchParams.get("limit") ?? 50)));
  const hints = { total: all.length, has_more: offset + rows.length < all.length };
  return [200, { [name]: rows, pagination: { offset, returned: rows.length, ...(chorus.hints ? hints : {}) } }];
}

export function talk(text: string, turns = 2): JsonObject {
  const utterances = Array.from({ length: turns }, (_, index) => ({
    index,
    speaker: index % 2 === 0 ? "Robin Rep" : "Pat Prospect",
    timestamp: index * 10,
    duration: 8,
    text: `${text} ${index}`,
  }));
  return { status: "ready", language: "en", utterances };
}

export function call(id: string, date: string, rest: JsonObject = {}): JsonObject {
  return {
    id,
    title: `Call ${id}`,
    date,
    duration: 600,
    status: "done",
    call_type: "meeting",
    owner: { user_id: "u1", name: "Robin Rep", team_id: "t1" },
    participants: [
      { person_id: "p1", user_id: "u1", name: "Robin Rep", type: "rep" },
      { person_id: "p2", name: "Pat Prospect", type: "cust" },
    ],
    trackers: [{ id: "k1", name: "Price", count: 1, mentions: [{ offset: 12, utterance_index: 1 }] }],
    updated_at: date,
    ...rest,
  };
}

/** Calls c1, c2 … evenly spread from a day on. */
export function manyCalls(count: number, from: string, stepHours: number): JsonObject[] {
  const startMs = Date.parse(from);
  return Array.from({ length: count }, (_, index) =>
    call(`c${index + 1}`, new Date(startMs + index * stepHours * 3_600_000).toISOString()),
  );
}

export const CONFIG: Config = {
  api_token: "token",
  api_url: "http://chorus.test",
  api_flavour: "calls",
  auth_scheme: "bearer",
  start_date: "2026-03-01",
  look_back_days: 7,
  max_look_back_days: 30,
  reconcile_days: 90,
  reconcile_every_days: 7,
  deleted_rows: "mark",
  max_deleted_share: 0.25,
  strict: false,
  media_links: false,
  account_timezone: "UTC",
  max_requests_per_second: 1000,
  concurrency: 2,
  pending_max_days: 14,
  resend_days: 0,
};

export interface Outcome {
  readonly messages: SourceMessage[];
  readonly states: State[];
  /** The last state. */
  readonly state: State;
  readonly failures: string[];
  readonly lines: string[];
  readonly error: unknown;
  /** Records of a stream, in their order. */
  readonly of: (stream: string) => JsonObject[];
}

/** One run of the tap against the fake; nothing is thrown, what was thrown is in `error`. */
export async function run(
  chorus: FakeChorus,
  {
    config = {},
    select = streams.map(({ name }) => name),
    state = {},
    signal = new AbortController().signal,
    onMessage = () => undefined,
  }: {
    config?: Partial<Config>;
    select?: readonly string[];
    state?: State;
    signal?: AbortSignal;
    onMessage?: (message: SourceMessage) => void;
  } = {},
): Promise<Outcome> {
  const log = keptLog();
  const env: Env = { clock: chorus.clock, log, signal, step: () => undefined };
  const merged = { ...CONFIG, ...config };
  const messages: SourceMessage[] = [];
  let error: unknown;
  try {
    const transport = { send: chorus.handle, [Symbol.asyncDispose]: async () => undefined };
    await using api = await openApi(merged, env, { transport });
    const selection = streams
      .filter(({ name }) => select.includes(name))
      .map((stream) => ({ stream, fields: new Set<string>() }));
    for await (const message of readChorus(merged, selection, state, env, { api, streams })) {
      // What a consumer got must not change afterwards.
      messages.push(message.type === "failure" ? message : structuredClone(message));
      onMessage(message);
    }
  } catch (thrown) {
    error = thrown;
  }
  const states = messages.flatMap((message) => (message.type === "state" ? [message.state] : []));
  const records = messages.filter((message): message is RecordMessage => message.type === "record");
  return {
    messages,
    states,
    state: states.at(-1) ?? {},
    failures: messages.flatMap((message) =>
      message.type === "failure" ? [`${message.stream} ${message.error.code}`] : [],
    ),
    lines: log.lines,
    error,
    of: (stream) => records.filter((record) => record.stream === stream).map(({ record }) => record),
  };
}

/** The family bookmark of a state. */
export function callsBookmark(state: State): JsonObject {
  return (state["bookmarks"] as Record<string, JsonObject>)["calls"] ?? {};
}
