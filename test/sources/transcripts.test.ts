import { expect, test } from "vitest";
import { type JsonValue } from "../../src/core/json.ts";
import { type Call } from "../../src/sources/chorus/call.ts";
import { readCall } from "../../src/sources/chorus/flavours/calls.ts";
import { timeReader } from "../../src/sources/chorus/time.ts";
import { readTranscript } from "../../src/sources/chorus/transcripts.ts";
import { call } from "./fake-chorus.ts";

const time = await timeReader("UTC");
const done = readCall(call("c1", "2026-03-01T10:00:00Z"), time) as Call;
const read = (json: JsonValue, of: Call = done) => readTranscript(json, of, time);
const turn = { speaker: "Robin Rep", text: "Hello" };

test.each([
  ["a bare array", [turn]],
  ["utterances", { utterances: [turn] }],
  ["transcript", { transcript: [turn] }],
  ["segments", { segments: [turn] }],
  ["a transcript in a transcript", { transcript: { utterances: [turn] } }],
])("turns are found in %s", (_name, json) => {
  expect(read(json)).toMatchObject({
    status: "ready",
    utterances: [{ index: 0, speaker: "Robin Rep", text: "Hello" }],
  });
});

test.each([
  [12.5, 12.5],
  ["12.5", 12.5],
  ["00:01:02.250", 62.25],
  ["1:02:03", 3723],
  ["01:02,5", 62.5],
  ["2026-03-01T10:00:30Z", 30],
  ["2026-03-01T11:00:30+01:00", 30],
  [1772359230, 30],
  [1772359230500, 30.5],
  [null, null],
  ["later", null],
])("timestamp %s is second %s", (timestamp, seconds) => {
  expect(read([{ ...turn, timestamp }]).utterances[0]?.startSeconds).toBe(seconds);
});

test("absolute times count from the first turn when the call has no date", () => {
  const undated = { ...done, startedMs: null };
  const turns = ["2026-03-01T10:00:30Z", "2026-03-01T10:00:45Z"].map((timestamp) => ({ ...turn, timestamp }));
  expect(read(turns, undated).utterances.map(({ startSeconds }) => startSeconds)).toEqual([0, 15]);
});

test("an index that is missing or given twice is replaced by the place in the list", () => {
  const indexes = (...given: (number | null)[]) =>
    read(given.map((index) => ({ ...turn, index }))).utterances.map(({ index }) => index);
  expect(indexes(4, 5, 9)).toEqual([4, 5, 9]);
  expect(indexes(0, 0, 1)).toEqual([0, 1, 2]);
  expect(indexes(0, null, 1)).toEqual([0, 1, 2]);
});

test("blank and repeated names stay as they are; a name two people share finds nobody", () => {
  const people = [
    { person_id: "a", name: "Sam", type: "rep" },
    { person_id: "b", name: "Sam", type: "cust" },
  ];
  const shared = readCall(call("c1", "2026-03-01T10:00:00Z", { participants: people }), time) as Call;
  const { utterances } = read(
    [
      { speaker: "Sam", text: "a" },
      { speaker: "  ", text: "b" },
      { speaker_id: "B", text: "c" },
    ],
    shared,
  );
  expect(utterances.map(({ speaker, participantId, role }) => [speaker, participantId, role])).toEqual([
    ["Sam", null, "unknown"],
    ["  ", null, "unknown"],
    [null, "b", "prospect"],
  ]);
});

test.each([
  ["a status of processing", { status: "processing" }, "done", "pending", true],
  ["some turns and partial", { status: "partial", utterances: [turn] }, "done", "partial", true],
  ["no turns while the call is processed", { utterances: [] }, "processing", "pending", true],
  ["no turns, and no word why", { utterances: [] }, "done", "pending", false],
  ["no turns, and that is all", { status: "ready", utterances: [] }, "done", "ready", false],
  ["nothing", null, "done", "pending", false],
] as const)("%s", (_name, json, status, expected, promised) => {
  expect(read(json as unknown as JsonValue, { ...done, status })).toMatchObject({ status: expected, promised });
});

test("the hash is about the words, not about what is around them", () => {
  const hash = read({ utterances: [turn], updated_at: "2026-03-01" }).hash;
  expect(read([turn]).hash).toBe(hash);
  expect(read([{ ...turn, text: "Hullo" }]).hash).not.toBe(hash);
});
