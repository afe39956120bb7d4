import { type HttpRequest, type Layer } from "./send.ts";

export type AuthScheme = "auto" | "bearer" | "raw" | "zoominfo";

/**
 * Adds the token. `auto` sends it as Bearer; when that is answered by 401 it tries the bare token once, and keeps for
 * the run whichever form was let in. A token that was let in before and is refused later gets no second form.
 */
export function withAuth(token: string, scheme: AuthScheme = "auto"): Layer {
  let settled = scheme === "auto" ? undefined : scheme;
  return (next) => async (request) => {
    if (settled !== undefined) return next(authorized(request, token, settled));
    const first = await next(authorized(request, token, "bearer"));
    if (first.status !== 401) {
      if (first.status < 500 && first.status !== 429) settled = "bearer";
      return first;
    }
    const second = await next(authorized(request, token, "raw"));
    if (second.status === 401) return first;
    settled = "raw";
    return second;
  };
}

function authorized(request: HttpRequest, token: string, scheme: Exclude<AuthScheme, "auto">): HttpRequest {
  const header = {
    bearer: ["authorization", `Bearer ${token}`],
    raw: ["authorization", token],
    zoominfo: ["x-ziaccesstoken", token],
  } as const;
  const [name, value] = header[scheme];
  return { ...request, headers: { ...request.headers, [name]: value } };
}
