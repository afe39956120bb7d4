import { EltError } from "../../core/errors.ts";
import { isObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Selection, Stream } from "../../core/stream.ts";

/** The cursor of every stream: when the tap read the row. The row of a key that was read last is the one that counts. */
export const READ_AT = "_read_at";

export type SyncMode = "full_refresh" | "incremental";

/** How streams can be read. */
export const BOTH_MODES: readonly SyncMode[] = ["full_refresh", "incremental"];

/** The catalog that `discover` prints. Needs no network, so that it is the same each time. */
export function catalogOf(streams: readonly Stream[], modes: readonly SyncMode[]): JsonObject {
  return {
    streams: streams.map((stream) => ({
      name: stream.name,
      json_schema: schemaOf(stream),
      supported_sync_modes: [...modes],
      source_defined_cursor: true,
      default_cursor_field: [READ_AT],
      source_defined_primary_key: stream.keys.map((key) => [key]),
      is_resumable: true,
    })),
  };
}

function schemaOf({ schema, replaces, newestBy }: Stream): JsonObject {
  const properties: JsonObject = {};
  for (const [name, property] of Object.entries(propertiesOf(schema))) properties[name] = withAirbyteType(property);
  properties[READ_AT] = withAirbyteType({
    type: "string",
    format: "date-time",
    description: "When the tap read this row. ISO-8601 UTC with milliseconds.",
  });
  return {
    ...schema,
    properties,
    additionalProperties: true,
    ...(replaces === undefined ? {} : { "x-replaces": [...replaces] }),
    "x-newest-by": newestBy ?? "",
  };
}

/** A time needs saying that it has an offset; all other types are what JSON schema says. */
function withAirbyteType(property: JsonObject): JsonObject {
  return property["format"] === "date-time" ? { ...property, airbyte_type: "timestamp_with_timezone" } : property;
}

/** A stream that is to be read, and how. */
export interface ConfiguredStream {
  readonly selection: Selection;
  readonly mode: SyncMode;
}

/**
 * What a configured catalog asks a source for. A property that its schema does not name was deselected; keys are always
 * read. Throws CATALOG_INVALID.
 */
export function configuredStreams(
  catalog: JsonValue,
  streams: readonly Stream[],
  modes: readonly SyncMode[],
): ConfiguredStream[] {
  return entriesOf(catalog).map(({ name, json_schema: schema, entry }) => {
    const stream = streams.find((one) => one.name === name);
    if (stream === undefined) throw invalid(`there is no stream "${name}"; refresh the source's schema`);
    const mode = modes.find((one) => one === entry["sync_mode"]);
    if (mode === undefined) throw invalid(`the sync_mode of stream "${name}" must be ${modes.join(" or ")}`);
    const listed = Object.keys(propertiesOf(schema));
    const fields = Object.keys(propertiesOf(stream.schema)).filter(
      (field) => listed.length === 0 || listed.includes(field) || stream.keys.includes(field),
    );
    return { selection: { stream, fields: new Set(fields) }, mode };
  });
}

/** An entry of a configured catalog, checked as far as both sides need it. */
export interface CatalogEntry {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly json_schema: JsonObject;
  readonly entry: JsonObject;
}

/** The entries of a configured catalog. Throws CATALOG_INVALID. */
export function entriesOf(catalog: JsonValue): CatalogEntry[] {
  const entries = isObject(catalog) ? catalog["streams"] : undefined;
  if (!Array.isArray(entries)) throw invalid('it has no list "streams"');
  return entries.map((entry, index) => {
    const stream = isObject(entry) ? entry["stream"] : undefined;
    if (!isObject(entry) || !isObject(stream)) throw invalid(`entry ${index + 1} has no "stream"`);
    const { name, namespace, json_schema: schema } = stream;
    if (typeof name !== "string" || name === "") throw invalid(`entry ${index + 1} has no name`);
    if (!isObject(schema)) throw invalid(`stream "${name}" has no json_schema`);
    return { name, namespace: typeof namespace === "string" ? namespace : undefined, json_schema: schema, entry };
  });
}

export function invalid(what: string): EltError {
  return new EltError("CATALOG_INVALID", `the configured catalog cannot be used: ${what}`);
}

function propertiesOf(schema: JsonObject): Record<string, JsonObject> {
  return isObject(schema["properties"]) ? (schema["properties"] as Record<string, JsonObject>) : {};
}
