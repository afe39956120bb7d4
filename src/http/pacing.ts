import { type Clock } from "../core/clock.ts";
import { type Layer } from "./send.ts";
import { PATIENCE_MS } from "./retry.ts";
import { HttpError } from "./verdict.ts";

interface Pace {
  readonly maxRequestsPerSecond: number;
  readonly concurrency: number;
}

const LONGEST_GAP_MS = 10_000;
const GOOD_ANSWERS_TO_SPEED_UP = 20;

/**
 * Keeps to `maxRequestsPerSecond`, with bursts of one second's worth, and to `concurrency` requests at a time. A 429
 * halves the concurrency and holds every request back for as long as `Retry-After` says; one that comes right after
 * another also halves the rate. Twenty good answers in a row win a part of it back. So a limit that nobody published
 * is found and not run into with each request, and a single 429 now and then slows nothing down for long.
 */
export function withPacing({ maxRequestsPerSecond, concurrency }: Pace, clock: Clock): Layer {
  const shortestGapMs = 1000 / maxRequestsPerSecond;
  const burst = Math.max(1, Math.floor(maxRequestsPerSecond));
  const queue: (() => void)[] = [];
  let gapMs = shortestGapMs;
  let limit = concurrency;
  let running = 0;
  let nextSlotAt = 0;
  let slowedAt = Number.NEGATIVE_INFINITY;
  let goodAnswers = 0;
  let goodSinceLimit = Number.POSITIVE_INFINITY;

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

  async function takeSlot(signal: AbortSignal | undefined): Promise<void> {
    const now = clock.now();
    // Slots that nobody took in the last second are still good, unless the API has just slowed us down.
    const slotAt = Math.max(nextSlotAt, gapMs === shortestGapMs ? now - (burst - 1) * gapMs : now);
    nextSlotAt = slotAt + gapMs;
    if (slotAt > now) await clock.sleep(slotAt - now, signal);
  }

  function slowDown(startedAt: number, retryAfterMs: number): void {
    goodAnswers = 0;
    if (retryAfterMs <= PATIENCE_MS) nextSlotAt = Math.max(nextSlotAt, clock.now() + retryAfterMs);
    if (startedAt < slowedAt) return; // it left before the last cut, so it says nothing about the new pace
    slowedAt = clock.now();
    limit = Math.max(1, Math.floor(limit / 2));
    if (goodSinceLimit < 2) gapMs = Math.min(LONGEST_GAP_MS, gapMs * 2);
    goodSinceLimit = 0;
  }

  function speedUp(): void {
    goodSinceLimit++;
    if (++goodAnswers < GOOD_ANSWERS_TO_SPEED_UP) return;
    goodAnswers = 0;
    limit = Math.min(concurrency, limit + 1);
    gapMs = Math.max(shortestGapMs, gapMs * 0.8);
  }

  return (next) => async (request) => {
    await enter();
    let startedAt = 0;
    try {
      await takeSlot(request.signal);
      startedAt = clock.now();
      const answer = await next(request);
      speedUp();
      return answer;
    } catch (error) {
      if (error instanceof HttpError && error.retry === "limited") slowDown(startedAt, error.retryAfterMs ?? 0);
      throw error;
    } finally {
      leave();
    }
  };
}
