import { EltError } from "../../../core/errors.ts";
import { type JsonObject, type JsonValue, isObject } from "../../../core/json.ts";
import { type Call, type CallStatus, type Crm, type Deal, type Page, type Recording, type Role } from "../call.ts";
import { hashJson } from "../hash.ts";
import { type ReadTime, isoOrNull } from "../time.ts";
import { amount, first, flag, id, integer, label, number, object, objects, text, word } from "../values.ts";
import { distinctTags } from "./tags.ts";

/** The rows in an answer: a bare array, or an object that holds it under one of these names. */
export function readRows(json: JsonValue | undefined, names: readonly string[], endpoint: string): JsonValue[] {
  if (Array.isArray(json)) return json;
  const found = isObject(json) ? [...names, "data", "results", "items"].map((name) => json[name]) : [];
  const rows = found.find((value) => value !== undefined);
  if (Array.isArray(rows)) return rows;
  if (rows === null) return [];
  throw new EltError("API_ANSWER_INVALID", `GET ${endpoint} answered without a list of ${names.join(" or ")}`);
}

/** One answer of a list route; `offset` is what was asked. */
export function readPage<Row>(
  json: JsonValue | undefined,
  request: { name: string; endpoint: string; offset: number },
  read: (fields: JsonObject) => Row | null,
): Page<Row> {
  const received = readRows(json, [request.name], request.endpoint);
  const rows = received.map((row) => (isObject(row) ? read(row) : null)).filter((row) => row !== null);
  const hints = object(object(json)["pagination"]);
  const total = number(hints["total"]);
  const isTotal = total !== null && total === request.offset + received.length;
  const isEnd = flag(hints["has_more"]) === false;
  return { rows, received: received.length, last: isEnd || isTotal, sure: isEnd && isTotal, total: total ?? undefined };
}

/** A call of the API as a Call; null when it has no id, because nothing could be said about it later. */
export function readCall(raw: JsonObject, time: ReadTime): Call | null {
  const callId = id(raw["id"]) ?? id(raw["call_id"]);
  if (callId === null) return null;
  const when = (value: JsonValue | undefined) => isoOrNull(time(value));
  const owner = object(raw["owner"]);
  const startedMs = time(raw["date"]);
  const updatedMs = time(raw["updated_at"]);
  return {
    id: callId,
    title: label(raw["title"]),
    startedMs,
    startedAt: isoOrNull(startedMs),
    scheduledStart: when(raw["scheduled_start"]),
    scheduledEnd: when(raw["scheduled_end"]),
    durationSeconds: amount(raw["duration"]),
    callType: word(raw["call_type"]),
    direction: word(raw["direction"]),
    status: status(raw["status"]),
    language: label(raw["language"]),
    url: label(raw["url"]),
    owner: {
      userId: id(owner["user_id"]) ?? id(owner["id"]),
      name: label(owner["name"]),
      email: label(owner["email"]),
      teamId: id(owner["team_id"]),
    },
    participants: participants(raw["participants"]),
    trackers: readTrackers(raw["trackers"]),
    metrics: objects(raw["metrics"]).flatMap(metric),
    deal: isObject(raw["deal"]) ? deal(raw["deal"], when) : null,
    crm: isObject(raw["crm"]) ? crm(raw["crm"]) : null,
    recordings: (isObject(raw["recording"]) ? [raw["recording"]] : objects(raw["recording"])).map((item) =>
      recording(item, when),
    ),
    tags: distinctTags(raw["tags"], raw["named_tags"]),
    summary: label(raw["summary"]),
    actionItems: Array.isArray(raw["action_items"])
      ? raw["action_items"].map(text).filter((item) => item !== null)
      : null,
    createdAt: when(raw["created_at"]),
    updatedMs,
    updatedAt: isoOrNull(updatedMs),
    contentHash: hashJson(withoutShortLived(raw)),
    extra: extra(raw),
  };
}

/** `rep`, `prospect` or `unknown`, from the words both API flavours use. */
export function role(value: JsonValue | undefined): Role {
  const name = word(value);
  if (name === "rep" || name === "internal" || name === "host" || name === "employee") return "rep";
  const outside = name === "prospect" || name === "cust" || name === "customer" || name === "external";
  return outside ? "prospect" : "unknown";
}

const STATUSES: ReadonlySet<string> = new Set<CallStatus>([
  "scheduled",
  "live",
  "processing",
  "done",
  "no_show",
  "failed",
]);

/** `no show`, `no-show` and `noshow` are the same; what nobody knows is `unknown`. */
export function status(value: JsonValue | undefined): CallStatus {
  const name = word(value)?.replace("noshow", "no_show");
  return name !== undefined && STATUSES.has(name) ? (name as CallStatus) : "unknown";
}

/** Those of a call, each with an id of its own. */
export function participants(raw: JsonValue | undefined): Call["participants"] {
  return distinct(objects(raw).map(participant), "participantId");
}

