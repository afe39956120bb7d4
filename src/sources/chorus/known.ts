import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import { Sketch } from "./sketch.ts";
import { DAY_MS } from "./windows.ts";

/** Days of fewer calls are kept as lists: shorter than a sketch, and exact however much changes. */
const LISTED_IDS = 40;

/** How the calls of a day differ from those that were there before. */
export interface Difference {
  /** How many were known, by the digest. */
  readonly known: number;
  /** Undefined when there are too many to tell which: then all count as added. */
  readonly added: ReadonlySet<string> | undefined;
  readonly vanished: readonly string[] | undefined;
}

interface Digest {
  readonly count: number;
  readonly ids?: readonly string[];
  readonly sketch?: Sketch;
}

/**
 * Which calls were there, by the UTC day that they started on: lists of ids for quiet days, sketches for busy ones, so
 * that the size depends on the number of days and not on that of calls. Days are named by their first millisecond.
 */
export class KnownCalls {
  readonly #days = new Map<number, Digest>();
  readonly #unsettled = new Map<number, Set<string>>();

  /** What `toJson` and `unsettledJson` gave; what is not understood is left out. */
  constructor(json: JsonValue | undefined, unsettled?: JsonValue) {
    for (const [day, value] of isObject(json) ? Object.entries(json) : []) {
      const ms = Date.parse(day);
      const digest = read(value);
      if (!Number.isNaN(ms) && digest !== undefined) this.#days.set(ms, digest);
    }
    for (const [day, ids] of isObject(unsettled) ? Object.entries(unsettled) : []) {
      const said = Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
      this.#unsettled.set(Date.parse(day), new Set(said));
    }
  }

  /** A call was said before all of its day was listed. Should it be gone when the day is, it has vanished all the same. */
  said(dayMs: number, callId: string): void {
    const said = this.#unsettled.get(dayMs) ?? new Set();
    this.#unsettled.set(dayMs, said.add(callId));
  }

  /** True when the day has been listed whole. */
  has(dayMs: number): boolean {
    return this.#days.has(dayMs);
  }

  /** Undefined when nothing is known of the day. */
  compare(dayMs: number, listed: ReadonlySet<string>): Difference | undefined {
    const settled = this.#compareSettled(dayMs, listed);
    const said = [...(this.#unsettled.get(dayMs) ?? [])];
    if (said.length === 0) return settled;
    const gone = said.filter((id) => !listed.has(id));
    if (settled === undefined) return { known: said.length, added: undefined, vanished: gone };
    const { vanished } = settled;
    return { ...settled, vanished: vanished === undefined ? undefined : [...new Set([...vanished, ...gone])] };
  }

  #compareSettled(dayMs: number, listed: ReadonlySet<string>): Difference | undefined {
    const digest = this.#days.get(dayMs);
    if (digest === undefined) return undefined;
    const { count, ids, sketch } = digest;
    if (ids !== undefined) {
      const before = new Set(ids);
      const added = new Set([...listed].filter((id) => !before.has(id)));
      return { known: count, added, vanished: ids.filter((id) => !listed.has(id)) };
    }
    const now = sketch && Sketch.of(listed, sketch.width);
    const difference = now && sketch.minus(now);
    return { known: count, added: difference && new Set(difference.there), vanished: difference?.here };
  }

  put(dayMs: number, ids: ReadonlySet<string>): void {
    this.#unsettled.delete(dayMs);
    const sketch = ids.size > LISTED_IDS ? Sketch.of(ids) : undefined;
    const digest = sketch === undefined ? { count: ids.size, ids: [...ids].sort() } : { count: ids.size, sketch };
    this.#days.set(dayMs, digest);
  }

  /** Takes one call out of a day that it was known in. */
  remove(callId: string, dayMs: number): void {
    this.#unsettled.get(dayMs)?.delete(callId);
    const digest = this.#days.get(dayMs);
    if (digest === undefined) return;
    const count = digest.count - 1;
    if (digest.ids !== undefined) this.#days.set(dayMs, { count, ids: digest.ids.filter((id) => id !== callId) });
    else if (digest.sketch !== undefined) this.#days.set(dayMs, { count, sketch: digest.sketch.without(callId) });
  }

  /** Lets go of days that are not looked at any more. */
  dropBefore(ms: number): void {
    for (const days of [this.#days, this.#unsettled]) {
      for (const dayMs of days.keys()) if (dayMs + DAY_MS <= ms) days.delete(dayMs);
    }
  }

  toJson(): JsonObject {
    const days = [...this.#days].sort(([a], [b]) => a - b);
    return Object.fromEntries(
      days.map(([dayMs, { count, ids, sketch }]): [string, JsonValue] => [
        dayText(dayMs),
        sketch === undefined ? [...(ids ?? [])] : `${count}:${sketch.toText()}`,
      ]),
    );
  }

  /** Ids of calls of days that are not listed whole, by day. */
  unsettledJson(): JsonObject {
    return Object.fromEntries([...this.#unsettled].map(([dayMs, ids]) => [dayText(dayMs), [...ids].sort()]));
  }
}

function dayText(dayMs: number): string {
  return new Date(dayMs).toISOString().slice(0, 10);
}

function read(value: JsonValue | undefined): Digest | undefined {
  if (Array.isArray(value)) {
    const ids = value.filter((id) => typeof id === "string");
    return { count: ids.length, ids };
  }
  if (typeof value !== "string") return undefined;
  const [count = "", text = ""] = value.split(":");
  const sketch = Sketch.from(text);
  return sketch === undefined ? undefined : { count: Number(count), sketch };
}
