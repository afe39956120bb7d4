import type { JsonObject, JsonValue } from "../core/json.ts";
import type { SampleCall, Team, User } from "./model.ts";
import { hash } from "./random.ts";
import type { World } from "./world.ts";

/** The objects of the API flavour `calls`. */
export function callJson(world: World, call: SampleCall): JsonObject {
  const { owner, deal, crm } = call;
  const json: JsonObject = {
    id: idValue(call.id),
    title: world.title(call),
    date: iso(call.startedAt),
    scheduled_start: call.type === "meeting" ? iso(Math.floor(call.startedAt / 300_000) * 300_000) : null,
    scheduled_end: null,
    duration: call.seconds,
    call_type: call.type,
    direction: call.direction,
    status: call.status,
    language: call.language,
    url: `https://sample.invalid/meeting/${call.id}`,
    owner: owner === null ? null : { user_id: owner.id, name: owner.name, email: owner.email, team_id: owner.teamId },
    participants: call.participants.map(({ id, userId, name, email, company, title, role }) => ({
      person_id: id,
      user_id: userId,
      name,
      email,
      company,
      title,
      type: role,
    })),
    trackers: call.trackers.map(({ id, name, type, mentions }) => ({
      id,
      name,
      type,
      source: "sample",
      count: mentions.length,
      mentions: mentions.map(({ offset, turn }) => ({ offset, utterance_index: turn })),
    })),
    metrics: call.status === "done" ? metricsJson(call) : [],
    deal:
      deal === null
        ? null
        : {
            id: deal.id,
            name: deal.name,
            stage: deal.stage,
            initial_stage: deal.initialStage,
            amount: deal.amount,
            initial_amount: null,
            currency: deal.currency,
            close_date: iso(deal.closeDate).slice(0, 10),
            on_stage_since: null,
            stage_advancement: null,
            engaged: null,
            follow_up: null,
            signals: deal.signals.map(({ name, value }) => ({ name, value })),
          },
    crm:
      crm === null
        ? null
        : {
            system: "salesforce",
            account_id: crm.accountId,
            account_name: crm.accountName,
            opportunity_id: crm.opportunityId,
            opportunity_name: crm.opportunityName,
            match_reason: crm.reason,
          },
    recording: {
      available: call.status === "done",
      // Signed anew at each request, as short-lived links are.
      url: `https://sample.invalid/media/${call.id}?signature=${Math.random().toString(36).slice(2)}`,
      media_type: call.audioOnly ? "audio/mp3" : "video/mp4",
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      audio_only: call.audioOnly,
    },
    tags: world.tags(call),
    named_tags: { ...call.namedTags },
    summary: call.summary,
    action_items: [...call.actionItems],
    created_at: iso(call.createdAt),
    updated_at: iso(call.updatedAt),
  };
  return world.quirks.has("Q22") ? untidy(call, odd(call, world, json)) : odd(call, world, json);
}

function metricsJson({ metrics }: SampleCall): JsonObject[] {
  const one = (name: string, value: number, unit: string) => ({ name, value, unit, participant_id: null });
  return [
    one("rep_talk_percent", metrics.repTalkPercent, "percent"),
    one("longest_monologue", metrics.longestMonologue, "seconds"),
    one("question_count", metrics.questions, "count"),
    one("engaging_question_count", metrics.engagingQuestions, "count"),
    one("customer_question_count", metrics.customerQuestions, "count"),
  ];
}

/** Q21: other types for the same facts. */
function odd(call: SampleCall, world: World, json: JsonObject): JsonObject {
  if (!world.quirks.has("Q21")) return json;
  const n = hash(call.id);
  const changed: JsonObject = { ...json, x_unknown: { since: 2026, list: [1, null] } };
  if (n % 2 === 0) changed["duration"] = String(call.seconds);
  for (const list of ["tags", "trackers", "action_items", "metrics"]) {
    if (Array.isArray(json[list]) && json[list].length === 0) changed[list] = null;
  }
  for (const field of ["summary", "direction", "scheduled_end", "language"]) {
    if (n % 3 === 0) Reflect.deleteProperty(changed, field);
  }
  return changed;
}

/** Q22: the spellings of nothing, and of words. */
function untidy(call: SampleCall, json: JsonObject): JsonObject {
  const n = hash(call.id);
  const changed: JsonObject = { ...json, call_type: call.type === "meeting" ? "Meeting" : "DIALER" };
  if (call.status === "no_show") changed["status"] = "no show";
  if (n % 4 === 0) changed["duration"] = 0;
  if (call.crm !== null && call.crm.opportunityId === null) changed["crm"] = { ...(json["crm"] as JsonObject), opportunity_id: "", opportunity_name: "" };
  if (call.deal !== null && n % 2 === 0) changed["deal"] = { ...(json["deal"] as JsonObject), amount: -1.0 };
  changed["participants"] = (json["participants"] as JsonObject[]).map((one) => ({ ...one, type: String(one["type"]).toUpperCase() }));
  return changed;
}

export function transcriptJson(world: World, call: SampleCall): JsonObject {
  return {
    call_id: idValue(call.id),
    status: "ready",
    language: call.language,
    updated_at: iso(call.updatedAt),
    utterances: world.turns(call).map(({ speaker, text, start, seconds }, index) => ({
      index,
      speaker: speaker.name,
      speaker_id: speaker.id,
      speaker_type: world.quirks.has("Q22") ? speaker.role.toUpperCase() : speaker.role,
      email: speaker.email,
      timestamp: world.quirks.has("Q21") && index % 2 === 1 ? String(start) : start,
      duration: seconds,
      text,
    })),
  };
}

export function userJson({ id, name, email, role, title, teamId, managerId, active }: User): JsonObject {
  const [first = "", ...last] = name.split(" ");
  return {
    id,
    name,
    first_name: first,
    last_name: last.join(" "),
    email,
    role,
    title,
    team_ids: [teamId],
    primary_team_id: teamId,
    manager_id: managerId,
    active,
    license_type: "recorder",
    crm_user_id: null,
    created_at: "2024-01-15T09:00:00.000Z",
  };
}

export function teamJson({ id, name, parentId, managerId, userIds }: Team): JsonObject {
  return { id, name, description: null, parent_team_id: parentId, manager_id: managerId, user_ids: [...userIds], is_default: parentId === null };
}

const NUMERIC = /"#number (\d+)"/g;

/** An id of many digits goes out as a number, digit by digit. */
const idValue = (id: string): JsonValue => (/^9007\d{12}$/.test(id) ? `#number ${id}` : id);

export function printed(json: JsonValue): string {
  return JSON.stringify(json).replace(NUMERIC, "$1");
}

const iso = (ms: number) => new Date(ms).toISOString();
