import { printJson, type JsonObject } from "../../core/json.ts";
import { HOUR_MS, type Account, type Held } from "../account.ts";
import { Refusal, type Answer, type Ask, type Route } from "../answer.ts";
import { Body, BodyCache } from "../body.ts";
import type { Changes } from "../changes.ts";
import { isSpoken } from "../model.ts";
import type { AccountOptions } from "../options.ts";
import { QUIRKS } from "../quirks/table.ts";
import type { Violations } from "../violations.ts";
import { userRow } from "./calls-wire.ts";
import { conversation, Fields } from "./conversation.ts";
import { engagements, processingState } from "./engagements.ts";
import { scorecardPage } from "./scorecards.ts";
import { teamResource } from "./v3-wire.ts";

const MEDIA_TYPE = "application/vnd.api+json";
const CONVERSATION_CACHE_BYTES = 48 * 1024 * 1024;

interface Options extends Pick<AccountOptions, "bounds" | "dateEnd" | "accountTimezone"> {
  readonly limitCap: number;
  readonly violations: Violations;
  readonly mediaOrigin: () => string;
}

/** The routes of API flavour `v3`: engagements with continuation keys, conversations, users, teams and scorecards. */
export function v3Flavour(account: Account, changes: Changes, options: Options): Route[] {
  const { quirks } = account;
  const conversations = new BodyCache(CONVERSATION_CACHE_BYTES);
  const publicId = (id: string) => account.publicId(id);
  const print = (row: JsonObject, n: number): string =>
    printJson(quirks.on.reduce((written, id) => QUIRKS[id].wire?.(written, n) ?? written, row));
  const unlessNone = <Row>(rows: readonly Row[]) => (account.access === "none" ? [] : rows);

  const getConversation = ({ parameters: [id], query }: Ask): Answer => {
    if (query.get("force_regeneration") === "true") options.violations.add("force_regeneration");
    if (query.get("skip_summary_generation") !== "true") options.violations.add("without_skip_summary");
    const held = find(account, id);
    const never = account.never(held);
    if (never === "forbidden") throw new Refusal(403, "forbidden", "This token may not read this conversation.");
    const fields = new Fields(query.get("fields"));
    const form = never ?? (fields.asksUtterances ? account.askTranscript(held) : account.pending(held));
    const isPending = form !== undefined;
    const isSilent = isPending || !isSpoken(held.call);
    const state = isPending ? "processing" : processingState(account, held);
    const status = held.call.status === "no_show" ? "no show" : state;
    const turns = once(() => (isSilent ? [] : account.turns(held)));
    const make = () =>
      new Body(`{"data":${print(conversation(account.shown(held), publicId, { status, turns, fields }), held.n)}}`);
    const stamp = `${account.stamp(held)}.${status}`;
    return { status: 200, body: conversations.get(`${held.call.id} ${fields.key}`, stamp, make) };
  };

  const getMedia = ({ parameters: [id], query }: Ask): Answer => {
    const held = find(account, id);
    const { recording } = account.shown(held);
    if (recording?.url == null) throw new Refusal(404, "not_found", "There is no recording of this call.");
    if (query.get("info") !== "true") {
      const location = `${options.mediaOrigin()}/media/${publicId(held.call.id)}`;
      return { status: 302, headers: { location }, body: new Body("") };
    }
    const { url, mediaType, expiresMs } = recording;
    const lastsMs = quirks.has("Q26") ? account.now() + HOUR_MS : expiresMs;
    const expires = lastsMs === null ? null : new Date(lastsMs).toISOString();
    return { status: 200, body: new Body(printJson({ url, media_type: mediaType, expires_at: expires })) };
  };

  const listUsers = ({ headers }: Ask): Answer => {
    if (headers["x-al-version"] !== undefined) {
      throw new Refusal(400, "invalid_header", "x-al-version is not taken here.", { parameter: "x-al-version" });
    }
    const users = unlessNone(account.source.users).map((user, n) => print(userRow(user, publicId), n));
    return { status: 200, body: new Body(`[${users.join(",")}]`) };
  };

  const resources = (rows: readonly string[]): Answer => ({
    status: 200,
    body: new Body(`{"data":[${rows.join(",")}]}`),
  });
  const listTeams = () =>
    resources(unlessNone(account.source.teams).map((team, n) => print(teamResource(team, publicId), n)));
  const listScorecards = (ask: Ask) =>
    resources(scorecardPage(account, ask, publicId).map(({ n, row }) => print(row, n)));

  const get = (template: string, answer: Route["answer"]): Route => ({
    method: "GET",
    template,
    mediaType: MEDIA_TYPE,
    answer,
  });
  return [
    get("/v3/engagements", engagements(account, changes, options)),
    get("/api/v1/conversations/{id}", getConversation),
    get("/api/v1/conversations/{id}/media", getMedia),
    get("/v3/users", listUsers),
    get("/api/v1/teams", listTeams),
    get("/api/v1/scorecards", listScorecards),
  ];
}

/** Calls of no type that this flavour has cannot be found in it. */
function find(account: Account, id = ""): Held {
  const held = account.find(id);
  if (held === undefined || held.call.callType === "other") {
    throw new Refusal(404, "not_found", "There is no conversation with this id.");
  }
  return held;
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}
