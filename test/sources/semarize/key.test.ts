import { expect, test } from "vitest";
import { kitsOf } from "../../../src/sources/semarize/config.ts";
import { Durations } from "../../../src/sources/semarize/durations.ts";
import { idempotencyKey } from "../../../src/sources/semarize/evaluate.ts";

const [kit] = kitsOf({ kits: ["FRMWRK01"] });
const due = { platform: "chorus", callId: "c1", kit: kit!, transcriptHash: "0123456789abcdef0123", attempt: 1 };

test("the key is made of the call, the kit and the text, and of what is unusual", () => {
  expect(idempotencyKey(due, { run_type: "api" })).toBe("chorus:c1:FRMWRK01:0123456789abcdef");
  expect(idempotencyKey({ ...due, attempt: 2 }, { run_type: "sandbox" })).toBe(
    "chorus:c1:FRMWRK01:0123456789abcdef:sandbox:2",
  );
});

test("a key that the API would not take is a hash of itself, and still another one for another call", () => {
  const long = idempotencyKey({ ...due, callId: "c".repeat(300) }, { run_type: "api" });
  const odd = idempotencyKey({ ...due, callId: "ü 1" }, { run_type: "api" });
  for (const key of [long, odd]) expect(key).toMatch(/^chorus:[0-9a-f]{64}$/);
  expect(long).not.toBe(odd);
});

test("kits are codes or versions; one that stands twice counts once, and a version wins over a code", () => {
  const kits = kitsOf({ kits: ["A", { kit_code: "A", min_words: 5 }, { kit_code: "B", kit_version_id: "v1" }] });
  expect(kits).toEqual([
    { id: "A", wire: { kit_code: "A" } },
    { id: "v1", wire: { kit_version_id: "v1" } },
  ]);
});

test("a run is asked for when others of its kit had ended, then at growing distances", () => {
  const durations = new Durations();
  expect(durations.wait("K", 0)).toBe(20);
  durations.note("K", 1_000);
  durations.note("K", 2_000);
  expect(durations.wait("K", 0)).toBe(1_200);
  expect(durations.wait("K", 1_195)).toBe(20);
  expect(durations.wait("K", 2_000)).toBe(100);
  expect(durations.wait("K", 1_000_000)).toBe(10_000);
  expect(durations.wait("other", 10_000)).toBe(500);
});
