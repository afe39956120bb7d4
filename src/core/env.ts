import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";

/** Where a commit stands, in this order; `said` is when its states are on their way out. */
export const STEPS = ["begin", "copy", "merge", "commit", "committed", "said"] as const;
export type Step = (typeof STEPS)[number];

/** What a run has of the outside world, made once in `src/cli` and passed down. */
export interface Env {
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the process is asked to stop; whoever waits gives up, whoever writes finishes what is in hand. */
  readonly signal: AbortSignal;
  /** Called as each step begins. Does nothing, but for the crash matrix, which ends the process there. */
  readonly step: (step: Step) => void;
}
