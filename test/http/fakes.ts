import { type Clock } from "../../src/core/clock.ts";
import { type JsonObject } from "../../src/core/json.ts";
import { type Log, type Metric, silentLog } from "../../src/core/log.ts";
import { type HttpRequest, type HttpResponse, type Send } from "../../src/http/send.ts";

export interface FakeClock extends Clock {
  /** Every sleep that was asked for, in milliseconds. */
  readonly waits: number[];
  advance(ms: number): void;
}

/** Time that passes only when somebody sleeps. */
export function fakeClock(startMs = Date.UTC(2026, 2, 10, 12)): FakeClock {
  let nowMs = startMs;
  const waits: number[] = [];
  return {
    waits,
    now: () => nowMs,
    advance: (ms) => (nowMs += ms),
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      waits.push(ms);
      nowMs += ms;
    },
  };
}

export type Answer = readonly [status: number, headers?: Record<string, string>, body?: string] | Error;

/** A network that gives these answers in turn, the last one again and again; `seen` is what it was asked. */
export function answers(...list: readonly Answer[]): Send & { seen: HttpRequest[] } {
  const seen: HttpRequest[] = [];
  const send = async (request: HttpRequest): Promise<HttpResponse> => {
    const answer = list[Math.min(seen.length, list.length - 1)];
    seen.push(request);
    if (answer === undefined) throw new Error("no answer was given to the fake");
    if (answer instanceof Error) throw answer;
    const [status, headers = {}, body = status === 200 ? "{}" : ""] = answer;
    return { status, headers, body: Buffer.from(body) };
  };
  return Object.assign(send, { seen });
}

export const GET: HttpRequest = { method: "GET", url: "http://api.test/x", headers: {}, endpoint: "/x" };

/** A log that keeps what was said. */
export function keptLog(): Log & { lines: string[]; metrics: Metric[] } {
  const lines: string[] = [];
  const metrics: Metric[] = [];
  const say = (level: string) => (text: string, _facts?: JsonObject) => void lines.push(`${level}: ${text}`);
  return {
    ...silentLog,
    lines,
    metrics,
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    metric: (metric) => void metrics.push(metric),
  };
}
