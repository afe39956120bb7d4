import { type JsonValue, isExact } from "../../core/json.ts";

/** A time in any form the API uses, as milliseconds since 1970 UTC; null when it is none. */
export type ReadTime = (value: JsonValue | undefined) => number | null;

const FORM =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;
/** Numbers below are seconds since 1970, numbers from here on milliseconds. As seconds it is the year 5138. */
const FIRST_MILLISECONDS = 1e11;
/** No call is older; 0 and 1970 stand for "not known". */
const OLDEST_MS = Date.UTC(1990, 0, 1);
const NEWEST_MS = Date.UTC(9999, 11, 31);

/**
 * Gives the reader for an account. Times without an offset, and dates alone, are local to `zone`; the time zone
 * library is loaded only when that is not UTC. Throws RangeError for a zone nobody knows.
 */
export async function timeReader(zone: string): Promise<ReadTime> {
  const toUtc = /^(utc|gmt|etc\/utc)$/i.test(zone) ? (localMs: number) => localMs : await zoneToUtc(zone);
  return (value) => {
    const ms = typeof value === "number" || isExact(value) ? epoch(Number(value.toString())) : null;
    return sane(ms ?? (typeof value === "string" ? fromText(value.trim(), toUtc) : null));
  };
}

/** ISO-8601 UTC with milliseconds, the only form that leaves this tap. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

function fromText(text: string, toUtc: (localMs: number) => number): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return epoch(Number(text));
  const parts = FORM.exec(text);
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => Number(part || 0));
  if (month > 12 || hour > 24 || minute > 59 || second > 60) return null;
  const dateMs = Date.UTC(year, month - 1, day);
  if (new Date(dateMs).getUTCDate() !== day) return null; // 30 February
  const milliseconds = Math.floor(Number(`0.${parts[7] ?? "0"}`) * 1000);
  const localMs = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  const offset = parts[8];
  return offset === undefined ? toUtc(localMs) : localMs - offsetMs(offset);
}

function offsetMs(offset: string): number {
  if (/^z$/i.test(offset)) return 0;
  const digits = offset.replace(":", "");
  const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5) || 0);
  return (digits.startsWith("-") ? -minutes : minutes) * 60_000;
}

function epoch(value: number): number {
  return Math.round(value < FIRST_MILLISECONDS ? value * 1000 : value);
}

function sane(ms: number | null): number | null {
  return ms !== null && ms >= OLDEST_MS && ms < NEWEST_MS ? ms : null;
}

async function zoneToUtc(zone: string): Promise<(localMs: number) => number> {
  const { DateTime, IANAZone } = await import("luxon");
  if (!IANAZone.isValidZone(zone)) throw new RangeError(`${zone} is not the name of a time zone`);
  return (localMs) => DateTime.fromMillis(localMs, { zone: "utc" }).setZone(zone, { keepLocalTime: true }).toMillis();
}
