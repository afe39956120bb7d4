import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import type { RecordMessage, State } from "../../core/message.ts";
import type { SourceMessage } from "../../core/source.ts";
import { hashJson, shorten } from "../chorus/hash.ts";
import type { ReadTime } from "../chorus/time.ts";
import type { Config } from "./config.ts";
import type { TranscriptsStream } from "./define.ts";
import type { MappingRow } from "./mapping.ts";
import { meetingOf, type Meeting } from "./meeting.ts";
import { seenFiles, stateOf, type SeenFile } from "./state.ts";
import { parseVtt, VttError, type Vtt } from "./vtt.ts";

/** What there is to read, looked up before the first line is said. */
export interface Work {
  readonly config: Config;
  /** From the folder, with `/`, in order. */
  readonly files: readonly string[];
  readonly rowOf: ReadonlyMap<string, MappingRow>;
  readonly time: ReadTime;
}

/** Raised when the same file gives other rows than before. */
const ROWS_VERSION = 1;
const FILES_PER_STATE = 50;

/**
 * One file after the other: a changed one gives all its rows, an unchanged one nothing. A file that cannot be read is a
 * failure, stays out of the state, and so is tried again by the next run; the others go on.
 */
export async function* readTranscripts(
  { config, files, rowOf, time }: Work,
  streams: readonly TranscriptsStream[],
  state: State,
  env: Env,
): AsyncGenerator<SourceMessage, void, undefined> {
  const before = seenFiles(state);
  // Files that have gone are forgotten; their rows stay.
  const there = new Set(files);
  const seen = new Map([...before].filter(([path]) => there.has(path)));
  const perState = Math.max(FILES_PER_STATE, Math.ceil(files.length / 20)); // a state names every file
  const tally = { read: 0, unchanged: 0, failed: 0 };
  const gone = before.size - seen.size;
  let sinceState = 0;
  let said = false;
  for (const path of files) {
    if (env.signal.aborted) break;
    const row = rowOf.get(path);
    const known = seen.get(path);
    try {
      const outcome = await look(path, { config, row, time }, known);
      if (outcome === undefined) {
        tally.unchanged++;
        continue;
      }
      const { file, content } = outcome;
      if (content === undefined) tally.unchanged++;
      else {
        warnOf(path, content.vtt, env);
        const { meeting } = content;
        if (known !== undefined && known.meetingId !== meeting.id) {
          env.log.warn(`${path} was meeting ${known.meetingId} and is ${meeting.id} now; the rows of the old one stay`);
        }
        yield* records(meeting, streams, env.clock.now());
        env.log.progress("meetings", ++tally.read, undefined);
      }
      seen.set(path, file);
      if (++sinceState < perState) continue;
      sinceState = 0;
      said = true;
      yield { type: "state", state: stateOf(seen) };
    } catch (error) {
      if (!(error instanceof EltError)) throw error;
      tally.failed++;
      yield { type: "failure", stream: streams[0]?.name ?? "meetings", error };
    }
  }
  env.log.info(`${tally.read} transcripts read, ${tally.unchanged} unchanged, ${tally.failed} failed, ${gone} gone`);
  if (sinceState > 0 || !said) yield { type: "state", state: stateOf(seen) };
}

/**
 * Undefined for a file that nothing has happened to; without `content` when only its date is another. Throws
 * MEETING_FILE_INVALID.
 */
async function look(
  path: string,
  { config, row, time }: Pick<Work, "config" | "time"> & { readonly row: MappingRow | undefined },
  known: SeenFile | undefined,
): Promise<{ file: SeenFile; content?: { vtt: Vtt; meeting: Meeting } } | undefined> {
  const whole = join(config.path, path);
  const { size: bytes, mtimeMs } = await stat(whole).catch(unreadable(path));
  const changedMs = Math.trunc(mtimeMs);
  const about = aboutOf(config, row);
  const isSame = known?.about === about;
  if (isSame && known.bytes === bytes && known.changedMs === changedMs) return undefined;
  if (bytes > config.max_file_bytes) {
    throw invalid(path, `it has ${bytes.toLocaleString("en")} bytes, more than \`max_file_bytes\` allows`);
  }
  const content = await readFile(whole).catch(unreadable(path));
  const contentHash = createHash("sha256").update(content).digest("hex");
  const hash = shorten(contentHash);
  const stamp = { hash, bytes, changedMs, about };
  if (isSame && known.hash === hash) return { file: { ...stamp, meetingId: known.meetingId } };
  const vtt = parse(path, content);
  const meeting = meetingOf(vtt.cues, { path, contentHash, row, config, time });
  return { file: { ...stamp, meetingId: meeting.id }, content: { vtt, meeting } };
}

/** Stands for all that a meeting's rows come from beside its file. */
function aboutOf({ account_timezone, rep_domains, reps }: Config, row: MappingRow | undefined): string {
  // Where a row stands in the mapping says nothing about the meeting.
  const all = { ROWS_VERSION, account_timezone, rep_domains, reps, ...row, place: "" };
  return shorten(hashJson(all as unknown as JsonValue));
}

function parse(path: string, content: Buffer): Vtt {
  try {
    return parseVtt(textOf(content));
  } catch (error) {
    if (error instanceof VttError) throw invalid(path, error.message);
    if (error instanceof TypeError) throw invalid(path, "it is not UTF-8 text");
    throw error;
  }
}

/** UTF-8, as the standard asks, or the UTF-16 that Windows programs save, which begins with a mark. */
function textOf(content: Buffer): string {
  const [first, second] = content;
  const isUtf16 = first === 0xff && second === 0xfe;
  return new TextDecoder(isUtf16 ? "utf-16le" : "utf-8", { fatal: true }).decode(content);
}

function warnOf(path: string, { untimed }: Vtt, { log }: Env): void {
  const [first] = untimed;
  if (first === undefined) return;
  log.warn(`${path}: ${untimed.length} blocks of text without times were left out, the first at line ${first}`);
}

/** The meeting clears the sets of its children, then they follow. */
function* records(
  meeting: Meeting,
  streams: readonly TranscriptsStream[],
  extractedAt: number,
): Generator<RecordMessage> {
  const clears = streams.filter(({ replaces }) => replaces !== undefined).map(({ name }) => name);
  for (const stream of streams) {
    for (const record of stream.rows(meeting)) {
      const message = { type: "record", stream: stream.name, record, extractedAt } as const;
      yield stream.parent === undefined && clears.length > 0 ? { ...message, clears } : message;
    }
  }
}

const invalid = (path: string, what: string, cause?: unknown) =>
  new EltError("MEETING_FILE_INVALID", `${path}: ${what}`, { cause });

const unreadable = (path: string) => (cause: unknown) => {
  throw invalid(path, "it cannot be read", cause);
};
