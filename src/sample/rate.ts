/**
 * A token bucket: `rate` requests a second, twice as many at once. Gives the function that takes a token; it returns
 * the seconds to wait when there is none.
 */
export function tokenBucket(rate: number | undefined, nowMs: () => number): () => number | undefined {
  if (rate === undefined) return () => undefined;
  const burst = Math.max(1, 2 * rate);
  let tokens = burst;
  let at = nowMs();
  return () => {
    const now = nowMs();
    tokens = Math.min(burst, tokens + ((now - at) / 1000) * rate);
    at = now;
    if (tokens < 1) return (1 - tokens) / rate;
    tokens--;
    return undefined;
  };
}
