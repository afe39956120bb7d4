import { describe, expect, test } from "vitest";
import { costOf, type Terms } from "../../src/cli/plan/cost.ts";
import { tellUsage, usageOf } from "../../src/cli/plan/quotas.ts";
import { countCalls, strataOf } from "../../src/cli/plan/count.ts";
import { DAY_MS } from "../../src/sources/chorus/windows.ts";
import { pipe, place, run, sampleApi } from "../e2e/pipe.ts";

const JANUARY = Date.UTC(2024, 0, 1);
const days = (n: number) => [{ from: JANUARY, to: JANUARY + n * DAY_MS }];

const ALL = { transcript: true, trackers: true, metrics: true, summary: false, media: false };
const TERMS: Terms = { flavour: "calls", needs: ALL, kept: 1, maxWindowDays: undefined, types: 2 };

describe("what a backfill costs", () => {
  test("a request for each call, a state for every 50, and lists that grow with the calls", () => {
    const year = { from: JANUARY, to: JANUARY + 365 * DAY_MS };
    const cost = costOf([{ interval: year, listed: 36_500 }], TERMS);
    expect([cost.calls, cost.callRequests, cost.states]).toEqual([36_500, 36_500, 730]);
    expect(cost.requests).toBe(cost.listRequests + 36_500);
    const sparse = costOf([{ interval: year, listed: 365 }], TERMS);
    expect(sparse.listRequests).toBeLessThan(130);
    expect(cost.listRequests).toBeGreaterThan(sparse.listRequests * 5);
  });

  test("filters, streams and links to media change what is asked of each call", () => {
    const stretches = [{ interval: { from: JANUARY, to: JANUARY + 10 * DAY_MS }, listed: 1_000 }];
    expect(costOf(stretches, { ...TERMS, kept: 0.25 }).callRequests).toBe(250);
    expect(costOf(stretches, { ...TERMS, needs: { ...ALL, transcript: false } }).callRequests).toBe(0);
    expect(costOf(stretches, { ...TERMS, flavour: "v3", needs: { ...ALL, media: true } }).callRequests).toBe(2_000);
  });
});

describe("what of BigQuery's quotas an hourly schedule uses", () => {
  const BATCHES = {
    batch_size_rows: 500_000,
    batch_size_bytes: 268_435_456,
    batch_max_age_seconds: 900,
    load_method: "upsert",
  } as const;
  const LOAD = { callsADay: 2_400, secondsACall: 1, streams: 15 };

  test("a small run is one batch, and each stream in it a load job; merges modify no table by the quota's count", () => {
    const usage = usageOf({ ...LOAD, callsADay: 0 }, BATCHES);
    expect(usage).toEqual({ batchesARun: 1, batchesADay: 24, loadJobs: 360, modifications: 0 });
    expect(tellUsage(usage, BATCHES)).toMatchInlineSnapshot(`
      [
        "into BigQuery, hourly: 24 batches a day (1 a run), 360 of 100,000 load jobs a project may run a day",
        "modifications of one table: 0 of 1,500 a day (merges are DML, which does not count)",
      ]
    `);
  });

  test.each([
    ["rows", { batch_size_rows: 1_000 }, 20],
    ["bytes", { batch_size_bytes: 800_000 }, 10],
    ["age", { batch_max_age_seconds: 4 }, 25],
  ])("batches end on %s when that comes first", (_, settings, batches) => {
    expect(usageOf(LOAD, { ...BATCHES, ...settings }).batchesARun).toBe(batches);
  });

  test("a run lasts an hour at most; overwrite copies once a run; storage_write takes no load jobs", () => {
    const busy = { ...LOAD, callsADay: 1_000_000 };
    expect(
      usageOf(busy, { ...BATCHES, batch_max_age_seconds: 1, batch_size_bytes: 1e12, batch_size_rows: 1e9 }),
    ).toMatchObject({
      batchesARun: 3_600,
    });
    expect(usageOf(LOAD, { ...BATCHES, load_method: "overwrite" }).modifications).toBe(24);
    expect(usageOf(LOAD, { ...BATCHES, load_method: "storage_write" }).loadJobs).toBe(0);
  });

  test("says so when a setting comes near to a quota, or beyond", () => {
    const told = (seconds: number) => {
      const config = { ...BATCHES, batch_max_age_seconds: seconds };
      return tellUsage(usageOf({ ...LOAD, callsADay: 50_000 }, config), config).slice(2);
    };
    expect(told(60)).toEqual([]);
    expect(told(5)).toEqual([
      expect.stringContaining("That is MORE than BigQuery allows: raise `batch_max_age_seconds` (5)"),
    ]);
    expect(told(10)).toEqual([expect.stringContaining("That is near to what BigQuery allows")]);
  });
});

