import { describe, expect, test } from "vitest";
import { text } from "../../src/sources/chorus/values.ts";
import { Warehouse } from "./warehouse.ts";
import { type FakeChorus, type Outcome, call, callsBookmark, fakeChorus, manyCalls, run, talk } from "./fake-chorus.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const count = (chorus: FakeChorus, kind: string) => chorus.asked.filter((one) => one.startsWith(kind)).length;
const ids = (outcome: Outcome, stream = "calls") => outcome.of(stream).map((row) => row["call_id"]);

/** Forgets what was asked and lets time pass. */
function later(chorus: FakeChorus, ms: number): FakeChorus {
  chorus.asked.length = 0;
  chorus.clock.advance(ms);
  return chorus;
}

describe("a first and a second run", () => {
  test("the first reads every call with its children, the newest days first", async () => {
    const chorus = fakeChorus(manyCalls(30, "2026-03-01T08:00:00Z", 7));
    const first = await run(chorus);
    expect(ids(first).sort()).toEqual(Array.from({ length: 30 }, (_, index) => `c${index + 1}`).sort());
    const days = first.of("calls").map((row) => text(row["started_at"])?.slice(0, 10) ?? "");
    expect([days[0], days.at(-1)]).toEqual(["2026-03-09", "2026-03-03"]);
    expect(first.of("utterances")).toHaveLength(60);
    expect(first.of("participants")).toHaveLength(60);
    expect(first.of("users")).toHaveLength(1);
    expect(first.failures).toEqual([]);
  });

  test("the second says one state, and asks for one page and no transcript", async () => {
    const chorus = fakeChorus(manyCalls(30, "2026-03-01T08:00:00Z", 7));
    const first = await run(chorus);
    const second = await run(later(chorus, HOUR), { state: first.state });
    expect(second.messages.map(({ type }) => type)).toEqual(["state"]);
    expect([count(chorus, "list"), count(chorus, "transcript")]).toEqual([1, 0]);
  });

  test("a call's record clears the sets of its children, and they follow it", async () => {
    const { messages } = await run(fakeChorus([call("c1", "2026-03-05T10:00:00Z")]), {
      select: ["utterances", "calls", "tags"],
    });
    const [first, ...rest] = messages.filter((message) => message.type === "record");
    expect(first).toMatchObject({ stream: "calls", clears: ["tags", "utterances"] });
    expect(rest.map(({ stream }) => stream)).toEqual(["utterances", "utterances"]);
  });

  test("a quiet month costs a handful of list requests and one state", async () => {
    const chorus = fakeChorus();
    const { states } = await run(chorus, { config: { start_date: "2026-02-01" }, select: ["calls"] });
    expect(count(chorus, "list")).toBeLessThan(9);
    expect(states).toHaveLength(1);
  });
});

describe("what is not selected costs nothing", () => {
  test("without transcripts and utterances no transcript is asked for", async () => {
    const chorus = fakeChorus(manyCalls(3, "2026-03-05T10:00:00Z", 1));
    const { of } = await run(chorus, { select: ["calls", "trackers", "engagement_metrics"] });
    expect(of("trackers")).toHaveLength(3);
    expect(count(chorus, "transcript")).toBe(0);
    expect(count(chorus, "users") + count(chorus, "teams")).toBe(0);
  });

  test("with users alone no call is listed", async () => {
    const chorus = fakeChorus(manyCalls(3, "2026-03-05T10:00:00Z", 1));
    await run(chorus, { select: ["users"] });
    expect(new Set(chorus.asked)).toEqual(new Set(["users"]));
  });

  test("a stream that is selected later gets its history, and the others keep their bookmark", async () => {
    const chorus = fakeChorus(manyCalls(20, "2026-02-01T08:00:00Z", 24));
    const config = { start_date: "2026-02-01" };
    const first = await run(chorus, { config, select: ["calls", "participants"] });
    const second = await run(later(chorus, HOUR), {
      config,
      select: ["calls", "participants", "tags", "utterances"],
      state: first.state,
    });
    expect(ids(second, "utterances")).toHaveLength(40);
    const third = await run(later(chorus, HOUR), { config, select: ["calls"], state: second.state });
    expect(third.of("calls")).toEqual([]);
  });
});

