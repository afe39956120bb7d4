import { setMaxListeners } from "node:events";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { printJson, type JsonObject, type JsonValue } from "../../core/json.ts";
import { withAuth } from "../../http/auth.ts";
import { meter } from "../../http/metrics.ts";
import { withPacing } from "../../http/pacing.ts";
import { withRetry } from "../../http/retry.ts";
import { stack, type HttpResponse, type Send } from "../../http/send.ts";
import { openTransport, type Transport } from "../../http/transport.ts";
import { HttpError, retryAfterMs, withVerdict } from "../../http/verdict.ts";
import { readRun, type RunAnswer } from "./answer.ts";
import type { Config, Kit } from "./config.ts";

/** A run as far as the API knows it, and how long it asks us to leave it alone. */
export interface Heard {
  readonly run: RunAnswer;
  readonly waitMs: number | undefined;
}

export interface Api extends AsyncDisposable {
  /**
   * Sends a transcript to a kit. The same key gives the same run, whoever asks however often, so an attempt whose answer
   * was lost costs nothing. Throws HttpError.
   */
  submit(kit: Kit, text: string, key: string): Promise<Heard>;
  /** A run; undefined when the API does not know it. */
  run(runId: string): Promise<Heard | undefined>;
  /** One cheap request that proves the key. */
  check(): Promise<void>;
}

interface ApiOptions {
  /** Only for tests: what stands in for the network. */
  readonly transport?: Transport;
  /** How often a request may fail; less for a check, where somebody waits. */
  readonly tries?: number;
}

/** Opens the API; no request is sent yet. */
export function openApi(config: Config, env: Env, options: ApiOptions = {}): Api {
  const { clock, log } = env;
  const transport = options.transport ?? openTransport();
  const measured = meter(log, clock);
  const closed = new AbortController();
  const signal = AbortSignal.any([env.signal, closed.signal]);
  for (const one of [signal, env.signal]) setMaxListeners(2 * config.concurrency + 10, one); // each run waits on its own
  const send: Send = stack(
    transport.send,
    withRetry({ clock, log, ...(options.tries === undefined ? {} : { tries: options.tries }) }),
    withPacing({ maxRequestsPerSecond: config.max_requests_per_second, concurrency: config.concurrency }, clock),
    withVerdict,
    withAuth(config.api_token, "bearer"),
    measured.layer,
  );
  const root = config.api_url.replace(/\/+$/, "").replace(/\/v1$/, "");
  const headers = { accept: "application/json", "user-agent": config.user_agent ?? "chorus-elt" };

  const get = (path: string, endpoint: string) =>
    send({ method: "GET", url: `${root}/v1${path}`, headers, endpoint, signal });

  function post(body: JsonObject, key: string) {
    return send({
      method: "POST",
      url: `${root}/v1/runs`,
      headers: { ...headers, "content-type": "application/json", "idempotency-key": key },
      body: printJson(body),
      endpoint: "/v1/runs",
      failFast: [409],
      signal,
    });
  }

  return {
    async submit(kit, text, key) {
      const body = (mode: JsonValue) => ({ ...kit.wire, type: config.run_type, mode, input: { transcript: text } });
      try {
        return heard(await post(body(config.mode), key), "POST /v1/runs");
      } catch (error) {
        if (!(error instanceof HttpError && error.status === 409)) throw error;
        // The key was used for another body. That is our own run when the mode was changed since; a new key would be paid.
        return heard(await post(body(config.mode === "sync" ? "async" : "sync"), key), "POST /v1/runs");
      }
    },

    async run(runId) {
      try {
        return heard(await get(`/runs/${encodeURIComponent(runId)}`, "/v1/runs/{id}"), "GET /v1/runs/{id}");
      } catch (error) {
        if (error instanceof HttpError && (error.status === 404 || error.status === 410)) return undefined;
        throw error;
      }
    },

    async check() {
      await get("/runs?limit=1", "/v1/runs");
    },

    async [Symbol.asyncDispose]() {
      closed.abort(new Error("the API was closed"));
      measured.sayCounts();
      await transport[Symbol.asyncDispose]();
    },
  };
}

function heard(answer: HttpResponse, request: string): Heard {
  const run = readRun(answer.json);
  if (run === undefined) throw new EltError("API_ANSWER_INVALID", `${request} answered ${answer.status} without a run`);
  return { run, waitMs: retryAfterMs(answer.headers) };
}
