import { type Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { type JsonObject, isObject } from "../../core/json.ts";
import { withAuth } from "../../http/auth.ts";
import { meter } from "../../http/metrics.ts";
import { withPacing } from "../../http/pacing.ts";
import { withRetry } from "../../http/retry.ts";
import { type Send, stack } from "../../http/send.ts";
import { serverTime } from "../../http/server-time.ts";
import { type Transport, openTransport } from "../../http/transport.ts";
import { HttpError, retryAfterMs, withVerdict } from "../../http/verdict.ts";
import { type Call, type Page, type Team, type Transcript, type User } from "./call.ts";
import { type Config } from "./config.ts";
import { readCall, readPage } from "./flavours/calls.ts";
import { readTeam, readUser } from "./flavours/people.ts";
import { type ReadTime, iso, timeReader } from "./time.ts";
import { emptyTranscript, readTranscript } from "./transcripts.ts";
import { word } from "./values.ts";

/** What of the API is used, as our own types. Every method goes through retry, pacing, verdict and auth. */
export interface Api extends AsyncDisposable {
  /** Reads the API's forms of time, for the account's time zone. */
  readonly time: ReadTime;
  /** Now, by the server's clock once it answered, by ours before; milliseconds since 1970. */
  now(): number;
  /** The server's time at a moment of our clock. Undefined until it answered for the first time. */
  serverTimeAt(clockMs: number): number | undefined;
  /**
   * A page of calls that started between the two instants, more or less: accounts differ in what bounds mean.
   * `limit` is a wish. Status 504 is thrown at once, for the caller to ask for less, unless `patient`.
   */
  calls(query: { from: number; to: number; offset: number; limit: number; patient?: boolean }): Promise<Page<Call>>;
  /** One call; `gone` when it does not exist (any more), `no-route` when the account cannot read single calls. */
  call(callId: string): Promise<Call | "gone" | "no-route">;
  /** Its transcript, or why there is none; throws when that cannot be told. */
  transcript(call: Call): Promise<Transcript>;
  users(query: { offset: number; limit: number }): Promise<Page<User> | "no-route">;
  teams(query: { offset: number; limit: number }): Promise<Page<Team> | "no-route">;
}

interface ApiOptions {
  /** Only for tests: what stands in for the network. */
  readonly transport?: Transport;
  /** How often a request may fail; less for a check, where somebody waits. */
  readonly tries?: number;
}

/** Opens the API; no request is sent yet. Throws CONFIG_INVALID for a time zone nobody knows. */
export async function openApi(config: Config, env: Env, options: ApiOptions = {}): Promise<Api> {
  const { clock, log } = env;
  const transport = options.transport ?? openTransport();
  const measured = meter(log, clock);
  const server = serverTime(clock);
  const closed = new AbortController();
  const signal = AbortSignal.any([env.signal, closed.signal]);
  const time = await accountTime(config.account_timezone);
  const send: Send = stack(
    transport.send,
    withRetry({ clock, log, ...(options.tries === undefined ? {} : { tries: options.tries }) }),
    withPacing({ maxRequestsPerSecond: config.max_requests_per_second, concurrency: config.concurrency }, clock),
    withVerdict,
    withAuth(config.api_token, config.auth_scheme),
    server.layer,
    measured.layer,
  );
  const root = config.api_url.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
  const headers = { accept: "application/json", "user-agent": config.user_agent ?? "chorus-elt" };
  /** Some accounts know dates only; learned from the first refusal. */
  let datesOnly = false;
  let listedOnce = false;
  let routeExists: Promise<void> | undefined;

  function get(
    path: string,
    endpoint: string,
    query: Record<string, string | number> = {},
    failFast: readonly number[] = [],
  ) {
    const search = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
    ).toString();
    const url = `${root}/api/v1${path}${search === "" ? "" : `?${search}`}`;
    return send({ method: "GET", url, headers, endpoint, failFast, signal });
  }

  async function list<Row>(
    name: string,
    query: { offset: number; limit: number; startDate?: string; endDate?: string },
    read: (fields: JsonObject) => Row | null,
    failFast: readonly number[] = [],
  ): Promise<Page<Row> | "no-route"> {
    const endpoint = `/api/v1/${name}`;
    try {
      const answer = await get(`/${name}`, endpoint, query, failFast);
      const page = readPage(answer.json, { name, endpoint, offset: query.offset }, read);
      const unusable = page.received - page.rows.length;
      if (unusable > 0) log.warn(`GET ${endpoint}: ${unusable} rows have no id and cannot be kept`);
      return page;
    } catch (error) {
      if (isStatus(error, 404, 410)) return "no-route";
      throw error;
    }
  }

  async function proveListRoute(): Promise<void> {
    if (listedOnce) return;
    const page = await list("calls", { offset: 0, limit: 1 }, (fields) => readCall(fields, time));
    if (page !== "no-route") return;
    throw new EltError("API_UNAVAILABLE", "GET /api/v1/calls answered 404 for every range, as a wrong `api_url` would");
  }

  const api: Api = {
    time,
    now: () => server.at(clock.now()),
    serverTimeAt: (clockMs) => (server.known() ? server.at(clockMs) : undefined),

    async calls({ from, to, offset, limit, patient = false }) {
      const [startDate, endDate] = datesOnly
        ? [iso(from).slice(0, 10), iso(to + 86_399_999).slice(0, 10)]
        : [iso(from), iso(to)];
      try {
        const query = { startDate, endDate, offset, limit };
        const page = await list("calls", query, (fields) => readCall(fields, time), patient ? [] : [504]);
        // Some APIs answer 404 for a range without calls. A wrong address answers 404 to everything.
        if (page === "no-route") await (routeExists ??= proveListRoute());
        listedOnce = true;
        if (page !== "no-route") return page;
        log.warn("GET /api/v1/calls answered 404; taken as no calls", { from: startDate, to: endDate });
        return { rows: [], received: 0, last: true };
      } catch (error) {
        if (!isStatus(error, 400) || datesOnly || listedOnce) throw error;
        datesOnly = true;
        return api.calls({ from, to, offset, limit, patient });
      }
    },

    async call(callId) {
      try {
        const { json } = await get(`/calls/${encodeURIComponent(callId)}`, "/api/v1/calls/{id}");
        const outer = isObject(json) ? json : {};
        const call = readCall(
          isObject(outer["call"]) ? outer["call"] : isObject(outer["data"]) ? outer["data"] : outer,
          time,
        );
        if (call === null) throw new EltError("API_ANSWER_INVALID", "GET /api/v1/calls/{id} answered without a call");
        return call;
      } catch (error) {
        if (isStatus(error, 403, 410)) return "gone";
        if (isStatus(error, 404)) return reason(error) === "not_found" ? "gone" : "no-route";
        if (isStatus(error, 405)) return "no-route";
        throw error;
      }
    },

    async transcript(call) {
      try {
        const answer = await get(`/calls/${encodeURIComponent(call.id)}/transcript`, "/api/v1/calls/{id}/transcript");
        if (answer.status === 202)
          return emptyTranscript("pending", { promised: true, retryAfterMs: retryAfterMs(answer.headers) });
        return readTranscript(answer.json, call, time);
      } catch (error) {
        if (isStatus(error, 403)) return emptyTranscript("forbidden");
        if (isStatus(error, 410)) return emptyTranscript("none");
        if (!isStatus(error, 404)) throw error;
        if (reason(error) === "no_transcript" || reason(error) === "not_found") return emptyTranscript("none");
        const promised = reason(error) === "transcript_not_ready";
        return emptyTranscript("pending", { promised, retryAfterMs: error.retryAfterMs });
      }
    },

    users: (query) => list("users", query, (fields) => readUser(fields, time)),
    teams: (query) => list("teams", query, readTeam),

    async [Symbol.asyncDispose]() {
      closed.abort(new Error("the API was closed"));
      measured.sayCounts();
      await transport[Symbol.asyncDispose]();
    },
  };
  return api;
}

function isStatus(error: unknown, ...statuses: readonly number[]): error is HttpError {
  return error instanceof HttpError && statuses.includes(error.status);
}

function reason(error: HttpError): string | null {
  return word(error.reason);
}

async function accountTime(zone: string): Promise<ReadTime> {
  try {
    return await timeReader(zone);
  } catch (cause) {
    throw new EltError(
      "CONFIG_INVALID",
      `\`account_timezone\`: ${cause instanceof Error ? cause.message : "not usable"}`,
      { cause },
    );
  }
}
