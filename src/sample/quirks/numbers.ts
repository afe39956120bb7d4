import { createHash } from "node:crypto";
import { LosslessNumber } from "lossless-json";
import { isObject, type JsonObject, type JsonValue } from "../../core/json.ts";

/** 19 digits above 2^53 and below 2^63 that stand for an id: an odd number, which no double can hold. */
export function digits(id: string): string {
  const hex = createHash("sha256").update(id).digest("hex").slice(0, 15);
  return String((1n << 60n) | BigInt(`0x${hex}`) | 1n);
}

/** Ids as bare numbers, quantities as text in every second row, no nulls, empty lists as null, fields nobody knows. */
export function exactNumbers(row: JsonObject, n: number): JsonObject {
  const odd = walk(row, "", n % 2 === 0) as JsonObject;
  return { ...odd, x_region: "eu-1", x_scores: { warmth: 0.1234567890123, seen: [n, null] } };
}

function walk(value: JsonValue | undefined, key: string, numbersAsText: boolean): JsonValue | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    return value.length === 0 ? null : value.map((item) => walk(item, key, numbersAsText) ?? null);
  }
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner, name, numbersAsText)]));
  }
  if (typeof value === "string" && /ids?$/.test(key) && /^\d{19}$/.test(value)) return new LosslessNumber(value);
  if (typeof value === "number" && numbersAsText) return String(value);
  return value;
}
