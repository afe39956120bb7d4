import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per tracker (a watched word or topic) that was found in a call. */
export default defineStream({
  kind: "call",
  name: "trackers",
  parent: "calls",
  keys: ["call_id", "tracker_id"],
  replaces: ["call_id"],
  rows: (call): JsonObject[] =>
    call.trackers.map((tracker) => ({
      call_id: call.id,
      tracker_id: tracker.trackerId,
      call_started_at: call.startedAt,
      name: tracker.name,
      type: tracker.type,
      source: tracker.source,
      mention_count: tracker.count,
    })),
});
