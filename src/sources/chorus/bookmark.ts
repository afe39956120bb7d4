import { EltError } from "../../core/errors.ts";
import { type JsonObject, isObject } from "../../core/json.ts";
import { type State } from "../../core/message.ts";
import { type FlavourName } from "./api.ts";
import { type Call } from "./call.ts";
import { KnownCalls } from "./known.ts";
import { Lateness } from "./lateness.ts";
import { type Missing, missingFromJson, missingToJson } from "./missing.ts";
import { type Pending, pendingToJson } from "./pending.ts";
import { type Seen, printSeen, readSeen, seenKey, seenVersion } from "./seen.ts";
import { STATE_VERSION, bookmarksOf, coverageOf, instantOf, intervalsToJson, pendingOf } from "./state.ts";
import { type ReadTime, iso } from "./time.ts";
import { DAY_MS, type Interval, contains, dayOf, intersect, merge, needed, subtract } from "./windows.ts";

interface Scope {
  readonly flavour: FlavourName;
  readonly startMs: number;
  readonly endMs: number | undefined;
  readonly lookBackMs: number;
  /** The look-back grows up to this when calls arrive later. */
  readonly maxLookBackMs: number;
  readonly reconcileMs: number;
  readonly reconcileEveryMs: number;
  /** The selected streams of the call family, sorted. */
  readonly streams: readonly string[];
}

/** How long a look-back may be listed the lean way before its lists are checked again. */
const LEAN_FOR_MS = 23 * 3_600_000;

/**
 * What the tap remembers. Every stream of the call family has its own covered intervals, so that one that is selected
 * later gets its history; which calls were seen, which transcripts are pending and which calls are missing is kept once,
 * beside `calls`. Whatever else was in the state is carried along.
 */
export class Bookmarks {
  /** Calls whose transcript is still to come. */
  readonly pending: Map<string, Pending>;
  /** Calls that were there before and are not listed any more. */
  readonly missing: Map<string, Missing>;
  /** The ids of the days that are reconciled. */
  readonly known: KnownCalls;
  readonly lateness: Lateness;
  /** Up to what age calls are listed again in each run. */
  readonly lookBackMs: number;
  readonly #scope: Scope;
  readonly #memory: () => JsonObject;
  readonly #state: State;
  readonly #bookmarks: JsonObject;
  readonly #coveredBefore: readonly Interval[];
  readonly #covered = new Map<string, readonly Interval[]>();
  readonly #settledTo = new Map<string, number | undefined>();
  readonly #seenBefore: Map<string, Seen>;
  /** False when a stream was selected that the earlier run did not read: then every call counts as new. */
  readonly #seenCounts: boolean;
  readonly #seenNow = new Map<string, Seen & { readonly atMs: number }>();
  readonly #roots = new Map<string, string>();
  #isDistrusted = false;
  #listed: readonly Interval[] = [];
  #nowMs: number | undefined;
  #reconciledMs: number | undefined;
  #checkedMs: number | undefined;
  /** Stays where it was first put, so that learning the server's time does not leave a second to be listed. */
  #lookBackFromMs: number | undefined;

