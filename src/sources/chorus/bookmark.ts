import { EltError } from "../../core/errors.ts";
import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import { type State } from "../../core/message.ts";
import { type Call } from "./call.ts";
import { shorten } from "./hash.ts";
import { type Pending, pendingToJson } from "./pending.ts";
import { STATE_VERSION, bookmarksOf, coverageOf, intervalsToJson, pendingOf, seenOf } from "./state.ts";
import { type ReadTime, iso } from "./time.ts";
import { DAY_MS, type Interval, contains, intersect, merge, needed, subtract } from "./windows.ts";

interface Scope {
  readonly flavour: string;
  readonly startMs: number;
  readonly endMs: number | undefined;
  readonly lookBackMs: number;
  /** The selected streams of the call family, sorted. */
  readonly streams: readonly string[];
}

/**
 * What the tap remembers. Every stream of the call family has its own covered intervals, so that one that is selected
 * later gets its history; which calls were seen and which transcripts are pending is kept once, beside `calls`.
 * Whatever else was in the state is carried along.
 */
export class Bookmarks {
  /** Calls whose transcript is still to come. */
  readonly pending: Map<string, Pending>;
  readonly #scope: Scope;
  readonly #state: State;
  readonly #bookmarks: JsonObject;
  readonly #covered = new Map<string, readonly Interval[]>();
  readonly #settledTo = new Map<string, number | undefined>();
  readonly #seenBefore: ReadonlyMap<string, string>;
  /** False when a stream was selected that the earlier run did not read: then every call counts as new. */
  readonly #seenCounts: boolean;
  readonly #seenNow = new Map<string, { readonly hash: string; readonly atMs: number }>();
  readonly #roots = new Map<string, string>();
  #listed: readonly Interval[] = [];
  #nowMs: number | undefined;
  /** Stays where it was first put, so that learning the server's time does not leave a second to be listed. */
  #lookBackFromMs: number | undefined;

