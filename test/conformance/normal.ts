import { isExact, type JsonValue } from "../../src/core/json.ts";

/** An instant, given in microseconds since 1970 UTC, as ISO text without needless zeros. */
export function isoOf(micros: bigint): string {
  const second = 1_000_000n;
  const rest = ((micros % second) + second) % second;
  const whole = new Date(Number((micros - rest) / 1_000n)).toISOString().slice(0, 19);
  return `${whole}${rest === 0n ? "" : `.${rest.toString().padStart(6, "0").replace(/0+$/, "")}`}Z`;
}

/** Numbers that a double cannot hold become their digits, everything else stays. */
export function plain(value: JsonValue): JsonValue {
  if (isExact(value)) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner ?? null)]));
}
