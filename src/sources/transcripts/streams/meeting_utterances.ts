import { defineStream } from "../define.ts";

/** One row per spoken turn. Cues that one person speaks without a pause are one turn. */
export default defineStream({
  name: "meeting_utterances",
  parent: "meetings",
  keys: ["meeting_id", "utterance_index"],
  replaces: ["meeting_id"], // a corrected file takes all old turns away
  rows: ({ id, startedAt, utterances }) =>
    utterances.map((turn, index) => ({
      meeting_id: id,
      utterance_index: index,
      meeting_started_at: startedAt,
      speaker: turn.speaker,
      role: turn.role,
      start_seconds: turn.startSeconds,
      duration_seconds: turn.durationSeconds,
      word_count: turn.wordCount,
      text: turn.text,
    })),
});
