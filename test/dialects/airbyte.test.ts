import { describe, expect, test } from "vitest";
import { EltError } from "../../src/core/errors.ts";
import type { State } from "../../src/core/message.ts";
import { undivided } from "../../src/core/stream-states.ts";
import { connectionSpecification } from "../../src/dialects/airbyte/spec.ts";
import { errorLine, logLine, recordLine, streamStateLine } from "../../src/dialects/airbyte/message.ts";
import { joined, streamStatesOf, type StreamState } from "../../src/dialects/airbyte/states.ts";
import { streamStates } from "../../src/sources/chorus/stream-states.ts";

describe("lines", () => {
  test("a record, with what Airbyte has no word for beside it", () => {
    expect(recordLine("calls", { call_id: "1" }, 1_767_225_600_000.5, ["utterances"])).toBe(
      '{"type":"RECORD","record":{"stream":"calls","data":{"call_id":"1"},"emitted_at":1767225600000,"clears":["utterances"]}}',
    );
  });

  test("a state, its count with a decimal point", () => {
    expect(streamStateLine("calls", { n: 1 }, 5)).toBe(
      '{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"calls"},"stream_state":{"n":1}},"sourceStats":{"recordCount":5.0}}}',
    );
  });

  test.each([
    ["API_UNAUTHORIZED", "config_error"],
    ["API_BUSY", "transient_error"],
    ["LINE_NOT_JSON", "system_error"],
    ["UNEXPECTED", "system_error"],
  ] as const)("an error %s is a %s, for people and for machines", (code, type) => {
    const error = new EltError(code, "it went wrong", { stream: "calls" });
    const { trace } = JSON.parse(errorLine(error, 7)) as { trace: { error: Record<string, unknown> } };
    expect(trace).toMatchObject({ type: "ERROR", emitted_at: 7 });
    expect(trace.error).toMatchObject({
      message: `it went wrong. ${error.hint}`,
      internal_message: `${code}: it went wrong`,
      failure_type: type,
      stream_descriptor: { name: "calls" },
    });
  });

  test("levels of a log", () => {
    expect(logLine("warn", "so")).toBe('{"type":"LOG","log":{"level":"WARN","message":"so"}}');
    expect(logLine("critical", "so")).toContain('"FATAL"');
  });
});

describe("a spec", () => {
  test("of several forms of a value keeps the one that a form can ask for, and marks secrets", () => {
    const spec = connectionSpecification({
      type: "object",
      properties: {
        url: { type: "string", secret: true },
        kits: {
          type: "array",
          items: {
            oneOf: [
              { type: "string" },
              {
                type: "object",
                additionalProperties: false,
                anyOf: [{ required: ["a"] }],
                properties: { a: { type: "string" } },
              },
            ],
          },
        },
      },
    });
    expect(spec["properties"]).toEqual({
      url: { type: "string", airbyte_secret: true, order: 0 },
      kits: {
        type: "array",
        items: { type: "object", additionalProperties: true, properties: { a: { type: "string" } } },
        order: 1,
      },
    });
  });
});

const COVERED = [["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"]];
const LATER = [["2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"]];

/** A state as tap-chorus says it, at a moment. */
function singer(covered: string[][], seen: string): State {
  return {
    version: 1,
    bookmarks: {
      calls: {
        flavour: "calls",
        streams: ["calls", "utterances"],
        seen,
        pending: {},
        rate: { requestsPerSecond: seen.length },
        covered,
        settled_to: "2026-01-20T00:00:00.000Z",
        replication_key: "started_at",
        replication_key_value: covered[0]?.[1] ?? "",
      },
      utterances: { covered, settled_to: "2026-01-20T00:00:00.000Z" },
      users: { hash: seen },
    },
  };
}

const NAMES = ["calls", "utterances", "users"];
const cutAll = (state: State, checkpoint: number) =>
  new Map<string, StreamState>(
    NAMES.map((name) => [name, { checkpoint, refreshing: false, state: streamStates.cut(state, name) }]),
  );

describe("states of streams", () => {
  test("cut and joined again they are the state that they come from", () => {
    const state = singer(COVERED, "abc");
    expect(joined(cutAll(state, 1), NAMES, streamStates)).toEqual(state);
  });

  test("a stream alone carries what it shares with the others of its family, and nothing of other streams", () => {
    const { bookmarks } = streamStates.cut(singer(COVERED, "abc"), "utterances") as {
      bookmarks: Record<string, object>;
    };
    expect(Object.keys(bookmarks)).toEqual(["calls", "utterances"]);
    expect(bookmarks["calls"]).toMatchObject({ seen: "abc" });
    expect(bookmarks["calls"]).not.toHaveProperty("covered");
    expect(streamStates.cut(singer(COVERED, "abc"), "users")).toEqual({
      version: 1,
      bookmarks: { users: { hash: "abc" } },
    });
  });

  test("of different moments: each its own intervals, and of what they share the oldest, but the newest of the network", () => {
    const mixed = cutAll(singer(LATER, "abcdef"), 9);
    mixed.set("utterances", cutAll(singer(COVERED, "abc"), 4).get("utterances") as StreamState);
    const state = joined(mixed, NAMES, streamStates) as { bookmarks: Record<string, Record<string, unknown>> };
    expect(state.bookmarks["calls"]).toMatchObject({ covered: LATER, seen: "abc", rate: { requestsPerSecond: 6 } });
    expect(state.bookmarks["utterances"]).toMatchObject({ covered: COVERED });
  });

  test("a stream that was reset begins anew, and then no call counts as seen", () => {
    const rest = cutAll(singer(COVERED, "abc"), 1);
    rest.delete("utterances");
    const state = joined(rest, NAMES, streamStates) as { bookmarks: Record<string, Record<string, unknown>> };
    expect(state.bookmarks).not.toHaveProperty("utterances");
    expect(state.bookmarks["calls"]?.["streams"]).toEqual(["calls"]);
  });

  test("of a state that cannot be divided the oldest counts, and none when a stream was reset", () => {
    const parts = new Map([
      ["a", { checkpoint: 2, refreshing: false, state: { files: { new: 1 } } }],
      ["b", { checkpoint: 1, refreshing: false, state: { files: { old: 1 } } }],
    ]);
    expect(joined(parts, ["a", "b"], undivided)).toEqual({ files: { old: 1 } });
    expect(joined(parts, ["a", "b", "c"], undivided)).toEqual({});
  });

  test.each([
    ["a Singer state", { bookmarks: {} }, /chorus-elt state convert/],
    ["a state of all streams", [{ type: "GLOBAL", global: {} }], /entry 1/],
    [
      "a state of another source",
      [{ type: "STREAM", stream: { stream_descriptor: { name: "calls" }, stream_state: { a: 1 } } }],
      /not written by this source/,
    ],
  ])("%s is refused", (_, json, message) => {
    expect(() => streamStatesOf(json)).toThrow(message);
  });

  test("an empty file, and states that are empty, are none", () => {
    const blank = [{ type: "STREAM", stream: { stream_descriptor: { name: "calls" }, stream_state: {} } }];
    expect([streamStatesOf({}).size, streamStatesOf([]).size, streamStatesOf(blank).size]).toEqual([0, 0, 0]);
  });
});
