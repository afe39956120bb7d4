import type { Account } from "./account.ts";
import { Refusal, refusal, type Answer, type Route } from "./answer.ts";
import { rateHeaders, tooMany } from "./gate.ts";
import { FaultSchedule } from "./quirks/faults.ts";
import { QUIRKS } from "./quirks/table.ts";
import type { Limiter } from "./rate.ts";
import { replyOf, spoiledReply, type Context, type Reply, type SampleRequest } from "./reply.ts";
import type { RequestCounts } from "./request-counts.ts";
import { router, type Found } from "./router.ts";

interface Parts {
  readonly account: Account;
  readonly counts: RequestCounts;
  /** The answer to requests that are turned away. */
  readonly refuse: (request: SampleRequest) => Answer | undefined;
  readonly limiter?: Limiter | undefined;
  /** Whether answers say how much of the limit is left. */
  readonly saysRate: boolean;
  readonly api: readonly Route[];
  /** Routes that ask for no token and meet no faults. */
  readonly control: readonly Route[];
}

/** Gives the function that answers requests. Token, rate limit and faults are for the API's own routes only. */
export function handler({ account, counts, refuse, limiter, saysRate, api, control }: Parts) {
  const findApi = router(api);
  const findControl = router(control);
  const faults = new FaultSchedule();

  const serveApi = (request: SampleRequest, found: ReturnType<typeof findApi>, query: URLSearchParams): Reply => {
    const context = (): Context => ({
      takesGzip: takesGzip(request),
      nowMs: account.now(),
      headers: {
        ...("methods" in found || found.route.mediaType === undefined ? {} : { "content-type": found.route.mediaType }),
        ...(saysRate && limiter !== undefined ? rateHeaders(limiter, account.now()) : {}),
      },
    });
    const refused = refuse(request);
    if (refused !== undefined) return replyOf(refused, context());
    if ("methods" in found) return replyOf(nowhere(found.methods), context());
    const waitSeconds = limiter?.take();
    if (waitSeconds !== undefined) return replyOf(tooMany(waitSeconds), context());
    const answer = () => answerOf(found, query, request);
    const fault = faults.next(request.url, schedules(account, found.route));
    return fault === undefined ? replyOf(answer(), context()) : spoiledReply(fault, context(), answer);
  };

  return (request: SampleRequest): Reply => {
    const { pathname, searchParams } = new URL(request.url, "http://sample");
    const { method } = request;
    const controlled = findControl(method, pathname);
    if (!("methods" in controlled) || pathname.startsWith("/_sample/")) {
      const context = { takesGzip: takesGzip(request), nowMs: account.now(), headers: {} };
      return replyOf(answerControl(request, controlled, searchParams), context);
    }
    const found = findApi(method, pathname);
    const reply = serveApi(request, found, searchParams);
    const route = `${method} ${"methods" in found ? "unknown route" : found.route.template}`;
    counts.add(route, reply === "reset" ? reply : reply.status);
    return reply;
  };
}

/** The faults that a route may meet now; those of Q19 happen to lists and transcripts only. */
function schedules({ quirks }: Account, { template }: Route) {
  const isOfOne = template === "/api/v1/calls/{id}" || template.endsWith("/media");
  return quirks.on.flatMap((id) => {
    const { faults } = QUIRKS[id];
    return faults === undefined || (id === "Q19" && isOfOne) ? [] : [[id, faults] as const];
  });
}

function answerControl(request: SampleRequest, found: Found | { methods: string[] }, query: URLSearchParams): Answer {
  if ("methods" in found) return nowhere(found.methods);
  const { body = "" } = request;
  try {
    return answerOf(found, query, request, body.trim() === "" ? undefined : JSON.parse(body));
  } catch (error) {
    if (error instanceof SyntaxError) return refusal(400, "invalid_body", "The body is not JSON.");
    throw error;
  }
}

function answerOf(
  { route, parameters }: Found,
  query: URLSearchParams,
  { headers }: SampleRequest,
  json?: unknown,
): Answer {
  try {
    return route.answer({ parameters, query, headers, json });
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

function nowhere(methods: readonly string[]): Answer {
  if (methods.length === 0) return refusal(404, "not_found", "There is no such route.");
  return refusal(405, "method_not_allowed", "This route has no such method.", {
    headers: { allow: methods.join(", ") },
  });
}

function takesGzip({ headers }: SampleRequest): boolean {
  return /\bgzip\b/.test(String(headers["accept-encoding"] ?? ""));
}
