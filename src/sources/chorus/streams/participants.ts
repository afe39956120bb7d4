import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per person invited to or heard in a call. */
export default defineStream({
  kind: "call",
  name: "participants",
  parent: "calls",
  keys: ["call_id", "participant_id"],
  replaces: ["call_id"],
  rows: (call): JsonObject[] =>
    call.participants.map((person) => ({
      call_id: call.id,
      participant_id: person.participantId,
      call_started_at: call.startedAt,
      person_id: person.personId,
      user_id: person.userId,
      name: person.name,
      email: person.email,
      company: person.company,
      title: person.title,
      role: person.role,
    })),
});
