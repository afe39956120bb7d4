import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { RequestCounts } from "../request-counts.ts";
import { KITS } from "./kits.ts";
import { readQuirks } from "./quirks.ts";
import { findKit, Runs, type SampleRun } from "./runs.ts";

export interface SemarizeOptions {
  /** The key that clients must send; `smz_test_sample` when absent. */
  readonly token?: string;
  /** How long a run takes, milliseconds; 50 when absent. */
  readonly latencyMs?: number;
  readonly quirks?: readonly string[];
}

/** What a client made of the workspace. */
export interface SemarizeTruth {
  readonly runs: readonly {
    readonly run_id: string;
    readonly key: string | undefined;
    readonly kit_code: string;
    readonly kit_version_id: string | undefined;
    readonly run_type: string;
    readonly status: string;
    readonly transcript_hash: string;
    readonly posts: number;
  }[];
  readonly requests: ReturnType<RequestCounts["all"]>;
}

export interface Semarize {
  /** Answers a request under /v1/ or /_sample/semarize/. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  truth(): SemarizeTruth;
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The longest that a sync request is held open. */
const SYNC_MS = 30_000;
const LONGEST_KEY = 254;

/** A Semarize workspace as its public documentation describes it; errors are flat, `{error, message}`. */
export function semarizeApi({ token = "smz_test_sample", latencyMs = 50, quirks = [] }: SemarizeOptions): Semarize {
  const runs = new Runs(latencyMs, readQuirks(quirks));
  const counts = new RequestCounts();
  let requests = 0;
  let posts = 0;

  const truth = (): SemarizeTruth => ({
    runs: runs.all().map((run) => ({
      run_id: run.id,
      key: run.key,
      kit_code: run.kit.code,
      kit_version_id: run.kit.versions[run.version],
      run_type: run.type,
      status: runs.statusOf(run),
      transcript_hash: createHash("sha256").update(run.transcript).digest("hex"),
      posts: run.posts,
    })),
    requests: counts.all(),
  });

  async function submit(request: IncomingMessage, text: string): Promise<Answer | "lost"> {
    const body = readObject(text);
    if (body === undefined) return refused(400, "invalid_json", "The body is not a JSON object.");
    const { kit_code: code, kit_version_id: versionId, input, type = "api", mode = "async" } = body;
    if (mode !== "sync" && mode !== "async") return refused(422, "invalid_run_mode", "mode is sync or async.");
    if (type !== "api" && type !== "sandbox") return refused(422, "invalid_run_type", "type is api or sandbox.");
    if (typeof input !== "object" || input === null || Array.isArray(input))
      return refused(422, "input_must_be_object", "input must be an object.");
    const transcript = (input as Record<string, unknown>)["transcript"];
    if (typeof transcript !== "string" || transcript === "")
      return refused(422, "input_invalid", "input.transcript must be a text.");
    const found = findKit(code, versionId);
    if (found === undefined) return refused(404, "kit_not_found", "There is no such kit in this workspace.");
    const key = request.headers["idempotency-key"]?.toString();
    if (key !== undefined && key.length > LONGEST_KEY)
      return refused(400, "idempotency_key_too_long", `Idempotency-Key has at most ${LONGEST_KEY} characters.`);
    const run = runs.submit({ ...found, type, transcript, key, body: text });
    if (run === undefined) return refused(409, "idempotency_key_conflict", "The key was used for another body.");
    if (runs.quirks.has("S08") && ++posts % 4 === 0 && run.posts === 1) return "lost";
    if (mode === "sync") {
      const waitMs = runs.quirks.has("S07") ? 0 : Math.min(SYNC_MS, run.endsMs - Date.now());
      if (waitMs > 0) await delay(waitMs + 1); // a timer may be a millisecond early
      if (Date.now() >= run.endsMs) return { status: 200, json: runs.shown(run) };
      return accepted(run, { "retry-after": "1" });
    }
    return accepted(run);
  }

  const accepted = (run: SampleRun, headers: Record<string, string> = {}): Answer => ({
    status: 202,
    json: { run_id: run.id, status: runs.statusOf(run), run_type: run.type },
    headers,
  });

  async function answer(request: IncomingMessage, url: URL, text: string): Promise<Answer | "lost"> {
    const { method = "GET" } = request;
    const path = url.pathname.replace(/\/$/, "");
    if (request.headers.authorization !== `Bearer ${token}`)
      return refused(401, "invalid_api_key", "The key is missing or not known.");
    if (runs.quirks.has("S06") && ++requests % 5 === 0) {
      const inBody = requests % 2 === 0;
      const headers = inBody ? {} : { "retry-after": "1" };
      return { status: 429, json: { error: "rate_limited", ...(inBody ? { retry_after_seconds: 0.2 } : {}) }, headers };
    }
    if (path === "/v1/runs" && method === "POST") return submit(request, text);
    if (path === "/v1/runs" && method === "GET") {
      const limit = Number(url.searchParams.get("limit") ?? 50);
      if (!(limit >= 1 && limit <= 100)) return refused(400, "invalid_limit", "limit is 1 to 100.");
      return {
        status: 200,
        json: {
          runs: runs
            .all()
            .slice(0, limit)
            .map((run) => runs.shown(run)),
        },
      };
    }
    const id = /^\/v1\/runs\/([^/]+)$/.exec(path)?.[1];
    if (id !== undefined && method === "GET") {
      const run = runs.get(id);
      if (run === undefined || (runs.quirks.has("S09") && run.number % 3 === 0))
        return refused(404, "run_not_found", "There is no such run.");
      return { status: 200, json: runs.shown(run) };
    }
    if (path === "/v1/test" && method === "POST") {
      const body = readObject(text) ?? {};
      return shape(body["kit_code"], body["kit_version_id"], "output");
    }
    if (path === "/v1/kits/schema" && method === "GET") {
      const { searchParams: query } = url;
      return shape(query.get("kit_code") ?? undefined, query.get("kit_version_id") ?? undefined, "schema");
    }
    return refused(404, "not_found", "There is no such route.");
  }

  async function control(request: IncomingMessage, url: URL, text: string): Promise<Answer> {
    switch (`${request.method ?? "GET"} ${url.pathname}`) {
      case "GET /_sample/semarize/truth":
        return { status: 200, json: truth() };
      case "POST /_sample/semarize/settings": {
        const { latency_ms: latency, quirks: ids } = readObject(text) ?? {};
        if (typeof latency === "number") runs.latencyMs = latency;
        if (Array.isArray(ids)) runs.quirks = readQuirks(ids.map(String));
        return { status: 200, json: { latency_ms: runs.latencyMs, quirks: [...runs.quirks] } };
      }
      case "POST /_sample/semarize/reset":
        runs.clear();
        counts.reset();
        return { status: 200, json: {} };
      default:
        return refused(404, "not_found", "There is no such route.");
    }
  }

  return {
    truth,
    async handle(request, response) {
      const url = new URL(request.url ?? "/", "http://sample");
      let text = "";
      for await (const chunk of request.setEncoding("utf8")) text += chunk as string;
      const isControl = url.pathname.startsWith("/_sample/");
      const given = isControl ? await control(request, url, text) : await answer(request, url, text);
      const route = `${request.method ?? "GET"} ${url.pathname.replace(/^(\/v1\/runs\/).+/, "$1{id}")}`;
      if (!isControl) counts.add(route, given === "lost" ? "reset" : given.status);
      if (given === "lost") {
        // In turns: an error of the server, one of a proxy before it, and no answer at all.
        const kind = posts % 12;
        if (kind === 0) request.socket.resetAndDestroy();
        else response.writeHead(kind === 4 ? 500 : 503, { "content-type": "text/html" }).end("<html>try again</html>");
        return;
      }
      const requestId = request.headers["x-request-id"];
      response.writeHead(given.status, {
        "content-type": "application/json",
        ...given.headers,
        ...(requestId === undefined ? {} : { "x-request-id": requestId }),
      });
      response.end(JSON.stringify(given.json));
    },
  };
}

/** What a kit's output looks like, without a run: the keys of its bricks, and an example of each. */
function shape(code: unknown, versionId: unknown, form: "schema" | "output"): Answer {
  const found = findKit(code, versionId);
  if (found === undefined) return refused(404, "kit_not_found", "There is no such kit in this workspace.");
  const { kit, version } = found;
  const about = { kit_code: kit.code, kit_version_id: kit.versions[version] };
  const bricks = Object.entries(kit.score([], version)).map(([key, { value }]) => {
    const kind = Array.isArray(value) ? "list" : typeof value;
    return [key, form === "schema" ? { type: kind, fields: ["value", "confidence", "reason", "evidence"] } : { value }];
  });
  return {
    status: 200,
    json: { ...about, name: kit.name, kits: KITS.length, bricks: Object.fromEntries(bricks) as object },
  };
}

function refused(status: number, error: string, message: string): Answer {
  return { status, json: { error, message } };
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
