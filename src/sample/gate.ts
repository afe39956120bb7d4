import type { Account } from "./account.ts";
import { refusal, type Answer } from "./answer.ts";
import type { AuthScheme } from "./options.ts";
import type { Limiter } from "./rate.ts";
import type { SampleRequest } from "./reply.ts";
import type { TokenLife } from "./token.ts";

const REFUSALS = {
  unauthorized: () => refusal(401, "unauthorized", "The token is missing or was refused."),
  forbidden: () => refusal(403, "forbidden", "This token may not call this."),
  down: () => refusal(503, "server_error", "Please try again later."),
};

interface Parts {
  readonly account: Account;
  readonly token: string;
  readonly auth: AuthScheme;
  readonly life: TokenLife;
}

/** Gives the function that turns requests away: without the right token, or when access was taken (Q13, Q20). */
export function gate({ account, token, auth, life }: Parts): (request: SampleRequest) => Answer | undefined {
  return ({ headers }) => {
    const { access } = account;
    if (access === "forbidden" || access === "down" || access === "unauthorized") return REFUSALS[access]();
    if (!carries(headers, token, auth) || !life.takes()) return REFUSALS.unauthorized();
    return undefined;
  };
}

function carries(headers: SampleRequest["headers"], token: string, auth: AuthScheme): boolean {
  const forms: Record<Exclude<AuthScheme, "any">, boolean> = {
    bearer: headers["authorization"] === `Bearer ${token}`,
    raw: headers["authorization"] === token,
    zoominfo: headers["x-ziaccesstoken"] === token,
  };
  return auth === "any" ? Object.values(forms).includes(true) : forms[auth];
}

/** A request above the limit. */
export function tooMany(waitSeconds: number): Answer {
  const headers = { "retry-after": String(Math.ceil(waitSeconds)) };
  return refusal(429, "rate_limited", "Too many requests.", { headers });
}

/** `X-RateLimit-*`; the reset is an instant, in seconds since 1970. */
export function rateHeaders(limiter: Limiter, nowMs: number): Record<string, string> {
  const { limit, remaining, resetSeconds } = limiter.left();
  return {
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(Math.max(0, Math.floor(remaining))),
    "x-ratelimit-reset": String(Math.ceil(nowMs / 1000 + resetSeconds)),
  };
}
