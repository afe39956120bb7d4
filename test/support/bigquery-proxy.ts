import { once } from "node:events";
import {
  createServer,
  request as send,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { isObject, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import { BrokenJobs } from "./bigquery/broken-jobs.ts";
import { contentOf, jobOf, type Call } from "./bigquery/call.ts";
import { discovery, type Discovery, type DiscoveryDocument } from "./bigquery/discovery.ts";
import {
  errorAnswer,
  Faults,
  frontEndPage,
  type Fault,
  type FaultHandle,
  type FaultOptions,
  type Match,
} from "./bigquery/faults.ts";

/** Stands between clients and the emulator: checks and records what they ask for, and lets things go wrong. */
export interface BigQueryProxy extends AsyncDisposable {
  /** Of the REST API, without a path; other processes reach it too. */
  readonly url: string;
  /** Every call so far that fits the discovery document, in the order of their arrival. */
  readonly calls: readonly Call[];
  /** What the discovery document does not know of calls so far; each was answered with 400. */
  readonly violations: readonly string[];
  /** Sets a fault for calls to come. Of several that match a call, the one that was set first is done. */
  fault(match: Match, fault: Fault, options?: FaultOptions): FaultHandle;
  /** Forgets calls, violations and faults. */
  reset(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

type Entry = { -readonly [Key in keyof Call]: Call[Key] };

const OPEN_MS = 120_000;

/**
 * Listens on a free port of 127.0.0.1, in front of the emulator at this url. Every call with SQL is shown to `noteStatement` before
 * anything is done about it. Without `strict`, calls go on whatever the discovery document has against them.
 */
export async function startProxy(
  emulator: string,
  noteStatement?: (call: Call) => Promise<void>,
  { strict = true } = {},
): Promise<BigQueryProxy> {
  const document = await fetch(`${emulator}/discovery/v1/apis/bigquery/v2/rest`);
  const google = discovery((await document.json()) as DiscoveryDocument);
  const relay = new Relay(emulator, google, strict, noteStatement);
  const server = createServer((request, response) => {
    relay.handle(request, response).catch((error: unknown) => {
      // The client sees a reset; who reads the output of the test sees why.
      console.error("the proxy of BigQuery failed:", error);
      response.socket?.resetAndDestroy();
    });
  });
  server.keepAliveTimeout = OPEN_MS; // a connection that ends between two calls looks like a fault
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return relay.calls;
    },
    get violations() {
      return relay.violations;
    },
    fault: (match, fault, options) => relay.faults.add(match, fault, options),
    reset() {
      relay.calls = [];
      relay.violations = [];
      relay.faults.clear();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

class Relay {
  calls: Call[] = [];
  violations: string[] = [];
  readonly faults = new Faults();
  readonly #broken = new BrokenJobs();
  /** Metadata of the resumable uploads under way, by upload id. */
  readonly #uploads = new Map<string, JsonObject | undefined>();
  readonly #emulator: string;
  readonly #google: Discovery;
  readonly #strict: boolean;
  readonly #noteStatement: ((call: Call) => Promise<void>) | undefined;

  constructor(emulator: string, google: Discovery, strict: boolean, noteStatement?: (call: Call) => Promise<void>) {
    this.#emulator = emulator;
    this.#google = google;
    this.#strict = strict;
    this.#noteStatement = noteStatement;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = await buffer(request).catch(() => undefined); // a client that went away has asked for nothing
    if (sent === undefined) return;
    const read = this.#read(request, sent);
    if ("problem" in read) {
      this.violations.push(read.problem);
      reply(response, errorAnswer("invalid", 400, `not in the discovery document: ${read.problem}`));
      return;
    }
    const { call, forwarded } = read;
    this.calls.push(call);
    if (call.sql !== undefined) await this.#noteStatement?.(call);
    const answer = await this.#answer(request, call, forwarded);
    if (answer === "reset") {
      response.socket?.resetAndDestroy();
      return;
    }
    call.status = answer.status;
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  /** The call that a request is, and the bytes to send on. */
  #read(request: IncomingMessage, sent: Buffer): { call: Entry; forwarded: Buffer } | { problem: string } {
    const httpMethod = request.method ?? "";
    const url = new URL(request.url ?? "", this.#emulator);
    const uploadId = httpMethod === "PUT" ? url.searchParams.get("upload_id") : null;
    let content;
    let body: JsonValue | undefined;
    try {
      content = contentOf(request.headers, url, httpMethod, sent);
      if (uploadId !== null) body = this.#uploads.get(uploadId);
      else if (content.json.length > 0) body = JSON.parse(content.json.toString()) as JsonValue;
    } catch (error) {
      return { problem: `${httpMethod} ${url.pathname}: ${String(error)}` };
    }
    // The document has no method for chunks: they go by PUT to the address that the start of the upload was answered with.
    const checked = uploadId === null ? url : new URL(url.pathname, url);
    const found = this.#google.check(uploadId === null ? httpMethod : "POST", checked, body);
    const named = "problem" in found && !this.#strict ? (found.named ?? found) : found;
    if ("problem" in named) return named;
    const object = isObject(body) ? body : undefined;
    const call: Entry = {
      ...named,
      ...jobOf(named.method, object),
      httpMethod,
      path: url.pathname,
      query: url.searchParams,
      body: object,
      jobId: jobIdIn(object) ?? named.parameters["jobId"],
      upload: uploadPart(request, url, uploadId),
      mediaBytes: content.media.length,
      status: undefined,
    };
    return { call, forwarded: content.forwarded };
  }

  async #answer(request: IncomingMessage, call: Entry, forwarded: Buffer): Promise<Answer | "reset"> {
    const known = this.#broken.answer(call);
    if (known !== undefined) return json(known);
    const hit = this.faults.take(call);
    const fault = hit?.fault;
    if (fault?.kind === "answer") return errorOf(fault);
    if (fault?.kind === "reset") return "reset";
    if (fault?.kind === "job") return json(this.#broken.start(call, fault.reason, fault.message));
    if (fault?.kind === "pause" && fault.at !== "answer" && (await hit?.released) === "drop") return "reset";
    const answer = await this.#forward(request, call, forwarded);
    if (fault?.kind === "lost") return "reset";
    if (fault?.kind === "slow") await sleep(fault.ms);
    if (fault?.kind === "pause" && fault.at === "answer" && (await hit?.released) === "drop") return "reset";
    return answer;
  }

  async #forward(request: IncomingMessage, call: Entry, body: Buffer): Promise<Answer> {
    const headers: OutgoingHttpHeaders = { ...request.headers, "content-length": body.length };
    for (const name of ["connection", "transfer-encoding", "accept-encoding"]) Reflect.deleteProperty(headers, name);
    if (call.upload !== "chunk" && call.upload !== "end") Reflect.deleteProperty(headers, "content-encoding");
    // A connection for each: the emulator closes idle ones just when they are needed.
    const outgoing = send(new URL(request.url ?? "", this.#emulator), {
      method: call.httpMethod,
      headers,
      agent: false,
    });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    const received = await buffer(incoming);
    const started = call.upload === "start" ? incoming.headers.location : undefined;
    if (started !== undefined) this.#uploads.set(new URL(started).searchParams.get("upload_id") ?? "", call.body);
    const given: OutgoingHttpHeaders = { ...incoming.headers };
    for (const name of ["connection", "transfer-encoding", "keep-alive"]) Reflect.deleteProperty(given, name);
    const changed = withDestination(call, received);
    call.jobId ??= jobIdOf(call, received);
    return { status: incoming.statusCode ?? 0, headers: { ...given, "content-length": changed.length }, body: changed };
  }
}

function jobIdIn(value: JsonValue | undefined): string | undefined {
  const reference = isObject(value) ? value["jobReference"] : undefined;
  return isObject(reference) && typeof reference["jobId"] === "string" ? reference["jobId"] : undefined;
}

/** The emulator gives a name to a job that the client has not named. */
const jobIdOf = ({ job, upload }: Call, answer: Buffer): string | undefined =>
  job === undefined || upload === "start" || upload === "chunk"
    ? undefined
    : jobIdIn(JSON.parse(answer.toString()) as JsonValue);

function uploadPart(request: IncomingMessage, url: URL, uploadId: string | null): Call["upload"] {
  if (!url.pathname.startsWith("/upload/")) return undefined;
  if (uploadId === null) return url.searchParams.get("uploadType") === "resumable" ? "start" : "multipart";
  const range = /^bytes (?:\d+-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers["content-range"] ?? "");
  return range === null || Number(range[1]) + 1 === Number(range[2]) ? "end" : "chunk";
}

/**
 * BigQuery says where the rows of a CREATE TABLE AS went as the destination of the query, and dbt reads it there. The emulator
 * has it in the statistics only.
 */
function withDestination({ method }: Call, body: Buffer): Buffer {
  if (method !== "jobs.get" && method !== "jobs.insert") return body;
  const job = JSON.parse(body.toString() || "{}") as JsonValue;
  if (!isObject(job)) return body;
  const at = (...names: string[]) =>
    names.reduce<JsonValue | undefined>((value, name) => (isObject(value) ? value[name] : undefined), job);
  const query = at("configuration", "query");
  const target = at("statistics", "query", "ddlTargetTable");
  if (!isObject(query) || query["destinationTable"] != null || target == null) return body;
  query["destinationTable"] = target;
  return Buffer.from(JSON.stringify(job));
}

function errorOf({ status, reason, headers }: Extract<Fault, { kind: "answer" }>): Answer {
  if (reason !== undefined) {
    const answer = json(errorAnswer(reason, status));
    return { ...answer, headers: { ...answer.headers, ...headers } };
  }
  const type = { "content-type": "text/html; charset=UTF-8" };
  return { status, headers: { ...type, ...headers }, body: Buffer.from(frontEndPage(status)) };
}

function json({ status, json }: { status: number; json: JsonObject }): Answer {
  const body = Buffer.from(JSON.stringify(json));
  return {
    status,
    headers: { "content-type": "application/json; charset=UTF-8", "content-length": body.length },
    body,
  };
}

function reply(response: ServerResponse, answer: { status: number; json: JsonObject }): void {
  const { status, headers, body } = json(answer);
  response.writeHead(status, headers).end(body);
}
