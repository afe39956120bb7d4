import { type JsonObject, isObject } from "../../../core/json.ts";
import { type Completed, type Needs } from "../api.ts";
import { type Call, type CallStatus, type Crm, type Deal } from "../call.ts";
import { hashJson } from "../hash.ts";
import { type ReadTime, isoOrNull } from "../time.ts";
import { emptyTranscript, neverSpoken, readTranscript } from "../transcripts.ts";
import { amount, first, flag, id, label, number, object, objects, text, word } from "../values.ts";
import { day, followUp, participants, readTrackers, status } from "./calls.ts";

/** The API's metrics have no units; these are those that the other flavour gives. */
const UNITS: Readonly<Record<string, string>> = {
  rep_talk_percent: "percent",
  longest_monologue: "seconds",
  question_count: "count",
  engaging_question_count: "count",
  customer_question_count: "count",
};

/** A row of `/v3/engagements` as a Call, with what it can fill; null when it has no id. */
export function readEngagement(raw: JsonObject, time: ReadTime): Call | null {
  const callId = id(raw["engagement_id"]) ?? id(raw["id"]);
  if (callId === null) return null;
  const startedMs = time(raw["date_time"]);
  const people = participants(raw["participants"]);
  return {
    id: callId,
    title: label(raw["subject"]),
    startedMs,
    startedAt: isoOrNull(startedMs),
    scheduledStart: null,
    scheduledEnd: null,
    durationSeconds: amount(raw["duration"]),
    callType: word(raw["engagement_type"]),
    direction: null,
    status: engagementStatus(raw),
    language: label(raw["language"]),
    url: label(raw["url"]),
    owner: {
      userId: id(raw["user_id"]),
      name: label(raw["user_name"]),
      email: label(raw["user_email"]),
      teamId: null,
    },
    participants: people,
    trackers: readTrackers(raw["tracker_matches"]),
    metrics: questionCounts(raw),
    deal: null,
    crm: crm(raw),
    recordings: [],
    tags: [],
    summary: label(raw["meeting_summary"]),
    actionItems: lines(raw["action_items"]),
    createdAt: null,
    updatedMs: null,
    updatedAt: null,
    contentHash: hashJson(raw),
    extra: extra(raw),
  };
}

/**
 * The call with what its conversation adds, and its transcript when that is needed. What the engagement says of title,
 * owner, participants and CRM counts; the conversation fills in what is missing.
 */
export function readConversation(
  listed: Call,
  attributes: JsonObject,
  needs: Needs,
  time: ReadTime,
  media?: JsonObject,
): Completed {
  const when = (value: JsonObject[string] | undefined) => isoOrNull(time(value));
  const recording = object(attributes["recording"]);
  const updatedMs = time(attributes["_modified_at"]);
  const owner = object(attributes["owner"]);
  const said = status(attributes["status"]);
  const trackers = readTrackers(recording["trackers"]);
  const call: Call = {
    ...listed,
    title: listed.title ?? label(attributes["name"]),
    scheduledStart: when(recording["schedule_start_time"]),
    scheduledEnd: when(recording["schedule_end_time"]),
    status: said === "unknown" ? listed.status : said,
    language: listed.language ?? label(attributes["language"]),
    owner: {
      userId: listed.owner.userId ?? id(owner["user_id"]),
      name: listed.owner.name ?? label(owner["name"]),
      email: listed.owner.email ?? label(owner["email"]),
      teamId: null,
    },
    // The list tells of trackers by name and count only.
    trackers: needs.trackers && Array.isArray(recording["trackers"]) ? trackers : listed.trackers,
    metrics: metrics(attributes["metrics"], listed.metrics),
    deal: attributes["deal"] === null ? null : deal(object(attributes["deal"]), when),
    crm: withAccount(listed.crm, object(attributes["account"])),
    recordings: recordings(recording, media, when),
    summary: label(attributes["summary"]) ?? listed.summary,
    actionItems: lines(attributes["action_items"]) ?? listed.actionItems,
    createdAt: when(attributes["_created_at"]),
    updatedMs,
    updatedAt: isoOrNull(updatedMs),
    contentHash: hashJson([listed.contentHash, attributes]),
  };
  return { call, transcript: needs.transcript ? transcriptOf(call, recording, time) : undefined, isWhole: true };
}

