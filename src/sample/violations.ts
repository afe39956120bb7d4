/** Things that a good client never does. */
const KINDS = ["force_regeneration", "without_skip_summary", "token_leaked"] as const;
type Violation = (typeof KINDS)[number];

/** Counts what clients should not have done. */
export class Violations {
  readonly #counts = new Map<Violation, number>();

  add(kind: Violation): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  all(): Record<Violation, number> {
    const count = (kind: Violation) => [kind, this.#counts.get(kind) ?? 0] as const;
    return Object.fromEntries(KINDS.map(count)) as Record<Violation, number>;
  }

  reset(): void {
    this.#counts.clear();
  }
}
