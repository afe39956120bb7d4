import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import { KnownCalls } from "./known.ts";
import { printSeen, readSeen, seenKey } from "./seen.ts";
import { dayOf } from "./windows.ts";

/**
 * A state that does not name a call, whichever protocol it came by. `startedMs` is when the call started, which tells the
 * day whose sketch it is in. The next run takes the call for one that it has not seen.
 */
export function stateWithout(state: JsonObject, callId: string, startedMs: number | undefined): JsonObject {
  return without(state, callId, startedMs) as JsonObject;
}

function without(value: JsonValue, callId: string, startedMs: number | undefined): JsonValue {
  if (Array.isArray(value)) {
    return value.filter((item) => item !== callId).map((item) => without(item, callId, startedMs));
  }
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(
    // A file of tap-transcripts has its meeting beside it.
    ([name, one]) => name !== callId && !(isObject(one) && one["meetingId"] === callId),
  );
  const rest = Object.fromEntries(kept.map(([name, one]) => [name, without(one ?? null, callId, startedMs)]));
  const { flavour, seen, known } = rest;
  if (flavour === undefined) return rest; // not what tap-chorus remembers of calls
  if (typeof seen === "string") rest["seen"] = unseen(seen, callId);
  if (isObject(known) && startedMs !== undefined) {
    const calls = new KnownCalls(known);
    calls.remove(callId, dayOf(startedMs));
    rest["known"] = calls.toJson();
  }
  return rest;
}

function unseen(text: string, callId: string): string {
  const seen = readSeen(text);
  seen.delete(seenKey(callId));
  return printSeen(seen);
}