/** No turns are pending until the conversation is done; then there are none. */
function transcriptOf(call: Call, recording: JsonObject, time: ReadTime) {
  if (neverSpoken(call) || call.status === "failed") return emptyTranscript("none");
  const isDone = call.status === "done";
  const turns = objects(recording["utterances"]).map((turn) => ({ ...turn, email: turn["participant"] ?? null }));
  const transcript = readTranscript(
    { status: isDone ? null : "processing", utterances: turns, updated_at: call.updatedAt },
    call,
    time,
  );
  return { ...transcript, language: call.language };
}

function engagementStatus(raw: JsonObject): CallStatus {
  // The published example has `no_show: true` beside a real length: a call that was recorded took place.
  const state = status(raw["processing_state"]);
  return flag(raw["no_show"]) === true && (amount(raw["duration"]) ?? 0) === 0 ? "no_show" : state;
}

function questionCounts(raw: JsonObject): Call["metrics"] {
  const count = (name: string, value: number | null) =>
    value === null ? [] : [{ name, value, unit: "count", participantId: null }];
  return [
    ...count("customer_question_count", number(raw["num_cust_questions"])),
    ...count("engaging_question_count", number(raw["num_engaging_questions"])),
  ];
}

function metrics(given: JsonObject[string] | undefined, counts: Call["metrics"]): Call["metrics"] {
  const read = objects(given).flatMap((raw) => {
    const name = word(raw["name"]);
    return name === null ? [] : [{ name, value: number(raw["value"]), unit: UNITS[name] ?? null, participantId: null }];
  });
  return [...counts.filter(({ name }) => !read.some((metric) => metric.name === name)), ...read];
}

function deal(raw: JsonObject, when: (value: JsonObject[string] | undefined) => string | null): Deal | null {
  if (Object.keys(raw).length === 0) return null;
  return {
    id: id(raw["id"]),
    name: label(raw["name"]),
    stage: label(first(raw, "current_stage", "stage")),
    initialStage: label(raw["initial_stage"]),
    amount: amount(first(raw, "size", "amount")),
    initialAmount: amount(raw["initial_amount"]),
    currency: label(raw["currency"]),
    closeDate: day(raw["close_date"]) ?? when(raw["close_date"])?.slice(0, 10) ?? null,
    onStageSince: when(raw["on_stage_since"]),
    stageAdvancement: label(raw["stage_advancement"]),
    engaged: flag(raw["engaged"]),
    followUp: isObject(raw["follow_up"]) ? followUp(raw["follow_up"], when) : null,
    signals: [],
  };
}

function crm(raw: JsonObject): Crm | null {
  const read = {
    system: null,
    accountId: id(raw["account_id"]),
    accountName: label(raw["account_name"]),
    opportunityId: id(raw["opportunity_id"]),
    opportunityName: label(raw["opportunity_name"]),
    matchReason: null,
  };
  return Object.values(read).every((value) => value === null) ? null : read;
}

function withAccount(listed: Crm | null, account: JsonObject): Crm | null {
  const accountId = listed?.accountId ?? id(account["ext_id"]);
  const accountName = listed?.accountName ?? label(account["name"]);
  if (listed === null && accountId === null && accountName === null) return null;
  const empty = { system: null, opportunityId: null, opportunityName: null, matchReason: null };
  return { ...empty, ...listed, accountId, accountName };
}

function recordings(
  recording: JsonObject,
  media: JsonObject | undefined,
  when: (value: JsonObject[string] | undefined) => string | null,
): Call["recordings"] {
  const audioOnly = flag(recording["audio_only"]);
  if (audioOnly === null && media === undefined) return [];
  return [
    {
      available: media === undefined ? null : true,
      url: label(media?.["url"]),
      mediaType: label(media?.["media_type"]),
      expiresAt: when(media?.["expires_at"]),
      audioOnly,
    },
  ];
}

function lines(value: JsonObject[string] | undefined): string[] | null {
  return Array.isArray(value) ? value.map(text).filter((item) => item !== null) : null;
}

const KNOWN = new Set(
  (
    "engagement_id engagement_type date_time duration processing_state no_show user_id user_name user_email account_id " +
    "account_name opportunity_id opportunity_name participants tracker_matches num_cust_questions num_engaging_questions " +
    "language subject url meeting_summary action_items"
  ).split(" "),
);

function extra(raw: JsonObject): JsonObject | null {
  const unknown = Object.entries(raw).filter(([name, value]) => !KNOWN.has(name) && value !== null);
  return unknown.length === 0 ? null : Object.fromEntries(unknown);
}
