import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openPacing, withPacing } from "../../src/http/pacing.ts";
import { withRetry } from "../../src/http/retry.ts";
import { type Send, stack } from "../../src/http/send.ts";
import { withVerdict } from "../../src/http/verdict.ts";
import { GET, type Answer, answers, fakeClock, keptLog } from "./fakes.ts";
import { bucketLimit, minuteLimit, seeded, simulate, simulatedClock } from "./simulation.ts";

const MINUTE_MS = 60_000;
const NO_LIMIT = () => true as const;
const fixed = (ms: number) => () => ms;

/** A latency of about this, a tenth more or less. */
function about(ms: number): () => number {
  const random = seeded(7);
  return () => ms * (0.9 + 0.2 * random());
}

describe("pace", () => {
  test("without another limit, requests keep to the cap after a burst of one second's worth", async () => {
    const clock = fakeClock();
    const send = stack(answers([200]), withPacing({ maxRequestsPerSecond: 100, concurrency: 1 }, clock));
    for (let request = 0; request < 102; request++) await send(GET);
    expect(clock.waits).toEqual([10, 10]);
  });

  test("no more than `concurrency` requests are under way at a time", async () => {
    let running = 0;
    let most = 0;
    const slow: Send = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      return { status: 200, headers: {}, body: Buffer.alloc(0) };
    };
    const send = stack(slow, withPacing({ maxRequestsPerSecond: 1000, concurrency: 3 }, fakeClock()));
    await Promise.all(Array.from({ length: 10 }, () => send(GET)));
    expect(most).toBe(3);
  });

  test("it starts at 2 requests a second and reaches a cap of 10 in 12 seconds", async () => {
    const { run } = simulate({ limit: NO_LIMIT, latencyMs: fixed(100), maxRequestsPerSecond: 10, concurrency: 4 });
    expect((await run(2_000)).perSecond).toBeLessThan(4);
    await run(10_000);
    expect((await run(10_000)).perSecond).toBeGreaterThan(9.8);
    expect((await run(10 * MINUTE_MS)).perSecond).toBeLessThanOrEqual(10.01);
  });

  test("a cap of 100 or more is a limit that the user knows, so requests start at it", async () => {
    const { run } = simulate({ limit: NO_LIMIT, latencyMs: fixed(5), maxRequestsPerSecond: 100, concurrency: 2 });
    expect((await run(5_000)).perSecond).toBeGreaterThan(95);
  });

  test("the rate does not grow while nobody makes use of it", async () => {
    const { run, pacing } = simulate({
      limit: NO_LIMIT,
      latencyMs: fixed(500),
      maxRequestsPerSecond: 50,
      concurrency: 2,
    });
    await run(10 * MINUTE_MS);
    expect(pacing.learned()?.requestsPerSecond).toBeLessThan(5);
  });
});

describe("429", () => {
  test("it holds every request back as long as it says, those that wait for their turn too", async () => {
    const clock = simulatedClock();
    const from = clock.now();
    const network = answers([429, { "retry-after": "30" }], [200]);
    const pacing = withPacing({ maxRequestsPerSecond: 5, concurrency: 8 }, clock);
    const sentAt: number[] = [];
    const noted: Send = (request) => {
      sentAt.push((clock.now() - from) / 1000);
      return network(request);
    };
    const send = stack(noted, pacing, withVerdict);
    const all = Promise.allSettled(Array.from({ length: 8 }, () => send(GET)));
    await clock.run(5 * MINUTE_MS);
    await all;
    expect(sentAt.filter((at) => at > 0.5 && at < 30)).toEqual([]);
    expect(sentAt).toHaveLength(8);
  });

  test("it halves the rate, once for all requests that were under way", async () => {
    const clock = simulatedClock();
    const slow: Send = async (request) => {
      await clock.sleep(100);
      return answers([429])(request);
    };
    const log = keptLog();
    const { layer } = openPacing({ maxRequestsPerSecond: 100, concurrency: 4 }, clock, log);
    const send = stack(slow, layer, withVerdict);
    const all = Promise.allSettled(Array.from({ length: 4 }, () => send(GET)));
    await clock.run(MINUTE_MS);
    await all;
    expect(log.lines).toEqual(["info: RATE_LIMITED: the API answers 429; now at 50 requests a second"]);
  });

  test("a patience that is not ours is left to the caller to give up on", async () => {
    const clock = fakeClock();
    const send = stack(
      answers([429, { "retry-after": "86400" }], [200]),
      withPacing({ maxRequestsPerSecond: 10, concurrency: 2 }, clock),
      withVerdict,
    );
    await expect(send(GET)).rejects.toThrow("429");
    await send(GET);
    expect(Math.max(0, ...clock.waits)).toBeLessThanOrEqual(1_000);
  });

  test("the log tells it at most once a minute, and the sum in the end", async () => {
    const clock = fakeClock();
    const log = keptLog();
    const pacing = openPacing({ maxRequestsPerSecond: 8, concurrency: 2 }, clock, log);
    const thrice: Answer[] = [
      [429, { "retry-after": "30" }],
      [429, { "retry-after": "40" }],
      [429, { "retry-after": "1" }],
    ];
    const send = stack(answers(...thrice, [200]), withRetry({ clock }), pacing.layer, withVerdict);
    await send(GET);
    pacing.said();
    expect(log.lines).toEqual([
      "info: RATE_LIMITED: the API answers 429; now at 1 requests a second, waiting 30 s",
      "info: RATE_LIMITED: the API answers 429; now at 0.25 requests a second, waiting 1 s",
      expect.stringMatching(/^info: RATE_LIMITED: 3 of 4 requests were answered 429; last at /) as string,
    ]);
    expect(log.metrics).toMatchObject([{ type: "gauge", metric: "http_requests_per_second" }]);
  });

  test("a run that was never limited says nothing", async () => {
    const log = keptLog();
    const pacing = openPacing({ maxRequestsPerSecond: 8, concurrency: 2 }, fakeClock(), log);
    await stack(answers([200]), pacing.layer, withVerdict)(GET);
    pacing.said();
    expect([...log.lines, ...log.metrics]).toEqual([]);
  });
});

