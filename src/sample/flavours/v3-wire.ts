import { LosslessNumber } from "lossless-json";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import type { Call, Deal, Participant, Role, Team, Tracker, Turn } from "../model.ts";
import type { PublicId } from "./calls-wire.ts";

/** A row of `/v3/engagements`. */
export function engagementRow(call: Call, id: PublicId, state: string, withTrackers: boolean): JsonObject {
  const { owner, crm } = call;
  const count = (name: string) => call.metrics.find((metric) => metric.name === name)?.value;
  return {
    engagement_id: id(call.id),
    engagement_type: call.callType,
    date_time: call.startedMs / 1000,
    duration: call.durationSeconds,
    processing_state: state,
    no_show: call.status === "no_show",
    user_id: owner === null ? null : number(id(owner.userId)),
    user_name: owner?.name ?? null,
    user_email: owner?.email ?? null,
    account_id: crm?.accountId ?? "",
    account_name: crm?.accountName ?? "",
    opportunity_id: crm?.opportunityId ?? "",
    opportunity_name: crm?.opportunityName ?? "",
    participants: call.participants.map((person) => participantRow(person, id)),
    ...(withTrackers ? { tracker_matches: call.trackers.map(trackerMatch) } : {}),
    num_cust_questions: count("customer_question_count"),
    num_engaging_questions: count("engaging_question_count"),
    compliance: null,
    language: call.language,
    initiator: null,
    subject: call.title,
    url: call.url,
    disposition: null,
  };
}

function participantRow(person: Participant, id: PublicId): JsonObject {
  return {
    company_name: person.company,
    email: person.email,
    name: person.name,
    person_id: person.personId === null ? null : number(id(person.personId)),
    title: person.title,
    type: side(person.role),
    user_id: person.userId === null ? null : number(id(person.userId)),
  };
}

function trackerMatch({ name, type, mentions }: Tracker): JsonObject {
  return { name, num_matches: mentions.length, type };
}

/** The attributes of a conversation, each made only when it is asked for. */
export type Attributes = Readonly<Record<string, () => JsonValue>>;

export function conversationHead(call: Call, id: PublicId, status: string): Attributes {
  const { owner, crm, deal } = call;
  const hasAccount = crm !== null && (crm.accountId !== null || crm.accountName !== null);
  return {
    _created_at: () => time(call.createdMs),
    _modified_at: () => time(call.updatedMs),
    name: () => call.title,
    generated_subject: () => null,
    status: () => status,
    language: () => call.language,
    source: () => null,
    private: () => false,
    summary: () => call.summary,
    action_items: () => [...call.actionItems],
    owner: () =>
      owner === null
        ? null
        : { email: owner.email, name: owner.name, person_id: null, user_id: number(id(owner.userId)) },
    account: () => (hasAccount ? { id: null, ext_id: crm.accountId, name: crm.accountName } : null),
    deal: () => (deal === null ? null : dealRow(deal)),
    metrics: () => call.metrics.map(({ name, value }) => ({ name, value })),
  };
}

/** The parts of a recording that are no lists. */
export function recordingHead(call: Call): Attributes {
  return {
    audio_only: () => call.recording?.audioOnly ?? null,
    duration: () => call.durationSeconds,
    start_time: () => time(call.startedMs),
    schedule_start_time: () => time(call.scheduledStartMs),
    schedule_end_time: () => time(call.scheduledEndMs),
    end_reason: () => null,
    recordable: () => call.recording !== null,
  };
}

/** The lists of a recording; `turns` says what was spoken. */
export function recordingLists(call: Call, id: PublicId, turns: () => readonly Turn[]): Attributes {
  return {
    thumbnails: () => [],
    clusters: () => clusters(call, id, turns()),
    utterances: () => turns().map((turn, index) => utteranceRow(call, turn, index, id)),
    trackers: () => call.trackers.map(trackerRow),
  };
}

function clusters(call: Call, id: PublicId, turns: readonly Turn[]): JsonObject[] {
  const tracks = new Map<string, Turn[]>();
  for (const turn of turns) {
    const key = turn.speakerId ?? turn.speaker;
    if (key === null) continue;
    const track = tracks.get(key);
    if (track === undefined) tracks.set(key, [turn]);
    else track.push(turn);
  }
  return [...tracks].map(([key, track]) => {
    const person = call.participants.find(({ personId }) => personId === key);
    return {
      id: id(key),
      speaker_name: track[0]?.speaker ?? null,
      type: side(track[0]?.role ?? "unknown"),
      match_method: "user",
      participant: track[0]?.email ?? null,
      user_id: person?.userId == null ? null : number(id(person.userId)),
      ranges: track.map(({ startSeconds, durationSeconds }) => ({
        start: startSeconds,
        length: durationSeconds,
        talk_time: durationSeconds,
      })),
    };
  });
}

function utteranceRow(call: Call, turn: Turn, index: number, id: PublicId): JsonObject {
  return {
    id: `${id(call.id)}-${index}`,
    index,
    snippet: turn.text,
    snippet_time: turn.startSeconds,
    snippet_length: turn.durationSeconds,
    snippet_word_count: turn.text.match(/\S+/g)?.length ?? 0,
    date_time: time(call.startedMs + Math.round(turn.startSeconds * 1000)),
    participant: turn.email,
    speaker_id: turn.speakerId === null ? null : id(turn.speakerId),
    speaker_name: turn.speaker,
    speaker_type: side(turn.role),
    engaging: false,
    expired: false,
  };
}

function trackerRow({ id, name, type, source, mentions }: Tracker): JsonObject {
  return {
    id,
    name,
    type,
    source,
    owner_id: null,
    team_ids: [],
    count: mentions.length,
    mentions: mentions.map(({ offsetSeconds, utteranceIndex }) => ({
      offset: offsetSeconds,
      utterance: utteranceIndex,
    })),
  };
}

function dealRow(deal: Deal): JsonObject {
  return {
    id: deal.id,
    name: deal.name,
    initial_stage: deal.initialStage,
    current_stage: deal.stage,
    on_stage_since: time(deal.onStageSinceMs),
    close_date: deal.closeDate,
    initial_amount: amount(deal.initialAmount),
    size: amount(deal.amount),
    stage_advancement: deal.stageAdvancement,
    engaged: deal.engaged,
    follow_up: deal.followUpMs === null ? null : { doc_type: "meeting", start_time: time(deal.followUpMs) },
  };
}

export function teamResource(team: Team, id: PublicId): JsonObject {
  const reference = (of: string | null) => (of === null ? null : { id: id(of) });
  return {
    id: id(team.id),
    type: "team",
    attributes: {
      name: team.name,
      description: team.description,
      manager: reference(team.managerId),
      parent_team: reference(team.parentTeamId),
      users: team.userIds.map((user) => ({ id: id(user) })),
      is_default: team.isDefault,
    },
  };
}

function side(role: Role): string {
  return role === "prospect" ? "cust" : role;
}

/** "No amount" is written with a point. */
function amount(value: number | null): JsonValue {
  return value === -1 ? new LosslessNumber("-1.0") : value;
}

/** This flavour has whole numbers as ids of people, as far as they are whole numbers that JSON readers take. */
function number(id: string): JsonValue {
  return /^[1-9]\d{0,14}$/.test(id) ? Number(id) : id;
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
