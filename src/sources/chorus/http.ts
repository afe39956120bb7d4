import { type Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { type JsonValue } from "../../core/json.ts";
import { withAuth } from "../../http/auth.ts";
import { meter } from "../../http/metrics.ts";
import { openPacing } from "../../http/pacing.ts";
import { type QuotaUsed } from "../../http/quota.ts";
import { type LearnedRate } from "../../http/rate.ts";
import { withRetry } from "../../http/retry.ts";
import { type HttpResponse, type Send, stack } from "../../http/send.ts";
import { serverTime } from "../../http/server-time.ts";
import { type Transport, openTransport } from "../../http/transport.ts";
import { HttpError, withVerdict } from "../../http/verdict.ts";
import { type Config } from "./config.ts";
import { type ReadTime, timeReader } from "./time.ts";
import { word } from "./values.ts";

/** Questions to the API of one account; every one goes through retry, pacing, verdict and auth. */
export interface Http extends AsyncDisposable {
  /** Reads the API's forms of time, for the account's time zone. */
  readonly time: ReadTime;
  /** Now, by the server's clock once it answered, by ours before; milliseconds since 1970. */
  now(): number;
  /** The server's time at a moment of our clock. Undefined until it answered for the first time. */
  serverTimeAt(clockMs: number): number | undefined;
  /**
   * Asks `GET <path>`. `route` is the path with `{id}` in place of ids, for messages and metrics. Statuses in `failFast`
   * are thrown without a second try. Throws HttpError.
   */
  get(path: string, options?: GetOptions): Promise<HttpResponse & { readonly json?: JsonValue }>;
  /** What the next run had better know of the API's limit, and of the day's requests where they have a quota. */
  memory(): HttpMemory;
}

/** What is kept of the network from run to run. */
export interface HttpMemory {
  readonly rate?: LearnedRate | undefined;
  readonly requests?: QuotaUsed | undefined;
}

interface GetOptions {
  readonly route?: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly failFast?: readonly number[];
}

export interface HttpOptions {
  /** Only for tests: what stands in for the network. */
  readonly transport?: Transport;
  /** How often a request may fail; less for a check, where somebody waits. */
  readonly tries?: number;
  readonly memory?: HttpMemory;
}

/** Opens the way to the API; no request is sent yet. Throws CONFIG_INVALID for a time zone nobody knows. */
export async function openHttp(
  config: Config,
  env: Env,
  { transport: given, tries, memory = {} }: HttpOptions = {},
): Promise<Http> {
  const { clock, log } = env;
  const transport = given ?? openTransport();
  const measured = meter(log, clock);
  const server = serverTime(clock);
  const closed = new AbortController();
  const signal = AbortSignal.any([env.signal, closed.signal]);
  const time = await accountTime(config.account_timezone);
  const quota = config.daily_request_quota;
  const pacing = openPacing(
    {
      maxRequestsPerSecond: config.max_requests_per_second,
      concurrency: config.concurrency,
      learned: memory.rate,
      dailyQuota: quota === undefined ? undefined : { day: "", used: 0, ...memory.requests, limit: quota },
    },
    clock,
    log,
  );
  const send: Send = stack(
    transport.send,
    withRetry({ clock, log, ...(tries === undefined ? {} : { tries }) }),
    pacing.layer,
    withVerdict,
    withAuth(config.api_token, config.auth_scheme),
    server.layer,
    measured.layer,
  );
  const root = config.api_url.replace(/\/+$/, "").replace(/\/(api\/v1|v3)$/, "");
  const headers = { accept: "application/json", "user-agent": config.user_agent ?? "chorus-elt" };
  return {
    time,
    now: () => server.at(clock.now()),
    serverTimeAt: (clockMs) => (server.known() ? server.at(clockMs) : undefined),
    get(path, { route = path, query = {}, failFast = [] } = {}) {
      const search = new URLSearchParams(
        Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
      ).toString();
      const url = `${root}${path}${search === "" ? "" : `?${search}`}`;
      return send({ method: "GET", url, headers, endpoint: route, failFast, signal });
    },
    memory: () => ({ rate: pacing.learned(), ...(quota === undefined ? {} : { requests: pacing.quotaUsed() }) }),
    async [Symbol.asyncDispose]() {
      closed.abort(new Error("the API was closed"));
      pacing.said();
      measured.sayCounts();
      await transport[Symbol.asyncDispose]();
    },
  };
}

export function isStatus(error: unknown, ...statuses: readonly number[]): error is HttpError {
  return error instanceof HttpError && statuses.includes(error.status);
}

/** The API's own word for why it refused, e.g. `not_found`. */
export function reason(error: HttpError): string | null {
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
