import { expect, test } from "vitest";
import { type State } from "../../src/core/message.ts";
import { Bookmarks } from "../../src/sources/chorus/bookmark.ts";
import { call as rawCall } from "./fake-chorus.ts";
import { readCall } from "../../src/sources/chorus/flavours/calls.ts";
import { timeReader } from "../../src/sources/chorus/time.ts";
import { type Call } from "../../src/sources/chorus/call.ts";
import { ListedDays } from "../../src/sources/chorus/days.ts";
import { DAY, HOUR, quiet, simulate } from "./simulation.ts";

const HOURS = 7 * 24;

test.each([
  ["calls", {}, 1.15],
  ["v3", { reread_after_days: [] }, 1.15],
  // Its lists do not tell of all changes: each call is read three times in its first week.
  ["v3", {}, 1.6],
] as const)(
  "a week of hourly runs asks for hardly more than a perfect client would, flavour %s, %o: at most %d times",
  async (flavour, settings, most) => {
    const simulation = await simulate({ calls: 600, seed: 2 }, { api_flavour: flavour, ...settings });
    await quiet(simulation);
    let asked = 0;
    let perfect = 0;
    for (let hour = 0; hour < HOURS; hour++) {
      simulation.later(HOUR);
      const before = new Set(Object.keys(simulation.truth().calls));
      simulation.control("/_sample/changes", { late: 1 });
      const { calls, scorecards } = simulation.truth();
      const since = simulation.clock.now() - 7 * DAY;
      const recent = Object.values(calls).filter((call) => Date.parse(call.started_at) >= since);
      const pages = (types: readonly (string | null)[]) =>
        Math.max(1, Math.ceil(recent.filter(({ call_type: type }) => types.includes(type)).length / 100));
      const lists =
        flavour === "calls"
          ? Math.max(1, Math.ceil(recent.length / 100)) + 2
          : pages(["meeting"]) + pages(["dialer"]) + 2 + Math.ceil(scorecards / 100) + 1; // these end with an empty page
      const added = Object.entries(calls).filter(([id]) => !before.has(id));
      perfect += lists + added.length;
      asked += (await quiet(simulation)).requests;
    }
    console.log(
      `${flavour} ${JSON.stringify(settings)}: ${asked} requests, ${(asked / perfect).toFixed(3)} of ${perfect}`,
    );
    expect(asked / perfect).toBeLessThanOrEqual(most);
  },
  300_000,
);

const time = await timeReader("UTC");
const NOW = Date.UTC(2026, 2, 10, 12);

/** The state after `history` calls evenly over `days`, of which those of the last week are in the look-back. */
function stateAfter(history: number, days: number): { bytes: number; recent: number } {
  const streams = ["calls", "participants", "transcripts", "utterances"];
  const scope = {
    flavour: "calls" as const,
    startMs: NOW - days * DAY,
    endMs: undefined,
    lookBackMs: 7 * DAY,
    maxLookBackMs: 30 * DAY,
    reconcileMs: 97 * DAY,
    reconcileEveryMs: 7 * DAY,
    streams,
  };
  const bookmarks = new Bookmarks({}, scope, time);
  const listed = new ListedDays(bookmarks);
  const window = { from: scope.startMs, to: NOW };
  const like = readCall(rawCall("c", new Date(NOW).toISOString()), time) as Call;
  let recent = 0;
  bookmarks.remaining(NOW);
  for (let n = 0; n < history; n++) {
    const startedMs = scope.startMs + (n / history) * days * DAY;
    const id = n.toString(16).padStart(32, "0123456789abcdef");
    const call = { ...like, id, startedMs, contentHash: id };
    if (startedMs >= NOW - 7 * DAY) recent++;
    if (startedMs >= NOW - 98 * DAY) listed.add(call, true, NOW);
    if (startedMs >= NOW - 7 * DAY) bookmarks.saw(call, window, { rereads: 0, isWhole: true });
  }
  bookmarks.complete(window, NOW);
  listed.settle(window, NOW);
  const state: State = bookmarks.toState();
  return { bytes: Buffer.byteLength(JSON.stringify(state)), recent };
}

test("a state is at most 256 KB with 2,000 calls in the look-back and 100,000 in all, and 2 MB with 70,000", () => {
  const usual = stateAfter(100_000, 350);
  const busy = stateAfter(1_000_000, 100);
  console.log(usual, busy);
  expect(usual.recent).toBeGreaterThanOrEqual(2_000);
  expect(usual.bytes).toBeLessThanOrEqual(256 * 1024);
  expect(busy.recent).toBeGreaterThanOrEqual(70_000);
  expect(busy.bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
}, 120_000);
