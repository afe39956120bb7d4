import { EltError } from "../../../core/errors.ts";
import { type JsonObject, type JsonValue, isObject } from "../../../core/json.ts";
import { type Log } from "../../../core/log.ts";
import { type HttpError } from "../../../http/verdict.ts";
import { type Flavour, type Listing, type Needs } from "../api.ts";
import { type Call, type Scorecard, type Team, type User } from "../call.ts";
import { type Config } from "../config.ts";
import { type Http, isStatus, reason } from "../http.ts";
import { type ReadTime, iso } from "../time.ts";
import { emptyTranscript } from "../transcripts.ts";
import { first, label, object, word } from "../values.ts";
import { type Interval } from "../windows.ts";
import { asked, inOrder, newerCall } from "./calls-api.ts";
import { readRows } from "./calls.ts";
import { readTeam, readUser } from "./people.ts";
import { readScorecard } from "./scorecards.ts";
import { readConversation, readEngagement } from "./v3.ts";

/** Other types (unrecorded meetings, emails, content views) are asked for only when `call_types` names them. */
const CALL_TYPES = ["meeting", "dialer"];
const ENGAGEMENTS = "/v3/engagements";
const CONVERSATION = "/api/v1/conversations/{id}";
const RESTARTS = 5;
const SCORECARDS_A_PAGE = 100;

/**
 * Flavour `v3`, the published API: `/v3/engagements` lists what there is, newest first, by a continuation key; all else of
 * a call comes in one request for its conversation. Only what the selected streams need is asked for, and nothing that
 * would make Chorus compute something anew (api-contract: `force_regeneration`, `skip_summary_generation`).
 */
export function v3Flavour(http: Http, config: Pick<Config, "call_types">, log: Log): Flavour {
  const { time } = http;
  const named = (config.call_types ?? []).map((type) => word(type)).filter((type) => type !== null);
  const types = named.length > 0 ? named : CALL_TYPES;

  /** All engagements of one type in a range, each once. A key that is refused starts the list again. */
  async function engagements(query: Record<string, string>, patient: boolean): Promise<Map<string, Call>> {
    const calls = new Map<string, Call>();
    let known = new Set<string>();
    let key: string | undefined;
    let failFast: readonly number[] = patient ? [] : [504];
    let restarts = 0;
    for (;;) {
      let json;
      try {
        const continued = key === undefined ? query : { ...query, continuation_key: key };
        ({ json } = await http.get(ENGAGEMENTS, { query: continued, failFast }));
      } catch (error) {
        if (key === undefined || !isStatus(error, 400, 410) || ++restarts > RESTARTS) throw error;
        log.info("a continuation key was refused; the list is read again from its start", { reason: reason(error) });
        key = undefined;
        known = new Set();
        continue;
      }
      failFast = [];
      const rows = readEngagements(json, time);
      const before = known.size;
      for (const call of rows) {
        known.add(call.id);
        if (call.callType === null || !types.includes(call.callType)) continue;
        const earlier = calls.get(call.id);
        calls.set(call.id, earlier === undefined ? call : newerCall(earlier, call));
      }
      if (key !== undefined && rows.length > 0 && known.size === before) {
        throw new EltError(
          "API_PAGING_STUCK",
          `GET ${ENGAGEMENTS} gives the same ${rows.length} rows whatever key is sent`,
        );
      }
      const next = label(object(json)["continuation_key"]);
      if (rows.length === 0 || next === null || next === key) return calls;
      key = next;
    }
  }

  async function conversation(callId: string, fields: string): Promise<JsonObject> {
    const { json } = await http.get(`/api/v1/conversations/${encodeURIComponent(callId)}`, {
      route: CONVERSATION,
      query: { fields, skip_summary_generation: "true" },
    });
    const data = object(object(json)["data"]);
    return isObject(data["attributes"]) ? data["attributes"] : data;
  }

  async function roots<Row>(
    route: string,
    names: readonly string[],
    read: (fields: JsonObject) => Row | null,
    query: Record<string, string | number> = {},
  ): Promise<Row[] | undefined> {
    try {
      const { json } = await http.get(route, { query });
      return readRows(json, names, route)
        .filter(isObject)
        .map((row) => read(withAttributes(row)))
        .filter((row) => row !== null);
    } catch (error) {
      if (!isStatus(error, 404, 410)) throw error;
      log.warn(`GET ${route} answered 404: this account has no such list`);
      return undefined;
    }
  }

  return {
    name: "v3",

    async window(window, { small = false, lean = false }: Listing = {}) {
      const { from, to } = asked(window, { lean, nowMs: http.now() });
      const range = { min_date: iso(from), max_date: iso(to) };
      const calls = new Map<string, Call>();
      let received = 0;
      for (const type of types) {
        const found = await engagements({ ...range, engagement_type: type, with_trackers: "true" }, small);
        received += found.size;
        for (const call of found.values()) if (isWithin(call, window)) calls.set(call.id, call);
      }
      return { calls: inOrder(calls.values(), log), received };
    },

    async call(callId) {
      // One page: an API that does not know this filter would list all there is.
      const { json } = await http.get(ENGAGEMENTS, { query: { engagement_id: callId, with_trackers: "true" } });
      const call = readEngagements(json, time).find(({ id }) => id === callId);
      if (call !== undefined) return call;
      try {
        await conversation(callId, "_modified_at");
        return "unlisted";
      } catch (error) {
        if (isStatus(error, 403)) return "forbidden";
        if (isStatus(error, 404, 410)) return isGone(error) ? "gone" : "no-route";
        throw error;
      }
    },

    async complete(call, needs) {
      try {
        const attributes = await conversation(call.id, fieldsFor(needs));
        const media = needs.media ? await mediaOf(http, call.id) : undefined;
        return readConversation(call, attributes, needs, time, media);
      } catch (error) {
        const refused = (status: "forbidden" | "none" | "pending") => ({
          call,
          transcript: needs.transcript ? emptyTranscript(status) : undefined,
          isWhole: false,
        });
        if (isStatus(error, 403)) return refused("forbidden");
        if (isStatus(error, 404, 410)) return refused(isGone(error) ? "none" : "pending");
        throw error;
      }
    },

    count: async () => undefined,

    users: () => roots<User>("/v3/users", ["users"], (fields) => readUser(fields, time)),
    teams: () => roots<Team>("/api/v1/teams", ["teams"], readTeam),

    async scorecards() {
      const all = new Map<string, Scorecard>();
      for (let page = 1; ; page++) {
        const query = { "page[size]": SCORECARDS_A_PAGE, "page[number]": page };
        const found = await roots<Scorecard>(
          "/api/v1/scorecards",
          ["scorecards"],
          (fields) => readScorecard(fields, time),
          query,
        );
        if (found === undefined) return undefined;
        const before = all.size;
        for (const scorecard of found) all.set(scorecard.id, scorecard);
        if (found.length === 0 || all.size === before) return [...all.values()];
      }
    },
  };
}