describe("late, edited and vanished data", () => {
  test("a call that appears late is read once", async () => {
    const chorus = fakeChorus(manyCalls(3, "2026-03-09T08:00:00Z", 2));
    const first = await run(chorus);
    chorus.calls.push(call("late", "2026-03-05T09:00:00Z"));
    const second = await run(later(chorus, HOUR), { state: first.state });
    expect(ids(second)).toEqual(["late"]);
    expect((await run(later(chorus, HOUR), { state: second.state })).of("calls")).toEqual([]);
  });

  test("after a long pause the look-back begins where the last run was not sure yet", async () => {
    const chorus = fakeChorus(manyCalls(3, "2026-03-09T08:00:00Z", 2));
    const first = await run(chorus);
    chorus.calls.push(call("late", "2026-03-08T09:00:00Z"));
    const second = await run(later(chorus, 60 * DAY), { state: first.state });
    expect(ids(second)).toEqual(["late"]);
  });

  test("an edited call comes again as a whole, and what it lost is gone", async () => {
    const chorus = fakeChorus(manyCalls(3, "2026-03-09T08:00:00Z", 2));
    const warehouse = new Warehouse();
    const first = await run(chorus, { onMessage: (message) => warehouse.take(message) });
    chorus.calls[1] = call("c2", "2026-03-09T10:00:00Z", {
      title: "Edited",
      trackers: null,
      updated_at: "2026-03-10T01:00:00Z",
    });
    chorus.transcripts.set("c2", [200, talk("shorter", 1)]);
    const second = await run(later(chorus, HOUR), {
      state: first.state,
      onMessage: (message) => warehouse.take(message),
    });
    expect(ids(second)).toEqual(["c2"]);
    expect(count(chorus, "transcript")).toBe(1);
    expect(warehouse.ids("trackers")).toEqual(["c1", "c3"]);
    expect(warehouse.rows("utterances").filter((row) => row["call_id"] === "c2")).toHaveLength(1);
  });

  test("when half of the calls vanish nothing is taken away", async () => {
    const chorus = fakeChorus(manyCalls(4, "2026-03-09T08:00:00Z", 2));
    const first = await run(chorus);
    chorus.calls.splice(0, 2);
    chorus.users = [];
    const second = await run(later(chorus, HOUR), { state: first.state });
    expect(second.messages.map(({ type }) => type)).toEqual(["state"]);
    expect(second.lines.join()).toContain("users: the API lists nothing any more");
  });

  test("an unchanged list of users is not said again, a changed one is said whole", async () => {
    const chorus = fakeChorus();
    const first = await run(chorus, { select: ["users", "teams"] });
    chorus.users?.push({ id: "u2", name: "Ada" });
    const second = await run(chorus, { select: ["users", "teams"], state: first.state });
    expect([second.of("users").length, second.of("teams").length]).toEqual([2, 0]);
  });

  test("a call without a usable date is kept", async () => {
    const { of, lines } = await run(fakeChorus([call("undated", "", { date: null })]));
    expect(of("calls").at(0)).toMatchObject({ call_id: "undated", started_at: null });
    expect(lines.join()).toContain("no usable date");
  });
});