describe("search", () => {
  test.each([0.5, 2, 5, 10, 50])(
    "nine tenths of %d requests a second are used, and the limit is hardly met",
    async (limit) => {
      for (const [latencyMs, concurrency] of [
        [20, 2],
        [500, 32],
      ] as const) {
        const random = seeded(3);
        const { run } = simulate({
          limit: bucketLimit(limit),
          latencyMs: about(latencyMs),
          maxRequestsPerSecond: 80,
          concurrency,
          random,
        });
        await run(10 * MINUTE_MS);
        const steady = await run(30 * MINUTE_MS);
        expect(steady.perSecond / limit).toBeGreaterThan(0.9);
        expect(steady.refusedShare).toBeLessThan(0.01);
      }
    },
  );

  test.each(["Retry-After", "nothing"] as const)("ten a minute, then 429 that says %s", async (says) => {
    for (const second of [0, 17, 37, 55]) {
      const { run } = simulate({
        limit: minuteLimit(10, says),
        latencyMs: about(100),
        maxRequestsPerSecond: 10,
        concurrency: 2,
        startMs: Date.UTC(2026, 2, 10, 12, 0, second),
        random: seeded(5),
      });
      await run(20 * MINUTE_MS);
      const steady = await run(60 * MINUTE_MS);
      expect(steady.perSecond).toBeGreaterThan(9 / 60);
      expect(steady.refusedShare).toBeLessThan(0.01);
    }
  });

  test("whatever the limit, the latency and the concurrency", async () => {
    const setting = fc.record({
      limit: fc.double({ min: Math.log(0.5), max: Math.log(60), noNaN: true }).map(Math.exp),
      latencyMs: fc.integer({ min: 10, max: 800 }),
      concurrency: fc.integer({ min: 1, max: 16 }),
    });
    await fc.assert(
      fc.asyncProperty(setting, async ({ limit, latencyMs, concurrency }) => {
        const { run } = simulate({
          limit: bucketLimit(limit),
          latencyMs: fixed(latencyMs),
          maxRequestsPerSecond: 60,
          concurrency,
          random: seeded(11),
        });
        await run(10 * MINUTE_MS);
        const steady = await run(30 * MINUTE_MS);
        const possible = Math.min(limit, 60, concurrency / (latencyMs / 1000));
        expect(steady.perSecond / possible).toBeGreaterThan(0.9);
        expect(steady.refusedShare).toBeLessThan(0.01);
      }),
      { seed: 42, numRuns: 60 },
    );
  }, 120_000);

  test("where the user knows the limit, a 429 now and then does not slow the run down", async () => {
    let asked = 0;
    const { run } = simulate({
      limit: () => ++asked % 50 !== 0 || { retryAfter: 1 },
      latencyMs: fixed(5),
      maxRequestsPerSecond: 1000,
      concurrency: 2,
    });
    await run(MINUTE_MS);
    expect((await run(5 * MINUTE_MS)).perSecond).toBeGreaterThan(30); // 49 in each 1.5 s: a hold, then 100 a second
  });

  test("where the user is wrong about it, a limit a minute is found all the same", async () => {
    const { run } = simulate({
      limit: minuteLimit(30, "Retry-After"),
      latencyMs: fixed(50),
      maxRequestsPerSecond: 1000,
      concurrency: 4,
    });
    await run(20 * MINUTE_MS);
    const steady = await run(30 * MINUTE_MS);
    expect(steady.perSecond).toBeGreaterThan(27 / 60);
    expect(steady.refusedShare).toBeLessThan(0.01);
  });

  test("a limit that is raised or lowered is found again", async () => {
    let allowed = 5;
    const limits = new Map([5, 20].map((perSecond) => [perSecond, bucketLimit(perSecond)]));
    const { run } = simulate({
      limit: (now) => limits.get(allowed)!(now),
      latencyMs: fixed(100),
      maxRequestsPerSecond: 50,
      concurrency: 8,
      random: seeded(2),
    });
    await run(20 * MINUTE_MS);
    allowed = 20;
    await run(30 * MINUTE_MS);
    expect((await run(10 * MINUTE_MS)).perSecond).toBeGreaterThan(18);
    allowed = 5;
    await run(2 * MINUTE_MS);
    const lowered = await run(10 * MINUTE_MS);
    expect(lowered.perSecond).toBeGreaterThan(4.5);
    expect(lowered.refusedShare).toBeLessThan(0.01);
  });
});

