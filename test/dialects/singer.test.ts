import { describe, expect, test } from "vitest";
import type { BatchMessage, Message } from "../../src/core/message.ts";
import { decode, decodeBatched, encode, encodeState } from "../../src/dialects/singer/codec.ts";

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
    expect(encode(decode(record, 1) as Message)).toBe(record);
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
    ['{"type":"DANCE","stream":"s"}', "MESSAGE_UNKNOWN"],
    ['{"type":"BATCH","stream":"s"}', "MESSAGE_INVALID"],
    ['{"type":"BATCH","encoding":{"format":"jsonl"},"manifest":[]}', "MESSAGE_INVALID"],
    ['{"type":"BATCH","stream":"s","encoding":"jsonl","manifest":[]}', "MESSAGE_INVALID"],
    ['{"type":"BATCH","stream":"s","encoding":{"compression":"gzip"},"manifest":[]}', "MESSAGE_INVALID"],
    ['{"type":"BATCH","stream":"s","encoding":{"format":"jsonl","compression":7},"manifest":[]}', "MESSAGE_INVALID"],
    ['{"type":"BATCH","stream":"s","encoding":{"format":"jsonl"}}', "MESSAGE_INVALID"],
    ['{"type":"BATCH","stream":"s","encoding":{"format":"jsonl"},"manifest":"a"}', "MESSAGE_INVALID"],
    ['{"type":"BATCH","stream":"s","encoding":{"format":"jsonl"},"manifest":["a",7]}', "MESSAGE_INVALID"],
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

describe("BATCH, as the Meltano SDK writes it", () => {
  const line = (encoding: object, more: object = {}) =>
    JSON.stringify({ type: "BATCH", stream: "s", encoding, manifest: ["file:///a.gz", "b"], ...more });
  const batch: BatchMessage = {
    type: "batch",
    stream: "s",
    format: "jsonl",
    compression: "gzip",
    manifest: ["file:///a.gz", "b"],
  };

  test("format, compression and files, in order", () => {
    expect(decode(line({ format: "jsonl", compression: "gzip" }), 1)).toEqual(batch);
  });

  test("a compression that is left out or null is none", () => {
    expect(decode(line({ format: "jsonl" }), 1)).toMatchObject({ compression: "none" });
    expect(decode(line({ format: "jsonl", compression: null }), 1)).toMatchObject({ compression: "none" });
  });

  test("formats and compressions that we do not read are still whole messages", () => {
    expect(decode(line({ format: "parquet", compression: "zstd" }), 1)).toMatchObject({
      format: "parquet",
      compression: "zstd",
    });
  });

  test("a version is that of every row", () => {
    const versioned = decode(line({ format: "jsonl" }, { version: 7 }), 1) as BatchMessage;
    expect(versioned).toMatchObject({ version: 7 });
    expect(decode(line({ format: "jsonl" }, { version: null }), 1)).not.toHaveProperty("version");
    expect(decodeBatched('{"id":1}', versioned, () => "").message).toMatchObject({ version: 7, record: { id: 1 } });
  });

  test("a line of a file is the RECORD line that would have said the same", () => {
    const record = '{"n":9223372036854775807,"d":0.10000000000000000001,"o":{"a":[1]}}';
    const { message, text } = decodeBatched(`${record}\r`, batch, () => "");
    expect(message).toEqual(decode(text, 1));
    expect(encode(message)).toBe(`{"type":"RECORD","stream":"s","record":${record}}`);
  });

  test.each(["{secret", '{"a":"secret"},"stream":"t"', '"secret"', "[]", "12345678901234567890", "null"])(
    "the line %s of a file is none, and the error has its place and not its text",
    (text) => {
      let thrown: unknown;
      try {
        decodeBatched(text, batch, () => "line 9 of b");
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code: "BATCH_FILE_UNREADABLE", stream: "s" });
      expect(String(thrown)).toContain("line 9 of b");
      expect(String(thrown)).not.toContain("secret");
    },
  );
});
