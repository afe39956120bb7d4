/** Something that happens to an answer on its way out. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: RetryAfter; readonly body: FaultBody }
  | { readonly kind: "reset" }
  | { readonly kind: "slow"; readonly pauseMs: number }
  | { readonly kind: "cut" }
  | { readonly kind: "html" };

export type FaultBody = "errors" | "error" | "html" | "empty";
/** Seconds, or an HTTP date so many seconds from now. */
export type RetryAfter = { readonly seconds: number } | { readonly dateInSeconds: number };

export const REFUSALS: readonly Fault[] = [
  { kind: "status", status: 429, retryAfter: { seconds: 1 }, body: "errors" },
  { kind: "status", status: 429, retryAfter: { dateInSeconds: 1 }, body: "errors" },
  { kind: "status", status: 429, body: "empty" },
  { kind: "status", status: 429, retryAfter: { seconds: 0 }, body: "error" },
  { kind: "status", status: 429, retryAfter: { dateInSeconds: -3_600 }, body: "errors" },
];

export const FAULTS: readonly Fault[] = [
  { kind: "status", status: 500, body: "errors" },
  { kind: "status", status: 502, body: "html" },
  { kind: "status", status: 503, body: "error" },
  { kind: "status", status: 504, body: "empty" },
  { kind: "reset" },
  { kind: "slow", pauseMs: 300 },
  { kind: "cut" },
  { kind: "html" },
];

/** Deals faults out on a fixed schedule; a request that met one is served when it is sent again. */
export class FaultSchedule {
  readonly #met = new Set<string>();
  readonly #requests = new Map<string, number>();

  /** The fault that `request` meets now, if any. Asked once for each arriving request. */
  next(request: string, quirks: Iterable<readonly [string, { everyRequests: number; inTurns: readonly Fault[] }]>) {
    if (this.#met.delete(request)) return undefined;
    for (const [id, { everyRequests, inTurns }] of quirks) {
      const count = (this.#requests.get(id) ?? 0) + 1;
      this.#requests.set(id, count);
      if (count % everyRequests !== 0) continue;
      this.#met.add(request);
      return inTurns[(count / everyRequests - 1) % inTurns.length];
    }
    return undefined;
  }
}