function readEngagements(json: JsonValue | undefined, time: ReadTime): Call[] {
  return readRows(json, ["engagements"], ENGAGEMENTS)
    .filter(isObject)
    .map((row) => readEngagement(row, time))
    .filter((call) => call !== null);
}

function isWithin({ startedMs }: Call, { from, to }: Interval): boolean {
  return startedMs === null || (from <= startedMs && startedMs < to);
}

/** A 404 without a code says that there is no such route; one with `not_found` that there is no such conversation. */
function isGone(error: HttpError): boolean {
  return error.status === 410 || reason(error) === "not_found";
}

/**
 * Names of attributes; without such a list everything would come. Parts of the recording are named only where turns and
 * trackers, which are most of it, are not needed: whether an account takes such names is not published.
 */
function fieldsFor({ transcript, trackers, metrics, summary }: Needs): string {
  return [
    "_created_at,_modified_at,name,status,language,owner,account,deal",
    transcript || trackers
      ? "recording"
      : "recording.audio_only,recording.schedule_start_time,recording.schedule_end_time",
    ...(metrics ? ["metrics"] : []),
    ...(summary ? ["summary", "action_items"] : []),
  ].join(",");
}

async function mediaOf(http: Http, callId: string): Promise<JsonObject | undefined> {
  try {
    const path = `/api/v1/conversations/${encodeURIComponent(callId)}/media`;
    const { json } = await http.get(path, { route: `${CONVERSATION}/media`, query: { info: "true" } });
    return isObject(json) ? json : undefined;
  } catch (error) {
    if (isStatus(error, 301, 302, 303, 307, 308, 403, 404, 410)) return undefined;
    throw error;
  }
}

/** A JSON:API resource as a plain object: its attributes with its id. */
function withAttributes(row: JsonObject): JsonObject {
  const attributes = row["attributes"];
  return isObject(attributes) ? { ...attributes, id: first(row, "id") ?? attributes["id"] ?? null } : row;
}
