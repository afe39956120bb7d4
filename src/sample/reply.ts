import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { refusal, type Answer } from "./answer.ts";
import { Body } from "./body.ts";
import type { Fault, FaultBody, RetryAfter } from "./quirks/faults.ts";

const JSON_TYPE = "application/json; charset=utf-8";
const HTML_TYPE = "text/html; charset=utf-8";
const HTML = new Body("<!doctype html><html><body><h1>Please try again</h1></body></html>");

/** A request, from a socket or from this process. */
export interface SampleRequest {
  readonly method: string;
  /** The path with its query, or a whole address. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: string | undefined;
}

/** What goes back to the client; `reset` is a connection that is cut instead. */
export type Reply = Sent | "reset";

interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** How long the second half of the body is held back. */
  readonly pauseMs?: number;
}

/** What an answer needs to know of its request. */
export interface Context {
  readonly takesGzip: boolean;
  /** When it is by the server's clock, which may be set to another day than the machine's. */
  readonly nowMs: number;
  /** Headers of all answers to this request, `content-type` among them when it is not plain JSON. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer as it should be, or a first `part` of it that passes for all. */
export function replyOf(answer: Answer, { takesGzip, nowMs, headers }: Context, part = 1): Sent {
  const { bytes, isGzip } = answer.body.encoded(part === 1 && takesGzip);
  const body = part === 1 ? bytes : bytes.subarray(0, Math.ceil(bytes.length * part));
  return {
    status: answer.status,
    headers: {
      date: new Date(nowMs).toUTCString(),
      "content-type": JSON_TYPE,
      "content-length": String(body.length),
      ...(isGzip ? { "content-encoding": "gzip" } : {}),
      vary: "accept-encoding",
      ...headers,
      ...answer.headers,
    },
    body,
  };
}

/** What a fault makes of the answer; `answer` is called only by faults that spoil a good one. */
export function spoiledReply(fault: Fault, context: Context, answer: () => Answer): Reply {
  switch (fault.kind) {
    case "reset":
      return "reset";
    case "html":
      return replyOf({ status: 200, body: HTML, headers: { "content-type": HTML_TYPE } }, context);
    case "status": {
      const { status, retryAfter } = fault;
      const headers = retryAfter === undefined ? {} : { "retry-after": written(retryAfter, context.nowMs) };
      return replyOf({ status, ...faultBody(status, fault.body, headers) }, context);
    }
    case "cut":
      return replyOf(answer(), context, 0.5);
    case "slow":
      return { ...replyOf(answer(), context), pauseMs: fault.pauseMs };
  }
}

/** Sends a reply over a socket. */
export async function write(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  if (reply === "reset") {
    request.socket.resetAndDestroy();
    return;
  }
  const { status, headers, body, pauseMs } = reply;
  response.writeHead(status, headers);
  if (pauseMs === undefined) {
    response.end(body);
    return;
  }
  const middle = Math.floor(body.length / 2);
  response.write(body.subarray(0, middle));
  await delay(pauseMs, undefined, { ref: false });
  response.end(body.subarray(middle));
}

function faultBody(status: number, form: FaultBody, headers: Record<string, string>): Omit<Answer, "status"> {
  switch (form) {
    case "errors": {
      const { body } = refusal(status, status === 429 ? "rate_limited" : "server_error", "Please try again.");
      return { body, headers };
    }
    case "error":
      return { body: new Body('{"error":"please try again"}'), headers };
    case "html":
      return { body: HTML, headers: { ...headers, "content-type": HTML_TYPE } };
    case "empty":
      return { body: new Body(""), headers };
  }
}

function written(after: RetryAfter, nowMs: number): string {
  return "seconds" in after ? String(after.seconds) : new Date(nowMs + after.dateInSeconds * 1000).toUTCString();
}
