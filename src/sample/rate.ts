/** How fast clients may be. */
export interface Limiter {
  /** Counts a request; gives the seconds to wait when it is one too many. */
  take(): number | undefined;
  /** What could be asked at once now, of how much, and in how many seconds it will be all of it again. */
  left(): { limit: number; remaining: number; resetSeconds: number };
}

/** A token bucket: `rate` requests a second, twice as many at once. */
export function tokenBucket(rate: number, nowMs: () => number): Limiter {
  const burst = Math.max(1, 2 * rate);
  let tokens = burst;
  let at = nowMs();
  const refill = () => {
    const now = nowMs();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * rate);
    at = now;
  };
  return {
    take() {
      refill();
      if (tokens < 1) return (1 - tokens) / rate;
      tokens--;
      return undefined;
    },
    left() {
      refill();
      return { limit: burst, remaining: tokens, resetSeconds: (burst - tokens) / rate };
    },
  };
}

/** So many requests a minute of the clock; beyond that every one is refused until the minute ends. */
export function minuteBan(perMinute: number, nowMs: () => number): Limiter {
  let minute = NaN;
  let taken = 0;
  const turn = () => {
    const now = nowMs() / 60_000;
    if (Math.floor(now) !== minute) taken = 0;
    minute = Math.floor(now);
    return (minute + 1 - now) * 60;
  };
  return {
    take() {
      const resetSeconds = turn();
      return ++taken > perMinute ? resetSeconds : undefined;
    },
    left() {
      const resetSeconds = turn();
      return { limit: perMinute, remaining: perMinute - taken, resetSeconds };
    },
  };
}
