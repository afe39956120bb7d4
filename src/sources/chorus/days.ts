import { type Bookmarks } from "./bookmark.ts";
import { type Call } from "./call.ts";
import { type Difference } from "./known.ts";
import { DAY_MS, type Interval, dayOf } from "./windows.ts";

/** Fewer calls than this are a mass only when they are half of all. */
const MASS = 3;

/** The calls of one day, while its parts are being listed. */
interface Day {
  /** Ids of calls that the filters keep. */
  readonly kept: Set<string>;
  /** Ids of those that they do not. */
  readonly others: Set<string>;
}

/**
 * What this run lists, by the day that calls started on. Once a day is whole it is compared with what was known of it, and
 * takes its place.
 */
export class ListedDays {
  /** Calls that were known and are not listed any more, with their day. */
  readonly vanished = new Map<string, number>();
  /**
   * How many calls were known of the days that were compared, and how many of them are gone, named or not; and how many
   * were listed in all.
   */
  readonly counts = { known: 0, gone: 0, listed: 0 };
  readonly #bookmarks: Bookmarks;
  readonly #days = new Map<number, Day>();
  readonly #settled = new Set<number>();

  constructor(bookmarks: Bookmarks) {
    this.#bookmarks = bookmarks;
  }

  add(call: Call, isKept: boolean, nowMs: number): void {
    this.counts.listed++;
    if (call.startedMs === null || call.startedMs < this.#bookmarks.reconcileFrom(nowMs)) return;
    const day = this.#of(dayOf(call.startedMs));
    (isKept ? day.kept : day.others).add(call.id);
  }

  /** A call of a window that is not complete was emitted. */
  said({ id, startedMs }: Call, nowMs: number): void {
    if (startedMs === null || startedMs < this.#bookmarks.reconcileFrom(nowMs)) return;
    const dayMs = dayOf(startedMs);
    if (!this.#settled.has(dayMs)) this.#bookmarks.known.said(dayMs, id);
  }

  /** How the day, of which all calls were added, differs from before; undefined when nothing was known of it. */
  compare(dayMs: number): Difference | undefined {
    const { kept, others } = this.#of(dayMs);
    const difference = this.#bookmarks.known.compare(dayMs, kept);
    // What is listed and left out by a filter has not gone.
    return difference && { ...difference, vanished: difference.vanished?.filter((id) => !others.has(id)) };
  }

  /**
   * Takes every day within `trusted` that has been listed whole into what is known. Calls that vanished stay known until
   * it is settled what became of them.
   */
  settle(trusted: Interval, nowMs: number): void {
    const first = Math.max(dayOf(trusted.from), this.#bookmarks.reconcileFrom(nowMs));
    for (let dayMs = first; dayMs < Math.min(trusted.to, nowMs); dayMs += DAY_MS) {
      const part = this.#bookmarks.partOf(dayMs, nowMs);
      const isInside = part.from >= trusted.from && part.to <= trusted.to && part.from < part.to;
      if (!isInside || this.#settled.has(dayMs) || !this.#bookmarks.isListed(part)) continue;
      this.#settled.add(dayMs);
      this.#settleDay(dayMs);
    }
  }

  /**
   * A good part of all that was listed again is gone: permissions have changed, more likely than that all was deleted.
   * Fewer than three are that when they are half, and one when nothing is listed at all.
   * Calls that an earlier run missed do not count again: the run that confirms them may list their days only.
   */
  isMass(maxShare: number): boolean {
    const before = [...this.vanished.keys()].filter((id) => this.#bookmarks.missing.has(id)).length;
    const [known, gone] = [this.counts.known - before, this.counts.gone - before];
    if (maxShare < 1 && this.counts.listed === 0 && gone > 0) return true;
    return gone >= 2 && gone >= (gone >= MASS ? maxShare : Math.max(0.5, maxShare)) * known;
  }

  /** True when this run has compared the day, or found nothing to compare it with. */
  isSettled(dayMs: number): boolean {
    return this.#settled.has(dayMs);
  }

  #settleDay(dayMs: number): void {
    const difference = this.compare(dayMs);
    const { kept } = this.#of(dayMs);
    this.#days.delete(dayMs);
    if (difference !== undefined) {
      const { known, vanished } = difference;
      const gone = vanished?.length ?? Math.max(0, known - kept.size);
      this.counts.known += known;
      this.counts.gone += gone;
      if (vanished === undefined && gone > 0) return; // too many to name: the day stays as it was known
      for (const id of vanished ?? []) {
        this.vanished.set(id, dayMs);
        kept.add(id);
      }
    }
    this.#bookmarks.known.put(dayMs, kept);
  }

  #of(dayMs: number): Day {
    const day = this.#days.get(dayMs) ?? { kept: new Set(), others: new Set() };
    this.#days.set(dayMs, day);
    return day;
  }
}
