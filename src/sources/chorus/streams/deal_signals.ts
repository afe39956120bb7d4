import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";
import { asText } from "../flavours/tags.ts";
import { number } from "../values.ts";

/** One row per signal that the API gives about the deal of a call. */
export default defineStream({
  kind: "call",
  name: "deal_signals",
  parent: "calls",
  keys: ["call_id", "signal"],
  replaces: ["call_id"],
  rows(call): JsonObject[] {
    const signals = new Map(call.deal?.signals.map(({ name, value }) => [name, value]));
    return [...signals].map(([signal, value]) => ({
      call_id: call.id,
      signal,
      call_started_at: call.startedAt,
      deal_id: call.deal?.id ?? null,
      value: asText(value),
      value_number: typeof value === "boolean" ? null : number(value),
    }));
  },
});
