/** A stretch of time, milliseconds since 1970 UTC; `from` belongs to it, `to` does not. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** The first millisecond of the UTC day of an instant. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

const LONGEST_WINDOW_MS = 7 * DAY_MS;
const SHORTEST_WINDOW_MS = HOUR_MS;
/** Windows of fewer rows than this grow, of more than that shrink. A page has 100. */
const SPARSE_ROWS = 300;
const DENSE_ROWS = 1_000;
/** After a timeout, so many windows go well before a longer one is tried again. */
const WINDOWS_TO_TRUST = 5;

/** The same instants as sorted intervals that neither touch nor overlap. */
export function merge(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const next of intervals.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || next.from > last.to) merged.push(next);
    else if (next.to > last.to) merged[merged.length - 1] = { from: last.from, to: next.to };
  }
  return merged;
}

/** The instants of `intervals` that are not in `taken`. */
export function subtract(intervals: readonly Interval[], taken: readonly Interval[]): Interval[] {
  const gone = merge(taken);
  return merge(intervals).flatMap((whole) => {
    const parts: Interval[] = [];
    let { from } = whole;
    for (const hole of gone) {
      if (hole.to <= from || hole.from >= whole.to) continue;
      if (hole.from > from) parts.push({ from, to: hole.from });
      from = hole.to;
    }
    if (from < whole.to) parts.push({ from, to: whole.to });
    return parts;
  });
}

/** The instants of both. */
export function intersect(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  return subtract(a, subtract(a, b));
}

export function contains(intervals: readonly Interval[], instant: number): boolean {
  return intervals.some(({ from, to }) => from <= instant && instant < to);
}

/** What one stream needs listed: what it does not cover, and again all that is not settled since `settledTo`. */
export function needed(range: Interval, covered: readonly Interval[], settledTo: number): Interval[] {
  return merge([...subtract([range], covered), ...intersect([range], [{ from: settledTo, to: range.to }])]);
}

/** How long the next window is. Lists are cheap while they are sparse; a long dense one drifts while it is paged. */
export class WindowLength {
  #ms: number;
  readonly #longestMs: number;
  /** How long a window may be since the API took too long. */
  #ceilingMs: number;
  #goodWindows = 0;

  /** `callsPerDay` as the last run saw them, if there was one, so that a quiet account is read in one window. */
  constructor(maxDays: number | undefined, callsPerDay?: number) {
    this.#longestMs = maxDays === undefined ? LONGEST_WINDOW_MS : maxDays * DAY_MS;
    this.#ceilingMs = this.#longestMs;
    const fitting = callsPerDay === undefined ? DAY_MS : (SPARSE_ROWS / Math.max(callsPerDay, 1)) * DAY_MS;
    this.#ms = Math.min(this.#longestMs, Math.max(DAY_MS, fitting));
  }

  /**
   * The last window of what remains, from the beginning of a day where it is longer than one. A rest that is not worth a
   * window of its own is taken along.
   */
  last(remaining: Interval): Interval {
    const rest = remaining.to - remaining.from;
    const stretched = this.#ms >= LONGEST_WINDOW_MS ? this.#ms * 1.25 : this.#ms;
    if (rest <= stretched) return remaining;
    const from = remaining.to - this.#ms;
    const day = this.#ms < DAY_MS ? from : dayOf(from);
    return { from: Math.max(remaining.from, day), to: remaining.to };
  }

  /** True after a timeout, until longer windows have proved to work again. */
  get isHalved(): boolean {
    return this.#ceilingMs < this.#longestMs;
  }

  /**
   * Takes note of how many rows a window gave. It never goes below a day for being dense, because every list request
   * asks for a day more on both sides, and shorter windows would only repeat that.
   */
  learn(rows: number): void {
    if (++this.#goodWindows % WINDOWS_TO_TRUST === 0) this.#ceilingMs = Math.min(this.#longestMs, this.#ceilingMs * 2);
    if (rows <= SPARSE_ROWS) this.#ms = Math.min(this.#ceilingMs, this.#ms * 2);
    else if (rows > DENSE_ROWS && this.#ms > DAY_MS) this.#ms = Math.max(DAY_MS, this.#ms / 2);
  }

  /** After an answer that took the API too long: half of what was asked. False when it cannot be any shorter. */
  halve(window: Interval): boolean {
    const asked = window.to - window.from;
    if (asked <= SHORTEST_WINDOW_MS) return false;
    this.#ms = Math.max(SHORTEST_WINDOW_MS, asked / 2);
    this.#ceilingMs = this.#ms;
    this.#goodWindows = 0;
    return true;
  }
}
