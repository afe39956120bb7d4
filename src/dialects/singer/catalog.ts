import { EltError } from "../../core/errors.ts";
import { isObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Selection, Stream } from "../../core/stream.ts";

/**
 * The catalog that `--discover` prints.
 * https://github.com/singer-io/getting-started/blob/master/docs/DISCOVERY_MODE.md
 */
export function catalogOf(streams: readonly Stream[]): JsonObject {
  return { streams: streams.map(entry) };
}

function entry(stream: Stream): JsonObject {
  const method = stream.replicationKey === undefined ? "FULL_TABLE" : "INCREMENTAL";
  const keys = [...stream.keys];
  const properties = Object.entries(propertiesOf(stream)).map(([name, property]) => ({
    breadcrumb: ["properties", name],
    metadata: isAutomatic(stream, name)
      ? { inclusion: "automatic" }
      : { inclusion: "available", "selected-by-default": selectedByDefault(property) },
  }));
  const own: JsonObject = {
    inclusion: "available",
    "selected-by-default": true,
    "table-key-properties": keys,
    "forced-replication-method": method,
    ...(stream.replicationKey === undefined ? {} : { "valid-replication-keys": [stream.replicationKey] }),
    ...(stream.parent === undefined ? {} : { "parent-tap-stream-id": stream.parent }),
  };
  return {
    tap_stream_id: stream.name,
    stream: stream.name,
    schema: stream.schema,
    key_properties: keys,
    replication_method: method,
    ...(stream.replicationKey === undefined ? {} : { replication_key: stream.replicationKey }),
    metadata: [{ breadcrumb: [], metadata: own }, ...properties],
  };
}

/** Without a catalog: every stream, and every property but those a user has to ask for. */
export function defaultSelection(streams: readonly Stream[]): Selection[] {
  return streams.map((stream) => select(stream, () => ({})));
}

/**
 * What a catalog selects. An `unsupported` property is never taken, an `automatic` one always; else `selected` decides,
 * else `selected-by-default`, else what holds for the stream. A stream without any metadata is taken whole.
 * Throws CATALOG_INVALID; `unknown` is told the streams that this tap does not have.
 */
export function selectionOf(
  catalog: JsonValue,
  streams: readonly Stream[],
  unknown: (stream: string) => void,
): Selection[] {
  const entries = isObject(catalog) ? catalog["streams"] : undefined;
  if (!Array.isArray(entries)) throw new EltError("CATALOG_INVALID", 'the catalog has no list "streams"');
  const selections: Selection[] = [];
  for (const [index, one] of entries.entries()) {
    const id = isObject(one) ? (one["tap_stream_id"] ?? one["stream"]) : undefined;
    if (!isObject(one) || typeof id !== "string") {
      throw new EltError("CATALOG_INVALID", `entry ${index + 1} of the catalog's "streams" has no "tap_stream_id"`);
    }
    const words = metadataWords(one);
    const wanted = words.size === 0 ? one["selected"] !== false : isSelected(words.get("") ?? {}, false);
    const stream = streams.find(({ name }) => name === id);
    if (!wanted) continue;
    if (stream === undefined) unknown(id);
    else selections.push(select(stream, (name) => words.get(name) ?? {}));
  }
  return selections;
}

function select(stream: Stream, wordsOf: (property: string) => JsonObject): Selection {
  const fields = Object.entries(propertiesOf(stream)).flatMap(([name, property]) =>
    isAutomatic(stream, name) || isSelected(wordsOf(name), selectedByDefault(property)) ? [name] : [],
  );
  return { stream, fields: new Set(fields) };
}

function isSelected(words: JsonObject, otherwise: boolean): boolean {
  if (words["inclusion"] === "unsupported") return false;
  if (words["inclusion"] === "automatic") return true;
  const { selected, "selected-by-default": byDefault } = words;
  if (typeof selected === "boolean") return selected;
  return typeof byDefault === "boolean" ? byDefault : otherwise;
}

/** Metadata of the stream under "", of its properties under their names. */
function metadataWords(entry: JsonObject): Map<string, JsonObject> {
  const words = new Map<string, JsonObject>();
  const metadata = Array.isArray(entry["metadata"]) ? entry["metadata"] : [];
  for (const one of metadata) {
    if (!isObject(one) || !Array.isArray(one["breadcrumb"]) || !isObject(one["metadata"])) continue;
    const path = one["breadcrumb"];
    if (path.length === 0) words.set("", one["metadata"]);
    if (path.length === 2 && path[0] === "properties" && typeof path[1] === "string")
      words.set(path[1], one["metadata"]);
  }
  return words;
}

const isAutomatic = ({ keys, replicationKey }: Stream, name: string) => keys.includes(name) || name === replicationKey;
const selectedByDefault = (property: JsonObject) => property["x-selected-by-default"] !== false;

function propertiesOf({ schema }: Stream): Record<string, JsonObject> {
  return isObject(schema["properties"]) ? (schema["properties"] as Record<string, JsonObject>) : {};
}
