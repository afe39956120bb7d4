import { EltError } from "../../core/errors.ts";
import { isObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { State } from "../../core/message.ts";
import type { StreamStates } from "../../core/stream-states.ts";

/**
 * The `stream_state` of one stream. States of streams are committed one by one, so each says when it was said: of two,
 * that with the higher `checkpoint` is the later one.
 */
export interface StreamState {
  readonly checkpoint: number;
  /** The full refresh that said it had not come to its end: another read in that mode goes on from here. */
  readonly refreshing: boolean;
  readonly state: State;
}

export function printStreamState({ checkpoint, refreshing, state }: StreamState): JsonObject {
  return { checkpoint, ...(refreshing ? { refreshing } : {}), state };
}

/** The states of a `--state` file, a list of STREAM state messages, by stream. Throws STATE_UNREADABLE. */
export function streamStatesOf(json: JsonValue): Map<string, StreamState> {
  if (isObject(json) && Object.keys(json).length === 0) return new Map();
  if (!Array.isArray(json)) {
    throw unreadable("it is not a list of states; `chorus-elt state convert` makes one of a Singer state");
  }
  const found = new Map<string, StreamState>();
  for (const [index, one] of json.entries()) {
    const message = isObject(one) && isObject(one["state"]) ? one["state"] : one;
    const stream = isObject(message) && message["type"] === "STREAM" ? message["stream"] : undefined;
    const descriptor = isObject(stream) ? stream["stream_descriptor"] : undefined;
    const name = isObject(descriptor) ? descriptor["name"] : undefined;
    if (!isObject(stream) || typeof name !== "string")
      throw unreadable(`entry ${index + 1} is not a state of a stream`);
    const blob = stream["stream_state"];
    if (isObject(blob) && Object.keys(blob).length > 0) found.set(name, streamState(name, blob));
  }
  return found;
}

function streamState(name: string, { checkpoint, refreshing, state }: JsonObject): StreamState {
  if (typeof checkpoint !== "number" || !isObject(state)) {
    throw unreadable(`the stream_state of "${name}" was not written by this source`);
  }
  return { checkpoint, refreshing: refreshing === true, state };
}

/** The state that goes on from those of single streams; a stream without one begins anew. */
export function joined(
  states: ReadonlyMap<string, StreamState>,
  streams: readonly string[],
  divided: StreamStates,
): State {
  const parts = streams.flatMap((stream) => {
    const known = states.get(stream);
    return known === undefined ? [] : [{ stream, ...known }];
  });
  parts.sort((a, b) => a.checkpoint - b.checkpoint);
  return parts.length === 0 ? {} : divided.join(parts, streams);
}

function unreadable(what: string): EltError {
  return new EltError("STATE_UNREADABLE", `the states cannot be used: ${what}`);
}