describe("transcripts that are not ready", () => {
  const notReady: [string, [number, unknown]][] = [
    ["202", [202, { status: "processing" }]],
    ["404 with a code", [404, { errors: [{ code: "transcript_not_ready" }] }]],
    ["404 without one", [404, ""]],
    ["an empty list", [200, { utterances: [] }]],
  ];
  test.each(notReady)("%s: the call loads at once, the words when they are there", async (_name, answer) => {
    const chorus = fakeChorus([call("c1", "2026-03-09T10:00:00Z")]);
    chorus.transcripts.set("c1", [answer[0], answer[1]]);
    const first = await run(chorus);
    expect(first.of("transcripts")).toMatchObject([{ call_id: "c1", status: "pending", full_text: null }]);
    const early = await run(later(chorus, 60_000), { state: first.state });
    expect([count(chorus, "transcript"), early.of("calls").length]).toEqual([0, 0]);
    const still = await run(later(chorus, HOUR), { state: early.state });
    expect([count(chorus, "transcript"), still.of("calls").length]).toEqual([1, 0]);
    chorus.transcripts.delete("c1");
    const filled = await run(later(chorus, HOUR), { state: still.state });
    expect(filled.of("transcripts")).toMatchObject([{ status: "ready" }]);
    expect(filled.of("utterances")).toHaveLength(2);
    expect(callsBookmark(filled.state)["pending"]).toEqual({});
  });

  test.each([true, false])(
    "one that comes after the look-back is found by its call (single calls readable: %s)",
    async (readable) => {
      const chorus = fakeChorus([call("c1", "2026-03-09T10:00:00Z")]);
      chorus.transcripts.set("c1", [202, ""]);
      if (!readable) chorus.before = ({ endpoint }) => (endpoint === "/api/v1/calls/{id}" ? [404, ""] : undefined);
      const first = await run(chorus);
      chorus.transcripts.delete("c1");
      const second = await run(later(chorus, 10 * DAY), { state: first.state, config: { look_back_days: 0 } });
      expect(second.of("transcripts")).toMatchObject([{ status: "ready" }]);
      expect(callsBookmark(second.state)["pending"]).toEqual({});
    },
  );

  test("one that never comes ends as `none` after the age limit", async () => {
    const chorus = fakeChorus([call("c1", "2026-03-09T10:00:00Z")]);
    chorus.transcripts.set("c1", [404, ""]);
    let { state } = await run(chorus);
    let rows: unknown[] = [];
    for (let day = 0; day < 16; day++) {
      const next = await run(later(chorus, DAY), { state });
      ({ state } = next);
      rows = [...rows, ...next.of("transcripts").map((row) => row["status"])];
    }
    expect(rows).toEqual(["none"]);
    expect(callsBookmark(state)["pending"]).toEqual({});
  });

  test("the transcripts of old calls are not waited for, unless the API says they will come", async () => {
    const old = { created_at: "2025-06-01T12:00:00Z" };
    const chorus = fakeChorus([call("a", "2025-06-01T10:00:00Z", old), call("b", "2025-06-02T10:00:00Z", old)]);
    chorus.transcripts.set("a", [404, ""]).set("b", [202, ""]);
    const { of, state } = await run(chorus, { config: { start_date: "2025-06-01" } });
    expect(of("transcripts").map((row) => row["status"])).toEqual(["none", "pending"]);
    expect(Object.keys(callsBookmark(state)["pending"] ?? {})).toEqual(["b"]);
  });

  test("403 and `no_transcript` are final, and the run stays green", async () => {
    const chorus = fakeChorus(manyCalls(3, "2026-03-09T08:00:00Z", 1));
    chorus.transcripts.set("c1", [403, ""]).set("c2", [404, { errors: [{ code: "no_transcript" }] }]);
    const { of, failures, state } = await run(chorus);
    expect(of("transcripts").map((row) => row["status"])).toEqual(["forbidden", "none", "ready"]);
    expect(failures).toEqual([]);
    expect(callsBookmark(state)["pending"]).toEqual({});
  });

  test("a no-show is not asked for, a meeting to come neither, until it is over", async () => {
    const chorus = fakeChorus([
      call("missed", "2026-03-09T10:00:00Z", { status: "no show" }),
      call("live", "2026-03-10T11:50:00Z", { status: "live", duration: null }),
    ]);
    const first = await run(chorus);
    expect(count(chorus, "transcript")).toBe(0);
    expect(first.of("transcripts").map((row) => row["status"])).toEqual(["none", "pending"]);
    chorus.calls[1] = call("live", "2026-03-10T11:50:00Z");
    const second = await run(later(chorus, HOUR), { state: first.state });
    expect(second.of("transcripts")).toMatchObject([{ call_id: "live", status: "ready" }]);
  });

  test("a partial one loads, and again when it has grown", async () => {
    const chorus = fakeChorus([call("c1", "2026-03-09T10:00:00Z")]);
    chorus.transcripts.set("c1", [200, { ...talk("a", 2), status: "partial" }]);
    const first = await run(chorus);
    expect(first.of("transcripts")).toMatchObject([{ status: "partial", utterance_count: 2 }]);
    const same = await run(later(chorus, HOUR), { state: first.state });
    expect(same.of("calls")).toEqual([]);
    chorus.transcripts.set("c1", [200, talk("a", 5)]);
    const whole = await run(later(chorus, HOUR), { state: same.state });
    expect(whole.of("transcripts")).toMatchObject([{ status: "ready", utterance_count: 5 }]);
  });

  test("words that are loaded stay while a changed call is processed again", async () => {
    const chorus = fakeChorus([call("c1", "2026-03-09T10:00:00Z")]);
    const warehouse = new Warehouse();
    const onMessage = warehouse.take.bind(warehouse);
    const first = await run(chorus, { onMessage });
    chorus.calls[0] = call("c1", "2026-03-09T10:00:00Z", { title: "Renamed" });
    chorus.transcripts.set("c1", [202, ""]);
    const second = await run(later(chorus, HOUR), { state: first.state, onMessage });
    expect(warehouse.rows("calls")).toMatchObject([{ title: "Renamed" }]);
    expect(warehouse.rows("transcripts")).toMatchObject([{ status: "ready" }]);
    expect(warehouse.rows("utterances")).toHaveLength(2);
    chorus.transcripts.set("c1", [200, talk("again", 4)]);
    await run(later(chorus, HOUR), { state: second.state, onMessage });
    expect(warehouse.rows("utterances")).toHaveLength(4);
  });
});

