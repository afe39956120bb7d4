import { expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { stateWithout } from "../../src/sources/chorus/forget.ts";
import { KnownCalls } from "../../src/sources/chorus/known.ts";
import { printSeen, readSeen, seenKey } from "../../src/sources/chorus/seen.ts";

const DAY = Date.UTC(2026, 2, 9);
const ids = Array.from({ length: 60 }, (_, i) => `call-${i}`);

/** A state of tap-chorus that knows all calls, in a sketch and in lists. */
function state(): JsonObject {
  const known = new KnownCalls(undefined);
  known.put(DAY, new Set(ids));
  known.put(DAY + 86_400_000, new Set(["call-1", "call-2"]));
  const seen = new Map(ids.map((id) => [seenKey(id), { version: "v", rereads: 1, isWhole: true }]));
  const calls = { flavour: "calls", seen: printSeen(seen), known: known.toJson(), pending: { "call-1": { tries: 1 } } };
  return { version: 1, bookmarks: { calls, utterances: { covered: [["a", "b"]] } } };
}

const callsOf = (one: JsonObject) => (one["bookmarks"] as { calls: Record<string, JsonObject> }).calls;

test("a state forgets a call in its lists, its hashes and the sketch of its day, and nothing else", () => {
  const before = state();
  const after = stateWithout(before, "call-1", DAY + 3_600_000);
  expect(before).toEqual(state());
  const { seen, known, pending } = callsOf(after);
  expect(pending).toEqual({});
  expect(readSeen(seen).has(seenKey("call-1"))).toBe(false);
  expect(readSeen(seen).size).toBe(59);
  const days = new KnownCalls(known);
  const others = new Set(ids.filter((id) => id !== "call-1"));
  expect(days.compare(DAY, others)).toMatchObject({ known: 59, added: new Set(), vanished: [] });
  expect(days.compare(DAY + 86_400_000, new Set(["call-2"]))).toMatchObject({ vanished: [] });
  expect(stateWithout(before, "another call", undefined)).toEqual(before);
});

test("so do states of Airbyte's protocol, of tap-transcripts, and of taps that we do not know", () => {
  const kept = { airbyte: { states: { calls: { stream_state: { checkpoint: 1, state: state() } } } } };
  const text = JSON.stringify(stateWithout(kept, "call-1", DAY));
  expect(text).not.toContain('"call-1"');
  const files = { "a.vtt": { meetingId: "zoom:1", hash: "x" }, "b.vtt": { meetingId: "zoom:2", hash: "y" } };
  expect(stateWithout({ version: 1, files }, "zoom:1", undefined)).toEqual({
    version: 1,
    files: { "b.vtt": files["b.vtt"] },
  });
  const other = { bookmarks: { s: { known: { a: 1 }, seen: "x" } } };
  expect(stateWithout(other, "call-1", DAY)).toEqual(other);
});
