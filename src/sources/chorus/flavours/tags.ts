import { type JsonValue, isObject, printJson } from "../../../core/json.ts";
import { label, text } from "../values.ts";

interface Tag {
  readonly tag: string;
  readonly value: string | null;
}

/** Tags, each once: plain ones have no value; a named one wins over a plain one of that name; lists are kept as JSON. */
export function distinctTags(plain: JsonValue | undefined, named: JsonValue | undefined): Tag[] {
  const tags = new Map<string, string | null>();
  for (const item of Array.isArray(plain) ? plain : []) {
    const tag = label(isObject(item) ? (item["name"] ?? item["tag"]) : item);
    if (tag !== null) tags.set(tag, isObject(item) ? asText(item["value"]) : null);
  }
  for (const [name, value] of isObject(named) ? Object.entries(named) : []) {
    const tag = label(name);
    if (tag !== null) tags.set(tag, asText(value));
  }
  return [...tags].map(([tag, value]) => ({ tag, value }));
}

/** Any value as one text: what is a text already stays, lists and objects become JSON. */
export function asText(value: JsonValue | undefined): string | null {
  if (value === undefined || value === null) return null;
  return text(value) ?? printJson(value);
}
