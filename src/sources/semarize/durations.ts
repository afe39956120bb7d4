/**
 * When to ask how a run is: not long before it may have ended, and soon after. Runs of a kit take about the same time, so
 * what has ended tells how long the next one takes; a run is then asked for a bit over once, at little delay.
 */
export class Durations {
  readonly #expected = new Map<string, number>();

  /** A run of this kit took so many milliseconds. */
  note(kit: string, ms: number): void {
    const before = this.#expected.get(kit);
    this.#expected.set(kit, before === undefined ? ms : 0.8 * before + 0.2 * ms);
  }

  /** Milliseconds to wait until the next question about a run that was sent `ageMs` ago. */
  wait(kit: string, ageMs: number): number {
    const expected = this.#expected.get(kit);
    if (expected !== undefined && ageMs < expected) return Math.max(FIRST_MS, expected - ageMs);
    // Later questions come further apart, so that a long run is not asked for hundreds of times.
    return Math.min(LONGEST_MS, Math.max(FIRST_MS, ageMs * 0.05));
  }
}

const FIRST_MS = 20;
const LONGEST_MS = 10_000;
