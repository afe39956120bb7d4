import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ajv } from "ajv";
import { isObject, type JsonObject } from "../../src/core/json.ts";
import {
  configured,
  parsedByModels,
  readWith,
  speak,
  spoken,
  type CatalogStream,
  type Spoken,
} from "../support/airbyte.ts";
import { pythonWith } from "../support/python.ts";
import { bin, count, ended, place, sampleApi, type Api, type Place } from "./pipe.ts";

/**
 * What Airbyte's connector acceptance tests assert, over the sample account and the real programs. Where they expect a
 * bookmark that includes its last records, `resend_days` is set: docs/decisions/airbyte-state.md.
 */

const python = await pythonWith("airbyte-protocol");
const DAYS = 7;

let api: Api;
let where: Place;
let streams: readonly CatalogStream[];
/** A first incremental read of everything. */
let first: Spoken;

beforeAll(async () => {
  api = await sampleApi("--calls", "120");
  where = await place(api, { resend_days: DAYS, window_days: 3 });
  streams = await discover();
  first = await readWith(where, configured(streams, { sync_mode: "incremental" }));
}, 120_000);

afterAll(async () => {
  await where[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

async function discover(): Promise<readonly CatalogStream[]> {
  const { messages, code } = await speak("tap-chorus", ["discover", "--config", where.tap]);
  expect(code).toBe(0);
  const catalogs = messages.filter(({ type }) => type === "CATALOG");
  expect(catalogs).toHaveLength(1);
  return catalogs[0]?.catalog?.streams ?? [];
}

const incremental = () => configured(streams, { sync_mode: "incremental" });
const namesOf = (spoken: Spoken) => [...new Set(spoken.records.map(({ stream }) => stream))].sort();
const keyOf = (stream: string, data: JsonObject) => {
  const keys = streams.find(({ name }) => name === stream)?.source_defined_primary_key ?? [];
  return JSON.stringify([stream, ...keys.map(([key = ""]) => data[key])]);
};

describe("spec", () => {
  test.each(["tap-chorus", "tap-semarize", "tap-transcripts", "target-warehouse"])(
    "%s: a form can be made of it, and it says what is secret",
    async (program) => {
      const { messages, code } = await speak(program, ["spec"]);
      expect(code).toBe(0);
      expect(messages.map(({ type }) => type)).toEqual(["SPEC"]);
      const schema = messages[0]?.spec?.connectionSpecification ?? {};
      expect(schema).toMatchObject({ type: "object", additionalProperties: true });
      const seen: string[] = [];
      walk(schema, [], (node, path) => {
        const at = path.join(".");
        for (const word of BANNED) expect(node, `${at} has ${word}`).not.toHaveProperty([word]);
        if ("additionalProperties" in node) expect(node["additionalProperties"], at).toBe(true);
        if (Array.isArray(node["enum"])) expect(new Set(node["enum"]).size).toBe(node["enum"].length);
        if (Array.isArray(node["type"])) expect(node["type"].filter((type) => type !== "null")).toHaveLength(1);
        const name = path.at(-1) ?? "";
        if (SECRETS.test(name) && path.at(-2) === "properties") {
          expect(node["airbyte_secret"], `${at} is a secret`).toBe(true);
          seen.push(name);
        }
      });
      const secrets: Record<string, number> = { "tap-transcripts": 0, "target-warehouse": 2 }; // a password, a token
      expect(seen.length).toBe(secrets[program] ?? 1);
    },
  );

  test("the config that the tests run with fits, and dates carry a pattern", async () => {
    const { messages } = await speak("tap-chorus", ["spec"]);
    const schema = messages[0]?.spec?.connectionSpecification ?? {};
    const check = new Ajv({ strict: false }).compile(schema);
    expect(check({ api_token: "x", start_date: "2026-01-01", resend_days: 7 })).toBe(true);
    expect(check({ api_token: "x" })).toBe(false);
    const properties = schema["properties"] as Record<string, JsonObject>;
    for (const [name, property] of Object.entries(properties)) {
      if (name.endsWith("_date")) expect(property, name).toHaveProperty("pattern");
    }
  });
});

/** Words that a spec must not have. */
const BANNED = [
  "$ref",
  "not",
  "anyOf",
  "allOf",
  "oneOf",
  "patternProperties",
  "prefixItems",
  "if",
  "then",
  "else",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
];
const SECRETS =
  /^(client_token|access_token|api_token|token|secret|client_secret|password|key|service_account_info|jwt|credentials|refresh_token)$/;

function walk(node: unknown, path: string[], visit: (node: JsonObject, path: string[]) => void): void {
  if (Array.isArray(node)) node.forEach((one, i) => walk(one, [...path, String(i)], visit));
  if (!isObject(node)) return;
  if (path.at(-1) !== "properties") visit(node, path);
  for (const [name, value] of Object.entries(node)) {
    if (name !== "examples" && name !== "default") walk(value, [...path, name], visit);
  }
}

describe("check", () => {
  test("a config that works: one status, SUCCEEDED", async () => {
    const { messages, code } = await speak("tap-chorus", ["check", "--config", where.tap]);
    const statuses = messages.filter(({ type }) => type === "CONNECTION_STATUS");
    expect([code, statuses.map(({ connectionStatus }) => connectionStatus?.status)]).toEqual([0, ["SUCCEEDED"]]);
  });

  test.each([
    ["a token that is refused", { api_token: "wrong-token-1", start_date: "2026-01-01" }, /token was refused/],
    ["a setting that is missing", { api_token: "wrong-token-1" }, /"start_date" is missing/],
  ])("%s: one status, FAILED, with what to do; the check itself ends well", async (_, config, message) => {
    const file = await where.file("bad.json", { api_url: api.url, ...config });
    const { messages, code, stdout } = await speak("tap-chorus", ["check", "--config", file]);
    const statuses = messages.filter(({ type }) => type === "CONNECTION_STATUS");
    expect([code, statuses.map(({ connectionStatus }) => connectionStatus?.status)]).toEqual([0, ["FAILED"]]);
    expect(statuses[0]?.connectionStatus?.message).toMatch(message);
    expect(stdout).not.toContain("wrong-token-1");
  });
});

describe("discovery", () => {
  test("twice the same", async () => {
    expect(await discover()).toEqual(streams);
  });

  test("cursors and keys are in the schemas; no schema has what readers cannot follow", () => {
    expect(streams.length).toBe(16);
    for (const stream of streams) {
      const properties = stream.json_schema["properties"] as Record<string, JsonObject>;
      expect(stream.supported_sync_modes).toEqual(["full_refresh", "incremental"]);
      expect(stream).toMatchObject({ source_defined_cursor: true, is_resumable: true });
      expect(stream.json_schema["additionalProperties"]).toBe(true);
      for (const [key = ""] of [...stream.source_defined_primary_key, stream.default_cursor_field]) {
        expect(properties, stream.name).toHaveProperty([key]);
      }
      for (const property of Object.values(properties)) {
        expect(property["airbyte_type"] === "timestamp_with_timezone").toBe(property["format"] === "date-time");
      }
      expect(JSON.stringify(stream.json_schema)).not.toMatch(/"(\$ref|allOf|not)":/);
    }
  });
});

describe("basic read", () => {
  test("ends well; every record fits its schema and has its key", () => {
    expect([first.code, first.stderr]).toEqual([0, ""]);
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const checks = new Map(streams.map(({ name, json_schema: schema }) => [name, ajv.compile(schema)]));
    for (const { stream, data, emitted_at: at } of first.records) {
      const check = checks.get(stream);
      expect(check?.(data), `${stream}: ${JSON.stringify(check?.errors)}`).toBe(true);
      const keys = streams.find(({ name }) => name === stream)?.source_defined_primary_key ?? [];
      for (const [key = ""] of keys) expect(data[key] ?? null, `${stream}.${key}`).not.toBeNull();
      expect(Number.isInteger(at)).toBe(true);
    }
  });

  test("brings what there is, each call once", async () => {
    const truth = await api.truth();
    const calls = first.records.filter(({ stream }) => stream === "calls").map(({ data }) => data["call_id"]);
    expect(calls.sort()).toEqual(Object.keys(truth.calls).sort());
    expect(first.records.filter(({ stream }) => stream === "users")).toHaveLength(truth.users);
    // The flavour `calls` has no scorecards.
    const empty = streams.filter(({ name }) => name.startsWith("scorecard")).map(({ name }) => name);
    expect(namesOf(first)).toEqual(
      streams
        .map(({ name }) => name)
        .filter((name) => !empty.includes(name))
        .sort(),
    );
  });

  test("each stream is STARTED, RUNNING once it has records, and COMPLETE", () => {
    const withRecords = namesOf(first);
    for (const { name } of streams) {
      const running = withRecords.includes(name) ? ["RUNNING"] : [];
      expect(first.statuses[name], name).toEqual(["STARTED", ...running, "COMPLETE"]);
    }
  });

  test("an estimate is said where it is known: once the last window is listed", async () => {
    const start = new Date(Date.now() - 3 * 86_400_000).toISOString();
    const file = await config({ start_date: start });
    const { messages, records } = await readWith(where, onlyCalls("incremental"), undefined, file);
    const estimates = messages.flatMap(({ trace }) => trace?.estimate ?? []);
    const calls = records.filter(({ stream }) => stream === "calls").length;
    expect(estimates).toMatchObject([{ name: "calls", type: "STREAM", row_estimate: calls }]);
  });

  test.skipIf(python === undefined)("the models of the protocol parse every line", async () => {
    const counts = await parsedByModels(python ?? "", first.stdout);
    expect(counts["RECORD"]).toBe(first.records.length);
    expect(counts["STATE"]).toBe(first.states.length);
    const others = await Promise.all([
      speak("tap-chorus", ["spec"]),
      speak("target-warehouse", ["spec"]),
      speak("tap-chorus", ["discover"]),
      speak("tap-chorus", ["check", "--config", where.tap]),
      speak("tap-chorus", ["read", "--config", where.tap, "--catalog", "nowhere.json"]),
    ]);
    const all = await parsedByModels(python ?? "", others.map(({ stdout }) => stdout).join(""));
    expect(all).toEqual({ SPEC: 2, CATALOG: 1, CONNECTION_STATUS: 1, LOG: 1, TRACE: 1 });
  });

  test.each([
    ["a stream that is not there", (one: JsonObject) => ({ ...one, stream: { name: "nobody", json_schema: {} } })],
    ["a mode that is not supported", (one: JsonObject) => ({ ...one, sync_mode: "sideways" })],
    ["an entry without a stream", () => ({ sync_mode: "incremental" })],
  ])("a bad catalog, %s: a trace with the reason, and a failure", async (_, spoil) => {
    const [good] = (incremental()["streams"] ?? []) as JsonObject[];
    const { code, errors } = await readWith(where, { streams: [spoil(good ?? {})] });
    expect(code).not.toBe(0);
    expect(errors).toMatchObject([{ failure_type: "config_error" }]);
  });
});

describe("full refresh", () => {
  test("two reads: what the first has the second has too, later; states of an earlier one change nothing", async () => {
    const catalog = configured(streams, { sync_mode: "full_refresh" });
    const one = await readWith(where, catalog);
    const two = await readWith(where, catalog, one.lastStates);
    const keys = new Set(two.records.map(({ stream, data }) => keyOf(stream, data)));
    expect(one.records.filter(({ stream, data }) => !keys.has(keyOf(stream, data)))).toEqual([]);
    expect(two.records).toHaveLength(one.records.length);
    const last = (spoken: Spoken) => Math.max(...spoken.records.map(({ emitted_at: at }) => at));
    expect(last(two)).toBeGreaterThan(last(one));
    expect(Object.values(two.statuses).every((statuses) => statuses.at(-1) === "COMPLETE")).toBe(true);
    expect(one.lastStates).toHaveLength(streams.length);
  });

  test("a refresh that the budget of the day cuts off is INCOMPLETE, and goes on from its states", async () => {
    const calls = onlyCalls("full_refresh");
    const cut = await readWith(where, calls, undefined, await config({ daily_request_quota: 100, resend_days: 0 }));
    expect(cut.code).toBe(27);
    expect(cut.statuses["calls"]?.at(-1)).toBe("INCOMPLETE");
    expect(cut.errors.map(({ failure_type: type }) => type)).toContain("transient_error");
    const rest = await readWith(where, calls, cut.lastStates, await config({ resend_days: 0 }));
    const ids = (spoken: Spoken) =>
      spoken.records.filter(({ stream }) => stream === "calls").map(({ data }) => data["call_id"] as string);
    expect(new Set([...ids(cut), ...ids(rest)]).size).toBe(120);
    expect(ids(cut).length).toBeGreaterThan(0);
    expect(ids(rest).length).toBeLessThan(120);
    expect(rest.statuses["calls"]?.at(-1)).toBe("COMPLETE");
  });
});

describe("incremental", () => {
  let second: Spoken;

  beforeAll(async () => {
    second = await readWith(where, incremental(), first.lastStates);
  });

  test("at least one record and one state; the counts in the states add up to the records", () => {
    expect(first.states.length).toBeGreaterThanOrEqual(streams.length);
    for (const { name } of streams) {
      const ours = first.states.filter(({ stream }) => stream.stream_descriptor.name === name);
      const sum = ours.reduce((all, { sourceStats }) => all + Number(sourceStats?.recordCount), 0);
      expect(sum, name).toBe(first.records.filter(({ stream }) => stream === name).length);
    }
    expect(first.stdout).toMatch(/"sourceStats":\{"recordCount":[1-9]\d*\.0\}/);
    expect(first.stdout).not.toMatch(/"recordCount":\d+\}/);
  });

  test("no two states of a stream that follow each other are the same", () => {
    for (const { name } of streams) {
      const ours = first.states.filter(({ stream }) => stream.stream_descriptor.name === name);
      const texts = ours.map(({ stream }) => JSON.stringify(stream.stream_state["state"]));
      expect(texts.filter((text, i) => text === texts[i - 1])).toEqual([]);
    }
  });

  test("a read from the last states brings records of every stream again, and fewer", () => {
    expect(second.code).toBe(0);
    expect(namesOf(second)).toEqual(namesOf(first));
    expect(second.records.length).toBeLessThan(first.records.length);
    const at = (spoken: Spoken) => spoken.records.map(({ data }) => data["_read_at"] as string).sort();
    expect((at(first).at(-1) ?? "") <= (at(second)[0] ?? "")).toBe(true);
  });

  test("without `resend_days` that read costs lists and brings nothing, and still says a state of every stream", async () => {
    const plain = await config({ resend_days: 0 });
    await api.requests();
    const { records, lastStates, code } = await readWith(where, incremental(), second.lastStates, plain);
    expect([code, records.length, lastStates.length]).toEqual([0, 0, streams.length]);
    expect(count(await api.requests(), "transcript")).toBe(0);
  });

  test("every state on the way: a read from it brings nothing that is older than it, and misses nothing", async () => {
    const checkpoints = [...new Set(first.states.map(({ stream }) => stream.stream_state["checkpoint"]))];
    expect(checkpoints.length).toBeGreaterThan(2);
    for (const checkpoint of checkpoints.slice(0, -1)) {
      const known = new Map<string, (typeof first.states)[number]>();
      for (const state of first.states) {
        if (Number(state.stream.stream_state["checkpoint"]) <= Number(checkpoint)) {
          known.set(state.stream.stream_descriptor.name, state);
        }
      }
      const resumed = await readWith(where, incremental(), [...known.values()]);
      expect(resumed.code).toBe(0);
      const covered = coveredOf(known.get("calls")?.stream.stream_state);
      const lookBack = Date.now() - (DAYS + 1) * 86_400_000;
      for (const { stream, data } of resumed.records) {
        if (stream !== "calls") continue;
        const started = Date.parse(data["started_at"] as string);
        const isNew = !covered.some(([from, to]) => from <= started && started < to);
        expect(isNew || started >= lookBack, data["started_at"] as string).toBe(true);
      }
      const ids = new Set(
        [...first.messages.slice(0, indexOfState(Number(checkpoint))), ...resumed.messages].flatMap(({ record }) =>
          record?.stream === "calls" ? [record.data["call_id"]] : [],
        ),
      );
      expect(ids.size).toBe(120);
    }
  }, 120_000);

  test("states of different moments, as a destination leaves them that commits streams one by one: nothing is missed", async () => {
    const at = (stream: string, n: number) =>
      first.messages.findIndex(
        ({ state }) => state?.stream.stream_descriptor.name === stream && state.stream.stream_state["checkpoint"] === n,
      );
    const last = Math.max(...first.states.map(({ stream }) => Number(stream.stream_state["checkpoint"])));
    const behind = { utterances: 1, participants: 2 } as Record<string, number>;
    const have = new Set<string>();
    const states: unknown[] = [];
    for (const { name } of streams) {
      const end = behind[name] === undefined ? first.messages.length : at(name, behind[name]);
      for (const { record } of first.messages.slice(0, end)) {
        if (record?.stream === name) have.add(keyOf(name, record.data));
      }
      const said = behind[name] === undefined ? first.lastStates : [first.messages[end]?.state];
      states.push(said.find((state) => state?.stream.stream_descriptor.name === name));
    }
    expect(last).toBeGreaterThan(2);
    const all = new Set(first.records.map(({ stream, data }) => keyOf(stream, data)));
    expect(have.size).toBeLessThan(all.size);
    const resumed = await readWith(where, incremental(), states);
    for (const { stream, data } of resumed.records) have.add(keyOf(stream, data));
    expect([...all].filter((key) => !have.has(key))).toEqual([]);
  });

  test("SIGTERM: what is in hand is said with a state, the streams are INCOMPLETE, and the process dies by the signal", async () => {
    const catalog = await where.file("catalog.json", incremental());
    const slow = await config({ max_requests_per_second: 8, resend_days: 0 });
    const child = bin("tap-chorus", ["read", "--config", slow, "--catalog", catalog]);
    const end = ended(child);
    child.stdout?.on("data", (chunk: string) => {
      if (chunk.includes('"RECORD"') && !child.killed) child.kill("SIGTERM"); // a second one would end it at once
    });
    const cut = spoken(await end);
    expect(cut.signal).toBe("SIGTERM");
    expect(Object.values(cut.statuses).every((statuses) => statuses.at(-1) === "INCOMPLETE")).toBe(true);
    expect(cut.records.length).toBeGreaterThan(0);
  });

  test("a state of the future: no record, and a state of every stream", async () => {
    const future = JSON.parse(
      JSON.stringify(second.lastStates).replaceAll(
        /"(covered":\[\["[^"]*","|settled_to":")[^"]*"/g,
        '"$12100-01-01T00:00:00.000Z"',
      ),
    ) as unknown[];
    const plain = await config({ resend_days: 0 });
    const { code, records, lastStates } = await readWith(where, incremental(), future, plain);
    expect([code, records.length, lastStates.length]).toEqual([0, 0, streams.length]);
  });

  test("a state of another source is refused, with what to do", async () => {
    const states = [{ type: "STREAM", stream: { stream_descriptor: { name: "calls" }, stream_state: { id: 1 } } }];
    const { code, errors } = await readWith(where, incremental(), states);
    expect([code, errors[0]?.failure_type]).toEqual([13, "config_error"]);
  });
});

function coveredOf(state: JsonObject | undefined): [number, number][] {
  const { state: { bookmarks } = {} } = (state ?? {}) as {
    state?: { bookmarks?: { calls?: { covered?: string[][] } } };
  };
  return (bookmarks?.calls?.covered ?? []).map(([from = "", to = ""]) => [Date.parse(from), Date.parse(to)]);
}

function indexOfState(checkpoint: number): number {
  return first.messages.findLastIndex(({ state }) => state?.stream.stream_state["checkpoint"] === checkpoint);
}

/** The tap's config with other settings. */
async function config(settings: JsonObject): Promise<string> {
  return where.file("other.json", { ...(JSON.parse(await readFile(where.tap, "utf8")) as object), ...settings });
}

function onlyCalls(mode: string): JsonObject {
  const two = streams.filter(({ name }) => name === "calls" || name === "utterances");
  return configured(two, { sync_mode: mode });
}
