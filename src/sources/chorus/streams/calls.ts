import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per call, as it was last seen. The deal is a snapshot at that time, not a table of the CRM. */
export default defineStream({
  kind: "call",
  name: "calls",
  keys: ["call_id"],
  newestBy: "", // the last one counts: the tap itself settles which copy in a list is newer, and a deletion has no date of change
  replicationKey: "started_at",
  kept: ["content_hash", "_deleted_at"],
  rows(call): JsonObject[] {
    const { owner, deal } = call;
    return [
      {
        call_id: call.id,
        title: call.title,
        started_at: call.startedAt,
        scheduled_start_at: call.scheduledStart,
        scheduled_end_at: call.scheduledEnd,
        duration_seconds: call.durationSeconds,
        call_type: call.callType,
        direction: call.direction,
        status: call.status,
        language: call.language,
        url: call.url,
        owner_user_id: owner.userId,
        owner_name: owner.name,
        owner_email: owner.email,
        owner_team_id: owner.teamId,
        participant_count: call.participants.length,
        deal_id: deal?.id ?? null,
        deal_name: deal?.name ?? null,
        deal_stage: deal?.stage ?? null,
        deal_initial_stage: deal?.initialStage ?? null,
        deal_amount: deal?.amount ?? null,
        deal_initial_amount: deal?.initialAmount ?? null,
        deal_currency: deal?.currency ?? null,
        deal_close_date: deal?.closeDate ?? null,
        deal_on_stage_since: deal?.onStageSince ?? null,
        deal_stage_advancement: deal?.stageAdvancement ?? null,
        deal_engaged: deal?.engaged ?? null,
        deal_follow_up: deal?.followUp ?? null,
        crm_account_id: call.crm?.accountId ?? null,
        crm_opportunity_id: call.crm?.opportunityId ?? null,
        summary: call.summary,
        action_items: call.actionItems === null ? null : [...call.actionItems],
        created_at: call.createdAt,
        updated_at: call.updatedAt,
        content_hash: call.contentHash,
        extra: call.extra,
        _deleted_at: null,
      },
    ];
  },
});
