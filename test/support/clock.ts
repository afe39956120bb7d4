import type { Clock } from "../../src/core/clock.ts";

export interface FakeClock extends Clock {
  /** What was slept, in milliseconds. */
  readonly waits: number[];
  advance(ms: number): void;
}

/** A clock that stands still until somebody sleeps or turns it. */
export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      waits.push(ms);
      now += ms;
    },
  };
}
