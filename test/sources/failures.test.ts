import { describe, expect, test } from "vitest";
import { type State } from "../../src/core/message.ts";
import { call, callsBookmark, fakeChorus, manyCalls, run } from "./fake-chorus.ts";
import { Warehouse } from "./warehouse.ts";

const HOUR = 3_600_000;
const isList = (endpoint: string) => endpoint === "/api/v1/calls";
const isTranscript = (endpoint: string) => endpoint.endsWith("/transcript");

describe("a part that fails", () => {
  test("a list that stays unavailable fails the calls' streams, says a state, and the users are still read", async () => {
    const chorus = fakeChorus(manyCalls(60, "2026-02-01T08:00:00Z", 6));
    let lists = 0;
    chorus.before = ({ endpoint }) => (isList(endpoint) && ++lists > 4 ? [503, "", { "retry-after": "1" }] : undefined);
    const first = await run(chorus, { config: { start_date: "2026-02-01" }, select: ["calls", "tags", "users"] });
    expect(first.failures).toEqual(["calls API_UNAVAILABLE", "tags API_UNAVAILABLE"]);
    expect(first.of("users")).toHaveLength(1);
    expect(first.error).toBeUndefined();

    chorus.before = undefined;
    const second = await run(chorus, {
      config: { start_date: "2026-02-01" },
      select: ["calls", "tags", "users"],
      state: first.state,
    });
    const both = [...first.of("calls"), ...second.of("calls")].map((row) => row["call_id"]);
    expect(both).toHaveLength(60);
    expect(new Set(both).size).toBe(60);
  });

  test("a token that expires in mid-run ends it after a state, and the next run goes on from there", async () => {
    const chorus = fakeChorus(manyCalls(12, "2026-03-01T08:00:00Z", 12));
    chorus.before = ({ endpoint }) =>
      isTranscript(endpoint) && chorus.asked.filter((one) => one.startsWith("transcript")).length > 7
        ? [401, ""]
        : undefined;
    const first = await run(chorus);
    expect(first.error).toMatchObject({ code: "API_UNAUTHORIZED" });
    expect(first.messages.at(-1)?.type).toBe("state");
    chorus.before = undefined;
    const second = await run(chorus, { state: first.state });
    expect(first.of("calls").length + second.of("calls").length).toBe(12);
  });

  test("a forbidden list fails its streams only", async () => {
    const chorus = fakeChorus(manyCalls(2, "2026-03-09T08:00:00Z", 1));
    chorus.before = ({ endpoint }) => (endpoint === "/api/v1/users" ? [403, ""] : undefined);
    const outcome = await run(chorus);
    expect(outcome.failures.sort()).toEqual(["team_members API_FORBIDDEN", "users API_FORBIDDEN"]);
    expect([outcome.of("calls").length, outcome.of("teams").length]).toEqual([2, 1]);
  });

  test("lists of users and teams that do not exist are a warning", async () => {
    const chorus = fakeChorus();
    chorus.users = undefined;
    chorus.teams = undefined;
    const outcome = await run(chorus);
    expect([outcome.failures, outcome.of("users")]).toEqual([[], []]);
    expect(outcome.lines.filter((line) => line.includes("404"))).toHaveLength(2);
  });

  test("one broken transcript does not stop the calls after it; it is asked for again later", async () => {
    const chorus = fakeChorus(manyCalls(5, "2026-03-09T08:00:00Z", 1));
    chorus.transcripts.set("c2", [500, ""]);
    const first = await run(chorus);
    expect([first.of("calls").length, first.failures]).toEqual([5, []]);
    expect(Object.keys(callsBookmark(first.state)["pending"] ?? {})).toEqual(["c2"]);
    chorus.transcripts.delete("c2");
    chorus.clock.advance(HOUR);
    const second = await run(chorus, { state: first.state });
    expect(second.of("transcripts")).toMatchObject([{ call_id: "c2", status: "ready" }]);
  });

  test("when no transcript can be read the run ends instead of calling them all pending", async () => {
    const chorus = fakeChorus(manyCalls(40, "2026-03-08T08:00:00Z", 1));
    chorus.before = ({ endpoint }) => (isTranscript(endpoint) ? [500, ""] : undefined);
    const { failures, state } = await run(chorus, { select: ["calls", "utterances"] });
    expect(failures).toEqual(["calls API_UNAVAILABLE", "utterances API_UNAVAILABLE"]);
    expect(Object.keys(callsBookmark(state)["pending"] ?? {}).length).toBeLessThan(3);
  });

  test("a limit for the day ends as API_BUSY without waiting for it", async () => {
    const chorus = fakeChorus();
    chorus.before = () => [429, "", { "retry-after": "86400" }];
    const { failures } = await run(chorus, { select: ["calls"] });
    expect(failures).toEqual(["calls API_BUSY"]);
    expect(Math.max(0, ...chorus.clock.waits)).toBeLessThan(HOUR);
  });

  test("a range that takes too long is asked for in shorter ones", async () => {
    const chorus = fakeChorus(manyCalls(60, "2026-02-01T08:00:00Z", 12));
    chorus.before = ({ url }) => {
      const query = new URL(url).searchParams;
      const days = (Date.parse(query.get("endDate") ?? "") - Date.parse(query.get("startDate") ?? "")) / (24 * HOUR);
      return days > 2.5 ? [504, ""] : undefined;
    };
    const { of, failures } = await run(chorus, { config: { start_date: "2026-02-01" }, select: ["calls"] });
    expect([of("calls").length, failures]).toEqual([60, []]);
  });

  test("a 404 for a range without calls is an empty window, a 404 for everything is a wrong address", async () => {
    const chorus = fakeChorus();
    chorus.before = ({ url }) => (url.includes("startDate") ? [404, ""] : undefined);
    const empty = await run(chorus, { select: ["calls"] });
    expect([empty.failures, empty.lines.some((line) => line.includes("taken as no calls"))]).toEqual([[], true]);
    chorus.before = () => [404, "<html>Not found</html>"];
    const wrong = await run(chorus, { select: ["calls"] });
    expect(wrong.failures).toEqual(["calls API_UNAVAILABLE"]);
    expect(callsBookmark(wrong.state)["covered"]).toEqual([]);
  });

  test("an API that knows dates only is asked with dates", async () => {
    const chorus = fakeChorus(manyCalls(3, "2026-03-09T08:00:00Z", 1));
    chorus.before = ({ url }) => (/startDate=[^&]*T/.test(url) ? [400, ""] : undefined);
    expect((await run(chorus, { select: ["calls"] })).of("calls")).toHaveLength(3);
  });

  test("a stop between calls leaves a state of what was emitted", async () => {
    const chorus = fakeChorus(manyCalls(20, "2026-03-09T08:00:00Z", 0.5));
    const stop = new AbortController();
    let calls = 0;
    const first = await run(chorus, {
      signal: stop.signal,
      onMessage: (message) => {
        if (message.type === "record" && message.stream === "calls" && ++calls === 7) stop.abort();
      },
    });
    expect([first.error, first.of("calls").length, first.of("utterances").length]).toEqual([undefined, 7, 14]);
    const second = await run(chorus, { state: first.state });
    expect(second.of("calls")).toHaveLength(13);
  });
});

