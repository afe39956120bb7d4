import { type JsonObject, type JsonValue, isExact, isObject } from "../../core/json.ts";

/** Readers of single JSON values as the API may send them; each gives null for what it cannot use. */
type Field = JsonValue | undefined;

/** An id with every digit, whether it came as text or as a number. `""` means none. */
export function id(value: Field): string | null {
  if (typeof value === "string") return value.trim() === "" ? null : value.trim();
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value).toString() : String(value);
  return isExact(value) ? value.toString() : null;
}

/** Text as it came, spaces and all; `""` stays `""` here. */
export function text(value: Field): string | null {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return isExact(value) ? value.toString() : null;
}

/** Text where a blank one says nothing: names, addresses, codes. What is not blank stays as it came. */
export function label(value: Field): string | null {
  const read = text(value);
  return read === null || read.trim() === "" ? null : read;
}

export function number(value: Field): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (isExact(value)) return Number(value.toString());
  if (typeof value !== "string" || value.trim() === "") return null;
  const read = Number(value);
  return Number.isFinite(read) ? read : null;
}

export function integer(value: Field): number | null {
  const read = number(value);
  return read === null || !Number.isSafeInteger(Math.round(read)) ? null : Math.round(read);
}

/** An amount or a length: what is below 0 stands for "not known". */
export function amount(value: Field): number | null {
  const read = number(value);
  return read === null || read < 0 ? null : read;
}

export function flag(value: Field): boolean | null {
  if (typeof value === "boolean") return value;
  const word = label(value)?.trim().toLowerCase();
  if (word === "true" || word === "1" || word === "yes") return true;
  return word === "false" || word === "0" || word === "no" ? false : null;
}

export function object(value: Field): JsonObject {
  return isObject(value) ? value : {};
}

export function objects(value: Field): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Ids, each once, in their order. */
export function ids(value: Field): string[] {
  const read = Array.isArray(value) ? value.map(id) : [];
  return [...new Set(read.filter((item) => item !== null))];
}

/** A word of an enumeration: `No Show`, `no-show` and `no_show` are the same. */
export function word(value: Field): string | null {
  return (
    label(value)
      ?.trim()
      .toLowerCase()
      .replace(/[\s-]+/g, "_") ?? null
  );
}

/** The first of these fields that is there and not null. */
export function first(fields: JsonObject, ...names: readonly string[]): Field {
  return names.map((name) => fields[name]).find((value) => value !== undefined && value !== null);
}
