import { type ErrorCode, EltError } from "../core/errors.ts";
import { isObject, type JsonValue, parseJson } from "../core/json.ts";
import { readProblem } from "./problem.ts";
import { type HttpRequest, type HttpResponse, type Layer } from "./send.ts";

/** How often it makes sense to ask again. `limited`: until the API lets us; `conflict`: twice. */
export type Retry = "never" | "transient" | "conflict" | "limited";

/** A request that did not get what it asked for. Statuses that callers look at: 403, 404, 504. */
export class HttpError extends EltError {
  /** 0 when there was no answer at all. */
  readonly status: number;
  /** The API's own code, e.g. `transcript_not_ready`. */
  readonly reason: string | undefined;
  readonly retry: Retry;
  /** What `Retry-After` said, never below 0. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    facts: {
      status: number;
      retry: Retry;
      reason?: string | undefined;
      retryAfterMs?: number | undefined;
      cause?: unknown;
    },
  ) {
    super(code, message, { cause: facts.cause });
    this.name = "HttpError";
    this.status = facts.status;
    this.reason = facts.reason;
    this.retry = facts.retry;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/**
 * Decides what an answer means; nothing else does. An answer of 200-299 passes with its JSON; everything else is
 * thrown as an HttpError, and so is a body that is not JSON, because a proxy or a cut connection made it.
 */
export const withVerdict: Layer = (next) => async (request) => {
  const answer = await next(request).catch((cause: unknown) => {
    request.signal?.throwIfAborted();
    // What the network throws has a code; a TypeError without one is a defect of ours, and asking again mends nothing.
    if (cause instanceof EltError || (cause instanceof TypeError && !("code" in cause))) throw cause;
    throw new HttpError("API_UNAVAILABLE", `${request.method} ${request.endpoint} got no answer: ${causeText(cause)}`, {
      status: 0,
      retry: "transient",
      cause,
    });
  });
  if (answer.status >= 200 && answer.status < 300) return { ...answer, json: readJson(request, answer) };
  throw refusal(request, answer);
};

const KNOWN: Partial<Record<number, { code: ErrorCode; retry: Retry }>> = {
  401: { code: "API_UNAUTHORIZED", retry: "never" },
  403: { code: "API_FORBIDDEN", retry: "never" },
  408: { code: "API_UNAVAILABLE", retry: "transient" },
  409: { code: "API_REFUSED", retry: "conflict" },
  425: { code: "API_UNAVAILABLE", retry: "transient" },
  429: { code: "API_BUSY", retry: "limited" },
};

function refusal(request: HttpRequest, answer: HttpResponse): HttpError {
  const { status } = answer;
  const unavailable = { code: "API_UNAVAILABLE", retry: "transient" } as const;
  const refused = { code: "API_REFUSED", retry: "never" } as const;
  const known = KNOWN[status] ?? (status >= 500 ? unavailable : refused);
  // What it says decides what becomes of a call, so a refusal that was cut off is asked for again.
  const { code, retry } = known.retry === "never" && status !== 401 && isCut(answer.body) ? unavailable : known;
  const problem = readProblem(answer.body);
  const redirect = status >= 300 && status < 400 ? " and points to another host" : "";
  const facts = [problem.code, problem.detail].filter((part) => part !== undefined).join(": ");
  const message = `${request.method} ${request.endpoint} answered ${status}${redirect}${facts === "" ? "" : ` (${facts})`}`;
  return new HttpError(code, message, {
    status,
    reason: problem.code,
    retry: request.failFast?.includes(status) === true ? "never" : retry,
    retryAfterMs: retryAfterMs(answer.headers) ?? retryAfterMsIn(answer.body),
  });
}

/** True for a body that begins as JSON and does not end as such. */
function isCut(body: Buffer): boolean {
  const text = body.toString("utf8").trimStart();
  if (!/^[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

function readJson(request: HttpRequest, answer: HttpResponse): JsonValue {
  const { status, body } = answer;
  if (body.length === 0 && status !== 200) return null;
  const text = body.toString("utf8");
  try {
    return parseJson(text.startsWith("\uFEFF") ? text.slice(1) : text);
  } catch (cause) {
    if (status === 202 || status === 204) return null;
    const form = /^\s*</.test(text) ? "a web page" : "a text that is not whole JSON";
    // The parser's own message quotes the body, so it does not come along as the cause.
    const kind = cause instanceof SyntaxError ? "" : `, ${causeText(cause)}`;
    throw new HttpError(
      "API_UNAVAILABLE",
      `${request.method} ${request.endpoint} answered ${status} with ${form} (${body.length} bytes${kind})`,
      { status, retry: "transient" },
    );
  }
}

/** Seconds or a date; a date is measured against the server's own clock, since ours may be wrong. */
export function retryAfterMs(headers: HttpResponse["headers"]): number | undefined {
  const text = headers["retry-after"]?.trim();
  if (text === undefined || text === "") return undefined;
  if (/^-?\d+(\.\d+)?$/.test(text)) return Math.max(0, Number(text) * 1000);
  const until = Date.parse(text);
  const serverNow = Date.parse(headers["date"] ?? "");
  if (Number.isNaN(until)) return undefined;
  return Math.max(0, until - (Number.isNaN(serverNow) ? Date.now() : serverNow));
}

/** `retry_after_seconds` in the body of a refusal, which Semarize sends beside or instead of the header. */
function retryAfterMsIn(body: Buffer): number | undefined {
  if (!body.includes('"retry_after_seconds"')) return undefined;
  try {
    const json: unknown = JSON.parse(body.toString("utf8"));
    const seconds = isObject(json) ? json["retry_after_seconds"] : undefined;
    return typeof seconds === "number" && seconds >= 0 ? seconds * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown cause";
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
  return `${code} ${cause.message}`.slice(0, 200);
}
