import { defineStream } from "../define.ts";

/** One row per meeting: whether anything was said, and the whole text. */
export default defineStream({
  name: "meeting_transcripts",
  parent: "meetings",
  keys: ["meeting_id"],
  kept: ["status", "transcript_hash"], // tap-semarize finds out by them what is not evaluated yet
  rows({ id, platform, startedAt, utterances, transcriptHash }) {
    const lines = utterances.map(({ speaker, text }) => (speaker === null ? text : `${speaker}: ${text}`));
    return [
      {
        meeting_id: id,
        platform,
        meeting_started_at: startedAt,
        status: utterances.length === 0 ? "none" : "ready",
        utterance_count: utterances.length,
        word_count: utterances.reduce((sum, { wordCount }) => sum + wordCount, 0),
        full_text: utterances.length === 0 ? null : lines.join("\n"),
        transcript_hash: transcriptHash,
      },
    ];
  },
});
