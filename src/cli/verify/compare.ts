import type { Reader } from "../../core/destination.ts";
import type { Env } from "../../core/env.ts";
import { HttpError } from "../../http/verdict.ts";
import type { Api, Needs, WindowContent } from "../../sources/chorus/api.ts";
import type { Call, Transcript } from "../../sources/chorus/call.ts";
import type { Filter } from "../../sources/chorus/filters.ts";
import { inOrder } from "../../sources/chorus/in-order.ts";
import { DAY_MS, type Interval, WindowLength, merge, subtract } from "../../sources/chorus/windows.ts";
import type { Tables } from "../../sources/semarize/tables.ts";
import { Days } from "./days.ts";
import { comparable, loadedIn, loadedOf, type LoadedCall } from "./loaded.ts";
import { needsOfCall } from "../../sources/chorus/needs.ts";

/** The two sides of a comparison, and how it is made. */
export interface Sides {
  readonly env: Env;
  readonly api: Api;
  readonly keeps: Filter;
  readonly tables: Tables;
  /** Opens the warehouse for one look, so that who loads waits for no more than that. */
  readonly look: <Found>(find: (reader: Reader) => Promise<Found>) => Promise<Found>;
  /** What is asked of each call, to compare its content and its turns as well; undefined: lists only. */
  readonly deep: Needs | undefined;
  readonly concurrency: number;
  readonly maxWindowDays: number | undefined;
}

/** What a comparison gave. */
export interface Compared {
  readonly days: Days;
  /** Calls that the API gives no usable date: they belong to no day. */
  readonly undated: number;
}

/** Extra calls that the API is asked for by their ids: enough for some that were moved, and few when access was lost. */
const MOST_LOOKUPS = 100;

/**
 * Compares the calls that started in these intervals, newest first, one window at a time. Throws what the API or the
 * warehouse throws.
 */
export async function compare(sides: Sides, intervals: readonly Interval[]): Promise<Compared> {
  const comparison = new Comparison(sides, merge(intervals));
  await comparison.run();
  return { days: comparison.days, undated: comparison.undated.size };
}

class Comparison {
  readonly days = new Days();
  readonly undated = new Set<string>();
  readonly #sides: Sides;
  readonly #intervals: readonly Interval[];
  readonly #length: WindowLength;
  /** Calls that the API has on one day and the warehouse on another. */
  readonly #moved = new Set<string>();

  constructor(sides: Sides, intervals: readonly Interval[]) {
    this.#sides = sides;
    this.#intervals = intervals;
    this.#length = new WindowLength(sides.maxWindowDays);
  }

