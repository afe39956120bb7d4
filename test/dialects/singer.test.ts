import { describe, expect, test } from "vitest";
import type { Message } from "../../src/core/message.ts";
import { decode, encode, encodeState } from "../../src/dialects/singer/codec.ts";

describe("Singer lines", () => {
  const messages: Message[] = [
    { type: "schema", stream: "s", schema: { type: "object", properties: { id: {} } }, keys: ["id"] },
    {
      type: "schema",
      stream: "s",
      schema: { "x-replaces": ["a"], "x-newest-by": "u", properties: {} },
      keys: [],
      bookmarks: ["u"],
      replaces: ["a"],
      newestBy: "u",
    },
    { type: "schema", stream: "s", schema: { "x-replaces": [], properties: {} }, keys: ["id"], replaces: [] },
    { type: "record", stream: "s", record: { id: 1, text: "a\u2028b\n" } },
    {
      type: "record",
      stream: "s",
      record: {},
      extractedAt: Date.UTC(2026, 0, 1, 0, 0, 0, 123),
      version: 7,
      clears: ["t"],
    },
    { type: "state", state: { bookmarks: { s: "x" } } },
    { type: "activate-version", stream: "s", version: 3 },
  ];

  test.each(messages)("decode undoes encode: %j", (message) => {
    const line = encode(message) ?? "";
    expect(line).not.toContain("\n");
    expect(decode(line, 1)).toEqual(message);
  });

  test("every digit of a record and a state goes through", () => {
    const record = '{"type":"RECORD","stream":"s","record":{"n":9223372036854775807,"d":0.10000000000000000001}}';
    expect(encode(decode(record, 1))).toBe(record);
    const state = decode('{"type":"STATE","value":{"n":9223372036854775807}}', 1);
    expect(state.type === "state" && encodeState(state.state)).toBe('{"n":9223372036854775807}');
  });

  test("a log and a failure have no line", () => {
    expect(encode({ type: "log", level: "info", text: "hello" })).toBeUndefined();
  });

  test("the type is read without case; spaces and unknown parts do not matter", () => {
    expect(decode(' {"type":"Record","stream":"s","record":{},"extra":1}\r', 1)).toEqual({
      type: "record",
      stream: "s",
      record: {},
    });
  });

  test.each([
    ["{", "LINE_NOT_JSON"],
    ["INFO starting the tap", "LINE_NOT_JSON"],
    ['{"type":"RECORD","stream":"s","record":{"n":9007199254740993,}}', "LINE_NOT_JSON"],
    ["[]", "MESSAGE_INVALID"],
    ["9007199254740993", "MESSAGE_INVALID"],
    ["null", "MESSAGE_INVALID"],
    ["{}", "MESSAGE_INVALID"],
    ['{"type":"BATCH","stream":"s"}', "MESSAGE_UNKNOWN"],
    ['{"type":"RECORD","record":{}}', "MESSAGE_INVALID"],
    ['{"type":"RECORD","stream":"s","record":[]}', "MESSAGE_INVALID"],
    ['{"type":"SCHEMA","stream":"s","schema":{}}', "MESSAGE_INVALID"],
    ['{"type":"SCHEMA","stream":"","schema":{},"key_properties":[]}', "MESSAGE_INVALID"],
    ['{"type":"SCHEMA","stream":"s","schema":true,"key_properties":[]}', "MESSAGE_INVALID"],
    ['{"type":"STATE","value":"x"}', "MESSAGE_INVALID"],
    ['{"type":"ACTIVATE_VERSION","stream":"s","version":"1"}', "MESSAGE_INVALID"],
  ])("%s is %s, with its line number and without its text", (line, code) => {
    let thrown: unknown;
    try {
      decode(line, 812);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code, message: expect.stringContaining("line 812") as unknown });
    expect(String(thrown)).not.toContain("starting");
  });
});
