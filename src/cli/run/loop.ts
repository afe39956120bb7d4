import type { Env } from "../../core/env.ts";
import { asEltError, type ErrorCode } from "../../core/errors.ts";

/**
 * What no later run can get past, as it stands in what this process was started with. Everything else may heal: a server
 * comes back, somebody gives a right or mends a record.
 */
const ENDS_LOOP: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "USAGE",
  "CONFIG_UNREADABLE",
  "CONFIG_INVALID",
  "CATALOG_INVALID",
  "STATE_UNREADABLE",
  "STATE_VERSION",
  "API_UNAUTHORIZED",
]);

/**
 * Runs at fixed starts, `intervalMs` apart, until the signal aborts or an error ends it for good. Other errors are logged:
 * the next run tries again.
 */
export async function loop(
  once: () => Promise<void>,
  intervalMs: number,
  { clock, log, signal }: Pick<Env, "clock" | "log" | "signal">,
): Promise<never> {
  for (let dueMs = clock.now(); ;) {
    try {
      await once();
    } catch (thrown) {
      const error = asEltError(thrown);
      if (signal.aborted || ENDS_LOOP.has(error.code)) throw thrown;
      log.error(`${error.code}: ${error.message}. ${error.hint}`, { code: error.code });
    }
    signal.throwIfAborted();
    dueMs = nextStartMs(dueMs, intervalMs, clock.now());
    log.info(`the next run begins at ${new Date(Math.max(dueMs, clock.now())).toISOString()}`);
    await clock.sleep(Math.max(0, dueMs - clock.now()), signal);
  }
}

/**
 * The next start, never more than an interval away, whoever sets the clock. When starts were missed it is the last of them,
 * so that they are made up for by one run, at once.
 */
export function nextStartMs(lastMs: number, intervalMs: number, nowMs: number): number {
  const dueMs = lastMs + intervalMs * Math.max(1, Math.floor((nowMs - lastMs) / intervalMs));
  return Math.min(dueMs, nowMs + intervalMs);
}