  async run(): Promise<void> {
    const { env } = this.#sides;
    const all = daysIn(this.#intervals);
    for (let rest = [...this.#intervals]; ;) {
      const next = rest.at(-1);
      if (next === undefined) break;
      env.signal.throwIfAborted();
      const { window, content } = await this.#list(next);
      this.#length.learn(content.received);
      await this.#compareWindow(window, content.calls);
      rest = subtract(rest, [window]);
      env.log.progress("days", Math.round(all - daysIn(rest)), Math.round(all));
    }
    await this.#settleExtra();
  }

  /** The last window of an interval. When the API takes too long, a shorter one is asked for. */
  async #list(next: Interval): Promise<{ window: Interval; content: WindowContent }> {
    const { api } = this.#sides;
    for (;;) {
      const window = this.#length.last(next);
      try {
        return { window, content: await api.window(window) };
      } catch (error) {
        if (!(error instanceof HttpError) || error.status !== 504) throw error;
        if (!this.#length.halve(window)) return { window, content: await api.window(window, { small: true }) };
      }
    }
  }

  async #compareWindow(window: Interval, listed: readonly Call[]): Promise<void> {
    const { keeps, look, tables } = this.#sides;
    const calls = listed.filter(keeps);
    const listedIds = new Set(listed.map(({ id }) => id));
    for (const { id, startedMs } of calls) if (startedMs === null) this.undated.add(id);
    const { here, elsewhere } = await look(async (reader) => {
      const found = await loadedIn(reader, tables, window);
      const others = calls.filter(({ id, startedMs }) => startedMs !== null && !found.has(id)).map(({ id }) => id);
      return { here: found, elsewhere: await loadedOf(reader, tables, others) };
    });
    const both: { call: Call; loaded: LoadedCall }[] = [];
    const keptIds = new Set(calls.map(({ id }) => id));
    for (const loaded of here.values()) {
      const day = this.days.at(loaded.startedMs ?? window.from);
      if (keptIds.has(loaded.id) || !listedIds.has(loaded.id)) day.inWarehouse++;
      if (!listedIds.has(loaded.id)) day.ids.extra.add(loaded.id);
    }
    for (const call of calls) {
      if (call.startedMs === null) continue;
      const day = this.days.at(call.startedMs);
      day.inApi++;
      const loaded = here.get(call.id);
      if (loaded !== undefined) both.push({ call, loaded });
      else if (elsewhere.has(call.id)) this.#isMoved(call.id, call.startedMs);
      else day.ids.missing.add(call.id);
    }
    await this.#compareCalls(both);
  }

  /** Content and turns of calls that are on both sides. */
  async #compareCalls(both: readonly { call: Call; loaded: LoadedCall }[]): Promise<void> {
    const { api, deep, concurrency } = this.#sides;
    const compares = comparable(this.#sides.tables);
    if (deep === undefined) {
      for (const { call, loaded } of both) {
        const { ids } = this.days.at(call.startedMs ?? 0);
        const isOther = compares.content && api.name === "calls" && loaded.contentHash !== call.contentHash;
        if (isOther) ids.differing.add(call.id);
        if (compares.turns && loaded.turnsTold !== loaded.turns) ids.turns.add(call.id);
      }
      return;
    }
    const completed = inOrder(both, concurrency, async ({ call: listed, loaded }) => {
      const { call, transcript } = await api.complete(listed, needsOfCall(listed, deep, api));
      return {
        id: call.id,
        startedMs: listed.startedMs ?? 0,
        hash: call.contentHash,
        said: saidIn(transcript),
        loaded,
      };
    });
    for await (const { id, startedMs, hash, said, loaded } of completed) {
      const { ids } = this.days.at(startedMs);
      if (compares.content && loaded.contentHash !== hash) ids.differing.add(id);
      if (compares.turns && (loaded.turnsTold !== loaded.turns || isOther(said, loaded))) ids.turns.add(id);
    }
  }

  #isMoved(id: string, startedMs: number): void {
    this.#moved.add(id);
    this.days.at(startedMs).ids.differing.add(id);
  }

  /**
   * A call that the API has on another day is not one too many, but one that differs; some that are in no list of these
   * days may have moved out of them.
   */
  async #settleExtra(): Promise<void> {
    const { api } = this.#sides;
    let lookups = 0;
    for (const { ids } of this.days.all()) {
      for (const id of [...ids.extra]) {
        const isMoved = this.#moved.has(id) || (lookups++ < MOST_LOOKUPS && typeof (await api.call(id)) !== "string");
        if (!isMoved) continue;
        ids.extra.delete(id);
        ids.differing.add(id);
      }
    }
  }
}

/** What the API says of a transcript; undefined where there is nothing to compare with (yet). */
interface Said {
  readonly turns: number;
  readonly hash: string | null;
}

function saidIn(transcript: Transcript | undefined): Said | undefined {
  if (transcript?.status !== "ready" && transcript?.status !== "none") return undefined;
  return { turns: transcript.utterances.length, hash: transcript.hash };
}

function isOther(said: Said | undefined, { turns, transcriptHash }: LoadedCall): boolean {
  if (said === undefined) return false;
  return said.turns !== turns || (transcriptHash !== null && said.hash !== transcriptHash);
}

const daysIn = (intervals: readonly Interval[]) =>
  intervals.reduce((sum, { from, to }) => sum + (to - from) / DAY_MS, 0);
