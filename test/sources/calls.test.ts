import { expect, test } from "vitest";
import { type JsonObject, parseJson } from "../../src/core/json.ts";
import { readCall, readPage, readRows } from "../../src/sources/chorus/flavours/calls.ts";
import { timeReader } from "../../src/sources/chorus/time.ts";

const time = await timeReader("UTC");
const read = (fields: JsonObject) => readCall({ id: "c1", ...fields }, time);

test("a call with nothing but an id is a call", () => {
  expect(read({})).toMatchObject({
    id: "c1",
    startedMs: null,
    status: "unknown",
    participants: [],
    deal: null,
    extra: null,
  });
});

test("a call without an id is none", () => {
  for (const id of [undefined, null, "", "  ", {}]) expect(read({ id })).toBeNull();
});

test("null in place of lists and objects is an empty one", () => {
  const empty = {
    participants: null,
    trackers: null,
    metrics: null,
    deal: null,
    crm: null,
    recording: null,
    tags: null,
    named_tags: null,
    owner: null,
  };
  expect(read(empty)).toMatchObject({
    participants: [],
    trackers: [],
    metrics: [],
    recordings: [],
    tags: [],
    actionItems: null,
  });
});

test.each([
  ["no show", "no_show"],
  ["No-Show", "no_show"],
  ["noshow", "no_show"],
  ["DONE", "done"],
  ["weird", "unknown"],
  [null, "unknown"],
])("status %s is %s", (status, expected) => {
  expect(read({ status })?.status).toBe(expected);
});

test("a length of 0 is a length, a negative one is none", () => {
  expect(read({ duration: 0 })?.durationSeconds).toBe(0);
  expect(read({ duration: -1 })?.durationSeconds).toBeNull();
});

test("the hash changes with any field, but not with order or a link that is made anew each time", () => {
  const hash = (fields: JsonObject) => read(fields)?.contentHash;
  expect(hash({ title: "a", duration: 1 })).toBe(hash({ duration: 1, title: "a" }));
  expect(hash({ recording: { url: "x?sig=1", expires_at: "1", available: true } })).toBe(
    hash({ recording: { url: "x?sig=2", expires_at: "2", available: true } }),
  );
  expect(hash({ unknown_field: 1 })).not.toBe(hash({ unknown_field: 2 }));
  expect(hash({ big: parseJson("9007199254740993") })).not.toBe(hash({ big: parseJson("9007199254740992") }));
});

test.each([
  ["a bare array", [{ id: 1 }]],
  ["the name of the list", { calls: [{ id: 1 }] }],
  ["data", { data: [{ id: 1 }] }],
  ["results", { results: [{ id: 1 }] }],
  ["items", { items: [{ id: 1 }] }],
])("rows are found in %s", (_name, json) => {
  expect(readRows(json, ["calls"], "/x")).toEqual([{ id: 1 }]);
});

test("an answer without any list is not taken as an empty one", () => {
  for (const json of [{}, { ok: true }, "calls", null])
    expect(() => readRows(json, ["calls"], "/x")).toThrow("without a list");
});

test("rows that cannot be used count for the offset all the same", () => {
  const page = readPage(
    { calls: [{ id: "a" }, { title: "no id" }, 7] },
    { name: "calls", endpoint: "/x", offset: 0 },
    (row) => readCall(row, time),
  );
  expect([page.rows.length, page.received]).toEqual([1, 3]);
});

test.each([
  [{ has_more: false }, 0, true],
  [{ has_more: true }, 0, false],
  [{ total: 3 }, 2, true],
  [{ total: 9 }, 2, false],
  [{ total: null, has_more: null }, 2, false],
])("with %j at offset %i nothing follows: %s", (pagination, offset, last) => {
  const json = { calls: [{ id: "a" }], pagination };
  expect(readPage(json, { name: "calls", endpoint: "/x", offset }, (row) => readCall(row, time)).last).toBe(last);
});