describe("a run that is killed", () => {
  test("and resumed at any of its states leaves the same tables as one that was not", async () => {
    const chorus = fakeChorus(manyCalls(130, "2026-03-02T08:00:00Z", 1.4));
    chorus.transcripts.set("c5", [202, ""]);
    const whole = new Warehouse();
    const { messages, states } = await run(chorus, { onMessage: (message) => whole.take(message) });
    expect(states.length).toBeGreaterThan(3);
    const kills = messages.flatMap((message, index) => (message.type === "state" || index % 97 === 0 ? [index] : []));
    for (const kill of kills) {
      const warehouse = new Warehouse();
      let state: State = {};
      for (const message of messages.slice(0, kill + 1)) {
        warehouse.take(message);
        if (message.type === "state") ({ state } = message);
      }
      const resumed = await run(chorus, { state, onMessage: (message) => warehouse.take(message) });
      expect(warehouse.everything(), `killed after message ${kill}`).toEqual(whole.everything());
      expect(resumed.of("calls").length).toBeLessThanOrEqual(130);
    }
  });

  test("never does more than fifty calls again", async () => {
    const chorus = fakeChorus(manyCalls(180, "2026-03-09T00:00:00Z", 0.1));
    const { messages } = await run(chorus, { select: ["calls"] });
    let since = 0;
    for (const message of messages) {
      since = message.type === "state" ? 0 : since + 1;
      expect(since).toBeLessThanOrEqual(50);
    }
  });
});

test("nothing that a token or a spoken word could be in is logged", async () => {
  const chorus = fakeChorus([call("c1", "2026-03-09T08:00:00Z"), call("c2", "2026-03-09T09:00:00Z")]);
  chorus.transcripts.set("c1", [500, { error: "token s3cret-s3cret-s3cret-s3cret" }]);
  const { lines } = await run(chorus, { config: { api_token: "s3cret-s3cret-s3cret-s3cret" } });
  expect(lines.join()).not.toMatch(/s3cret|words of/);
});
