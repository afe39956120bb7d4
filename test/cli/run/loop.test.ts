import { expect, test } from "vitest";
import { EltError } from "../../../src/core/errors.ts";
import { silentLog } from "../../../src/core/log.ts";
import { durationMs } from "../../../src/cli/run/duration.ts";
import { loop, nextStartMs } from "../../../src/cli/run/loop.ts";
import { fakeClock } from "../../support/clock.ts";

const HOUR_MS = 3_600_000;

/** The hours at which runs begin that take so many hours each; the last one aborts the loop. */
async function starts(...hours: readonly number[]): Promise<number[]> {
  const clock = fakeClock(0);
  const abort = new AbortController();
  const begun: number[] = [];
  const once = async () => {
    begun.push(clock.now() / HOUR_MS);
    clock.advance((hours[begun.length - 1] ?? 0) * HOUR_MS);
    if (begun.length === hours.length) abort.abort(new Error("enough"));
  };
  await expect(loop(once, HOUR_MS, { clock, log: silentLog, signal: abort.signal })).rejects.toThrow("enough");
  return begun;
}

test("runs begin at fixed starts, however long each takes", async () => {
  expect(await starts(0.1, 0.9, 0.3, 1, 0)).toEqual([0, 1, 2, 3, 4]);
});

test("a run that takes longer is followed by one run at once, not a burst, and then the old starts hold again", async () => {
  expect(await starts(0.5, 3.25, 0.25, 0, 0)).toEqual([0, 1, 4.25, 5, 6]);
});

test("the next start is never further than one interval away", () => {
  expect(nextStartMs(0, 10, 0)).toBe(10);
  expect(nextStartMs(0, 10, 9)).toBe(10);
  expect(nextStartMs(0, 10, 10)).toBe(10);
  expect(nextStartMs(0, 10, 35)).toBe(30);
  expect(nextStartMs(1_000, 10, 0)).toBe(10); // the clock was put back
});

test("what may heal is logged and the loop goes on; what no later run can get past ends it", async () => {
  const clock = fakeClock(0);
  const errors: string[] = [];
  const log = { ...silentLog, error: (text: string) => errors.push(text) };
  const outcomes = [
    new EltError("API_UNAVAILABLE", "no answer"),
    new EltError("WAREHOUSE_UNREACHABLE", "no server"),
    new EltError("RUN_LOCKED", "somebody has it"),
    new TypeError("a defect"),
    undefined,
    new EltError("API_UNAUTHORIZED", "GET /calls answered 401"),
  ];
  let runs = 0;
  const once = async () => {
    const outcome = outcomes[runs++];
    if (outcome !== undefined) throw outcome;
  };
  const { signal } = new AbortController();
  await expect(loop(once, HOUR_MS, { clock, log, signal })).rejects.toMatchObject({ code: "API_UNAUTHORIZED" });
  expect(runs).toBe(6);
  expect(errors.map((text) => text.split(":")[0])).toEqual([
    "API_UNAVAILABLE",
    "WAREHOUSE_UNREACHABLE",
    "RUN_LOCKED",
    "UNEXPECTED",
  ]);
  expect(clock.waits).toEqual([HOUR_MS, HOUR_MS, HOUR_MS, HOUR_MS, HOUR_MS]);
});

test.each([
  ["30s", 30_000],
  ["15m", 900_000],
  ["1h", HOUR_MS],
  ["24d", 24 * 24 * HOUR_MS],
])("%s are %i ms", (text, ms) => {
  expect(durationMs("--loop", text)).toBe(ms);
});

test.each(["", "1", "h", "0s", "-1h", "1.5h", "1h30m", "25d", "1 h", "1w"])("%j is no duration", (text) => {
  expect(() => durationMs("--loop", text)).toThrow(/--loop takes 30s/);
});