describe("settings", () => {
  test("calls are filtered before their transcripts are asked for", async () => {
    const chorus = fakeChorus([
      call("a", "2026-03-09T08:00:00Z"),
      call("b", "2026-03-09T09:00:00Z", { call_type: "Dialer" }),
      call("c", "2026-03-09T10:00:00Z", { duration: 5 }),
      call("d", "2026-03-09T11:00:00Z", { owner: { user_id: "u9", team_id: "t9" } }),
      call("e", "2026-03-09T12:00:00Z", { owner: { user_id: "u1" } }),
    ]);
    const config = { call_types: ["meeting"], min_duration_seconds: 10, teams: ["north"] };
    const { of, lines } = await run(chorus, { config, select: ["calls", "utterances"] });
    expect(of("calls").map((row) => row["call_id"])).toEqual(["a", "e"]);
    expect(chorus.asked.filter((one) => one.startsWith("transcript"))).toEqual(["transcript a", "transcript e"]);
    expect(lines.join()).toContain("3 left out by filters");
  });

  test("`call_ids` reads just these, and leaves the state as it came", async () => {
    const chorus = fakeChorus(manyCalls(9, "2026-03-01T08:00:00Z", 1));
    const state = { version: 1, bookmarks: { calls: { seen: {} } }, other: "kept" };
    const outcome = await run(chorus, { config: { call_ids: ["c3", "c7"] }, state });
    expect(ids(outcome)).toEqual(["c3", "c7"]);
    expect(outcome.states).toEqual([state]);
    expect(chorus.asked.every((one) => /^(call|transcript) c[37]$/.test(one))).toBe(true);
    expect((await run(chorus, { config: { call_ids: ["c1"] } })).states).toEqual([]);
  });

  test("a named call that is not there is a failure, and the others are read", async () => {
    const outcome = await run(fakeChorus(manyCalls(2, "2026-03-01T08:00:00Z", 1)), {
      config: { call_ids: ["nope", "c2"] },
      select: ["calls"],
    });
    expect([ids(outcome), outcome.failures]).toEqual([["c2"], ["calls STREAM_INCOMPLETE"]]);
  });

  test("`end_date` is exclusive and bounds what is covered", async () => {
    const chorus = fakeChorus(manyCalls(4, "2026-03-03T00:00:00Z", 24));
    const config = { start_date: "2026-03-03", end_date: "2026-03-05" };
    const { of, state } = await run(chorus, { config, select: ["calls"] });
    expect(of("calls").map((row) => row["call_id"])).toEqual(["c2", "c1"]);
    expect(callsBookmark(state)["covered"]).toEqual([["2026-03-03T00:00:00.000Z", "2026-03-05T00:00:00.000Z"]]);
  });

  test("an earlier start_date later reads only what is before", async () => {
    const chorus = fakeChorus(manyCalls(20, "2026-02-01T08:00:00Z", 24));
    const first = await run(chorus, { config: { start_date: "2026-02-10", look_back_days: 1 }, select: ["calls"] });
    const second = await run(later(chorus, HOUR), {
      config: { start_date: "2026-02-01", look_back_days: 1 },
      select: ["calls"],
      state: first.state,
    });
    expect(ids(second).sort()).toEqual(Array.from({ length: 9 }, (_, index) => `c${index + 1}`));
  });
});

describe("the server's clock", () => {
  test.each([-5, 5])("decides the end of coverage when ours is %i hours off", async (hours) => {
    const chorus = fakeChorus([call("c1", "2026-03-10T11:30:00Z")]);
    chorus.clock.advance(hours * HOUR);
    chorus.aheadMs = -hours * HOUR;
    const first = await run(chorus, { config: { start_date: "2026-03-10" } });
    expect(ids(first)).toEqual(["c1"]);
    const covered = callsBookmark(first.state)["covered"] as [[string, string]];
    const end = Date.parse(covered[0][1]);
    expect(end).toBeLessThanOrEqual(Date.UTC(2026, 2, 10, 12, 0, 1));
    expect(end).toBeGreaterThan(Date.UTC(2026, 2, 10, 11, 59));
    chorus.calls.push(call("c2", "2026-03-10T12:10:00Z"));
    const second = await run(later(chorus, HOUR), {
      config: { start_date: "2026-03-10", look_back_days: 0 },
      state: first.state,
    });
    expect(ids(second)).toEqual(["c2"]);
  });
});
