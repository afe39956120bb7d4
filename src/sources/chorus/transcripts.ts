import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import {
  type Call,
  type Participant,
  type Role,
  type Transcript,
  type TranscriptStatus,
  type Utterance,
} from "./call.ts";
import { role } from "./flavours/calls.ts";
import { hashJson } from "./hash.ts";
import { type ReadTime, isoOrNull } from "./time.ts";
import { amount, first, id, integer, label, number, object, text, word } from "./values.ts";

/** What became of a transcript that has no words (yet). */
export function emptyTranscript(
  status: TranscriptStatus,
  { promised = false, retryAfterMs }: { promised?: boolean; retryAfterMs?: number | undefined } = {},
): Transcript {
  const rest = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { status, promised, language: null, updatedAt: null, utterances: [], hash: null, ...rest };
}

const UNFINISHED = new Set(["processing", "pending", "partial", "in_progress", "queued"]);

/** Calls of which no transcript is to be expected, whatever is asked. */
export function neverSpoken(call: Call): boolean {
  return call.status === "no_show" || call.callType === "unrecorded_meeting";
}

/** A transcript as the API answered it. An empty one is pending unless the API says that this is all there is. */
export function readTranscript(json: JsonValue | undefined, call: Call, time: ReadTime): Transcript {
  const outer = object(json);
  const listed = Array.isArray(json) ? json : first(outer, "utterances", "transcript", "segments");
  const nested = isObject(listed) ? first(listed, "utterances", "segments") : listed;
  const utterances = readUtterances(Array.isArray(nested) ? nested.filter(isObject) : [], call, time);
  const said = word(outer["status"]);
  const unfinished = said !== null && UNFINISHED.has(said);
  const finished = said === "ready" || utterances.length > 0;
  const soon = call.status === "scheduled" || call.status === "live" || call.status === "processing";
  const empty = finished && !soon ? "ready" : "pending";
  return {
    status: utterances.length === 0 ? (unfinished ? "pending" : empty) : unfinished ? "partial" : "ready",
    promised: unfinished || soon,
    language: label(outer["language"]),
    updatedAt: isoOrNull(time(outer["updated_at"])),
    utterances,
    hash: utterances.length === 0 ? null : hashJson(utterances as unknown as JsonValue),
  };
}

function readUtterances(rows: readonly JsonObject[], call: Call, time: ReadTime): Utterance[] {
  const speakers = speakerIndex(call.participants);
  const origin = call.startedMs ?? rows.map((row) => absolute(row, time)).find((ms) => ms !== null) ?? null;
  const given = rows.map((row) => integer(row["index"]));
  const usable = new Set(given).size === given.length && given.every((index) => index !== null && index >= 0);
  return rows.map((row, position) => {
    const speaker = text(first(row, "speaker", "speaker_name")); // as it came, also when it is blank
    const speakerId = id(row["speaker_id"]);
    const email = label(row["email"]);
    const who = [speakerId, email, speaker]
      .map((name) => (name === null ? undefined : speakers.get(name.trim().toLowerCase())))
      .find(Boolean);
    const said = role(row["speaker_type"]);
    return {
      index: usable ? (given[position] ?? position) : position,
      speaker,
      speakerId,
      participantId: who?.participantId ?? null,
      role: said === "unknown" ? (who?.role ?? ("unknown" satisfies Role)) : said,
      email: email ?? who?.email ?? null,
      startSeconds: startSeconds(row, origin, time),
      durationSeconds: amount(first(row, "duration", "snippet_length")),
      text: text(first(row, "text", "snippet")) ?? "",
    };
  });
}

/** Participants by everything a turn may name them by; a name that two of them share says nothing. */
function speakerIndex(participants: readonly Participant[]): Map<string, Participant | undefined> {
  const index = new Map<string, Participant | undefined>();
  for (const person of participants) {
    for (const name of new Set([
      person.personId,
      person.userId,
      person.email?.trim().toLowerCase(),
      person.name?.trim().toLowerCase(),
    ])) {
      if (name !== null && name !== undefined) index.set(name, index.has(name) ? undefined : person);
    }
  }
  return index;
}

/** Seconds from the call's start, from a number, `HH:MM:SS.mmm`, or a point in time. */
function startSeconds(row: JsonObject, origin: number | null, time: ReadTime): number | null {
  const stamp = first(row, "timestamp", "start", "snippet_time", "date_time");
  const seconds = number(stamp);
  if (seconds !== null && Math.abs(seconds) < 1e9) return seconds;
  const clock = typeof stamp === "string" ? /^(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)$/.exec(stamp.trim()) : null;
  if (clock !== null) {
    const [hours = 0, minutes = 0] = [clock[1], clock[2]].map((part) => Number(part ?? 0));
    return round(hours * 3600 + minutes * 60 + Number(clock[3]?.replace(",", ".")));
  }
  const at = absolute(row, time);
  return at === null || origin === null ? null : round((at - origin) / 1000);
}

function absolute(row: JsonObject, time: ReadTime): number | null {
  const stamp = first(row, "timestamp", "start", "snippet_time", "date_time");
  const seconds = number(stamp);
  return seconds !== null && Math.abs(seconds) < 1e9 ? null : time(stamp);
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