describe("what the next run knows", () => {
  const startMs = Date.UTC(2026, 2, 10, 12);
  const daysAgo = (days: number) => new Date(startMs - days * 86_400_000).toISOString();

  async function firstSeconds(learned: { requestsPerSecond: number; limitedAt?: string }, maxRequestsPerSecond = 50) {
    const setting = { limit: NO_LIMIT, latencyMs: fixed(20), maxRequestsPerSecond, concurrency: 8, startMs, learned };
    return (await simulate(setting).run(3_000)).perSecond;
  }

  test("it starts at what was learned, at most at the cap", async () => {
    expect(await firstSeconds({ requestsPerSecond: 9, limitedAt: daysAgo(1) })).toBeGreaterThan(9);
    expect(await firstSeconds({ requestsPerSecond: 9, limitedAt: daysAgo(1) }, 3)).toBeLessThan(4.1);
  });

  test("what was learned more than a week ago is forgotten", async () => {
    expect(await firstSeconds({ requestsPerSecond: 30, limitedAt: daysAgo(8) })).toBeLessThan(4);
  });

  test("a limit is learned with its time; a second run meets it hardly at all", async () => {
    const setting = { latencyMs: fixed(50), maxRequestsPerSecond: 50, concurrency: 4, random: seeded(1) };
    const first = simulate({ ...setting, limit: bucketLimit(5) });
    expect(first.pacing.learned()).toBeUndefined();
    await first.run(5 * MINUTE_MS);
    const learned = first.pacing.learned();
    expect(learned?.requestsPerSecond).toBeGreaterThan(4.5);
    expect(learned?.requestsPerSecond).toBeLessThan(5.2);
    expect(learned?.limitedAt).toMatch(/^2026-03-10T12:0/);
    const second = await simulate({ ...setting, limit: bucketLimit(5), learned }).run(MINUTE_MS);
    expect(second.perSecond).toBeGreaterThan(4.5);
    expect(second.refused).toBeLessThanOrEqual(2);
  });

  test("a block that did not end by the end of the run, as by a quota of the day, hardly slows the next one", async () => {
    let served = 0;
    const limit = () => (++served <= 300 ? (true as const) : {});
    const setting = { limit, latencyMs: fixed(50), maxRequestsPerSecond: 8, concurrency: 2, random: seeded(1) };
    const { run, pacing } = simulate(setting);
    await run(5 * MINUTE_MS);
    expect(pacing.learned()?.requestsPerSecond).toBe(4);
  });

  test("a rate that was reached without a limit is learned too", async () => {
    const { run, pacing } = simulate({
      limit: NO_LIMIT,
      latencyMs: fixed(10),
      maxRequestsPerSecond: 10,
      concurrency: 2,
    });
    await run(MINUTE_MS);
    expect(pacing.learned()).toEqual({ requestsPerSecond: 10 });
  });
});

describe("daily quota", () => {
  test("when it is used up, requests are refused before they go out, until the next UTC day", async () => {
    const clock = fakeClock(Date.UTC(2026, 2, 10, 23, 30));
    const network = answers([503], [200]);
    const dailyQuota = { limit: 5, used: 2, day: "2026-03-10" };
    const pacing = openPacing({ maxRequestsPerSecond: 1000, concurrency: 2, dailyQuota }, clock, keptLog());
    const send = stack(network, withRetry({ clock }), pacing.layer, withVerdict);
    await send(GET); // twice, as the first one fails
    await send(GET);
    expect(pacing.quotaUsed()).toEqual({ day: "2026-03-10", used: 5 });
    await expect(send(GET)).rejects.toMatchObject({ code: "API_BUDGET_SPENT", recovery: "retry-later" });
    expect(network.seen).toHaveLength(3);
    clock.advance(30 * MINUTE_MS);
    await send(GET);
    expect(pacing.quotaUsed()).toEqual({ day: "2026-03-11", used: 1 });
  });

  test("what another day used does not count", async () => {
    const dailyQuota = { limit: 5, used: 5, day: "2026-03-09" };
    const pacing = openPacing({ maxRequestsPerSecond: 10, concurrency: 2, dailyQuota }, fakeClock(), keptLog());
    await stack(answers([200]), pacing.layer, withVerdict)(GET);
    expect(pacing.quotaUsed()).toEqual({ day: "2026-03-10", used: 1 });
  });
});
