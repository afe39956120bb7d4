import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { EltError } from "../core/errors.ts";
import { isObject, type JsonObject } from "../core/json.ts";
import { editedTurns, metricsOf, trackersIn } from "./measure.ts";
import { HOUR, type Account, type Person, type SampleCall, type Team, type Turn, type User } from "./model.ts";
import { hash } from "./random.ts";

interface CorpusCall {
  readonly id: string;
  readonly title: string;
  readonly account: string;
  readonly group: string;
  readonly started_at: string;
  readonly duration_s: number;
  readonly speakers: readonly { readonly id: string; readonly name: string | null }[];
  readonly utterances: readonly { readonly speaker_id: string; readonly text: string; readonly start_s: number; readonly end_s: number }[];
}

/**
 * An account of real calls: one JSON line a call, `{id, title, account, group, started_at, duration_s, speakers,
 * utterances}`, gzipped or not. Speech, speakers and lengths are the file's. Nobody in it need be a sales rep: whoever
 * talks most is assigned to be one, teams and CRM links are assigned too, and every call carries the tag
 * `assigned-roles`. Throws CONFIG_INVALID with the line that cannot be used.
 */
export function loadCorpus(path: string): Account {
  const source = new Map(parse(path).map((call) => [call.id, call]));
  const groups = [...new Set([...source.values()].map(({ group }) => group))].sort();
  const users: User[] = [];
  const calls = [...source.values()].map((call) => {
    const made = sampleCall(call, groups.indexOf(call.group));
    if (made.owner !== null && !users.some(({ id }) => id === made.owner?.id)) users.push(made.owner);
    const turns = turnsOf(call, made);
    return { ...made, trackers: trackersIn(turns), metrics: metricsOf(turns) };
  });
  const teams: Team[] = groups.map((name, i) => {
    const id = teamId(i);
    return { id, name, parentId: null, managerId: null, userIds: users.filter((user) => user.teamId === id).map((user) => user.id) };
  });
  return {
    calls,
    users,
    teams,
    turns(call) {
      const origin = source.get(call.source);
      return origin === undefined ? [] : editedTurns(turnsOf(origin, call), call.transcriptEdits);
    },
    // A call that comes in late repeats an earlier one, word for word.
    newCall(n, startedAt, now) {
      const model = calls[n % calls.length];
      if (model === undefined) throw new EltError("CONFIG_INVALID", `${path} holds no call`);
      return { ...model, id: `${model.id}-${n}`, startedAt, createdAt: now, updatedAt: now, edits: 0, transcriptEdits: [] };
    },
  };
}

function parse(path: string): CorpusCall[] {
  let text: string;
  try {
    const bytes = readFileSync(path);
    text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (cause) {
    throw new EltError("CONFIG_INVALID", `cannot read the corpus file ${path}`, { cause });
  }
  return text
    .split("\n")
    .map((line, i) => [line, i + 1] as const)
    .filter(([line]) => line.trim() !== "")
    .map(([line, number]) => corpusCall(line, `${path}, line ${number}`));
}

function corpusCall(line: string, where: string): CorpusCall {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new EltError("CONFIG_INVALID", `${where} is not JSON`);
  }
  if (!isObject(value)) throw new EltError("CONFIG_INVALID", `${where} is not an object`);
  const missing = Object.entries(FORM).find(([name, type]) => typeOf(value, name) !== type);
  if (missing !== undefined) throw new EltError("CONFIG_INVALID", `${where}: "${missing[0]}" must be a ${missing[1]}`);
  return value as unknown as CorpusCall;
}

const FORM = {
  id: "string",
  title: "string",
  account: "string",
  group: "string",
  started_at: "string",
  duration_s: "number",
  speakers: "list",
  utterances: "list",
};

const typeOf = (value: JsonObject, name: string) => (Array.isArray(value[name]) ? "list" : typeof value[name]);

function sampleCall(call: CorpusCall, group: number): SampleCall {
  const startedAt = Date.parse(call.started_at);
  const people = peopleOf(call);
  const rep = people.find(({ role }) => role === "rep");
  const owner: User | null =
    rep?.userId === null || rep === undefined
      ? null
      : {
          id: rep.userId,
          name: rep.name ?? "Unnamed",
          email: `${rep.userId}@example.com`,
          role: "rep",
          title: "Assigned rep",
          teamId: teamId(group),
          managerId: null,
          active: true,
        };
  return {
    id: call.id,
    source: call.id,
    title: call.title,
    startedAt,
    seconds: call.duration_s,
    type: "meeting",
    direction: null,
    status: "done",
    language: "en",
    owner,
    participants: people,
    speakers: people,
    trackers: [],
    metrics: { repTalkPercent: 0, longestMonologue: 0, questions: 0, engagingQuestions: 0, customerQuestions: 0 },
    deal: null,
    crm: {
      accountId: `001${hash(call.account).toString(36).toUpperCase()}`,
      accountName: call.account,
      opportunityId: null,
      opportunityName: null,
      reason: "assigned by the sample API",
    },
    tags: ["assigned-roles", call.group],
    namedTags: {},
    audioOnly: true,
    summary: null,
    actionItems: [],
    createdAt: startedAt + HOUR,
    updatedAt: startedAt + HOUR,
    edits: 0,
    transcriptEdits: [],
  };
}

/** Whoever talks most and has a name is the rep; all others are prospects. */
function peopleOf(call: CorpusCall): Person[] {
  const seconds = new Map<string, number>();
  for (const { speaker_id: id, start_s: start, end_s: end } of call.utterances) seconds.set(id, (seconds.get(id) ?? 0) + end - start);
  const named = call.speakers.filter(({ name }) => name !== null && !name.startsWith("Speaker "));
  const most = Math.max(...named.map(({ id }) => seconds.get(id) ?? 0));
  const rep = named.find(({ id }) => seconds.get(id) === most);
  return call.speakers.map(({ id, name }) => ({
    id: `${call.id}_${id}`,
    userId: id === rep?.id ? `usr_${hash(`${name ?? ""} ${call.account}`).toString(36)}` : null,
    name,
    email: null,
    company: id === rep?.id ? call.account : null,
    title: null,
    role: id === rep?.id ? "rep" : "prospect",
  }));
}

function turnsOf(call: CorpusCall, made: SampleCall): Turn[] {
  const speakers = new Map(made.speakers.map((person) => [person.id.slice(person.id.indexOf("_") + 1), person]));
  return call.utterances.flatMap(({ speaker_id: id, text, start_s: start, end_s: end }) => {
    const speaker = speakers.get(id) ?? { id, userId: null, name: null, email: null, company: null, title: null, role: "unknown" as const };
    return [{ speaker, text, start, seconds: Math.round((end - start) * 1_000) / 1_000 }];
  });
}

const teamId = (group: number) => `team_${group + 1}`;
