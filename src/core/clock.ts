import { setTimeout as delay } from "node:timers/promises";

/** Time, as everything in this program asks for it; tests put a fake in its place. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
  /** Waits; rejects with the signal's reason when that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