  /** `memory` gives what else is to be remembered. Throws STATE_VERSION or STATE_UNREADABLE. */
  constructor(state: State, scope: Scope, time: ReadTime, memory: () => JsonObject = () => ({})) {
    this.#scope = scope;
    this.#memory = memory;
    this.#state = state;
    this.#bookmarks = bookmarksOf(state);
    const calls = this.#of("calls");
    if (calls["flavour"] !== undefined && calls["flavour"] !== scope.flavour) {
      throw new EltError("STATE_VERSION", `the state was written for another API flavour than ${scope.flavour}`);
    }
    this.lateness = new Lateness(calls["lateness"]);
    const neededMs = Math.min(scope.maxLookBackMs, this.lateness.neededDays() * DAY_MS);
    this.lookBackMs = Math.max(scope.lookBackMs, neededMs);
    for (const stream of scope.streams) {
      const { covered, settledTo } = coverageOf(stream, this.#of(stream), time, scope.startMs);
      const lastEnd = covered.at(-1)?.to;
      this.#covered.set(stream, covered);
      this.#settledTo.set(stream, settledTo ?? (lastEnd === undefined ? undefined : lastEnd - this.lookBackMs));
    }
    this.#coveredBefore = this.#coveredByAll();
    this.pending = pendingOf(calls);
    this.missing = missingFromJson(calls["missing"]);
    this.known = new KnownCalls(calls["known"], calls["unsettled"]);
    this.#reconciledMs = instantOf(calls["reconciled_at"]);
    this.#checkedMs = instantOf(calls["checked_at"]);
    const before = Array.isArray(calls["streams"]) ? calls["streams"] : [];
    this.#seenCounts = before.length > 0 && scope.streams.every((stream) => before.includes(stream));
    this.#seenBefore = this.#seenCounts ? readSeen(calls["seen"]) : new Map<string, Seen>();
  }

  /** What is still to be listed in this run, given the server's time when the run began; sorted by time. */
  remaining(nowMs: number): Interval[] {
    this.#nowMs = nowMs;
    const { startMs, endMs, streams } = this.#scope;
    const lookBackFromMs = this.#lookBackFrom(nowMs);
    const range = { from: startMs, to: Math.min(nowMs, endMs ?? nowMs) };
    const all = streams.flatMap((stream) =>
      needed(range, this.#covered.get(stream) ?? [], Math.min(lookBackFromMs, this.#settledTo.get(stream) ?? nowMs)),
    );
    return subtract(all, this.#listed);
  }

  /** What is later than this is new or may still change; what is earlier is history. */
  recentFrom(nowMs: number): number {
    const lookBackFromMs = this.#lookBackFrom(nowMs);
    const settled = this.#scope.streams.map((stream) => this.#settledTo.get(stream) ?? lookBackFromMs);
    return Math.min(lookBackFromMs, ...settled);
  }

  /**
   * A look-back that has become longer grows by and by: what lies before it is settled, and which calls were seen there is
   * no longer known. The reconcile scan looks there.
   */
  #lookBackFrom(nowMs: number): number {
    const settled = this.#scope.streams.map((stream) => this.#settledTo.get(stream) ?? Number.NEGATIVE_INFINITY);
    return (this.#lookBackFromMs ??= Math.max(nowMs - this.lookBackMs, Math.min(...settled)));
  }

  /** True while the look-back may be listed the lean way; never when our clock is behind what the server said before. */
  isLean(nowMs: number): boolean {
    const agoMs = nowMs - (this.#checkedMs ?? Number.NEGATIVE_INFINITY);
    return agoMs >= 0 && agoMs < LEAN_FOR_MS;
  }

  /**
   * Whether what was listed in this run cannot be the whole: then nothing of it counts as covered, so that all is listed
   * again once the API shows it. What was read stays seen.
   */
  distrust(isDistrusted: boolean): void {
    this.#isDistrusted = isDistrusted;
  }

  get isDistrusted(): boolean {
    return this.#isDistrusted;
  }

  /** The look-back was listed with all care. */
  checked(nowMs: number): void {
    this.#checkedMs = nowMs;
  }

  /**
   * Whole days before the look-back that it is time to list again, as far as they are covered; sorted by time. The first
   * run begins the count.
   */
  toReconcile(nowMs: number): Interval[] {
    const { reconcileMs, reconcileEveryMs, startMs, endMs } = this.#scope;
    if (reconcileMs === 0) return [];
    this.#reconciledMs ??= nowMs;
    if (nowMs - this.#reconciledMs < reconcileEveryMs) return [];
    const range = { from: Math.max(startMs, this.reconcileFrom(nowMs)), to: Math.min(nowMs, endMs ?? nowMs) };
    return intersect(subtract([range], this.#listed), this.#coveredByAll());
  }

  /** The part of the day that the look-back begins in which is before it, if it is covered and was not listed in this run. */
  restOfFirstDay(nowMs: number): Interval | undefined {
    const to = this.recentFrom(nowMs);
    const from = Math.max(this.#scope.startMs, dayOf(to));
    const rest = { from, to: Math.min(to, this.#scope.endMs ?? to) };
    return rest.from < rest.to && this.known.has(dayOf(to)) && !this.isListed(rest) ? rest : undefined;
  }

  reconciled(nowMs: number): void {
    this.#reconciledMs = nowMs;
  }

  /** Days from here on are known by their ids. */
  reconcileFrom(nowMs: number): number {
    return dayOf(nowMs - this.#scope.reconcileMs);
  }

  /** The part of a day that the config asks for and that has been. */
  partOf(dayMs: number, nowMs: number): Interval {
    const { startMs, endMs } = this.#scope;
    return { from: Math.max(dayMs, startMs), to: Math.min(dayMs + DAY_MS, nowMs, endMs ?? nowMs) };
  }

  /** True when this run has listed all of it. */
  isListed(interval: Interval): boolean {
    return subtract([interval], this.#listed).length === 0;
  }

  /** True when an earlier run had read this instant for all selected streams. */
  wasCovered(ms: number): boolean {
    return contains(this.#coveredBefore, ms);
  }

  /** True when it is later than all that earlier runs read, and there was one. */
  isAfterCovered(ms: number): boolean {
    return this.coveredTo !== undefined && ms >= this.coveredTo;
  }

  /** The end of all that earlier runs read for all selected streams, by the server's clock. */
  get coveredTo(): number | undefined {
    return this.#coveredBefore.at(-1)?.to;
  }

  /** Calls per day that the last run saw in its look-back; undefined when there was none. */
  callsPerDay(): number | undefined {
    const days = this.lookBackMs / DAY_MS;
    return this.#seenCounts && days > 0 ? this.#seenBefore.size / days : undefined;
  }

  /** True when this very version of the call was read before, for all streams that are selected now. */
  isSeen(call: Call): boolean {
    return this.seen(call.id)?.version === seenVersion(call.contentHash);
  }

  /** What was read of the call, if it is still to be listed again. */
  seen(callId: string): Seen | undefined {
    const key = seenKey(callId);
    return this.#seenNow.get(key) ?? this.#seenBefore.get(key);
  }

  /** True when some version of the call was read before and nothing of it was pending. */
  wasLoaded(callId: string): boolean {
    return this.seen(callId) !== undefined && !this.pending.has(callId);
  }

  /** All that the selected streams say about this version has been emitted, or had been before. */
  saw(call: Call, window: Interval, { rereads, isWhole }: Pick<Seen, "rereads" | "isWhole">): void {
    this.#keep(call, window, { version: seenVersion(call.contentHash), rereads, isWhole });
  }

  /** The call was looked at and nothing was emitted: what was seen of it before stays, so the next run tries again. */
  sawNothing(call: Call, window: Interval): void {
    const before = this.seen(call.id);
    if (before !== undefined) this.#keep(call, window, before);
  }

  /** What was refused of the call when it was listed has come since. */
  sawRest(callId: string): void {
    const key = seenKey(callId);
    const seen = this.#seenNow.get(key);
    if (seen !== undefined) this.#seenNow.set(key, { ...seen, isWhole: true });
  }

  #keep(call: Call, window: Interval, seen: Seen): void {
    this.#seenNow.set(seenKey(call.id), { ...seen, atMs: call.startedMs ?? window.from });
  }

  /** The call is gone: should it come back it counts as new. */
  forget(callId: string, dayMs: number): void {
    const key = seenKey(callId);
    this.#seenNow.delete(key);
    this.#seenBefore.delete(key);
    this.pending.delete(callId);
    this.missing.delete(callId);
    this.known.remove(callId, dayMs);
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
    for (const [key, { atMs }] of this.#seenNow) {
      if (contains([window], atMs) && atMs < keepFromMs) this.#seenNow.delete(key);
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
    for (const stream of this.#isDistrusted ? [] : this.#scope.streams) {
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
    if (this.#nowMs !== undefined) this.known.dropBefore(this.reconcileFrom(this.#nowMs));
    return {
      flavour: this.#scope.flavour,
      ...(this.#scope.streams.includes("calls") && !this.#isDistrusted ? this.#replicationKey() : {}),
      streams: [...this.#scope.streams],
      seen: this.#seen(),
      pending: pendingToJson(this.pending),
      missing: missingToJson(this.missing),
      known: this.known.toJson(),
      unsettled: this.known.unsettledJson(),
      lateness: this.lateness.toJson(),
      ...this.#memory(),
      ...(this.#checkedMs === undefined ? {} : { checked_at: iso(this.#checkedMs) }),
      ...(this.#reconciledMs === undefined ? {} : { reconciled_at: iso(this.#reconciledMs) }),
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
   * earlier run saw stays until everything recent has been listed.
   */
  #seen(): string {
    const nowMs = this.#nowMs;
    const remaining = nowMs === undefined ? [] : this.remaining(nowMs);
    const isUnfinished =
      nowMs === undefined || this.#isDistrusted || (remaining.at(-1)?.to ?? 0) > this.recentFrom(nowMs);
    const keepFromMs = this.#keepFrom();
    const seen = new Map<string, Seen>(isUnfinished ? this.#seenBefore : []);
    for (const [key, entry] of this.#seenNow) {
      if (this.#isDistrusted || entry.atMs >= keepFromMs || contains(remaining, entry.atMs)) seen.set(key, entry);
    }
    return printSeen(seen);
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
    const goal = this.#nowMs - this.lookBackMs;
    if (before !== undefined && goal <= before) return before;
    const from = Math.min(goal, before ?? covered[0]?.from ?? goal);
    return subtract(intersect(covered, [{ from, to: goal }]), this.#listed)[0]?.from ?? goal;
  }

  #coveredByAll(): Interval[] {
    const each = this.#scope.streams.map((stream) => this.#covered.get(stream) ?? []);
    const [first, ...others] = each;
    return first === undefined ? [] : others.reduce<Interval[]>((all, one) => intersect(all, one), [...first]);
  }

  #of(stream: string): JsonObject {
    const bookmark = this.#bookmarks[stream];
    return isObject(bookmark) ? bookmark : {};
  }
}
