import { type Clock } from "../../src/core/clock.ts";
import { silentLog, type Log } from "../../src/core/log.ts";
import { openPacing, type Pacing } from "../../src/http/pacing.ts";
import { withRetry } from "../../src/http/retry.ts";
import { type Send, stack } from "../../src/http/send.ts";
import { withVerdict } from "../../src/http/verdict.ts";
import { type Limiter, tokenBucket } from "../../src/sample/rate.ts";
import { GET } from "./fakes.ts";

export interface SimulatedClock extends Clock {
  /** Lets time pass, waking every sleeper in its turn. */
  run(forMs: number): Promise<void>;
}

/** Time for many sleepers at once: it passes when all of them sleep. */
export function simulatedClock(startMs = Date.UTC(2026, 2, 10, 12)): SimulatedClock {
  let nowMs = startMs;
  const sleepers: { readonly at: number; readonly wake: () => void }[] = []; // the next one last
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    now: () => nowMs,
    sleep: (ms) =>
      new Promise((wake) => {
        const at = nowMs + ms;
        let place = sleepers.length;
        while (place > 0 && sleepers[place - 1]!.at <= at) place--;
        sleepers.splice(place, 0, { at, wake });
      }),
    async run(forMs) {
      const until = nowMs + forMs;
      await settled();
      while ((sleepers.at(-1)?.at ?? Number.POSITIVE_INFINITY) <= until) {
        const { at, wake } = sleepers.pop()!;
        nowMs = at;
        wake();
        await settled();
      }
      nowMs = until;
    },
  };
}

/** Whether a request may pass at a moment, and if not, what Retry-After says, if anything. */
type Limit = (nowMs: number) => true | { readonly retryAfter?: number };

/** The limit of the sample API: `perSecond`, twice as many at once. */
export function bucketLimit(perSecond: number): Limit {
  let nowMs = 0;
  let bucket: Limiter | undefined;
  return (now) => {
    nowMs = now;
    const wait = (bucket ??= tokenBucket(perSecond, () => nowMs)).take();
    return wait === undefined ? true : { retryAfter: Math.ceil(wait) };
  };
}

/** So many each minute of the clock, then 429 until it ends. */
export function minuteLimit(perMinute: number, says: "Retry-After" | "nothing"): Limit {
  let minute = 0;
  let used = 0;
  return (now) => {
    const current = Math.floor(now / 60_000);
    if (current !== minute) used = 0;
    minute = current;
    if (++used <= perMinute) return true;
    return says === "nothing" ? {} : { retryAfter: Math.ceil(((minute + 1) * 60_000 - now) / 1000) };
  };
}

interface Setting {
  readonly limit: Limit;
  readonly latencyMs: () => number;
  readonly maxRequestsPerSecond: number;
  readonly concurrency: number;
  readonly log?: Log;
  readonly learned?: Parameters<typeof openPacing>[0]["learned"];
  readonly startMs?: number;
  readonly random?: () => number;
}

interface Simulation {
  readonly pacing: Pacing;
  /** Requests a second that were served while this time passed, and the share of all that were answered 429. */
  readonly run: (forMs: number) => Promise<{ perSecond: number; refusedShare: number; refused: number }>;
}

/** A tap that always has the next request ready, `concurrency` times, against an API with a limit. */
export function simulate({ limit, latencyMs, log = silentLog, learned, random, ...rest }: Setting): Simulation {
  const clock = simulatedClock(rest.startMs);
  const counts = { served: 0, refused: 0 };
  const api: Send = async () => {
    const latency = latencyMs();
    await clock.sleep(latency / 2);
    const passes = limit(clock.now());
    await clock.sleep(latency / 2);
    if (passes === true) {
      counts.served++;
      return { status: 200, headers: {}, body: Buffer.from("{}") };
    }
    counts.refused++;
    const headers: Record<string, string> =
      passes.retryAfter === undefined ? {} : { "retry-after": String(passes.retryAfter) };
    return { status: 429, headers, body: Buffer.alloc(0) };
  };
  const { maxRequestsPerSecond, concurrency } = rest;
  const pacing = openPacing({ maxRequestsPerSecond, concurrency, learned }, clock, log);
  const retry = withRetry({ clock, ...(random === undefined ? {} : { random }) });
  const send = stack(api, retry, pacing.layer, withVerdict);
  const work = async () => {
    for (;;) await send(GET);
  };
  for (let worker = 0; worker < concurrency; worker++) work().catch(() => undefined);
  return {
    pacing,
    async run(forMs) {
      counts.served = counts.refused = 0;
      await clock.run(forMs);
      const { served, refused } = counts;
      return { perSecond: served / (forMs / 1000), refusedShare: refused / Math.max(1, served + refused), refused };
    },
  };
}

/** Numbers from 0 to 1 that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
