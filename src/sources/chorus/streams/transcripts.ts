import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";
import { wordCount } from "../engagement.ts";
import { label } from "../values.ts";

/** One row per call: whether its transcript is there, and its whole text once it is. */
export default defineStream({
  kind: "call",
  name: "transcripts",
  parent: "calls",
  keys: ["call_id"],
  replaces: ["call_id"],
  kept: ["status", "transcript_hash"], // tap-semarize finds out by them what is not evaluated yet
  transcript: "asks",
  rows(call, transcript): JsonObject[] {
    if (transcript === undefined) return [];
    const { utterances } = transcript;
    const lines = utterances.map(({ speaker, text }) => (label(speaker) === null ? text : `${speaker}: ${text}`));
    return [
      {
        call_id: call.id,
        call_started_at: call.startedAt,
        status: transcript.status,
        language: transcript.language ?? call.language,
        utterance_count: utterances.length,
        word_count: utterances.reduce((sum, { text }) => sum + wordCount(text), 0),
        full_text: utterances.length === 0 ? null : lines.join("\n"),
        transcript_hash: transcript.hash,
        updated_at: transcript.updatedAt,
      },
    ];
  },
});
