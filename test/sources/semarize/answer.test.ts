import { expect, test } from "vitest";
import type { JsonValue } from "../../../src/core/json.ts";
import { hasEnded, readRun } from "../../../src/sources/semarize/answer.ts";

const value = (given: JsonValue) =>
  readRun({ run_id: "r", status: "succeeded", output: { bricks: { b: { value: given } } } })?.bricks[0]?.value;

test("values are told by their kind", () => {
  expect(value(true)).toEqual({ kind: "boolean", boolean: true });
  expect(value(0.4)).toEqual({ kind: "number", number: 0.4 });
  expect(value("pricing")).toEqual({ kind: "string", string: "pricing" });
  expect(value(["a", "b"])).toEqual({ kind: "list", items: ["a", "b"] });
  expect(value([])).toEqual({ kind: "list", items: [] });
  expect(value(null)).toEqual({ kind: null });
  expect(value({ a: 1 })).toEqual({ kind: "other", string: '{"a":1}' });
});

test.each([
  ["output.bricks", { output: { kit_code: "K", bricks: { x: { value: 1 } } } }],
  ["bricks", { bricks: { x: { value: 1 } }, kit_code: "K" }],
  ["a list of bricks", { bricks: [{ key: "x", value: 1 }, { value: 2 }, "?"], kit_code: "K" }],
  ["a bare value", { bricks: { x: 1 }, kit_code: "K" }],
])("bricks are found under %s", (_, fields) => {
  const run = readRun({ run_id: "r", status: "succeeded", ...fields });
  expect(run?.bricks.map(({ key, value }) => [key, value])).toEqual([["x", { kind: "number", number: 1 }]]);
  expect(run?.kitCode).toBe("K");
});

test("evidence is a list or a text, confidence and reason may be missing", () => {
  const run = readRun({
    run_id: "r",
    status: "succeeded",
    bricks: {
      list: { value: true, evidence: ["one", "two", { quote: "three" }], confidence: 0.9, reason: "because" },
      text: { value: true, evidence: "one" },
      none: { value: true, evidence: [], confidence: "high" },
    },
  });
  expect(run?.bricks.map(({ evidence, confidence, reason }) => [evidence, confidence, reason])).toEqual([
    ['one\ntwo\n{"quote":"three"}', 0.9, "because"],
    ["one", null, null],
    [null, null, null],
  ]);
});

test("a failed run says why, and has no bricks", () => {
  const run = readRun({ run_id: "r", status: "FAILED", error_code: "input_too_long", error_user_message: "Too long." });
  expect(run).toMatchObject({ status: "failed", errorCode: "input_too_long", errorMessage: "Too long.", bricks: [] });
});

test("what has ended is told from what has not, whatever it is called", () => {
  const ended = (status: string) => hasEnded(readRun({ run_id: "r", status })!);
  expect(["succeeded", "failed", "cancelled", "canceled"].map(ended)).toEqual([true, true, true, true]);
  expect(["queued", "running", "warming_up"].map(ended)).toEqual([false, false, false]);
});

test("an answer that names no run is no run", () => {
  expect([readRun(null), readRun([]), readRun({ status: "queued" }), readRun(undefined)]).toEqual(
    Array.from({ length: 4 }, () => undefined),
  );
});

test("digits beyond a double's are kept", () => {
  expect(readRun({ run_id: 12, status: "queued" })?.runId).toBe("12");
});
