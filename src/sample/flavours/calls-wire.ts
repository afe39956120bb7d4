import type { JsonObject } from "../../core/json.ts";
import type { Call, Deal, Participant, Team, Tracker, Turn, User } from "../model.ts";

/** Gives an id in the form that readers know. */
export type PublicId = (id: string) => string;

/** A call as flavour `calls` writes it. `status` takes the place of the call's own while its transcript is processed. */
export function callRow(call: Call, id: PublicId, status: string = call.status): JsonObject {
  const { owner, crm, recording } = call;
  return {
    id: id(call.id),
    title: call.title,
    date: time(call.startedMs),
    scheduled_start: time(call.scheduledStartMs),
    scheduled_end: time(call.scheduledEndMs),
    duration: call.durationSeconds,
    call_type: call.callType,
    direction: call.direction,
    status,
    language: call.language,
    url: call.url,
    owner:
      owner === null
        ? null
        : { user_id: id(owner.userId), name: owner.name, email: owner.email, team_id: orNull(owner.teamId, id) },
    participants: call.participants.map((person) => participantRow(person, id)),
    trackers: call.trackers.map(trackerRow),
    metrics: call.metrics.map(({ name, value, unit }) => ({ name, value, unit, participant_id: null })),
    deal: call.deal === null ? null : dealRow(call.deal),
    crm:
      crm === null
        ? null
        : {
            system: crm.system,
            account_id: crm.accountId,
            account_name: crm.accountName,
            opportunity_id: crm.opportunityId,
            opportunity_name: crm.opportunityName,
            match_reason: crm.matchReason,
          },
    recording:
      recording === null
        ? null
        : {
            available: recording.available,
            url: recording.url,
            media_type: recording.mediaType,
            expires_at: time(recording.expiresMs),
            audio_only: recording.audioOnly,
          },
    tags: [...call.tags],
    named_tags: { ...call.namedTags },
    summary: call.summary,
    action_items: [...call.actionItems],
    created_at: time(call.createdMs),
    updated_at: time(call.updatedMs),
  };
}

function participantRow(person: Participant, id: PublicId): JsonObject {
  return {
    person_id: orNull(person.personId, id),
    user_id: orNull(person.userId, id),
    name: person.name,
    email: person.email,
    company: person.company,
    title: person.title,
    type: person.role,
  };
}

function trackerRow({ id, name, type, source, mentions }: Tracker): JsonObject {
  return {
    id,
    name,
    type,
    source,
    count: mentions.length,
    mentions: mentions.map(({ offsetSeconds, utteranceIndex }) => ({
      offset: offsetSeconds,
      utterance_index: utteranceIndex,
    })),
  };
}

function dealRow(deal: Deal): JsonObject {
  return {
    id: deal.id,
    name: deal.name,
    stage: deal.stage,
    initial_stage: deal.initialStage,
    amount: deal.amount,
    initial_amount: deal.initialAmount,
    currency: deal.currency,
    close_date: deal.closeDate,
    on_stage_since: time(deal.onStageSinceMs),
    stage_advancement: deal.stageAdvancement,
    engaged: deal.engaged,
    follow_up: deal.followUpMs === null ? null : { doc_type: "meeting", start_time: time(deal.followUpMs) },
    signals: deal.signals.map(({ name, value }) => ({ name, value })),
  };
}

export function transcriptRow(call: Call, turns: readonly Turn[], id: PublicId): JsonObject {
  return {
    call_id: id(call.id),
    status: "ready",
    language: call.language,
    updated_at: time(call.updatedMs),
    utterances: turns.map((turn, index) => ({
      speaker: turn.speaker,
      timestamp: turn.startSeconds,
      text: turn.text,
      index,
      speaker_id: orNull(turn.speakerId, id),
      speaker_type: turn.role,
      email: turn.email,
      duration: turn.durationSeconds,
    })),
  };
}

export function userRow(user: User, id: PublicId): JsonObject {
  return {
    id: id(user.id),
    name: user.name,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    role: user.role,
    title: user.title,
    team_ids: user.teamIds.map(id),
    primary_team_id: orNull(user.primaryTeamId, id),
    manager_id: orNull(user.managerId, id),
    active: user.active,
    license_type: user.licenseType,
    crm_user_id: user.crmUserId,
    created_at: time(user.createdMs),
  };
}

export function teamRow(team: Team, id: PublicId): JsonObject {
  return {
    id: id(team.id),
    name: team.name,
    description: team.description,
    parent_team_id: orNull(team.parentTeamId, id),
    manager_id: orNull(team.managerId, id),
    user_ids: team.userIds.map(id),
    is_default: team.isDefault,
  };
}

function orNull(value: string | null, id: PublicId): string | null {
  return value === null ? null : id(value);
}

/** ISO 8601 with Z, in milliseconds. */
function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