  /** Throws STATE_VERSION or STATE_UNREADABLE. */
  constructor(state: State, scope: Scope, time: ReadTime) {
    this.#scope = scope;
    this.#state = state;
    this.#bookmarks = bookmarksOf(state);
    const calls = this.#of("calls");
    if (calls["flavour"] !== undefined && calls["flavour"] !== scope.flavour) {
      throw new EltError("STATE_VERSION", `the state was written for another API flavour than ${scope.flavour}`);
    }
    for (const stream of scope.streams) {
      const { covered, settledTo } = coverageOf(stream, this.#of(stream), time, scope.startMs);
      const lastEnd = covered.at(-1)?.to;
      this.#covered.set(stream, covered);
      this.#settledTo.set(stream, settledTo ?? (lastEnd === undefined ? undefined : lastEnd - scope.lookBackMs));
    }
    this.pending = pendingOf(calls);
    const before = Array.isArray(calls["streams"]) ? calls["streams"] : [];
    this.#seenCounts = before.length > 0 && scope.streams.every((stream) => before.includes(stream));
    this.#seenBefore = this.#seenCounts ? seenOf(calls) : new Map();
  }

  /** What is still to be listed in this run, oldest first, given the server's time when the run began. */
  remaining(nowMs: number): Interval[] {
    this.#nowMs = nowMs;
    const { startMs, endMs, lookBackMs, streams } = this.#scope;
    const lookBackFromMs = (this.#lookBackFromMs ??= nowMs - lookBackMs);
    const range = { from: startMs, to: Math.min(nowMs, endMs ?? nowMs) };
    const all = streams.flatMap((stream) =>
      needed(range, this.#covered.get(stream) ?? [], Math.min(lookBackFromMs, this.#settledTo.get(stream) ?? nowMs)),
    );
    return subtract(all, this.#listed);
  }

  /** Calls per day that the last run saw in its look-back; undefined when there was none. */
  callsPerDay(): number | undefined {
    const days = this.#scope.lookBackMs / DAY_MS;
    return this.#seenCounts && days > 0 ? this.#seenBefore.size / days : undefined;
  }

  /** True when this very version of the call was read before, for all streams that are selected now. */
  isSeen(call: Call): boolean {
    return (this.#seenNow.get(call.id)?.hash ?? this.#seenBefore.get(call.id)) === shorten(call.contentHash);
  }

  /** True when some version of the call was read before and nothing of it was pending. */
  wasLoaded(callId: string): boolean {
    return (this.#seenNow.has(callId) || this.#seenBefore.has(callId)) && !this.pending.has(callId);
  }

  /** All that the selected streams say about this version has been emitted, or had been before. */
  saw(call: Call, window: Interval): void {
    this.#seenNow.set(call.id, { hash: shorten(call.contentHash), atMs: call.startedMs ?? window.from });
  }

  /** The window was listed whole and all its calls are emitted. Nothing after the server's time counts as covered. */
  complete(window: Interval, nowMs: number): void {
    this.#nowMs = nowMs;
    const done = { from: window.from, to: Math.min(window.to, nowMs) };
    this.#listed = merge([...this.#listed, done]);
    for (const stream of this.#scope.streams) {
      this.#covered.set(stream, merge([...(this.#covered.get(stream) ?? []), done]));
    }
    const keepFromMs = this.#keepFrom();
    for (const [callId, { atMs }] of this.#seenNow) {
      if (contains([window], atMs) && atMs < keepFromMs) this.#seenNow.delete(callId);
    }
  }

  rootHash(stream: string): string | undefined {
    const hash = this.#roots.get(stream) ?? this.#of(stream)["hash"];
    return typeof hash === "string" ? hash : undefined;
  }

  setRootHash(stream: string, hash: string): void {
    this.#roots.set(stream, hash);
  }

  /** True of the state that came in. */
  get isEmpty(): boolean {
    return Object.keys(this.#state).length === 0;
  }

  /** A state that covers everything emitted up to now. */
  toState(): State {
    const bookmarks: JsonObject = { ...this.#bookmarks };
    for (const [stream, hash] of this.#roots) bookmarks[stream] = { ...this.#of(stream), hash };
    for (const stream of this.#scope.streams) {
      const settledTo = this.#settled(stream);
      bookmarks[stream] = {
        ...this.#of(stream),
        covered: intervalsToJson(this.#covered.get(stream) ?? []),
        ...(settledTo === undefined ? {} : { settled_to: iso(settledTo) }),
      };
    }
    if (this.#scope.streams.length > 0)
      bookmarks["calls"] = { ...(bookmarks["calls"] as JsonObject | undefined), ...this.#family() };
    return { ...this.#state, version: STATE_VERSION, bookmarks };
  }

  #family(): JsonObject {
    return {
      flavour: this.#scope.flavour,
      ...(this.#scope.streams.includes("calls") ? this.#replicationKey() : {}),
      streams: [...this.#scope.streams],
      seen: this.#seen(),
      pending: pendingToJson(this.pending),
    };
  }

  /** For readers of states that expect one high-water mark: up to here nothing is missing. */
  #replicationKey(): JsonObject {
    const { startMs } = this.#scope;
    const first = this.#covered.get("calls")?.find((interval) => contains([interval], startMs));
    return { replication_key: "started_at", replication_key_value: iso(first?.to ?? startMs) };
  }

  /**
   * Calls of windows that are not complete yet or will be listed again, so that they cost nothing then. What an
   * earlier run saw stays until everything has been listed.
   */
  #seen(): Record<string, JsonValue> {
    const remaining = this.#nowMs === undefined ? [] : this.remaining(this.#nowMs);
    const unfinished = this.#nowMs === undefined || remaining.length > 0;
    const keepFromMs = this.#keepFrom();
    const seen: Record<string, JsonValue> = unfinished ? Object.fromEntries(this.#seenBefore) : {};
    for (const [callId, { hash, atMs }] of this.#seenNow) {
      if (atMs >= keepFromMs || contains(remaining, atMs)) seen[callId] = hash;
    }
    return seen;
  }

  /** Calls from here on will be listed again by the next run. */
  #keepFrom(): number {
    return Math.min(...this.#scope.streams.map((stream) => this.#settled(stream) ?? Number.NEGATIVE_INFINITY));
  }

  /** Moves up to a look-back ago, but never over something covered that was not listed again since then. */
  #settled(stream: string): number | undefined {
    const before = this.#settledTo.get(stream);
    if (this.#nowMs === undefined) return before;
    const covered = this.#covered.get(stream) ?? [];
    const goal = this.#nowMs - this.#scope.lookBackMs;
    const from = Math.min(goal, before ?? covered[0]?.from ?? goal);
    return subtract(intersect(covered, [{ from, to: goal }]), this.#listed)[0]?.from ?? goal;
  }

  #of(stream: string): JsonObject {
    const bookmark = this.#bookmarks[stream];
    return isObject(bookmark) ? bookmark : {};
  }
}
