import { createHash } from "node:crypto";
import { type JsonValue, isObject } from "../../core/json.ts";

/** Of a call that was read: a short hash of its version as it was listed, and how often it was read again since. */
export interface Seen {
  readonly version: string;
  /** How many of the ages at which details are read again it has behind it. */
  readonly rereads: number;
  /** False when its details or its transcript were refused, so that nothing of them was loaded. */
  readonly isWhole: boolean;
}

const KEY_CHARS = 8;
const VERSION_CHARS = 8;
/** The last character of an entry: `rereads` of a whole call, and of one that is not. */
const MARKS = "0123456789abcdefghij";
const ENTRY_CHARS = KEY_CHARS + VERSION_CHARS + 1;

/** Eight characters that stand for an id: 48 bits of its SHA-256. A clash matters only when the versions clash too. */
export function seenKey(callId: string): string {
  return createHash("sha256").update(callId).digest("base64url").slice(0, KEY_CHARS);
}

/** Eight characters that stand for the version of a call. */
export function seenVersion(contentHash: string): string {
  return createHash("sha256").update(contentHash).digest("base64url").slice(0, VERSION_CHARS);
}

/** By `seenKey`. Also reads what 0.1.0 wrote: an object of ids and hashes of ten characters. */
export function readSeen(json: JsonValue | undefined): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  if (isObject(json)) {
    for (const [callId, hash] of Object.entries(json)) {
      if (typeof hash === "string")
        seen.set(seenKey(callId), { version: hash.slice(0, VERSION_CHARS), rereads: 0, isWhole: true });
    }
  }
  if (typeof json !== "string") return seen;
  for (let at = 0; at + ENTRY_CHARS <= json.length; at += ENTRY_CHARS) {
    const version = json.slice(at + KEY_CHARS, at + KEY_CHARS + VERSION_CHARS);
    const mark = MARKS.indexOf(json[at + ENTRY_CHARS - 1] ?? "0");
    seen.set(json.slice(at, at + KEY_CHARS), { version, rereads: Math.max(0, mark % 10), isWhole: mark < 10 });
  }
  return seen;
}

/** 17 characters a call, one text for all: tens of thousands of calls are a part of every state. */
export function printSeen(seen: ReadonlyMap<string, Seen>): string {
  return [...seen]
    .map(
      ([key, { version, rereads, isWhole }]) =>
        `${key}${version.padEnd(VERSION_CHARS, "-")}${MARKS[Math.min(rereads, 9) + (isWhole ? 0 : 10)]}`,
    )
    .sort()
    .join("");
}
