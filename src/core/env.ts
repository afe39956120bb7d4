import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";

/** What a run has of the outside world, made once in `src/cli` and passed down. */
export interface Env {
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the process is asked to stop; whoever waits gives up, whoever writes finishes what is in hand. */
  readonly signal: AbortSignal;
}
