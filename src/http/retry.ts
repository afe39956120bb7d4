import pRetry from "p-retry";
import { type Clock } from "../core/clock.ts";
import { EltError } from "../core/errors.ts";
import { type Log, silentLog } from "../core/log.ts";
import { type Layer } from "./send.ts";
import { HttpError } from "./verdict.ts";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** The longest `Retry-After` that is obeyed, and the longest that one request waits for a limit to pass in all. */
export const PATIENCE_MS = 15 * 60_000;
const CONFLICT_TRIES = 3;

interface RetryOptions {
  readonly clock: Clock;
  readonly tries?: number;
  readonly log?: Log;
  /** From 0 up to 1; the full jitter. */
  readonly random?: () => number;
}

/**
 * Asks again what failed for a passing reason: waits a random part of 1 s, 2 s, 4 s … 60 s, and never less than
 * `Retry-After`. `tries` bounds failures; being told to slow down is not a failure, so that is bounded by 15 minutes
 * of waiting instead. Throws the last HttpError, or API_BUSY.
 */
export function withRetry({ clock, tries = 6, log = silentLog, random = Math.random }: RetryOptions): Layer {
  return (next) => (request) => {
    let failures = 0;
    let limitedMs = 0;

    async function waitOrGiveUp({ error, attemptNumber }: { error: Error; attemptNumber: number }): Promise<void> {
      if (!(error instanceof HttpError) || error.retry === "never") throw error;
      const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attemptNumber - 1));
      const waitMs = Math.max(Math.round(random() * longest), error.retryAfterMs ?? 0);
      if (error.retry === "limited") limitedMs += waitMs;
      else failures++;
      if (failures >= (error.retry === "conflict" ? Math.min(tries, CONFLICT_TRIES) : tries)) throw error;
      if (waitMs > PATIENCE_MS || limitedMs > PATIENCE_MS) throw busy(error, waitMs);
      log.debug(`${error.message}; asking again in ${waitMs} ms`, {
        endpoint: request.endpoint,
        attempt: attemptNumber,
      });
      await clock.sleep(waitMs, request.signal);
    }

    // p-retry keeps the loop and the errors straight; the waits are ours, so that they go through the clock.
    return pRetry(() => next(request), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      maxTimeout: 0,
      onFailedAttempt: waitOrGiveUp,
    });
  };
}

function busy(error: HttpError, waitMs: number): EltError {
  return new EltError("API_BUSY", `${error.message} and asks for ${Math.ceil(waitMs / 1000)} s of patience`, {
    cause: error,
  });
}
