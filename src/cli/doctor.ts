import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import { silentLog } from "../core/log.ts";
import { openApi } from "../sources/chorus/api.ts";
import type { Config } from "../sources/chorus/config.ts";
import { openHttp } from "../sources/chorus/http.ts";
import { parseArguments } from "./arguments.ts";
import { clock, limits, list, newestCall } from "./doctor/account.ts";
import { watchedTransport, type Answers } from "./doctor/answers.ts";
import { Findings } from "./doctor/findings.ts";
import { access, reachable, token, tryToken } from "./doctor/token.ts";
import { contract, state, writable, type FoundFlavour } from "./doctor/warehouse.ts";
import { look } from "./kept-state.ts";
import { needsOf } from "../sources/chorus/needs.ts";
import type { Command } from "./process.ts";
import { CATALOG_OPTION, selectionFrom } from "./selection-file.ts";
import { readTapConfig, TAP_OPTION, TARGET_OPTION, withoutQuota } from "./tap-config.ts";
import { chooseWarehouse } from "./warehouse.ts";

const ABOUT = `Checks what a pipe depends on, a line each: the tap's config, the token and the form it is sent in, access to calls, lists and transcripts, clocks and limits; with --config also the warehouse, the last state and the tables.

ok: as it should be
warn: works, with something to know
FAIL: does not work; the line says what to do
skipped: depends on something that failed

A dozen requests or so; nothing is loaded, and the token is never shown. Exit code 0 unless something fails, else 55.`;

const OF_API = [
  "api",
  "token",
  "access",
  "flavour",
  "clock",
  "rate limit",
  "users",
  "teams",
  "scorecards",
  "transcript",
];
const OF_TARGET = ["warehouse", "state", "tables"];

/** `chorus-elt doctor`: a line for each check; DOCTOR_FAILED when one fails. All are made, whatever the others find. */
export async function doctor(argv: readonly string[], command: Command): Promise<void> {
  const options = await parseArguments(
    "chorus-elt doctor",
    argv,
    { tap: TAP_OPTION, config: TARGET_OPTION, catalog: CATALOG_OPTION },
    ABOUT,
  );
  if (options === undefined) return;
  const secrets = new Set<string>();
  const env = remembering(command.env, secrets);
  const findings = new Findings((line) => command.out.line(line), secrets);
  const config = await findings.check("tap config", async () => {
    const value = await readTapConfig(options.tap ?? [], env);
    return { text: `valid; calls from ${value.start_date} on`, value };
  });
  const { catalog } = options;
  let found: FoundFlavour | undefined;
  if (config === undefined) await findings.skip(OF_API, "needs a valid tap config");
  else found = await examineApi(withoutQuota(config), env, { findings, catalog });
  if (options.config !== undefined) {
    await examineTarget(options.config, env, { findings, catalog, api: found, hasEnd: config?.end_date !== undefined });
  }
  const { failed } = findings;
  if (failed.length === 0) return;
  throw new EltError(
    "DOCTOR_FAILED",
    `${failed.length} ${failed.length === 1 ? "check" : "checks"} failed: ${failed.join(", ")}`,
  );
}

interface Parts {
  readonly findings: Findings;
  readonly catalog: string | undefined;
}

/** Gives the flavour, when it was found. */
async function examineApi(config: Config, env: Env, { findings, catalog }: Parts): Promise<FoundFlavour | undefined> {
  const quiet = { ...env, log: silentLog }; // the lines say what the log would
  const answers: Answers = { aheadMs: undefined, limits: {} };
  const met = await findings.check("api", async () => {
    const value = await tryToken(config, quiet, answers);
    const { value: isThere, ...found } = reachable(value, config);
    return isThere ? { ...found, value } : found;
  });
  if (met === undefined) {
    await findings.skip(OF_API.slice(1), "needs an API that answers");
    return undefined;
  }
  const scheme = await findings.check("token", async () => token(met, config));
  if (scheme === undefined) await findings.skip(["access", "flavour"], "needs a token that is let in");
  const mayList = scheme === undefined ? undefined : await findings.check("access", async () => access(met, scheme));
  if (scheme === undefined || mayList === undefined) {
    if (scheme !== undefined) await findings.skip(["flavour"], "needs access to calls");
    await findings.check("clock", async () => clock(answers));
    await findings.check("rate limit", async () => limits(answers, config.max_requests_per_second));
    await findings.skip(["users", "teams", "scorecards", "transcript"], "needs access to calls");
    return undefined;
  }
  const set = { ...config, auth_scheme: scheme };
  await using api = await openApi(set, quiet, { tries: 3, transport: watchedTransport(answers) });
  await findings.check("flavour", async () => ({
    text: `${api.name}${config.api_flavour === "auto" ? ", found out" : ", as the config says"}`,
  }));
  await findings.check("clock", async () => clock(answers));
  await findings.check("rate limit", async () => limits(answers, config.max_requests_per_second));
  await findings.check("users", () => list("users", () => api.users()));
  await findings.check("teams", () => list("teams", () => api.teams()));
  if (api.name === "v3") await findings.check("scorecards", () => scorecards(set, quiet));
  else await findings.check("scorecards", async () => ({ text: "flavour calls has none" }));
  await findings.check("transcript", async () => newestCall(api, needsOf(await selectionFrom(catalog), config)));
  return { name: api.name, isSet: config.api_flavour !== "auto" };
}

/** Asks for one scorecard, since there may be very many. */
async function scorecards(config: Config, env: Env) {
  await using http = await openHttp(config, env, { tries: 3 });
  const found = await list("scorecards", async () => {
    await http.get("/api/v1/scorecards", { query: { "page[size]": 1, "page[number]": 1 } });
    return [];
  });
  return found.verdict === undefined ? { text: "readable" } : found;
}

async function examineTarget(
  files: readonly string[],
  env: Command["env"],
  { findings, catalog, api, hasEnd }: Parts & { readonly api: FoundFlavour | undefined; readonly hasEnd: boolean },
): Promise<void> {
  const target = await findings.check("target config", async () => {
    const value = await chooseWarehouse({ files }, env);
    return { text: `valid; loads into ${value.config.destination}`, value };
  });
  if (target === undefined) return findings.skip(OF_TARGET, "needs a valid target config");
  const isThere = await findings.check("warehouse", () => writable(target));
  if (isThere === undefined) return findings.skip(OF_TARGET.slice(1), "needs the warehouse");
  const { config } = target;
  const nowMs = env.clock.now();
  await findings.check("state", () => look(target, (reader) => state(reader, config, { api, nowMs, hasEnd })));
  const selection = selectionFrom(catalog);
  await findings.check("tables", async () => {
    const chosen = await selection;
    return look(target, (reader) => contract(reader, config, chosen));
  });
}

/** Keeps the secrets that the log is told to hide, so that what goes to stdout hides them as well. */
function remembering(env: Command["env"], secrets: Set<string>): Command["env"] {
  const hide = (found: readonly string[]) => {
    for (const secret of found) secrets.add(secret);
    env.log.hide(found);
  };
  return { ...env, log: { ...env.log, hide } };
}
