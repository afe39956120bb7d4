import { EltError } from "../../core/errors.ts";
import { isObject, parseJson, parseVerbatim, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { LoadMethod } from "../../core/destination.ts";
import type { SchemaMessage } from "../../core/message.ts";
import { entriesOf, invalid, type CatalogEntry } from "./catalog.ts";

/** A stream of a configured catalog, as a destination loads it. */
export interface LoadedStream {
  /** What it is called inside: its name, or `<namespace>__<name>` where its namespace is not the default. */
  readonly id: string;
  readonly schema: SchemaMessage;
  /** Of the rows that come; undefined where the platform does not number them. */
  readonly generation: number | undefined;
}

/** The name of a stream inside this program. */
export function streamId(name: string, namespace: unknown, defaultNamespace: string): string {
  return typeof namespace !== "string" || namespace === "" || namespace === defaultNamespace
    ? name
    : `${namespace}__${name}`;
}

/**
 * The streams of a configured catalog. `done` knows the generations that took the place of older ones already, so that
 * an attempt that comes again for such a stream adds to it. Throws CATALOG_INVALID.
 */
export function loadedStreams(
  catalog: JsonValue,
  defaultNamespace: string,
  done: Readonly<Record<string, number>>,
): LoadedStream[] {
  return entriesOf(catalog).map((entry) => {
    const id = streamId(entry.name, entry.namespace, defaultNamespace);
    const generation = numberIn(entry.entry, "generation_id");
    const replacing = replacesTable(entry, generation) && !(generation !== undefined && done[id] === generation);
    return { id, generation, schema: schemaOf(id, entry, replacing) };
  });
}

/** True when what comes takes the place of what is there: an overwrite, or a refresh that truncates. */
function replacesTable({ name, entry }: CatalogEntry, generation: number | undefined): boolean {
  const least = numberIn(entry, "minimum_generation_id");
  if (least === undefined || generation === undefined) return entry["destination_sync_mode"] === "overwrite";
  if (least === 0) return false;
  if (least === generation) return true;
  throw invalid(`stream "${name}": minimum_generation_id must be 0 or the generation_id`);
}

function schemaOf(id: string, { name, json_schema: schema, entry }: CatalogEntry, replacing: boolean): SchemaMessage {
  const mode = entry["destination_sync_mode"];
  if (mode !== "append" && mode !== "overwrite" && mode !== "append_dedup") {
    throw invalid(`stream "${name}": destination_sync_mode must be append, overwrite or append_dedup`);
  }
  const keys = mode === "append_dedup" ? keysOf(name, entry) : [];
  const method: LoadMethod = replacing ? "overwrite" : keys.length > 0 ? "upsert" : "append";
  const { "x-replaces": replaces, "x-newest-by": newest } = schema;
  const [cursor] = mode === "append_dedup" && entry["sync_mode"] === "incremental" ? pathOf(entry["cursor_field"]) : [];
  const newestBy = typeof newest === "string" ? newest : cursor;
  return {
    type: "schema",
    stream: id,
    schema,
    keys,
    method,
    ...(Array.isArray(replaces) ? { replaces: replaces.filter((one) => typeof one === "string") } : {}),
    ...(newestBy === undefined ? {} : { newestBy }),
  };
}

/** The key that the user has configured, else the one that the source defines. */
function keysOf(name: string, entry: JsonObject): string[] {
  const stream = isObject(entry["stream"]) ? entry["stream"] : {};
  const given = [entry["primary_key"], stream["source_defined_primary_key"]].find(
    (key) => Array.isArray(key) && key.length > 0,
  );
  const paths = Array.isArray(given) ? given.map(pathOf) : [];
  if (paths.length === 0) throw invalid(`stream "${name}": append_dedup needs a primary_key`);
  if (paths.some(({ length }) => length !== 1)) {
    throw invalid(`stream "${name}": a primary_key must be made of properties of the record itself, not nested ones`);
  }
  return paths.flat();
}

const pathOf = (path: JsonValue | undefined): string[] =>
  Array.isArray(path) ? path.filter((step) => typeof step === "string") : [];

const numberIn = (entry: JsonObject, name: string) => {
  const value = entry[name];
  return typeof value === "number" ? value : undefined;
};

/** What a line says to a destination; the name and the namespace are those of its stream. */
export type Heard =
  | {
      readonly type: "record";
      readonly name: string;
      readonly namespace: JsonValue | undefined;
      readonly data: JsonObject;
      readonly emittedAt: number | undefined;
      readonly clears: readonly string[] | undefined;
    }
  /** `name` is undefined for a state of all streams. The state is the payload, with every number as it was written. */
  | {
      readonly type: "state";
      readonly name: string | undefined;
      readonly namespace: JsonValue | undefined;
      readonly state: JsonObject;
      readonly sourceCount: number | undefined;
    }
  | {
      readonly type: "status";
      readonly name: string;
      readonly namespace: JsonValue | undefined;
      readonly status: string;
    };

/**
 * What a line says, or undefined when it is nothing for a destination. `number` is its number, for errors. Throws
 * LINE_NOT_JSON or MESSAGE_INVALID; neither repeats the line.
 */
export function listen(text: string, number: number): Heard | undefined {
  const message = parsed(text);
  if (message === undefined) {
    throw new EltError("LINE_NOT_JSON", `line ${number} is not JSON (${text.length.toLocaleString("en")} characters)`);
  }
  if (!isObject(message)) throw new EltError("MESSAGE_INVALID", `line ${number} is JSON but not an object`);
  switch (message["type"]) {
    case "RECORD":
      return record(message["record"], number);
    case "STATE":
      return state(message["state"], text, number);
    case "TRACE":
      return status(message["trace"]);
    default:
      return undefined; // logs, controls, and what later versions of the protocol know
  }
}

function parsed(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined; // the error would repeat parts of the text
  }
}

