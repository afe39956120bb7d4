import { createHash } from "node:crypto";
import { type JsonValue, isExact, printJson } from "../../core/json.ts";

/** SHA-256 of a JSON value in hex; the order of its properties does not matter. */
export function hashJson(value: JsonValue): string {
  return createHash("sha256")
    .update(printJson(sorted(value)))
    .digest("hex");
}

/** Ten characters that stand for a longer hash where millions of them are not kept. */
export function shorten(hash: string): string {
  return createHash("sha256").update(hash).digest("base64url").slice(0, 10);
}

function sorted(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null || isExact(value)) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name] ?? null)]));
}
