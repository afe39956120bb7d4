/** How many requests were answered, by route and status: `{"GET /api/v1/calls": {"200": 12, "429": 2}}`. */
export class RequestCounts {
  #counts: Record<string, Record<string, number>> = {};

  /** `outcome` is the status, or `reset` when the connection was cut instead. */
  add(route: string, outcome: number | "reset"): void {
    const statuses = (this.#counts[route] ??= {});
    statuses[outcome] = (statuses[outcome] ?? 0) + 1;
  }

  all(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return this.#counts;
  }

  reset(): void {
    this.#counts = {};
  }
}