function record(payload: JsonValue | undefined, line: number): Heard {
  const { stream, namespace, data, emitted_at: at, clears } = isObject(payload) ? payload : {};
  if (typeof stream !== "string" || !isObject(data)) {
    throw new EltError("MESSAGE_INVALID", `line ${line}: a record must have a "stream" and "data"`);
  }
  return {
    type: "record",
    name: stream,
    namespace,
    data,
    emittedAt: typeof at === "number" ? at : undefined,
    clears: Array.isArray(clears) ? clears.filter((one) => typeof one === "string") : undefined,
  };
}

function state(payload: JsonValue | undefined, text: string, line: number): Heard {
  const whole = parseVerbatim(text);
  const verbatim = isObject(whole) ? whole["state"] : undefined;
  if (!isObject(payload) || !isObject(verbatim)) {
    throw new EltError("MESSAGE_INVALID", `line ${line}: a state must be an object`);
  }
  const { type, stream, sourceStats } = payload;
  const descriptor = type === "STREAM" && isObject(stream) ? stream["stream_descriptor"] : undefined;
  const { name, namespace } = isObject(descriptor) ? descriptor : {};
  const count = isObject(sourceStats) ? sourceStats["recordCount"] : undefined;
  return {
    type: "state",
    name: typeof name === "string" ? name : undefined,
    namespace,
    state: verbatim,
    sourceCount: typeof count === "number" ? count : undefined,
  };
}

function status(trace: JsonValue | undefined): Heard | undefined {
  const said = isObject(trace) && trace["type"] === "STREAM_STATUS" ? trace["stream_status"] : undefined;
  const descriptor = isObject(said) ? said["stream_descriptor"] : undefined;
  if (!isObject(said) || !isObject(descriptor)) return undefined;
  const { name, namespace } = descriptor;
  const word = said["status"];
  if (typeof name !== "string" || typeof word !== "string") return undefined;
  return { type: "status", name, namespace, status: word };
}
