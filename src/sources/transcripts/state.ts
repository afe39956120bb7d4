import { EltError } from "../../core/errors.ts";
import { isObject, type JsonObject } from "../../core/json.ts";
import type { State } from "../../core/message.ts";

const VERSION = 1;

/** What is known of a file that was read. */
export interface SeenFile {
  /** Ten characters for its content. */
  readonly hash: string;
  readonly bytes: number;
  /** When it was changed, milliseconds since 1970; with `bytes` it tells a file that need not be read again. */
  readonly changedMs: number;
  /** Ten characters for all else that its rows come from: its row of the mapping, and settings. */
  readonly about: string;
  readonly meetingId: string;
}

/** The files of a state, by path. Throws STATE_VERSION or STATE_UNREADABLE. */
export function seenFiles({ version, files, ...rest }: State): Map<string, SeenFile> {
  if (version !== undefined && version !== VERSION) {
    throw new EltError("STATE_VERSION", `the state is of another version; this program writes ${VERSION}`);
  }
  if (files === undefined && Object.keys(rest).length === 0) return new Map();
  if (!isObject(files))
    throw new EltError("STATE_UNREADABLE", "the state is not of tap-transcripts: it has no `files`");
  return new Map(Object.entries(files).map(([path, file]) => [path, readFile(path, file)]));
}

export function stateOf(seen: ReadonlyMap<string, SeenFile>): State {
  const files = [...seen].map(([path, file]): [string, JsonObject] => [path, { ...file }]);
  return { version: VERSION, files: Object.fromEntries(files) };
}

function readFile(path: string, file: unknown): SeenFile {
  const { hash, bytes, changedMs, about, meetingId } = isObject(file) ? file : {};
  if (
    typeof hash === "string" &&
    typeof bytes === "number" &&
    typeof changedMs === "number" &&
    typeof about === "string" &&
    typeof meetingId === "string"
  ) {
    return { hash, bytes, changedMs, about, meetingId };
  }
  throw new EltError("STATE_UNREADABLE", `the state of the file ${path} is not understood`);
}