/** Those of a call, each with an id of its own. */
export function readTrackers(raw: JsonValue | undefined): Call["trackers"] {
  return distinct(objects(raw).map(tracker), "trackerId");
}

function participant(raw: JsonObject, position: number) {
  const personId = id(raw["person_id"]);
  const userId = id(raw["user_id"]);
  const email = label(raw["email"]);
  return {
    participantId: personId ?? userId ?? email?.trim().toLowerCase() ?? `position-${position}`,
    personId,
    userId,
    name: label(raw["name"]),
    email,
    company: label(raw["company"]) ?? label(raw["company_name"]),
    title: label(raw["title"]),
    role: role(raw["type"]),
  };
}

function tracker(raw: JsonObject) {
  const name = label(raw["name"]);
  const type = label(raw["type"]);
  const mentions = objects(raw["mentions"]).map((mention) => ({
    offsetSeconds: amount(mention["offset"]),
    utteranceIndex: integer(first(mention, "utterance_index", "utterance")),
  }));
  const count =
    integer(first(raw, "count", "num_matches")) ?? (Array.isArray(raw["mentions"]) ? mentions.length : null);
  return {
    trackerId: id(raw["id"]) ?? `${type ?? ""}:${name ?? ""}`,
    name,
    type,
    source: label(raw["source"]),
    count,
    mentions,
  };
}

function metric(raw: JsonObject): Call["metrics"] {
  const name = word(raw["name"]);
  if (name === null) return [];
  return [{ name, value: number(raw["value"]), unit: label(raw["unit"]), participantId: id(raw["participant_id"]) }];
}

function deal(raw: JsonObject, when: (value: JsonValue | undefined) => string | null): Deal {
  return {
    id: id(raw["id"]),
    name: label(raw["name"]),
    stage: label(first(raw, "stage", "current_stage")),
    initialStage: label(raw["initial_stage"]),
    amount: amount(raw["amount"]),
    initialAmount: amount(raw["initial_amount"]),
    currency: label(raw["currency"]),
    closeDate: day(raw["close_date"]) ?? when(raw["close_date"])?.slice(0, 10) ?? null,
    onStageSince: when(raw["on_stage_since"]),
    stageAdvancement: label(raw["stage_advancement"]),
    engaged: flag(raw["engaged"]),
    followUp: isObject(raw["follow_up"]) ? followUp(raw["follow_up"], when) : null,
    signals: objects(raw["signals"]).flatMap((signal) => {
      const name = label(signal["name"]);
      return name === null ? [] : [{ name, value: signal["value"] ?? null }];
    }),
  };
}

/** As it came, but for its start, which may be told without an offset. */
export function followUp(raw: JsonObject, when: (value: JsonValue | undefined) => string | null): JsonObject {
  const start = when(raw["start_time"]);
  return start === null ? raw : { ...raw, start_time: start };
}

/** A date alone keeps its day, whatever the time zone of the account. */
export function day(value: JsonValue | undefined): string | null {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value.trim()) ? value.trim() : null;
}

function crm(raw: JsonObject): Crm {
  return {
    system: label(raw["system"]),
    accountId: id(raw["account_id"]),
    accountName: label(raw["account_name"]),
    opportunityId: id(raw["opportunity_id"]),
    opportunityName: label(raw["opportunity_name"]),
    matchReason: label(raw["match_reason"]),
  };
}

function recording(raw: JsonObject, when: (value: JsonValue | undefined) => string | null): Recording {
  return {
    available: flag(raw["available"]),
    url: label(raw["url"]),
    mediaType: label(raw["media_type"]),
    expiresAt: when(raw["expires_at"]),
    audioOnly: flag(raw["audio_only"]),
  };
}

/** Makes a key unique in its list: the second `a` becomes `a~2`. */
function distinct<Item, Key extends keyof Item>(items: readonly (Item & Record<Key, string>)[], key: Key): Item[] {
  const taken = new Set<string>();
  return items.map((item) => {
    let name: string = item[key];
    for (let copy = 2; taken.has(name); copy++) name = `${item[key]}~${copy}`;
    taken.add(name);
    return { ...item, [key]: name };
  });
}

/** A recording's link is made anew for every answer; a call is not changed by that. */
function withoutShortLived(raw: JsonObject): JsonObject {
  const strip = (value: JsonValue | undefined) => (isObject(value) ? { ...value, url: null, expires_at: null } : value);
  const { recording: links } = raw;
  return { ...raw, recording: Array.isArray(links) ? links.map((link) => strip(link) ?? null) : strip(links) };
}

const KNOWN = new Set(
  (
    "id call_id title date scheduled_start scheduled_end duration call_type direction status language url owner participants " +
    "trackers metrics deal crm recording tags named_tags summary action_items created_at updated_at"
  ).split(" "),
);

function extra(raw: JsonObject): JsonObject | null {
  const unknown = Object.entries(raw).filter(([name]) => !KNOWN.has(name));
  return unknown.length === 0 ? null : Object.fromEntries(unknown);
}
