import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { isObject, parseJson, type JsonObject, type JsonValue } from "../core/json.ts";
import { CALLS_ROUTES, problem, type Answer } from "./calls-routes.ts";
import { printed } from "./calls-json.ts";
import { loadCorpus } from "./corpus.ts";
import { Faults } from "./faults.ts";
import { generate, lastHour } from "./generator.ts";
import { quirksNamed } from "./quirks.ts";
import { World } from "./world.ts";

export interface SampleOptions {
  /** 0, or absent, takes a free one. */
  readonly port?: number;
  readonly token?: string;
  /** A file of real calls; without it calls are made up. */
  readonly corpus?: string;
  readonly calls?: number;
  readonly seed?: number;
  readonly quirks?: readonly string[];
  /** Requests a second before 429; twice as many in a burst. */
  readonly rate?: number;
  /** Rows a page may have, whatever is asked. */
  readonly limitCap?: number;
}

export interface SampleApi extends AsyncDisposable {
  readonly url: string;
}

/** Starts the sample Chorus API on 127.0.0.1. Throws CONFIG_INVALID for an unknown quirk or an unusable corpus. */
export async function startSampleApi(options: SampleOptions = {}): Promise<SampleApi> {
  const quirks = quirksNamed(options.quirks ?? []);
  const now = () => Date.now();
  const account =
    options.corpus === undefined
      ? generate({ calls: options.calls ?? 200, seed: options.seed ?? 1, now: lastHour(now()) })
      : loadCorpus(options.corpus);
  const shell = new Shell(new World(account, quirks, now), new Faults(quirks), options);
  const server = createServer((request, response) => void shell.handle(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Shell {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #token: string;
  readonly #limitCap: number;
  readonly #bucket: (() => boolean) | undefined;
  #counts: Record<string, Record<string, number>> = {};

  constructor(world: World, faults: Faults, options: SampleOptions) {
    this.#world = world;
    this.#faults = faults;
    this.#token = options.token ?? "sample-token";
    this.#limitCap = options.limitCap ?? 100;
    this.#bucket = options.rate === undefined ? undefined : tokenBucket(options.rate);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://sample.invalid");
    if (url.pathname.startsWith("/_sample/")) {
      await this.#control(url.pathname.slice("/_sample/".length), request, response);
      return;
    }
    const found = CALLS_ROUTES.map((route) => ({ route, match: route.pattern.exec(url.pathname) })).find(({ match }) => match !== null);
    const name = found?.route.name ?? `${request.method ?? "GET"} (no such route)`;
    const answer = this.#refusal(request) ?? found?.route.answer(this.#world, url, decodeURIComponent(found.match?.[1] ?? ""), { limitCap: this.#limitCap });
    const { status, headers = {}, json } = answer ?? problem(404, "route_not_found", "there is no such route");
    const body = Buffer.from(printed(json));
    const fault = status === 200 ? this.#faults.meet(response, body) : undefined;
    this.#count(name, fault ?? status);
    if (fault === undefined) send(request, response, status, body, headers);
  }

  #refusal(request: IncomingMessage): Answer | undefined {
    if (this.#bucket?.() === false) return { ...problem(429, "rate_limited", "too many requests"), headers: { "retry-after": "1" } };
    const sent = request.headers.authorization ?? "";
    if (sent === this.#token || sent === `Bearer ${this.#token}`) return undefined;
    return problem(401, "unauthorized", "the token is not valid");
  }

  #count(route: string, status: number): void {
    const counts = (this.#counts[route] ??= {});
    counts[status] = (counts[status] ?? 0) + 1;
  }

  /** Tests and users change the account and look behind the curtain here; no client of the API does. */
  async #control(what: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (json: unknown) => send(request, response, 200, Buffer.from(JSON.stringify(json)), {});
    switch (`${request.method ?? "GET"} ${what}`) {
      case "POST changes":
        answer(this.#world.change(await bodyOf(request)));
        return;
      case "GET truth":
        answer(this.#world.truth());
        return;
      case "GET requests":
        answer(this.#counts);
        return;
      case "POST requests/reset":
        this.#counts = {};
        answer({});
        return;
      default:
        send(request, response, 404, Buffer.from(printed(problem(404, "route_not_found", "there is no such control").json)), {});
    }
  }
}

function send(request: IncomingMessage, response: ServerResponse, status: number, body: Buffer, headers: Readonly<Record<string, string>>): void {
  const zip = body.length > 1_000 && String(request.headers["accept-encoding"] ?? "").includes("gzip");
  const bytes = zip ? gzipSync(body, { level: 1 }) : body;
  const encoding: Record<string, string> = zip ? { "content-encoding": "gzip" } : {};
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length, ...encoding, ...headers });
  response.end(bytes);
}

async function bodyOf(request: IncomingMessage): Promise<JsonObject> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const value: JsonValue = text === "" ? {} : parseJson(text);
  return isObject(value) ? value : {};
}

/** True while there is room: `rate` a second, twice as many in a burst. */
function tokenBucket(rate: number): () => boolean {
  const most = Math.max(1, rate * 2);
  let tokens = most;
  let at = performance.now();
  return () => {
    const now = performance.now();
    tokens = Math.min(most, tokens + ((now - at) / 1_000) * rate);
    at = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
