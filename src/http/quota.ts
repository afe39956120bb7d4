import { EltError } from "../core/errors.ts";

/** How many requests went out on a UTC day, `yyyy-mm-dd`. */
export interface QuotaUsed {
  readonly day: string;
  readonly used: number;
}

/** Counts requests by UTC day and lets no more than `limit` of a day through. */
export class DailyQuota {
  readonly #limit: number;
  readonly #now: () => number;
  #day: string;
  #used: number;

  constructor(quota: (QuotaUsed & { readonly limit: number }) | undefined, now: () => number) {
    this.#now = now;
    this.#limit = quota?.limit ?? Number.POSITIVE_INFINITY;
    this.#day = quota?.day ?? "";
    this.#used = quota?.used ?? 0;
  }

  used(): QuotaUsed {
    const day = new Date(this.#now()).toISOString().slice(0, 10);
    if (day !== this.#day) this.#used = 0;
    this.#day = day;
    return { day, used: this.#used };
  }

  /** Throws API_BUDGET_SPENT when nothing of the day's quota is left. */
  check(): void {
    const { day, used } = this.used();
    if (used < this.#limit) return;
    throw new EltError("API_BUDGET_SPENT", `${used} requests of ${this.#limit} a day went out on ${day} (UTC)`);
  }

  /** Counts a request that goes out now. Throws like `check`. */
  spend(): void {
    this.check();
    this.#used++;
  }
}
