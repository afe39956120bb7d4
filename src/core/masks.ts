import { createHmac } from "node:crypto";
import { EltError } from "./errors.ts";
import { isObject, printJson, type JsonObject, type JsonSchema, type JsonValue } from "./json.ts";
import { readStreamMaps } from "./stream-maps.ts";
import type { Stream } from "./stream.ts";

/** The settings of `MASK_SETTINGS`. */
export interface MaskConfig {
  readonly privacy?: JsonObject;
  readonly privacy_key?: string;
  readonly stream_maps?: JsonObject;
  readonly stream_map_config?: { readonly hash_seed?: string };
}

/** Settings of every tap: what of its records does not leave it as it is. docs/privacy.md */
export const MASK_SETTINGS: Record<string, JsonObject> = {
  privacy: {
    type: "object",
    title: "Privacy",
    description:
      'What becomes of fields before anything leaves the tap: `{"participants.email": "hash", "*.text": "redact", "calls.extra.notes": "drop"}`. `*` is every stream that has the field.',
    additionalProperties: true,
    examples: [{ "*.email": "hash", "utterances.text": "redact" }],
  },
  privacy_key: {
    type: "string",
    title: "Key of hashes",
    description:
      "Secret that `hash` is keyed with, 16 characters or more. The same key gives the same hashes, so keep it; whoever has it can tell which hash is whose.",
    minLength: 16,
    secret: true,
    airbyte_secret: true,
  },
  stream_maps: {
    type: "object",
    title: "Stream maps",
    description:
      "The part of Meltano's stream maps that masks: `null`, `sha256(…)`, `md5(…)` and fixed texts. See docs/privacy.md.",
    additionalProperties: true,
  },
  stream_map_config: {
    type: "object",
    title: "Config of stream maps",
    description: "`hash_seed`: what `config['hash_seed']` stands for in `stream_maps`.",
    additionalProperties: true,
    properties: {
      hash_seed: { type: "string", title: "Hash seed", minLength: 1, secret: true, airbyte_secret: true },
    },
  },
};

/** What stands in the place of a text that is redacted. Values of other types become null. */
export const REDACTED = "[redacted]";

/** What becomes of a value. Null stays null, unless the field is dropped. */
export type Action =
  | { readonly kind: "drop" }
  | { readonly kind: "redact" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "hash"; readonly hash: (text: string) => string };

/** A field and what becomes of it. `label` is how the config calls it. */
export interface Rule {
  readonly label: string;
  readonly stream: string;
  /** Names from the record down; `[]` stands for each item of a list. */
  readonly path: readonly string[];
  readonly action: Action;
}

/** What is done to a source's records before they are checked, logged or said. */
export interface Masks {
  /** The stream with the schema that its masked records have. */
  stream(stream: Stream): Stream;
  /** Undefined for a stream that leaves as it is. */
  record(stream: string): ((record: JsonObject) => JsonObject) | undefined;
}

/**
 * The masks that a config asks for; undefined when it asks for none. Throws CONFIG_INVALID that names every field which
 * is not there, or which later runs need as it is: a typo must not let anything out.
 */
