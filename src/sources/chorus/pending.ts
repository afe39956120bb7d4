import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import { type Call } from "./call.ts";
import { iso } from "./time.ts";

/** A call whose transcript was not (wholly) there yet. Kept in the state, so that it is asked for in a later run. */
export interface Pending {
  readonly sinceMs: number;
  readonly tries: number;
  readonly nextMs: number;
  readonly startedMs: number | null;
  /** Short hash of the part that was loaded, when there was a part. */
  readonly partial?: string;
  /** True when a whole transcript was loaded before, which stays until the new one is there. */
  readonly loaded?: boolean;
}

const FIRST_WAIT_MS = 10 * 60_000;
const LONGEST_WAIT_MS = 6 * 3_600_000;
const DAY_MS = 86_400_000;

/** The entry after one more try in vain: 10 min, 20 min … 6 h until the next, or longer when the API said so. */
export function waitMore(
  before: Pending | undefined,
  facts: {
    readonly nowMs: number;
    readonly startedMs: number | null;
    readonly retryAfterMs?: number | undefined;
    readonly partial?: string | undefined;
    readonly loaded?: boolean | undefined;
  },
): Pending {
  const tries = (before?.tries ?? 0) + 1;
  const waitMs = Math.max(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)), facts.retryAfterMs ?? 0);
  const sinceMs = before?.sinceMs ?? facts.nowMs;
  const partial = facts.partial ?? before?.partial;
  return {
    sinceMs,
    tries,
    nextMs: facts.nowMs + waitMs,
    startedMs: facts.startedMs ?? before?.startedMs ?? null,
    ...(partial === undefined ? {} : { partial }),
    ...((facts.loaded ?? before?.loaded) === true ? { loaded: true } : {}),
  };
}

export function isDue(entry: Pending, nowMs: number): boolean {
  return entry.nextMs <= nowMs;
}

/**
 * True when nothing is to be expected any more: it was waited for during `maxDays`; or the call itself is that old and
 * the API does not say that a transcript will come. Without a creation date an old call may have been uploaded just
 * now, so it gets two days.
 */
export function isHopeless(
  entry: Pending | undefined,
  call: Pick<Call, "startedMs" | "createdAt">,
  facts: { nowMs: number; promised: boolean; maxDays: number },
): boolean {
  const { nowMs, promised, maxDays } = facts;
  const waitedMs = entry === undefined ? 0 : nowMs - entry.sinceMs;
  if (waitedMs >= maxDays * DAY_MS) return true;
  const createdMs = call.createdAt === null ? null : Date.parse(call.createdAt);
  const bornMs = Math.max(call.startedMs ?? nowMs, createdMs ?? Number.NEGATIVE_INFINITY);
  const patienceMs = createdMs === null ? Math.min(2, maxDays) * DAY_MS : 0;
  return !promised && nowMs - bornMs >= maxDays * DAY_MS && waitedMs >= patienceMs;
}

export function pendingToJson(pending: ReadonlyMap<string, Pending>): JsonObject {
  return Object.fromEntries(
    [...pending].map(([callId, entry]) => [
      callId,
      {
        since: iso(entry.sinceMs),
        tries: entry.tries,
        next_at: iso(entry.nextMs),
        started_at: entry.startedMs === null ? null : iso(entry.startedMs),
        ...(entry.partial === undefined ? {} : { partial: entry.partial }),
        ...(entry.loaded === true ? { loaded: true } : {}),
      },
    ]),
  );
}

/** The entry of a state; undefined when it is not one. */
export function pendingFromJson(json: unknown): Pending | undefined {
  if (!isObject(json)) return undefined;
  const sinceMs = instant(json["since"]);
  const nextMs = instant(json["next_at"]);
  const startedMs = instant(json["started_at"]);
  const { tries, partial } = json;
  if (Number.isNaN(sinceMs) || Number.isNaN(nextMs) || typeof tries !== "number") return undefined;
  const entry = { sinceMs, tries, nextMs, startedMs: Number.isNaN(startedMs) ? null : startedMs };
  return {
    ...entry,
    ...(typeof partial === "string" ? { partial } : {}),
    ...(json["loaded"] === true ? { loaded: true } : {}),
  };
}

function instant(value: JsonValue | undefined): number {
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}
