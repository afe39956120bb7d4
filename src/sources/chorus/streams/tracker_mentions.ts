import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per time that a tracker was heard. */
export default defineStream({
  kind: "call",
  name: "tracker_mentions",
  parent: "calls",
  keys: ["call_id", "tracker_id", "mention_index"],
  replaces: ["call_id"],
  rows: (call): JsonObject[] =>
    call.trackers.flatMap((tracker) =>
      tracker.mentions.map((mention, index) => ({
        call_id: call.id,
        tracker_id: tracker.trackerId,
        mention_index: index,
        call_started_at: call.startedAt,
        tracker_name: tracker.name,
        offset_seconds: mention.offsetSeconds,
        utterance_index: mention.utteranceIndex,
      })),
    ),
});
