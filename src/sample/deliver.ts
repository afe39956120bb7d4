import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { refusal, type Answer } from "./answer.ts";
import { Body } from "./body.ts";
import type { Fault, FaultBody, RetryAfter } from "./quirks/faults.ts";

const JSON_TYPE = "application/json; charset=utf-8";
const HTML_TYPE = "text/html; charset=utf-8";
const HTML = new Body("<!doctype html><html><body><h1>Please try again</h1></body></html>");

/** A request, and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** When it is by the server's clock, which may be set to another day than the machine's. */
  readonly nowMs: number;
}

/** Writes an answer as it should be, and returns its status. */
export function deliver(exchange: Exchange, answer: Answer): number {
  exchange.response.end(begin(exchange, answer));
  return answer.status;
}

/**
 * Lets a fault happen in the place of the answer; `answer` is called only by faults that spoil a good one. Returns what
 * it will be counted as.
 */
export function deliverFault(exchange: Exchange, fault: Fault, answer: () => Answer): number | "reset" {
  switch (fault.kind) {
    case "reset":
      exchange.request.socket.resetAndDestroy();
      return "reset";
    case "html":
      return deliver(exchange, { status: 200, body: HTML, headers: { "content-type": HTML_TYPE } });
    case "status": {
      const { status, retryAfter } = fault;
      const headers = retryAfter === undefined ? {} : { "retry-after": written(retryAfter, exchange.nowMs) };
      return deliver(exchange, { status, ...faultBody(status, fault.body, headers) });
    }
    case "cut": {
      const good = answer();
      exchange.response.end(begin(exchange, good, 0.5));
      return good.status;
    }
    case "slow": {
      const good = answer();
      void trickle(exchange.response, begin(exchange, good), fault.pauseMs);
      return good.status;
    }
  }
}

/** Writes the head and gives the bytes that are to follow: all of them, or a first part that passes for all. */
function begin({ request, response, nowMs }: Exchange, answer: Answer, part = 1): Buffer {
  const { bytes, isGzip } = answer.body.encoded(part === 1 && takesGzip(request));
  const sent = part === 1 ? bytes : bytes.subarray(0, Math.ceil(bytes.length * part));
  response.writeHead(answer.status, {
    date: new Date(nowMs).toUTCString(),
    "content-type": JSON_TYPE,
    "content-length": sent.length,
    ...(isGzip ? { "content-encoding": "gzip" } : {}),
    vary: "accept-encoding",
    ...answer.headers,
  });
  return sent;
}

async function trickle(response: ServerResponse, bytes: Buffer, pauseMs: number): Promise<void> {
  const middle = Math.floor(bytes.length / 2);
  response.write(bytes.subarray(0, middle));
  await delay(pauseMs, undefined, { ref: false });
  response.end(bytes.subarray(middle));
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

function takesGzip(request: IncomingMessage): boolean {
  return /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
}
