import { EltError } from "../../../core/errors.ts";
import { type JsonObject, isObject } from "../../../core/json.ts";
import { type Log } from "../../../core/log.ts";
import { retryAfterMs } from "../../../http/verdict.ts";
import { type Completed, type Flavour, type Listing, type WindowContent } from "../api.ts";
import { type Call, type Page, type Team, type Transcript, type User } from "../call.ts";
import { type Http, isStatus, reason } from "../http.ts";
import { readWhole } from "../paging.ts";
import { iso } from "../time.ts";
import { emptyTranscript, readTranscript } from "../transcripts.ts";
import { DAY_MS, type Interval } from "../windows.ts";
import { readCall, readPage } from "./calls.ts";
import { readTeam, readUser } from "./people.ts";

const FULL_PAGE = 100;
const SMALL_PAGE = 25;

/** Flavour `calls`: `/api/v1/calls` lists whole calls by offset and limit; only transcripts are asked for apart. */
export function callsFlavour(http: Http, log: Log): Flavour {
  const { time } = http;
  /** Some accounts know dates only; learned from the first refusal. */
  let datesOnly = false;
  let listedOnce = false;
  let routeExists: Promise<void> | undefined;

  async function list<Row>(
    name: string,
    query: { offset: number; limit: number; startDate?: string; endDate?: string },
    read: (fields: JsonObject) => Row | null,
    failFast: readonly number[] = [],
  ): Promise<Page<Row> | "no-route"> {
    const route = `/api/v1/${name}`;
    try {
      const answer = await http.get(route, { query, failFast });
      const page = readPage(answer.json, { name, endpoint: route, offset: query.offset }, read);
      const unusable = page.received - page.rows.length;
      if (unusable > 0) log.warn(`GET ${route}: ${unusable} rows have no id and cannot be kept`);
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

  /** A page of calls that started between two instants, more or less: accounts differ in what bounds mean. */
  async function calls(
    range: Interval,
    { offset, limit }: { offset: number; limit: number },
    failFast: readonly number[],
  ): Promise<Page<Call>> {
    const [startDate, endDate] = datesOnly
      ? [iso(range.from).slice(0, 10), iso(range.to + DAY_MS - 1).slice(0, 10)]
      : [iso(range.from), iso(range.to)];
    try {
      const page = await list(
        "calls",
        { startDate, endDate, offset, limit },
        (fields) => readCall(fields, time),
        failFast,
      );
      // Some APIs answer 404 for a range without calls. A wrong address answers 404 to everything.
      if (page === "no-route") await (routeExists ??= proveListRoute());
      listedOnce = true;
      if (page !== "no-route") return page;
      log.warn("GET /api/v1/calls answered 404; taken as no calls", { from: startDate, to: endDate });
      return { rows: [], received: 0, last: true, sure: true, total: 0 };
    } catch (error) {
      if (!isStatus(error, 400) || datesOnly || listedOnce) throw error;
      datesOnly = true;
      return calls(range, { offset, limit }, failFast);
    }
  }

  /** The whole of one of the account's lists, or undefined where there is no such route. */
  async function whole<Row extends { readonly id: string }>(
    name: string,
    read: (fields: JsonObject) => Row | null,
  ): Promise<readonly Row[] | undefined> {
    const route = { isMissing: false };
    const page = async (offset: number): Promise<Page<Row>> => {
      const answer = await list(name, { offset, limit: FULL_PAGE }, read);
      if (answer !== "no-route") return answer;
      route.isMissing = true;
      return { rows: [], received: 0, last: true, sure: true, total: 0 };
    };
    const listing = { page, idOf: (row: Row) => row.id, wanted: () => true, newer: (_: Row, later: Row) => later };
    const { rows } = await readWhole<Row>({ ...listing, lean: true }, log);
    if (!route.isMissing) return [...rows.values()];
    log.warn(`GET /api/v1/${name} answered 404: this account has no list of ${name}`);
    return undefined;
  }

  return {
    name: "calls",

    /** The calls are picked here, because a list may hold more than was asked for, and `asked` asks for more. */
    async window(window, { small = false, lean = false }: Listing = {}): Promise<WindowContent> {
      const range = asked(window, { lean, nowMs: http.now() });
      let failFast: readonly number[] = small ? [] : [504];
      const { rows, received } = await readWhole<Call>(
        {
          async page(offset) {
            const page = await calls(range, { offset, limit: small ? SMALL_PAGE : FULL_PAGE }, failFast);
            failFast = [];
            return page;
          },
          idOf: (call) => call.id,
          wanted: ({ startedMs }) => startedMs === null || (window.from <= startedMs && startedMs < window.to),
          newer: newerCall,
          lean,
        },
        log,
      );
      return { calls: inOrder(rows.values(), log), received };
    },

    async call(callId) {
      try {
        const { json } = await http.get(`/api/v1/calls/${encodeURIComponent(callId)}`, { route: "/api/v1/calls/{id}" });
        const outer = isObject(json) ? json : {};
        const call = readCall(
          isObject(outer["call"]) ? outer["call"] : isObject(outer["data"]) ? outer["data"] : outer,
          time,
        );
        if (call === null) throw new EltError("API_ANSWER_INVALID", "GET /api/v1/calls/{id} answered without a call");
        return call;
      } catch (error) {
        if (isStatus(error, 403)) return "forbidden";
        if (isStatus(error, 410)) return "gone";
        if (isStatus(error, 404)) return reason(error) === "not_found" ? "gone" : "no-route";
        if (isStatus(error, 405)) return "no-route";
        throw error;
      }
    },

    async complete(call, { transcript }) {
      return { call, ...(transcript ? await readTranscriptOf(http, call) : { transcript: undefined, isWhole: true }) };
    },

    async count({ from, to }) {
      const page = await calls({ from, to }, { offset: 0, limit: 1 }, []);
      return page.total;
    },

    users: () => whole<User>("users", (fields) => readUser(fields, time)),
    teams: () => whole<Team>("teams", readTeam),
    scorecards: async () => undefined,
  };
}

const HOUR_MS = 3_600_000;

/**
 * What is asked for a window. Accounts differ in what bounds mean: inclusive or not, whole days, any local time. 14 hours
 * before and a day and 14 hours after hold the window whatever they mean. A lean list does with the window, and
 * with what comes after it when that is still to come.
 */
export function asked(window: Interval, { lean, nowMs }: { lean: boolean; nowMs: number }): Interval {
  const isNewest = window.to >= nowMs - HOUR_MS;
  return {
    from: lean ? window.from : window.from - 14 * HOUR_MS,
    to: lean && !isNewest ? window.to : window.to + 38 * HOUR_MS,
  };
}

async function readTranscriptOf(http: Http, call: Call): Promise<Omit<Completed, "call">> {
  const told = (transcript: Transcript) => ({ transcript, isWhole: true });
  const refused = (transcript: Transcript) => ({ transcript, isWhole: false });
  try {
    const path = `/api/v1/calls/${encodeURIComponent(call.id)}/transcript`;
    const answer = await http.get(path, { route: "/api/v1/calls/{id}/transcript" });
    if (answer.status === 202)
      return told(emptyTranscript("pending", { promised: true, retryAfterMs: retryAfterMs(answer.headers) }));
    return told(readTranscript(answer.json, call, http.time));
  } catch (error) {
    if (isStatus(error, 403)) return refused(emptyTranscript("forbidden"));
    if (isStatus(error, 410)) return told(emptyTranscript("none"));
    if (!isStatus(error, 404)) throw error;
    if (reason(error) === "not_found") return refused(emptyTranscript("none"));
    if (reason(error) === "no_transcript") return told(emptyTranscript("none"));
    const promised = reason(error) === "transcript_not_ready";
    return told(emptyTranscript("pending", { promised, retryAfterMs: error.retryAfterMs }));
  }
}

/** The copy that was updated later; where that is not known, the one that was received later. */
export function newerCall(earlier: Call, later: Call): Call {
  if (earlier.updatedMs === null || later.updatedMs === null) return later;
  return later.updatedMs >= earlier.updatedMs ? later : earlier;
}

/** Oldest first; those without a date, which are warned of, come last. */
export function inOrder(calls: Iterable<Call>, log: Log): Call[] {
  const sorted = [...calls].sort(byStart);
  const undated = sorted.filter((call) => call.startedMs === null).length;
  if (undated > 0) log.warn(`${undated} calls have no usable date; they are kept`);
  return sorted;
}

function byStart(a: Call, b: Call): number {
  const order = (a.startedMs ?? Number.MAX_SAFE_INTEGER) - (b.startedMs ?? Number.MAX_SAFE_INTEGER);
  return order !== 0 ? order : a.id < b.id ? -1 : 1;
}
