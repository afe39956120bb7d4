import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per recording of a call. Links to media are short-lived: they serve a download soon, never as a key. */
export default defineStream({
  kind: "call",
  name: "recordings",
  parent: "calls",
  keys: ["call_id", "recording_index"],
  replaces: ["call_id"],
  rows: (call): JsonObject[] =>
    call.recordings.map((recording, index) => ({
      call_id: call.id,
      recording_index: index,
      call_started_at: call.startedAt,
      available: recording.available,
      media_url: recording.url,
      media_url_expires_at: recording.expiresAt,
      media_type: recording.mediaType,
      audio_only: recording.audioOnly,
      page_url: call.url,
    })),
});