describe("the days that stand for all", () => {
  test("a few days are all listed; of many 8, with every day of the week and the newest week among them", () => {
    expect(strataOf(days(5)).map(({ day }) => day.from)).toEqual([0, 1, 2, 3, 4].map((day) => JANUARY + day * DAY_MS));
    const strata = strataOf(days(1_000));
    expect(strata.length).toBe(8);
    expect(new Set(strata.map(({ day }) => new Date(day.from).getUTCDay())).size).toBe(7);
    expect(strata.at(-1)?.day.from).toBeGreaterThanOrEqual(JANUARY + 993 * DAY_MS);
    expect(strata.flatMap((one) => one.days).reduce((sum, { from, to }) => sum + to - from, 0)).toBe(1_000 * DAY_MS);
  });

  test("an API that does not count is estimated from them, holes left out", async () => {
    const api = {
      count: async () => undefined,
      window: async () => ({ calls: Array.from({ length: 30 }, () => ({})) as never[], received: 30 }),
    };
    const intervals = [...days(100), { from: JANUARY + 500 * DAY_MS, to: JANUARY + 600 * DAY_MS }];
    const { stretches, sampledDays } = await countCalls(api, intervals, undefined);
    expect(sampledDays).toBe(8);
    expect(Math.round(stretches.reduce((sum, { listed }) => sum + listed, 0))).toBe(6_000);
  });
});

describe("chorus-elt plan", () => {
  test.each(["calls", "v3"])("%s: the requests of a first run, roughly, and none once it has run", async (flavour) => {
    await using api = await sampleApi("--calls", "60");
    await using where = await place(api, { api_flavour: flavour, daily_request_quota: 1_000 });
    const args = ["plan", "--tap", where.tap];
    const before = await run("chorus-elt", [...args, "--config", where.target]);
    expect(before.code, before.stderr).toBe(0);
    expect(before.stdout.includes("estimated from 8 days")).toBe(flavour === "v3");
    expect(before.stdout).toContain(
      "with a daily quota of 1,000, of which history may use four fifths = 1 day\nOne run does it.",
    );
    const planned = Number(/list requests +([\d,]+)/.exec(before.stdout)?.[1]);
    await api.requests();
    expect((await pipe(where)).target.code).toBe(0);
    const route = flavour === "v3" ? "GET /v3/engagements" : "GET /api/v1/calls";
    const lists = Object.values((await api.requests())[route] ?? {}).reduce((sum, n) => sum + n, 0);
    expect(Math.abs(planned - lists), `${planned} planned, ${lists} sent`).toBeLessThanOrEqual(5);
    const after = await run("chorus-elt", [...args, "--config", where.target]);
    expect([after.code, after.stdout], after.stderr).toEqual([
      0,
      expect.stringMatching(/the state covers the other 1\d\d\n/) as string,
    ]);
    expect(after.stdout).toMatch(/ calls +0\b/);
  });

  test("long backfills get a word of advice; a state file counts as well", async () => {
    await using api = await sampleApi("--calls", "60");
    await using where = await place(api, { max_requests_per_second: 5 });
    const args = ["plan", "--tap", where.tap];
    const slow = await where.file("slow.json", { daily_request_quota: 20 });
    const quota = await run("chorus-elt", [...args, "--tap", slow]);
    expect(quota.stdout).toMatch(
      /daily quota of 20, of which history may use four fifths = \d+ days\nRuns go on from where the quota ended/,
    );
    const state = { version: 1, bookmarks: { calls: { covered: [["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]] } } };
    const covered = await run("chorus-elt", [...args, "--state", await where.file("covered.json", state)]);
    expect(covered.stdout).toContain("Nothing is left to read: the state covers all of it.");
    const both = await run("chorus-elt", [...args, "--state", where.tap, "--config", where.target]);
    expect(both.code).toBe(2);
  });
});
