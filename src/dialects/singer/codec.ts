import { EltError } from "../../core/errors.ts";
import { isObject, mayRound, parseExact, printJson, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { BatchMessage, Message, RecordMessage, SchemaMessage } from "../../core/message.ts";
import { parseMicros } from "../../core/value.ts";

/**
 * Singer's lines, as https://github.com/singer-io/getting-started/blob/master/docs/SPEC.md gives them. What Singer has
 * no word for rides along where other programs look past it: `x-replaces` and `x-newest-by` in the schema, `clears`
 * beside the record. BATCH is the Meltano SDK's: https://sdk.meltano.com/en/latest/batch.html
 */

/** The line for a message, or undefined: Singer has no line for a log or a failure, they go to stderr. */
export function encode(message: Message): string | undefined {
  switch (message.type) {
    case "schema":
      return printJson({
        type: "SCHEMA",
        stream: message.stream,
        schema: {
          ...message.schema,
          ...(message.replaces === undefined ? {} : { "x-replaces": [...message.replaces] }),
          ...(message.newestBy === undefined ? {} : { "x-newest-by": message.newestBy }),
        },
        key_properties: [...message.keys],
        ...(message.bookmarks === undefined ? {} : { bookmark_properties: [...message.bookmarks] }),
      });
    case "record":
      return printJson({
        type: "RECORD",
        stream: message.stream,
        record: message.record,
        ...(message.version === undefined ? {} : { version: message.version }),
        ...(message.extractedAt === undefined ? {} : { time_extracted: new Date(message.extractedAt).toISOString() }),
        ...(message.clears === undefined ? {} : { clears: [...message.clears] }),
      });
    case "state":
      return printJson({ type: "STATE", value: message.state });
    case "activate-version":
      return printJson({ type: "ACTIVATE_VERSION", stream: message.stream, version: message.version });
    case "log":
    case "failure":
      return undefined;
  }
}

/** The line that a target prints for a state: the bare value. */
export function encodeState(state: JsonObject): string {
  return printJson(state);
}

/**
 * The message in a line. `line` is its number, for errors. Throws LINE_NOT_JSON, MESSAGE_UNKNOWN or MESSAGE_INVALID;
 * none of them repeats the line.
 */
export function decode(text: string, line: number): Message | BatchMessage {
  const value = parse(text);
  if (value === undefined) throw new EltError("LINE_NOT_JSON", `line ${line} is not JSON (${size(text)})`);
  if (!isObject(value)) throw new EltError("MESSAGE_INVALID", `line ${line} is JSON but not an object`);
  return message(value, line);
}

/** The record of a line in a file of a batch, and the RECORD line that would have said the same. */
export interface Batched {
  readonly message: RecordMessage;
  readonly text: string;
}

/**
 * What a line in a file of a batch stands for: these lines hold the bare record. `place` names the line, for errors.
 * Throws BATCH_FILE_UNREADABLE; it does not repeat the line.
 */
export function decodeBatched(text: string, batch: BatchMessage, place: () => string): Batched {
  const record = parse(text);
  if (!isObject(record)) {
    const fault = record === undefined ? `is not JSON (${size(text)})` : "is JSON but not an object";
    throw new EltError("BATCH_FILE_UNREADABLE", `${place()} ${fault}`, { stream: batch.stream });
  }
  const { stream, version } = batch;
  return {
    message: { type: "record", stream, record, ...(version === undefined ? {} : { version }) },
    text: `{"type":"RECORD","stream":${JSON.stringify(stream)},"record":${text}}`,
  };
}

/** The value of a text with all its digits, or undefined when it is not JSON. */
function parse(text: string): JsonValue | undefined {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return undefined; // the error would repeat parts of the text
  }
  return mayRound(text) ? parseExact(text) : value;
}

const size = (text: string) => `${text.length.toLocaleString("en")} characters`;

