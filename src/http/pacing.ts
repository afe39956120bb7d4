import { type Clock } from "../core/clock.ts";
import { type Log, silentLog } from "../core/log.ts";
import { DailyQuota, type QuotaUsed } from "./quota.ts";
import { type LearnedRate, RateSearch } from "./rate.ts";
import { PATIENCE_MS } from "./retry.ts";
import { type Layer } from "./send.ts";
import { HttpError } from "./verdict.ts";

interface Pace {
  /** Never more than this. From 100 on it is taken as a limit that is known: requests start at it. */
  readonly maxRequestsPerSecond: number;
  readonly concurrency: number;
}

interface PacingOptions extends Pace {
  /** What the last run learned. Ignored when the API last limited us more than a week ago. */
  readonly learned?: LearnedRate | undefined;
  /** At most `limit` requests a UTC day, of which `used` went out on `day` before this run. */
  readonly dailyQuota?: (QuotaUsed & { readonly limit: number }) | undefined;
}

export interface Pacing {
  readonly layer: Layer;
  /** What to keep for the next run; undefined when nothing was learned. */
  learned(): LearnedRate | undefined;
  /** Requests that went out today, those of earlier runs included when they were given. */
  quotaUsed(): QuotaUsed;
  /** Says how many requests were answered 429, if any. For the end of a run. */
  said(): void;
}

const SAY_AGAIN_MS = 60_000;
const REST_MS = 2_000;

/**
 * Sends requests one after another in even steps, at the rate that RateSearch finds, with bursts of one second's worth
 * after a pause, and `concurrency` at a time. A 429 also halves the concurrency, which each good answer raises by one,
 * and holds every request back for as long as `Retry-After` says.
 */
export function openPacing(options: PacingOptions, clock: Clock, log: Log): Pacing {
  const { maxRequestsPerSecond, concurrency, learned, dailyQuota } = options;
  const search = new RateSearch(maxRequestsPerSecond, learned, clock.now());
  const quota = new DailyQuota(dailyQuota, () => clock.now());
  const queue: (() => void)[] = [];
  let lastInLine: Promise<unknown> = Promise.resolve();
  let limit = concurrency;
  let running = 0;
  let lastSlotAt = Number.NEGATIVE_INFINITY;
  let heldUntil = Number.NEGATIVE_INFINITY;
  let sent = 0;
  let refused = 0;
  let saidAt = Number.NEGATIVE_INFINITY;

  async function enter(): Promise<void> {
    if (running < limit) running++;
    else await new Promise<void>((admit) => queue.push(admit)); // whoever leaves counts us in
  }

  function leave(): void {
    running--;
    while (running < limit && queue.length > 0) {
      running++;
      queue.shift()?.();
    }
  }

  /** Waits for the next slot, and tells whether there was a wait. One at a time, so that a 429 holds all others back. */
  async function takeSlot(signal: AbortSignal | undefined): Promise<boolean> {
    const turn = lastInLine.then(() => waitForSlot(signal));
    lastInLine = turn.catch(() => undefined);
    return turn;
  }

  async function waitForSlot(signal: AbortSignal | undefined): Promise<boolean> {
    for (let waited = false; ; waited = true) {
      const now = clock.now();
      const gapMs = 1000 / search.perSecond;
      if (lastSlotAt + 2 * gapMs + REST_MS < now) search.rested(now);
      // Slots that nobody took in the last second are still good.
      const slotAt = Math.max(lastSlotAt + gapMs, heldUntil, now - Math.max(0, 1000 - gapMs));
      if (slotAt <= now) {
        lastSlotAt = slotAt;
        return waited;
      }
      await clock.sleep(slotAt - now, signal);
    }
  }

  function slowDown(startedAt: number, retryAfterMs: number): void {
    refused++;
    const now = clock.now();
    const waitMs = retryAfterMs <= PATIENCE_MS ? retryAfterMs : 0;
    const isNew = search.limited(startedAt, now, waitMs);
    if (isNew) limit = Math.max(1, Math.floor(limit / 2));
    heldUntil = Math.max(heldUntil, now + waitMs, isNew ? now + 1000 / search.perSecond : 0);
    if (now - saidAt < SAY_AGAIN_MS) return;
    saidAt = now;
    const wait = waitMs > 0 ? `, waiting ${Math.ceil(waitMs / 1000)} s` : "";
    log.info(`RATE_LIMITED: the API answers 429; now at ${rateText()}${wait}`, { rate_limited: true });
  }

  function speedUp(startedAt: number, waited: boolean): void {
    if (search.answered(startedAt, clock.now(), waited)) limit = Math.min(concurrency, limit + 1);
  }

  function rateText(): string {
    return `${Number(search.perSecond.toPrecision(2))} requests a second`;
  }

  const layer: Layer = (next) => async (request) => {
    quota.check();
    await enter();
    let startedAt = 0;
    let waited = false;
    try {
      waited = await takeSlot(request.signal);
      quota.spend();
      startedAt = clock.now();
      sent++;
      const answer = await next(request);
      speedUp(startedAt, waited);
      return answer;
    } catch (error) {
      if (error instanceof HttpError && error.retry === "limited") slowDown(startedAt, error.retryAfterMs ?? 0);
      else if (isServed(error)) speedUp(startedAt, waited);
      throw error;
    } finally {
      leave();
    }
  };

  return {
    layer,
    learned: () => search.learned(),
    quotaUsed: () => quota.used(),
    said() {
      if (refused === 0) return;
      log.info(`RATE_LIMITED: ${refused} of ${sent} requests were answered 429; last at ${rateText()}`);
      log.metric({ type: "gauge", metric: "http_requests_per_second", value: search.perSecond });
    },
  };
}

/** The pacing of an API of which nothing is kept between runs. */
export function withPacing(pace: Pace, clock: Clock): Layer {
  return openPacing(pace, clock, silentLog).layer;
}

/** An answer like 404 is an answer all the same; one of 500 and up may come from an API that is too busy. */
function isServed(error: unknown): boolean {
  return error instanceof HttpError && error.status > 0 && error.status < 500;
}
