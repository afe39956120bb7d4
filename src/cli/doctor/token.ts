import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { HttpError } from "../../http/verdict.ts";
import { openApi } from "../../sources/chorus/api.ts";
import type { Config } from "../../sources/chorus/config.ts";
import { watchedTransport, type Answers } from "./answers.ts";
import type { Found } from "./findings.ts";

const SCHEMES = ["bearer", "raw", "zoominfo"] as const;
type Scheme = (typeof SCHEMES)[number];

/** How the API met a form of the token: `in`, or what was thrown. */
type Met = ReadonlyMap<Scheme, "in" | Error>;

const NEW_TOKEN = "Make a new one in Chorus under Personal Settings, API; a token belongs to a user and can expire";

/** Tries the token in its forms, one cheap request each; of `auth_scheme` alone when that is not `auto`. */
export async function tryToken(config: Config, env: Env, answers: Answers): Promise<Met> {
  const schemes = config.auth_scheme === "auto" ? SCHEMES : [config.auth_scheme];
  const met = new Map<Scheme, "in" | Error>();
  for (const scheme of schemes) {
    const one = await tryScheme({ ...config, auth_scheme: scheme }, env, answers);
    met.set(scheme, one);
    if (one !== "in" && statusOf(one) === undefined) break; // no answer at all, or one that says nothing about tokens
  }
  return met;
}

/** A function of its own: esbuild makes `await using` in a loop throw again what an earlier round threw. */
async function tryScheme(config: Config, env: Env, answers: Answers): Promise<"in" | Error> {
  try {
    await using api = await openApi(config, env, { tries: 2, transport: watchedTransport(answers) });
    const now = api.now();
    await api.window({ from: now - 60_000, to: now }, { small: true, lean: true });
    return "in";
  } catch (error) {
    if (error instanceof EltError) return error;
    throw error;
  }
}

/** Whether there is an API. */
export function reachable(met: Met, { api_url: url }: Config): Found<true> {
  const [error] = [...met.values()].filter((one) => one !== "in");
  const answered = [...met.values()].some((one) => one === "in" || statusOf(one) !== undefined);
  if (answered) return { text: `${url} answers`, value: true };
  return {
    verdict: "FAIL",
    text: `${error?.message ?? "no answer"}. Check \`api_url\`, the network and the proxy settings`,
  };
}

/** Which forms of the token are let in. */
export function token(met: Met, { auth_scheme: set }: Config): Found<Scheme> {
  const known = [...met].filter(([, one]) => one === "in" || statusOf(one) !== 401).map(([scheme]) => scheme);
  const refused = [...met].filter(([, one]) => one !== "in" && statusOf(one) === 401).map(([scheme]) => scheme);
  const [best] = known;
  if (best === undefined) {
    const forms = set === "auto" ? "in every form" : `as ${set}; \`auth_scheme\` "auto" would try others`;
    return { verdict: "FAIL", text: `401, the token was refused ${forms}. ${NEW_TOKEN}` };
  }
  const others = refused.length === 0 ? "" : `; ${refused.join(" and ")} refused`;
  if (set === "auto" && best === "zoominfo") {
    return { verdict: "FAIL", text: `only the form zoominfo is let in. Set \`auth_scheme\` to "zoominfo"` };
  }
  return { text: `let in as ${known.join(", ")}${others}; the tap sends it as ${best}`, value: best };
}

/** Whether the token's user may read calls. */
export function access(met: Met, scheme: Scheme): Found<true> {
  const found = met.get(scheme);
  if (found === "in" || found === undefined) return { text: "calls may be listed", value: true };
  if (statusOf(found) === 403) {
    const text =
      "403, the token is known but may not call the API. API access depends on the Chorus plan and on the user's role: ask an admin for both";
    return { verdict: "FAIL", text };
  }
  const { hint } = found instanceof EltError ? found : { hint: "" };
  return { verdict: "FAIL", text: `${found.message}. ${hint}` };
}

function statusOf(error: Error): number | undefined {
  return error instanceof HttpError && [401, 403, 429].includes(error.status) ? error.status : undefined;
}
