import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per CRM object (account, opportunity) that a call belongs to. */
export default defineStream({
  kind: "call",
  name: "crm_associations",
  parent: "calls",
  keys: ["call_id", "crm_object"],
  replaces: ["call_id"],
  rows(call): JsonObject[] {
    const { crm } = call;
    if (crm === null) return [];
    const objects = [
      { crm_object: "account", crm_id: crm.accountId, name: crm.accountName },
      { crm_object: "opportunity", crm_id: crm.opportunityId, name: crm.opportunityName },
    ];
    return objects
      .filter(({ crm_id, name }) => crm_id !== null || name !== null)
      .map((object) => ({
        call_id: call.id,
        call_started_at: call.startedAt,
        ...object,
        system: crm.system,
        match_reason: crm.matchReason,
      }));
  },
});
