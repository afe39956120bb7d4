import { expect, test } from "vitest";
import { EltError } from "../../src/core/errors.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { State } from "../../src/core/message.ts";
import type { Source, SourceMessage } from "../../src/core/source.ts";
import type { Env } from "../../src/core/env.ts";
import { speak } from "../../src/dialects/airbyte/speak.ts";
import type { StreamState } from "../../src/dialects/airbyte/states.ts";
import type { Message } from "../support/airbyte.ts";
import { testEnv } from "../support/loading.ts";

const NAMES = ["a", "b"] as const;

interface Said {
  readonly lines: readonly JsonObject[];
  readonly failures: readonly EltError[];
  readonly thrown: unknown;
  /** The states that the source was given, one a pass. */
  readonly given: readonly State[];
}

/** What a source that says these messages comes to. */
async function said(
  read: (env: Env) => AsyncIterable<SourceMessage>,
  modes: Partial<Record<(typeof NAMES)[number], "full_refresh" | "incremental">> = {},
  states: ReadonlyMap<string, StreamState> = new Map(),
): Promise<Said> {
  const streams = NAMES.map((name) => ({
    name,
    schema: { type: "object", properties: { id: { type: "integer" } } },
    keys: ["id"],
  }));
  const given: State[] = [];
  const source: Source<object> = {
    name: "fake",
    configSchema: {},
    streams,
    check: async () => undefined,
    read(_config, selection, state, env) {
      given.push(state);
      const wanted = selection.map(({ stream }) => stream.name);
      return (async function* () {
        for await (const message of read(env)) {
          if (message.type !== "record" || wanted.includes(message.stream)) yield message;
        }
      })();
    },
  };
  const configured = streams.map((stream) => ({
    selection: { stream, fields: new Set(["id"]) },
    mode: modes[stream.name] ?? ("incremental" as const),
  }));
  const lines: JsonObject[] = [];
  const speech = speak(source, {}, configured, states, testEnv());
  try {
    for (;;) {
      const next = await speech.next();
      if (next.done === true) return { lines, failures: next.value, thrown: undefined, given };
      lines.push(JSON.parse(next.value) as JsonObject);
    }
  } catch (thrown) {
    return { lines, failures: [], thrown, given };
  }
}

const record = (stream: string, id: number): SourceMessage => ({
  type: "record",
  stream,
  record: { id },
  extractedAt: 5,
});
const state = (n: number): SourceMessage => ({ type: "state", state: { n } });

/** Lines in a few words. */
function words({ lines }: Said): string[] {
  return (lines as unknown as Message[]).map(({ type, record: row, state: kept, trace }) => {
    if (row !== undefined) return `${type} ${row.stream}`;
    if (kept !== undefined)
      return `${type} ${kept.stream.stream_descriptor.name} ${String(kept.sourceStats?.recordCount)}`;
    if (trace?.estimate !== undefined) return `ESTIMATE ${trace.estimate.name} ${trace.estimate.row_estimate}`;
    if (trace?.error !== undefined) return `ERROR ${trace.error.stream_descriptor?.name ?? ""}`;
    const { stream_descriptor: { name } = { name: "" }, status = "", reasons } = trace?.stream_status ?? {};
    return `${name} ${status}${reasons === undefined ? "" : " LIMITED"}`;
  });
}

test("a run: statuses, records, a state of each stream that has something new, and at the end one of each", async () => {
  const run = await said(async function* () {
    yield record("a", 1);
    yield state(1);
    yield record("a", 2);
    yield state(1);
  });
  expect(words(run)).toEqual([
    "a STARTED",
    "b STARTED",
    "a RUNNING",
    "RECORD a",
    "STATE a 1",
    "STATE b 0",
    "RECORD a",
    "STATE a 1",
    "a COMPLETE",
    "b COMPLETE",
  ]);
});

test("a source that says no state, from states that were given: each stream says where it is", async () => {
  const states = new Map(NAMES.map((name) => [name, { checkpoint: 4, refreshing: false, state: { n: 7 } }]));
  const run = await said(async function* () {}, {}, states);
  expect(run.given).toEqual([{ n: 7 }]);
  const blobs = run.lines.flatMap(({ state: one }) => (one as JsonObject | undefined)?.["stream"] ?? []);
  expect(blobs).toEqual(
    NAMES.map((name) => ({ stream_descriptor: { name }, stream_state: { checkpoint: 5, state: { n: 7 } } })),
  );
});

