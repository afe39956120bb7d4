import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";
import { wordCount } from "../engagement.ts";

/** One row per spoken turn. Turns have no lasting id: a turn is its call and its place in it. */
export default defineStream({
  kind: "call",
  name: "utterances",
  parent: "calls",
  keys: ["call_id", "utterance_index"],
  replaces: ["call_id"], // a transcript is one set: a shorter new version takes the old turns away
  transcript: "asks",
  rows: (call, transcript): JsonObject[] =>
    (transcript?.utterances ?? []).map((turn) => ({
      call_id: call.id,
      utterance_index: turn.index,
      call_started_at: call.startedAt,
      speaker: turn.speaker,
      speaker_id: turn.speakerId,
      participant_id: turn.participantId,
      role: turn.role,
      email: turn.email,
      start_seconds: turn.startSeconds,
      duration_seconds: turn.durationSeconds,
      word_count: wordCount(turn.text),
      text: turn.text,
    })),
});
