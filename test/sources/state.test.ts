import { expect, test } from "vitest";
import { type State } from "../../src/core/message.ts";
import { readSeen } from "../../src/sources/chorus/seen.ts";

import { callsBookmark, fakeChorus, manyCalls, run } from "./fake-chorus.ts";

const HOUR = 3_600_000;

test.each([
  [{ version: 2, bookmarks: {} }, "STATE_VERSION"],
  [{ version: "1.0", bookmarks: {} }, "STATE_VERSION"],
  [{ version: 1, bookmarks: { calls: { flavour: "v3", covered: [] } } }, "STATE_VERSION"],
  [{ type: "STATE", value: { bookmarks: {} } }, "STATE_UNREADABLE"],
  [{ version: 1, bookmarks: [] }, "STATE_UNREADABLE"],
  [{ version: 1, bookmarks: { calls: "2026-03-01" } }, "STATE_UNREADABLE"],
  [{ version: 1, bookmarks: { calls: { covered: "2026-03-01" } } }, "STATE_UNREADABLE"],
  [{ version: 1, bookmarks: { calls: { covered: [["2026-03-01"]] } } }, "STATE_UNREADABLE"],
  [{ version: 1, bookmarks: { calls: { covered: [["a", "b"]] } } }, "STATE_UNREADABLE"],
  [{ version: 1, bookmarks: { calls: { covered: [], pending: { c1: 7 } } } }, "STATE_UNREADABLE"],
  [{ bookmarks: { calls: { replication_key_value: "yesterday" } } }, "STATE_UNREADABLE"],
])("%j is %s, before anything is asked", async (state, code) => {
  const chorus = fakeChorus();
  const { error, messages } = await run(chorus, { state });
  expect(error).toMatchObject({ code });
  expect([chorus.asked, messages]).toEqual([[], []]);
});

test("a state of another tap counts as covered up to its value", async () => {
  const chorus = fakeChorus(manyCalls(40, "2026-02-01T08:00:00Z", 24));
  const state = {
    bookmarks: { calls: { replication_key: "started_at", replication_key_value: "2026-03-01T00:00:00+01:00" } },
  };
  const { of } = await run(chorus, { config: { start_date: "2026-02-01" }, select: ["calls"], state });
  // From the look-back before 28 February 23:00 on.
  expect(
    of("calls")
      .map((row) => row["started_at"])
      .sort()[0],
  ).toBe("2026-02-22T08:00:00.000Z");
});

test("what is not ours in a state is carried along", async () => {
  const theirs = {
    version: 1,
    currently_syncing: "x",
    bookmarks: { other: { a: 1 }, calls: { note: "kept" }, tags: { covered: [], note: 2 } },
  };
  const { state } = await run(fakeChorus(), { select: ["calls"], state: theirs });
  expect(state).toMatchObject({
    currently_syncing: "x",
    bookmarks: { other: { a: 1 }, calls: { note: "kept" }, tags: { covered: [], note: 2 } },
  });
});

test("`seen` is kept for the look-back only, however long the history", async () => {
  const chorus = fakeChorus(manyCalls(400, "2026-01-01T00:00:00Z", 4));
  const { states, state } = await run(chorus, { config: { start_date: "2026-01-01" }, select: ["calls"] });
  const sizes = states.map((one) => seenIn(one).size);
  expect(Math.max(...sizes)).toBeLessThan(110);
  expect(seenIn(state).size).toBe(31);
});

test("there is a high-water mark for readers that expect one, up to where nothing is missing", async () => {
  const chorus = fakeChorus();
  const { state } = await run(chorus, {
    config: { start_date: "2026-03-01", end_date: "2026-03-05" },
    select: ["calls"],
  });
  expect(callsBookmark(state)).toMatchObject({
    replication_key: "started_at",
    replication_key_value: "2026-03-05T00:00:00.000Z",
  });
});

test("a backfill of a window of the past does not make the present look settled", async () => {
  const chorus = fakeChorus(manyCalls(10, "2026-03-01T08:00:00Z", 20));
  const first = await run(chorus, { select: ["calls"] });
  chorus.clock.advance(20 * 24 * HOUR);
  const backfill = await run(chorus, {
    config: { start_date: "2026-02-01", end_date: "2026-02-10" },
    select: ["calls"],
    state: first.state,
  });
  chorus.calls.push({ ...manyCalls(1, "2026-03-09T00:00:00Z", 1)[0], id: "late" });
  const third = await run(chorus, { select: ["calls"], state: backfill.state });
  expect(third.of("calls").map((row) => row["call_id"])).toContain("late");
});

function seenIn(state: State) {
  return readSeen(callsBookmark(state)["seen"]);
}