test("what was said last stays the last word: no older state comes after it", async () => {
  const states = new Map(NAMES.map((name) => [name, { checkpoint: 4, refreshing: false, state: { n: 7 } }]));
  const run = await said(
    async function* () {
      yield record("a", 1);
      yield state(8);
    },
    {},
    states,
  );
  const kept = run.lines.flatMap(({ state: one }) => JSON.stringify(one ?? "").match(/"n":\d/g) ?? []);
  expect(kept).toEqual(['"n":8', '"n":8']);
});

test("a stream that fails is INCOMPLETE, with an error that names it; the others go on", async () => {
  const error = new EltError("API_FORBIDDEN", "GET /users answered 403");
  const run = await said(async function* () {
    yield { type: "failure", stream: "b", error };
    yield record("a", 1);
    yield state(1);
  });
  expect(words(run)).toContain("ERROR b");
  expect(words(run).slice(-2)).toEqual(["a COMPLETE", "b INCOMPLETE"]);
  expect(run.failures).toEqual([error]);
});

test("an error that ends the run comes after the last state and the last statuses", async () => {
  const error = new EltError("API_UNAUTHORIZED", "401");
  const run = await said(async function* () {
    yield record("a", 1);
    yield state(1);
    yield record("a", 2);
    yield state(2);
    throw error;
  });
  expect(run.thrown).toBe(error);
  expect(words(run).slice(-3)).toEqual(["STATE b 0", "a INCOMPLETE", "b INCOMPLETE"]);
});

test("limits of the API and estimates are told of in the protocol's words", async () => {
  const run = await said(async function* (env) {
    yield record("a", 1);
    env.log.info("RATE_LIMITED: slowly", { rate_limited: true });
    env.log.progress("a", 1, 12);
    env.log.progress("a", 2, 12);
    env.log.progress("pages", 2, 12);
    yield record("a", 2);
  });
  expect(words(run).slice(4, 7)).toEqual(["a RUNNING LIMITED", "b RUNNING LIMITED", "ESTIMATE a 12"]);
  expect(words(run).filter((word) => word.endsWith("12"))).toHaveLength(1);
});

test("streams in full refresh are read from the beginning, those in incremental mode go on, each in a pass of its own", async () => {
  const states = new Map(NAMES.map((name) => [name, { checkpoint: 4, refreshing: false, state: { n: 7 } }]));
  const run = await said(
    async function* () {
      yield record("a", 1);
      yield record("b", 1);
      yield state(8);
    },
    { a: "full_refresh" },
    states,
  );
  expect(run.given).toEqual([{}, { n: 7 }]);
  expect(words(run).filter((word) => /RECORD|COMPLETE/.test(word))).toEqual([
    "RECORD a",
    "a COMPLETE",
    "RECORD b",
    "b COMPLETE",
  ]);
});

test("a full refresh that leaves the rest to a later run is INCOMPLETE, and only its own state is gone on from", async () => {
  const all = { a: "full_refresh", b: "full_refresh" } as const;
  const run = await said(async function* () {
    yield record("a", 1);
    yield { type: "state", state: { n: 1 }, isUnfinished: true };
  }, all);
  expect(words(run).slice(-2)).toEqual(["a INCOMPLETE", "b INCOMPLETE"]);
  expect(run.failures.map(({ code }) => code)).toEqual(["STREAM_INCOMPLETE"]);
  const blobs = run.lines.flatMap(({ state: one }) => (one as JsonObject | undefined)?.["stream"] ?? []);
  expect(blobs).toMatchObject(NAMES.map(() => ({ stream_state: { refreshing: true, state: { n: 1 } } })));
  const states = new Map(NAMES.map((name) => [name, { checkpoint: 1, refreshing: true, state: { n: 1 } }]));
  expect((await said(async function* () {}, all, states)).given).toEqual([{ n: 1 }]);
});

test("states are said again only when enough records came since, and always at the end", async () => {
  const run = await said(async function* () {
    for (let id = 0; id < 100; id++) {
      yield record("a", id);
      yield { type: "state", state: { seen: "x".repeat(2_000), id } };
    }
  });
  const states = words(run).filter((word) => word.startsWith("STATE a"));
  expect(states.length).toBeGreaterThan(1);
  expect(states.length).toBeLessThan(10);
  const counts = states.map((word) => Number(word.split(" ")[2]));
  expect(counts.reduce((sum, count) => sum + count)).toBe(100);
});
