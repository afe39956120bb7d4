import type { JsonObject } from "../../core/json.ts";
import type { Stream } from "../../core/stream.ts";
import type { Meeting } from "./meeting.ts";

/** A stream of the tap: its rows of one meeting, a pure mapping. Its schema is `schemas/<name>.json`. */
export interface TranscriptsStream extends Omit<Stream, "schema"> {
  rows(meeting: Meeting): readonly JsonObject[];
}

/** For the types; a stream is plain data. */
export function defineStream(stream: TranscriptsStream): TranscriptsStream {
  return stream;
}
