import type { IncomingMessage, ServerResponse } from "node:http";
import type { Account } from "./account.ts";
import { Refusal, refusal, type Answer, type Route } from "./answer.ts";
import { deliver, deliverFault, type Exchange } from "./deliver.ts";
import { FaultSchedule } from "./quirks/faults.ts";
import { QUIRKS } from "./quirks/table.ts";
import type { RequestCounts } from "./request-counts.ts";
import { router, type Found } from "./router.ts";

interface Parts {
  readonly account: Account;
  readonly counts: RequestCounts;
  readonly isAllowed: (authorization: string | undefined) => boolean;
  /** Counts a request against the rate limit; gives the seconds to wait when it is reached. */
  readonly takeToken: () => number | undefined;
  readonly api: readonly Route[];
  readonly control: readonly Route[];
}

/** Gives the function that answers requests. Token, rate limit and faults are for the API's own routes only. */
export function handler({ account, counts, isAllowed, takeToken, api, control }: Parts) {
  const findApi = router(api);
  const findControl = router(control);
  const faults = new FaultSchedule();

  const serveApi = (exchange: Exchange, found: ReturnType<typeof findApi>, query: URLSearchParams) => {
    const { request } = exchange;
    request.resume();
    if (!isAllowed(request.headers.authorization)) {
      return deliver(exchange, refusal(401, "unauthorized", "The token is missing or was refused."));
    }
    if ("methods" in found) return deliver(exchange, nowhere(found.methods));
    const waitSeconds = takeToken();
    if (waitSeconds !== undefined) return deliver(exchange, tooMany(waitSeconds));
    const answer = () => answerOf(found, query);
    const fault = faults.next(request.url ?? "", schedules(account, found.route));
    return fault === undefined ? deliver(exchange, answer()) : deliverFault(exchange, fault, answer);
  };

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const exchange = { request, response, nowMs: account.now() };
    const { method = "GET", url = "/" } = request;
    const { pathname, searchParams } = new URL(url, "http://sample");
    if (pathname.startsWith("/_sample/")) {
      deliver(exchange, await answerControl(request, findControl(method, pathname), searchParams));
      return;
    }
    const found = findApi(method, pathname);
    const outcome = serveApi(exchange, found, searchParams);
    counts.add(`${method} ${"methods" in found ? "unknown route" : found.route.template}`, outcome);
  };
}

/** The faults that a route may meet now; those of Q19 happen to lists and transcripts only. */
function schedules({ quirks }: Account, route: Route) {
  const isOfOne = route.template.endsWith("/{id}");
  return quirks.on.flatMap((id) => {
    const { faults } = QUIRKS[id];
    return faults === undefined || (id === "Q19" && isOfOne) ? [] : [[id, faults] as const];
  });
}

async function answerControl(
  request: IncomingMessage,
  found: Found | { methods: string[] },
  query: URLSearchParams,
): Promise<Answer> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk as string;
  if ("methods" in found) return nowhere(found.methods);
  try {
    return answerOf(found, query, text.trim() === "" ? undefined : JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return refusal(400, "invalid_body", "The body is not JSON.");
    throw error;
  }
}

function answerOf({ route, parameters }: Found, query: URLSearchParams, json?: unknown): Answer {
  try {
    return route.answer({ parameters, query, json });
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

function tooMany(waitSeconds: number): Answer {
  const headers = { "retry-after": String(Math.ceil(waitSeconds)) };
  return refusal(429, "rate_limited", "Too many requests.", { headers });
}