export function masksOf(config: MaskConfig, streams: readonly Stream[]): Masks | undefined {
  const faults: string[] = [];
  const rules = [...readPrivacy(config, faults), ...readStreamMaps(config, faults)];
  const byField = new Map<string, Rule>();
  for (const rule of rules.flatMap((one) => (one.stream === "*" ? spread(one, streams, faults) : [one]))) {
    const field = JSON.stringify([rule.stream, ...rule.path]);
    const other = byField.get(field)?.label ?? "*";
    if (!other.startsWith("*")) faults.push(`"${other}" and "${rule.label}" are about the same field`);
    byField.set(field, rule); // one that names its stream comes later, and wins
  }
  const masked = new Map<string, { schema: JsonSchema; steps: Step[] }>();
  // What lies deeper first, so that a field that goes as a whole is there until then.
  for (const rule of [...byField.values()].sort((a, b) => b.path.length - a.path.length)) {
    const stream = streams.find(({ name }) => name === rule.stream);
    if (stream === undefined) {
      const names = streams.map(({ name }) => name);
      faults.push(`"${rule.label}": there is no stream "${rule.stream}"${nearest(rule.stream, names)}`);
      continue;
    }
    const known = masked.get(stream.name) ?? { schema: stream.schema, steps: [] };
    try {
      refuseNeeded(rule, stream, streams);
      const { schema, leaf } = withMask(known.schema, rule, 0);
      known.steps.push({ path: rule.path, set: setter(rule.action, leaf) });
      masked.set(stream.name, { ...known, schema });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0) {
    throw new EltError("CONFIG_INVALID", `fields cannot be masked as the config asks: ${faults.join("; ")}`);
  }
  if (masked.size === 0) return undefined;
  const functions = new Map([...masked].map(([name, { steps }]) => [name, recordMask(steps)]));
  return {
    stream: (stream) => ({ ...stream, schema: masked.get(stream.name)?.schema ?? stream.schema }),
    record: (stream) => functions.get(stream),
  };
}

class Fault extends Error {}

/** `privacy` as rules, those for every stream first. Meltano makes objects of dotted names, so both are read. */
function readPrivacy({ privacy, privacy_key: key }: MaskConfig, faults: string[]): Rule[] {
  const rules: Rule[] = [];
  const visit = (label: string, value: JsonValue | undefined) => {
    if (isObject(value)) {
      for (const [name, inner] of Object.entries(value)) visit(label === "" ? name : `${label}.${name}`, inner);
      return;
    }
    const [stream = "", ...path] = label.split(".").flatMap((part) => part.split(/(?=\[\])/));
    if (value !== "hash" && value !== "redact" && value !== "drop") {
      faults.push(`"${label}" must be "hash", "redact" or "drop"`);
    } else if (stream === "" || path.length === 0 || path.includes("")) {
      faults.push(`"${label}" must be the name of a stream, a point and the name of a field`);
    } else if (value !== "hash") {
      rules.push({ label, stream, path, action: { kind: value } });
    } else if (key === undefined) {
      faults.push(`"${label}" is to be hashed, and there is no \`privacy_key\``);
    } else {
      rules.push({ label, stream, path, action: { kind: "hash", hash: keyedHash(key) } });
    }
  };
  visit("", privacy ?? {});
  return rules.sort((a, b) => Number(b.stream === "*") - Number(a.stream === "*"));
}

/**
 * HMAC-SHA256 of a text, in hex. What is a mail address counts without spaces around it and in small letters, so that
 * one person has one hash however the address was written.
 */
export function keyedHash(key: string): (text: string) => string {
  return (text) => createHmac("sha256", key).update(plainAddress(text)).digest("hex");
}

const plainAddress = (text: string) => (/^\s*[^\s@]+@[^\s@]+\s*$/.test(text) ? text.trim().toLowerCase() : text);

/** A rule for every stream that has the field. */
function spread(rule: Rule, streams: readonly Stream[], faults: string[]): Rule[] {
  const [field = ""] = rule.path;
  const having = streams.filter(({ schema }) => Object.hasOwn(propertiesOf(schema), field));
  if (having.length === 0) {
    const names = [...new Set(streams.flatMap(({ schema }) => Object.keys(propertiesOf(schema))))];
    faults.push(`"${rule.label}": no stream has a field "${field}"${nearest(field, names)}`);
  }
  return having.map(({ name }) => ({ ...rule, stream: name }));
}

/** Rows are found, merged and remembered by some fields: these leave as they are, and other keys can only be hashed. */
function refuseNeeded({ label, path, action }: Rule, stream: Stream, streams: readonly Stream[]): void {
  const [field = ""] = path;
  const needed = [stream.replicationKey, stream.newestBy, ...(stream.kept ?? [])];
  const sets = streams.flatMap(({ replaces = [] }) => replaces);
  if (needed.includes(field) || sets.includes(field)) {
    throw new Fault(`"${label}" must stay as it is: rows are found, merged or remembered by ${stream.name}.${field}`);
  }
  if (stream.keys.includes(field) && action.kind !== "hash") {
    throw new Fault(`"${label}" is a key of the stream, which can be hashed and nothing else`);
  }
}

/** The schema with the field as it is then, and the field's own schema as it was; undefined where nobody says what is there. */
function withMask(schema: JsonSchema, rule: Rule, depth: number): { schema: JsonSchema; leaf: JsonSchema | undefined } {
  const name = rule.path[depth];
  if (name === undefined) return { schema: maskedLeaf(schema, rule), leaf: schema };
  if (name === "[]" || isObject(schema["items"])) {
    if (!isObject(schema["items"])) {
      if (isOpen(schema)) return { schema, leaf: undefined };
      throw new Fault(`"${rule.label}": there is no list before "[]"`);
    }
    const inner = withMask(schema["items"], rule, name === "[]" ? depth + 1 : depth);
    return { schema: { ...schema, items: inner.schema }, leaf: inner.leaf };
  }
  const properties = propertiesOf(schema);
  const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (property === undefined) {
    if (depth > 0 && isOpen(schema)) return { schema, leaf: undefined };
    const above = [rule.stream, ...rule.path.slice(0, depth)].join(".");
    throw new Fault(`"${rule.label}": ${above} has no field "${name}"${nearest(name, Object.keys(properties))}`);
  }
  if (depth === rule.path.length - 1 && rule.action.kind === "drop") {
    const { required } = schema;
    const rest = Object.fromEntries(Object.entries(properties).filter(([one]) => one !== name));
    const still = Array.isArray(required) ? { required: required.filter((one) => one !== name) } : {};
    return { schema: { ...schema, ...still, properties: rest }, leaf: property };
  }
  const inner = withMask(property, rule, depth + 1);
  return { schema: { ...schema, properties: { ...properties, [name]: inner.schema } }, leaf: inner.leaf };
}

/** What lies in an object that its schema does not describe is taken as the config says. */
const isOpen = (schema: JsonSchema) =>
  Object.keys(propertiesOf(schema)).length === 0 &&
  (schema["type"] === undefined || typesOf(schema).includes("object"));

const typesOf = (schema: JsonSchema) => [schema["type"]].flat().filter((type) => typeof type === "string");

const DATES = ["date", "date-time", "time"];

const isPlainText = (schema: JsonSchema) =>
  !DATES.some((format) => format === schema["format"]) &&
  typesOf(schema).every((type) => type === "string" || type === "null");

function maskedLeaf(schema: JsonSchema, { label, action }: Rule): JsonSchema {
  if (action.kind === "drop") return schema; // an item of a list
  const { type, description } = schema;
  const said = typeof description === "string" ? description : "";
  if (isPlainText(schema)) {
    // What the text was like (`enum`, `pattern`) does not hold any more.
    const selected = schema["x-selected-by-default"];
    return {
      ...(type === undefined ? {} : { type }),
      description: `${said} ${action.kind === "hash" ? "Hashed" : "Redacted"} by the config.`.trim(),
      ...(selected === undefined ? {} : { "x-selected-by-default": selected }),
    };
  }
  if (action.kind !== "redact") {
    const { format } = schema;
    const what = typeof format === "string" ? format : typesOf(schema).find((one) => one !== "null");
    throw new Fault(
      `"${label}" is no text but ${what ?? "another value"}: it can be redacted, which makes it null, or dropped`,
    );
  }
  return { ...schema, type: [...new Set(["null", ...typesOf(schema)])] };
}

type Setter = (value: JsonValue) => JsonValue | undefined;

/** `leaf` is the schema of the value, where there is one. */
function setter(action: Action, leaf: JsonSchema | undefined): Setter {
  switch (action.kind) {
    case "drop":
      return () => undefined;
    case "text":
      return (value) => (value === null ? null : action.text);
    case "hash": {
      const unmasked = leaf?.["x-unmasked"]; // words that stand for nobody
      const isPlain = (value: JsonValue) => value === null || (Array.isArray(unmasked) && unmasked.includes(value));
      return (value) => (isPlain(value) ? value : action.hash(typeof value === "string" ? value : printJson(value)));
    }
    case "redact": {
      const isText = leaf === undefined || isPlainText(leaf);
      return (value) => (isText && typeof value === "string" ? REDACTED : null);
    }
  }
}

interface Step {
  readonly path: readonly string[];
  readonly set: Setter;
}

function recordMask(steps: readonly Step[]): (record: JsonObject) => JsonObject {
  return (record) => {
    const masked = { ...record }; // what lies deeper is copied on the way there: the source still has its own
    for (const { path, set } of steps) {
      const [name = ""] = path;
      const value = masked[name];
      if (value === undefined) continue;
      const instead = maskedValue(value, path, 1, set);
      if (instead === undefined) Reflect.deleteProperty(masked, name);
      else masked[name] = instead;
    }
    return masked;
  };
}

/** A list on the way is gone through item by item, whether or not the path says so. */
function maskedValue(value: JsonValue, path: readonly string[], depth: number, set: Setter): JsonValue | undefined {
  const name = path[depth];
  if (name === undefined) return set(value);
  if (Array.isArray(value)) {
    const next = name === "[]" ? depth + 1 : depth;
    return value.map((item) => maskedValue(item, path, next, set)).filter((item) => item !== undefined);
  }
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  const inner = maskedValue(value[name] ?? null, path, depth + 1, set);
  if (inner !== undefined) return { ...value, [name]: inner };
  return Object.fromEntries(Object.entries(value).filter(([one]) => one !== name));
}

function propertiesOf(schema: JsonSchema): Record<string, JsonObject> {
  return isObject(schema["properties"]) ? (schema["properties"] as Record<string, JsonObject>) : {};
}

/** `; did you mean "email"?` when one of the names is like it. */
function nearest(name: string, names: readonly string[]): string {
  const best = names.map((one) => ({ one, edits: editsBetween(name, one) })).sort((a, b) => a.edits - b.edits)[0];
  return best === undefined || best.edits > Math.max(2, name.length / 2) ? "" : `; did you mean "${best.one}"?`;
}

/** How many letters have to be put in, taken out or replaced to make one word of the other. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
