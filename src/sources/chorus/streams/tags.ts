import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per tag of a call; named tags have a value. */
export default defineStream({
  kind: "call",
  name: "tags",
  parent: "calls",
  keys: ["call_id", "tag"],
  replaces: ["call_id"],
  rows: (call): JsonObject[] =>
    call.tags.map(({ tag, value }) => ({ call_id: call.id, tag, call_started_at: call.startedAt, value })),
});
