import { EltError } from "../../core/errors.ts";
import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import { type State } from "../../core/message.ts";
import { type FlavourName } from "./api.ts";
import { type HttpMemory } from "./http.ts";
import { type Pending, pendingFromJson } from "./pending.ts";
import { type ReadTime, iso } from "./time.ts";
import { number, object, text } from "./values.ts";
import { type Interval, merge } from "./windows.ts";

export const STATE_VERSION = 1;

/** How far one stream has been read. */
export interface Coverage {
  readonly covered: readonly Interval[];
  /** What is covered before this was listed at least a look-back after it happened. Undefined: not known. */
  readonly settledTo: number | undefined;
}

/** The bookmarks of a state by stream name. Throws STATE_VERSION or STATE_UNREADABLE. */
export function bookmarksOf(state: State): JsonObject {
  const { version, bookmarks } = state;
  if (version !== undefined && version !== STATE_VERSION) {
    const shown = typeof version === "number" || typeof version === "string" ? version : "no number";
    throw new EltError("STATE_VERSION", `the state's version is ${shown}, this program writes ${STATE_VERSION}`);
  }
  if (bookmarks === undefined && Object.keys(state).every((name) => name === "version")) return {};
  if (!isObject(bookmarks)) throw unreadable("it has no object `bookmarks`");
  for (const [stream, bookmark] of Object.entries(bookmarks)) {
    if (!isObject(bookmark) && bookmark !== null) throw unreadable(`the bookmark of ${stream} is not an object`);
  }
  return bookmarks;
}

/** What earlier runs learned of the network. */
export function memoryOf(state: State): HttpMemory {
  const calls = isObject(state["bookmarks"]) ? object(state["bookmarks"]["calls"]) : {};
  const { rate, requests } = { rate: object(calls["rate"]), requests: object(calls["requests"]) };
  const perSecond = number(rate["requestsPerSecond"]);
  const limitedAt = text(rate["limitedAt"]);
  const day = text(requests["day"]);
  return {
    ...(perSecond === null
      ? {}
      : { rate: { requestsPerSecond: perSecond, ...(limitedAt === null ? {} : { limitedAt }) } }),
    ...(day === null ? {} : { requests: { day, used: number(requests["used"]) ?? 0 } }),
  };
}

/** The flavour that a state was written for; undefined when it does not say. */
export function flavourOf(state: State): FlavourName | undefined {
  const calls = isObject(state["bookmarks"]) ? state["bookmarks"]["calls"] : undefined;
  const name = isObject(calls) ? calls["flavour"] : undefined;
  return name === "calls" || name === "v3" ? name : undefined;
}

/**
 * One stream's coverage. A bookmark of another tap, which has only a `replication_key_value`, counts as covered from
 * `startMs` up to that value.
 */
export function coverageOf(stream: string, bookmark: JsonObject, time: ReadTime, startMs: number): Coverage {
  const { covered, settled_to: settled, replication_key_value: value } = bookmark;
  if (covered === undefined || covered === null) {
    if (value === undefined || value === null) return { covered: [], settledTo: undefined };
    const to = time(value);
    if (to === null) throw unreadable(`the replication_key_value of ${stream} is not a time`);
    return { covered: merge([{ from: startMs, to }]), settledTo: undefined };
  }
  if (!Array.isArray(covered)) throw unreadable(`the covered intervals of ${stream} are not a list`);
  return { covered: merge(covered.map((pair) => interval(stream, pair))), settledTo: instantOf(settled) };
}

export function pendingOf(bookmark: JsonObject): Map<string, Pending> {
  const pending = new Map<string, Pending>();
  for (const [callId, json] of isObject(bookmark["pending"]) ? Object.entries(bookmark["pending"]) : []) {
    const entry = pendingFromJson(json);
    if (entry === undefined) throw unreadable(`the pending entry of a call is not understood`);
    pending.set(callId, entry);
  }
  return pending;
}

export function intervalsToJson(intervals: readonly Interval[]): JsonValue[] {
  return intervals.map(({ from, to }) => [iso(from), iso(to)]);
}

function unreadable(what: string): EltError {
  return new EltError("STATE_UNREADABLE", `the state is not understood: ${what}`);
}

function interval(stream: string, pair: JsonValue): Interval {
  const [from, to] = Array.isArray(pair) ? pair.map(instantOf) : [];
  if (from === undefined || to === undefined)
    throw unreadable(`a covered interval of ${stream} is not a pair of times`);
  return { from, to };
}

/** Milliseconds of a time in a state; undefined when it is none. */
export function instantOf(value: JsonValue | undefined): number | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
