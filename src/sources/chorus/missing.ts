import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import { number, text } from "./values.ts";

/** A call that was there before and is not listed any more; in how many runs that was so, and how it was confirmed. */
export interface Missing {
  /** The UTC day that it started on, as its first millisecond: that day is listed again until the matter is settled. */
  readonly dayMs: number;
  /** Runs in which it was absent from the list, and asking for it was answered by `not_found`. */
  readonly confirmed: number;
  /** Runs in which it was absent from the list. */
  readonly absent: number;
}

const CONFIRMATIONS = 2;
const SCANS_WITHOUT_DETAIL = 3;

/** Deleted: twice absent and not found, or three times absent where single calls cannot be asked for (Q12). */
export function isDeleted({ confirmed, absent }: Missing): boolean {
  return confirmed >= CONFIRMATIONS || absent >= SCANS_WITHOUT_DETAIL;
}

export function missingToJson(missing: ReadonlyMap<string, Missing>): JsonObject {
  return Object.fromEntries(
    [...missing].map(([callId, { dayMs, confirmed, absent }]) => [
      callId,
      { day: new Date(dayMs).toISOString().slice(0, 10), confirmed, absent },
    ]),
  );
}

/** Entries of a state that are not understood are left out: such a call is found missing again. */
export function missingFromJson(json: JsonValue | undefined): Map<string, Missing> {
  const missing = new Map<string, Missing>();
  for (const [callId, value] of isObject(json) ? Object.entries(json) : []) {
    if (!isObject(value)) continue;
    const dayMs = Date.parse(text(value["day"]) ?? "");
    const confirmed = number(value["confirmed"]);
    const absent = number(value["absent"]);
    if (Number.isNaN(dayMs) || confirmed === null || absent === null) continue;
    missing.set(callId, { dayMs, confirmed, absent });
  }
  return missing;
}
