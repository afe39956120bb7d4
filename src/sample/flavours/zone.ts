import { isObject, type JsonObject, type JsonValue } from "../../core/json.ts";

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** A row whose instants are written as the clocks of a zone show them, without saying so; as it is without a zone. */
export function inZone(row: JsonObject, zone: string | undefined): JsonObject {
  return zone === undefined ? row : (naive(row, zone) as JsonObject);
}

/** The instant at which the clocks of a zone show what `localMs` is in UTC; the later one where they show it twice. */
export function fromZone(localMs: number, zone: string): number {
  const near = localMs - aheadMs(localMs, zone);
  return localMs - aheadMs(near, zone);
}

function naive(value: JsonValue | undefined, zone: string): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((item) => naive(item, zone) ?? null);
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, naive(inner, zone)]));
  }
  if (typeof value !== "string" || !INSTANT.test(value)) return value;
  const ms = Date.parse(value);
  return new Date(ms + aheadMs(ms, zone)).toISOString().slice(0, -1);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the clocks of a zone are ahead of UTC. */
function aheadMs(ms: number, zone: string): number {
  const format = formats.get(zone) ?? new Intl.DateTimeFormat("en-US", { ...FIELDS, timeZone: zone });
  formats.set(zone, format);
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return local - Math.floor(ms / 1000) * 1000;
}

const FIELDS = {
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
  hourCycle: "h23",
} as const;
