import { readFile } from "node:fs/promises";
import { EltError } from "./errors.ts";
import { isObject, parseJson, type JsonObject, type JsonSchema, type JsonValue } from "./json.ts";

/** Where settings come from: files in order, then the environment, the later one winning. */
export interface ConfigSources {
  /** Settings that files and the environment override. */
  readonly settings?: JsonObject;
  /** Where `settings` stand, for messages. */
  readonly origin?: string;
  /** Paths as given to `--config`; the word `ENV` adds nothing, the environment is always looked at. */
  readonly files: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `TAP_CHORUS` reads `api_token` from `TAP_CHORUS_API_TOKEN`. */
  readonly prefix: string;
}

/**
 * Reads, merges and validates a config; defaults are filled in. A setting that is null counts as missing, as Meltano
 * leaves it. Throws CONFIG_UNREADABLE, or CONFIG_INVALID that names every fault and no value.
 */
export async function loadConfig<Config>(schema: JsonSchema, sources: ConfigSources): Promise<Config> {
  const given = await readSettings(schema, sources);
  const { checkConfig } = await import("./validate.ts"); // --discover and --help do without
  const faults = checkConfig(schema, given);
  if (faults.length > 0) {
    const where = sources.files.length === 0 ? withoutFile(sources) : sources.files.join(", ");
    throw new EltError("CONFIG_INVALID", `the config (${where}) cannot be used: ${faults.join("; ")}`);
  }
  return given as Config;
}

const withoutFile = ({ origin = "no --config was given", prefix }: ConfigSources) =>
  `${origin}; ${prefix}_* is looked at too`;

/** What the files and the environment say, merged and nothing else. Throws CONFIG_UNREADABLE. */
export async function readSettings(schema: JsonSchema, sources: ConfigSources): Promise<JsonObject> {
  const merged: JsonObject = { ...sources.settings };
  for (const file of sources.files) if (file !== "ENV") Object.assign(merged, await readConfigFile(file));
  Object.assign(merged, fromEnvironment(schema, sources));
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null && value !== undefined));
}

/** The values that must never be shown, of a config that may not be valid yet. */
function secretsOf(schema: JsonSchema, config: unknown): string[] {
  if (!isObject(config)) return [];
  return Object.entries(propertiesOf(schema)).flatMap(([name, property]) => {
    const value = config[name];
    if (isObject(value)) return secretsOf(property, value);
    if (property["secret"] !== true || typeof value !== "string" || value === "") return [];
    return [value, ...passwordIn(value)];
  });
}

/** The password of a URL, as it stands there and as it is meant. */
function passwordIn(url: string): string[] {
  const [, inPlace, asParameter] = /^[a-z]+:\/\/[^/?#:]*:(.+)@|[?&]password=([^&#]+)/i.exec(url) ?? [];
  const password = inPlace ?? asParameter;
  if (password === undefined) return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password]; // whoever reads the url says what is wrong with it
  }
}

/** Secrets that may stand in the files and in the environment, read so early that even a config error hides them. */
export async function findSecrets(schema: JsonSchema, sources: ConfigSources): Promise<string[]> {
  const found = [...secretsOf(schema, sources.settings), ...secretsOf(schema, fromEnvironment(schema, sources))];
  for (const file of sources.files) {
    if (file === "ENV") continue;
    found.push(...secretsOf(schema, await readConfigFile(file).catch(() => undefined)));
  }
  return found;
}

async function readConfigFile(path: string): Promise<JsonObject> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new EltError("CONFIG_UNREADABLE", `cannot read the config file ${path}: ${reason(cause)}`, { cause });
  }
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch {
    throw new EltError("CONFIG_UNREADABLE", `the config file ${path} is not JSON`);
  }
  if (!isObject(value)) throw new EltError("CONFIG_UNREADABLE", `the config file ${path} is JSON but not an object`);
  return value;
}

function fromEnvironment(schema: JsonSchema, { environment, prefix }: ConfigSources): JsonObject {
  const found: JsonObject = {};
  for (const [name, property] of Object.entries(propertiesOf(schema))) {
    const text = environment[`${prefix}_${name.toUpperCase()}`];
    if (text !== undefined && text !== "") found[name] = fromText(text, property);
  }
  return found;
}

/** Lists and objects are JSON in the environment; a list may also be words with commas between them. */
function fromText(text: string, property: JsonObject): JsonValue {
  const types = [property["type"]].flat();
  if (!types.includes("array") && !types.includes("object")) return text;
  try {
    return parseJson(text);
  } catch {
    return types.includes("array") ? text.split(",").map((word) => word.trim()) : text;
  }
}

/** The properties of a config schema. */
export function propertiesOf(schema: JsonSchema): Record<string, JsonObject> {
  const properties = schema["properties"];
  return isObject(properties) ? (properties as Record<string, JsonObject>) : {};
}

const reason = (cause: unknown) => (cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable");
