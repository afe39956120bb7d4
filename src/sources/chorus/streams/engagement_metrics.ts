import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";
import { WHOLE_CALL, derivedMetrics } from "../engagement.ts";

/** One row per measure of a call or of one participant in it: the API's own, and what the transcript shows. */
export default defineStream({
  kind: "call",
  name: "engagement_metrics",
  parent: "calls",
  keys: ["call_id", "metric", "participant_id"],
  replaces: ["call_id"],
  transcript: "uses",
  rows(call, transcript): JsonObject[] {
    const rows = new Map<string, JsonObject>();
    const add = (metric: string, participantId: string, value: number | null, unit: string | null, origin: string) =>
      rows.set(`${metric}\n${participantId}`, {
        call_id: call.id,
        metric,
        participant_id: participantId,
        call_started_at: call.startedAt,
        value,
        unit,
        origin,
      });
    for (const { metric, participantId, value, unit } of transcript === undefined
      ? []
      : derivedMetrics(call, transcript)) {
      add(metric, participantId, value, unit, "derived");
    }
    for (const { name, participantId, value, unit } of call.metrics) {
      add(name, participantId ?? WHOLE_CALL, value, unit, "api"); // the API's own figure wins over ours
    }
    return [...rows.values()];
  },
});