function message(value: JsonObject, line: number): Message | BatchMessage {
  const type = value["type"];
  if (type === "RECORD") return recordMessage(value, line);
  switch (typeof type === "string" ? type.toUpperCase() : undefined) {
    case "RECORD":
      return recordMessage(value, line);
    case "SCHEMA":
      return schemaMessage(value, line);
    case "STATE":
      return { type: "state", state: objectIn(value, "value", line) };
    case "ACTIVATE_VERSION":
      return {
        type: "activate-version",
        stream: textIn(value, "stream", line),
        version: numberIn(value, "version", line),
      };
    case "BATCH":
      return batchMessage(value, line);
    case undefined:
      throw new EltError("MESSAGE_INVALID", `line ${line} has no "type"`);
    default:
      throw new EltError(
        "MESSAGE_UNKNOWN",
        `line ${line} is a message of the unknown type ${JSON.stringify(short(type))}`,
      );
  }
}

function recordMessage(value: JsonObject, line: number): RecordMessage {
  const { stream, record, time_extracted: extracted, version, clears } = value;
  if (typeof stream !== "string") throw missing("stream", "a text", line);
  if (!isObject(record)) throw missing("record", "an object", line);
  const micros = typeof extracted === "string" ? parseMicros(extracted) : NaN;
  const message: { -readonly [Key in keyof RecordMessage]: RecordMessage[Key] } = { type: "record", stream, record };
  if (!Number.isNaN(micros)) message.extractedAt = micros / 1_000;
  if (typeof version === "number") message.version = version;
  if (Array.isArray(clears)) message.clears = texts(clears);
  return message;
}

function schemaMessage(value: JsonObject, line: number): SchemaMessage {
  const schema = objectIn(value, "schema", line);
  const keys = value["key_properties"];
  if (!Array.isArray(keys)) throw missing("key_properties", "a list, [] for a stream without a key", line);
  const bookmarks = value["bookmark_properties"];
  const replaces = schema["x-replaces"];
  const newestBy = schema["x-newest-by"];
  return {
    type: "schema",
    stream: textIn(value, "stream", line),
    schema,
    keys: texts(keys),
    ...(Array.isArray(bookmarks) ? { bookmarks: texts(bookmarks) } : {}),
    ...(Array.isArray(replaces) ? { replaces: texts(replaces) } : {}),
    ...(typeof newestBy === "string" ? { newestBy } : {}),
  };
}

function batchMessage(value: JsonObject, line: number): BatchMessage {
  const { manifest, version } = value;
  const encoding = objectIn(value, "encoding", line);
  const compression = encoding["compression"] ?? "none"; // the SDK leaves it out, or says null
  if (typeof compression !== "string") throw missing("compression", "a text", line);
  if (!Array.isArray(manifest) || manifest.some((file) => typeof file !== "string")) {
    throw missing("manifest", "a list of files", line);
  }
  return {
    type: "batch",
    stream: textIn(value, "stream", line),
    format: textIn(encoding, "format", line),
    compression,
    manifest: texts(manifest),
    ...(typeof version === "number" ? { version } : {}),
  };
}

const texts = (values: readonly JsonValue[]) => values.filter((one) => typeof one === "string");

function textIn(value: JsonObject, name: string, line: number): string {
  const found = value[name];
  if (typeof found === "string" && found !== "") return found;
  throw missing(name, "a text", line);
}

function numberIn(value: JsonObject, name: string, line: number): number {
  const found = value[name];
  if (typeof found === "number") return found;
  throw missing(name, "a number", line);
}

function objectIn(value: JsonObject, name: string, line: number): JsonObject {
  const found = value[name];
  if (isObject(found)) return found;
  throw missing(name, "an object", line);
}

function missing(name: string, form: string, line: number): EltError {
  return new EltError("MESSAGE_INVALID", `line ${line}: "${name}" must be ${form}`);
}

const short = (value: unknown) => String(value).slice(0, 40);
