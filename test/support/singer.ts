import { readFileSync } from "node:fs";
import type { JsonObject } from "../../src/core/json.ts";

export interface SchemaParts {
  readonly keys?: readonly string[];
  readonly bookmarks?: readonly string[];
  readonly replaces?: readonly string[];
  readonly newestBy?: string;
}

/** A SCHEMA line. A property may be given by a word: `{ id: "integer", at: "date-time", any: "any" }`; all can be null. */
export function schema(
  stream: string,
  properties: Record<string, string | JsonObject>,
  parts: SchemaParts = {},
): string {
  const all = Object.entries(properties).map(
    ([name, type]) => [name, typeof type === "string" ? property(type) : type] as const,
  );
  return JSON.stringify({
    type: "SCHEMA",
    stream,
    schema: {
      type: "object",
      properties: Object.fromEntries(all),
      ...(parts.replaces === undefined ? {} : { "x-replaces": parts.replaces }),
      ...(parts.newestBy === undefined ? {} : { "x-newest-by": parts.newestBy }),
    },
    key_properties: parts.keys ?? [],
    ...(parts.bookmarks === undefined ? {} : { bookmark_properties: parts.bookmarks }),
  });
}

/** A RECORD line; the record may be JSON text, for digits that JavaScript would round. */
export function record(stream: string, values: JsonObject | string, extra: JsonObject = {}): string {
  const text = typeof values === "string" ? values : JSON.stringify(values);
  const rest = Object.entries(extra).map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{"type":"RECORD","stream":${JSON.stringify(stream)},"record":${text}${rest.join("")}}`;
}

export const state = (value: JsonObject): string => JSON.stringify({ type: "STATE", value });

export const activate = (stream: string, version: number): string =>
  JSON.stringify({ type: "ACTIVATE_VERSION", stream, version });

/** The lines of `test/fixtures/lines/<name>.singer`. */
export function fixture(name: string): string[] {
  const text = readFileSync(new URL(`../fixtures/lines/${name}.singer`, import.meta.url), "utf8");
  return text.split("\n").filter((line) => line !== "");
}

function property(word: string): JsonObject {
  switch (word) {
    case "any":
      return {};
    case "date":
    case "date-time":
      return { type: ["string", "null"], format: word };
    default:
      return { type: [word, "null"] };
  }
}
