import type { JsonObject, JsonValue } from "../core/json.ts";
import { callJson, teamJson, transcriptJson, userJson } from "./calls-json.ts";
import { DAY, type SampleCall } from "./model.ts";
import type { World } from "./world.ts";

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json: JsonValue;
}

export interface Route {
  /** As it is counted: `GET /api/v1/calls/{id}`. */
  readonly name: string;
  readonly pattern: RegExp;
  answer(world: World, url: URL, id: string, options: { limitCap: number }): Answer;
}

/** The routes of the API flavour `calls`. */
export const CALLS_ROUTES: readonly Route[] = [
  { name: "GET /api/v1/calls", pattern: /^\/api\/v1\/calls$/, answer: listCalls },
  { name: "GET /api/v1/calls/{id}", pattern: /^\/api\/v1\/calls\/([^/]+)$/, answer: oneCall },
  { name: "GET /api/v1/calls/{id}/transcript", pattern: /^\/api\/v1\/calls\/([^/]+)\/transcript$/, answer: transcript },
  {
    name: "GET /api/v1/users",
    pattern: /^\/api\/v1\/users$/,
    answer: (world, url, _id, { limitCap }) => paged("users", world.account.users.map(userJson), url, limitCap, world),
  },
  {
    name: "GET /api/v1/teams",
    pattern: /^\/api\/v1\/teams$/,
    answer: (world, url, _id, { limitCap }) => paged("teams", world.account.teams.map(teamJson), url, limitCap, world),
  },
];

export function problem(status: number, code: string, detail: string, parameter?: string): Answer {
  const source = parameter === undefined ? {} : { source: { parameter } };
  return { status, json: { errors: [{ id: "1", status: String(status), code, title: code.replaceAll("_", " "), detail, ...source }] } };
}

function listCalls(world: World, url: URL, _id: string, { limitCap }: { limitCap: number }): Answer {
  const bounds = [bound(url, "startDate", 0), bound(url, "endDate", DAY)];
  const wrong = bounds.findIndex((ms) => Number.isNaN(ms));
  if (wrong !== -1) return problem(400, "invalid_parameter", "is no date", wrong === 0 ? "startDate" : "endDate");
  const [from = -Infinity, to = Infinity] = bounds;
  const within = () => world.visible().filter(({ startedAt }) => (from ?? -Infinity) <= startedAt && startedAt <= (to ?? Infinity));
  const [newest] = within();
  if (world.quirks.has("Q04") && Number(url.searchParams.get("offset")) > 0 && newest !== undefined) world.slipIn(newest.startedAt);
  const rows = within().map((call) => () => callJson(world, call));
  return paged("calls", world.quirks.has("Q08") ? withOldCopies(world, within(), rows) : rows, url, limitCap, world);
}

/** A date or a date-time as milliseconds; a bare date at the end of a range means its whole day. */
function bound(url: URL, name: string, wholeDay: number): number | undefined {
  const text = url.searchParams.get(name);
  if (text === null) return undefined;
  return Date.parse(text) + (text.length === 10 && wholeDay > 0 ? wholeDay - 1 : 0);
}

/** Q08: every tenth call once more, some rows further down, as it was before its last update. */
function withOldCopies(world: World, calls: readonly SampleCall[], rows: readonly (() => JsonObject)[]): (() => JsonObject)[] {
  const all = [...rows];
  calls.forEach((call, i) => {
    if (i % 10 !== 0) return;
    const old = () => ({ ...callJson(world, call), title: "as it was before", updated_at: new Date(call.updatedAt - DAY).toISOString(), tags: ["old"] });
    all.splice(Math.min(all.length, i + 15 + Math.floor(i / 10)), 0, old);
  });
  return all;
}

function paged(name: string, rows: readonly (JsonObject | (() => JsonObject))[], url: URL, limitCap: number, world: World): Answer {
  const offset = whole(url, "offset", 0);
  const asked = whole(url, "limit", 50);
  if (offset === undefined || offset < 0) return problem(400, "invalid_parameter", "must be 0 or more", "offset");
  if (asked === undefined || asked < 1) return problem(400, "invalid_parameter", "must be 1 or more", "limit");
  const limit = Math.min(asked, world.quirks.has("Q06") ? 25 : limitCap);
  const short = world.quirks.has("Q07") && offset > 0;
  const page = rows.slice(offset, offset + (short ? Math.ceil(limit / 2) : limit));
  const total = world.quirks.has("Q07") ? (offset % 2 === 0 ? null : rows.length + 17) : rows.length;
  const more = world.quirks.has("Q07") ? null : offset + page.length < rows.length;
  return {
    status: 200,
    json: {
      [name]: page.map((row) => (typeof row === "function" ? row() : row)),
      pagination: { offset, limit, returned: page.length, total, has_more: more },
    },
  };
}

function whole(url: URL, name: string, otherwise: number): number | undefined {
  const text = url.searchParams.get(name);
  if (text === null) return otherwise;
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

function oneCall(world: World, _url: URL, id: string): Answer {
  const call = world.find(id);
  return call === undefined ? problem(404, "not_found", "there is no such call") : { status: 200, json: callJson(world, call) };
}

function transcript(world: World, _url: URL, id: string): Answer {
  const call = world.find(id);
  if (call === undefined) return problem(404, "not_found", "there is no such call");
  switch (world.transcript(call, true)) {
    case "ready":
      return { status: 200, json: transcriptJson(world, call) };
    case "none":
      return problem(404, "no_transcript", "this call was not recorded");
    case "accepted":
      return { status: 202, headers: { "retry-after": "30" }, json: { status: "processing" } };
    case "not-found":
      return problem(404, "transcript_not_ready", "the transcript is being made");
    case "empty":
      return { status: 200, json: { call_id: call.id, status: null, language: null, updated_at: null, utterances: [] } };
  }
}
