import { EltError } from "../core/errors.ts";
import { openApi, type Api } from "../sources/chorus/api.ts";
import type { Config } from "../sources/chorus/config.ts";
import { needsTeams, openFilter } from "../sources/chorus/filters.ts";
import { flavourOf, memoryOf } from "../sources/chorus/state.ts";
import { DAY_MS, intersect, merge, type Interval } from "../sources/chorus/windows.ts";
import { Tables } from "../sources/semarize/tables.ts";
import { parseArguments } from "./arguments.ts";
import { forgottenCalls } from "./forget/erasures.ts";
import { keptState, look } from "./kept-state.ts";
import { needsOf } from "../sources/chorus/needs.ts";
import type { Command } from "./process.ts";
import { CATALOG_OPTION, selectionFrom } from "./selection-file.ts";
import { readTapConfig, TAP_OPTION, TARGET_OPTION } from "./tap-config.ts";
import { counted } from "./text-table.ts";
import { compare, type Compared, type Sides } from "./verify/compare.ts";
import { FAULTS } from "./verify/days.ts";
import { comparable, type Comparable } from "./verify/loaded.ts";
import { asJson, asTable, isEqual, verdict, type Scope } from "./verify/report.ts";
import { readAgain, type Pipeline } from "./verify/repair.ts";
import { chooseWarehouse } from "./warehouse.ts";

const ABOUT = `Compares the API with the warehouse, by the UTC day on which calls started, under the filters of the tap's config:

missing: in the API and not in the warehouse, or marked as deleted there
extra: in the warehouse, not marked as deleted, and not in the API
differing: on both sides, with another content (calls.content_hash)
turns wrong: not as many utterances as the row of transcripts tells

Calls that started less than an hour ago are left out, as no run may have seen them yet. Flavour v3 lists no whole calls: there the content is compared by --deep only, which asks for each call and compares its turns with the API's, too.

--repair reads the calls that are missing or differ again, as tap-chorus and target-warehouse do, and compares their days once more. The state stays as it is. Extra calls are left to the tap, which marks them as deleted when it lists their days.

Exit code 0 when all is equal, 54 when not.`;

const HOUR_MS = 3_600_000;

/** `chorus-elt verify`: a table of the bad days and a verdict; VERIFY_DIFFERS when they are any. */
export async function verify(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments(
    "chorus-elt verify",
    argv,
    {
      tap: TAP_OPTION,
      config: TARGET_OPTION,
      catalog: CATALOG_OPTION,
      since: {
        type: "string",
        describe: "Calls that started at this date or later; the tap's start_date when absent.",
      },
      until: { type: "string", describe: "Calls that started before this date; an hour ago when absent." },
      deep: { type: "boolean", describe: "Ask the API for each call and its transcript; one request a call or more." },
      repair: { type: "boolean", describe: "Read again what is missing or differs, then compare those days again." },
      format: { choices: ["table", "json"] as const, default: "table" as const, describe: "Form of the report." },
    },
    ABOUT,
  );
  if (options === undefined) return;
  const config = await readTapConfig(options.tap ?? [], env);
  const target = await chooseWarehouse({ files: options.config ?? [] }, env);
  const { default_target_schema: schema, state_id: stateId, load_method: method } = target.config;
  if (method.startsWith("append")) {
    const message = "`load_method` keeps every version of a call, so there is no one row to compare";
    throw new EltError("CONFIG_INVALID", message);
  }
  const { tables, kept, forgotten } = await look(target, async (reader) => {
    const there = await Tables.of(reader, schema);
    return {
      tables: there,
      kept: await keptState(reader, schema, stateId),
      forgotten: await forgottenCalls(reader, there),
    };
  });
  if (!tables.has("calls")) {
    throw new EltError(
      "CONFIG_INVALID",
      `the schema "${schema}" of the warehouse has no table "calls": nothing was loaded yet`,
    );
  }
  const state = kept?.state ?? {};
  await using api = await openApi(config, env, { flavour: flavourOf(state), memory: memoryOf(state) });
  const range = await rangeOf(options, config, api);
  const isDeep = options.deep ?? false;
  const keeps = openFilter(config, needsTeams(config) ? ((await api.teams()) ?? []) : []);
  const sides: Sides = {
    env,
    api,
    keeps: (call) => !forgotten.has(call.id) && keeps(call),
    tables,
    look: (find) => look(target, find),
    deep: isDeep ? needsOf(await selectionFrom(options.catalog), config) : undefined,
    concurrency: config.concurrency,
    maxWindowDays: config.window_days,
  };
  const say = async (compared: Compared, scope: Scope) => {
    if (options.format === "json") await out.line(asJson(compared, scope));
    else for (const line of asTable(compared, scope)) await out.line(line);
  };
  const scope = { range, notes: notesOf(comparable(tables), { api, isDeep }) };
  const compared = await compare(sides, [range]);
  if (options.repair === true && !isEqual(compared)) {
    if (options.format === "table") await say(compared, scope);
    const days = compared.days.bad().map(({ dayMs }) => ({ from: dayMs, to: dayMs + DAY_MS }));
    const pipeline: Pipeline = { tap: options.tap ?? [], target: options.config ?? [], catalog: options.catalog };
    await repair(compared, { pipeline, state: kept?.state, env });
    const again = await compare(sides, intersect([range], merge(days)));
    compared.days.replaceBad(again.days);
    if (options.format === "table") await out.line("\nafter the repair");
  }
  await say(compared, scope);
  if (!isEqual(compared)) throw new EltError("VERIFY_DIFFERS", verdict(compared, scope));
}

async function repair({ days }: Compared, parts: Parameters<typeof readAgain>[1]): Promise<void> {
  const { log } = parts.env;
  const wrong = FAULTS.filter((fault) => fault !== "extra");
  const ids = new Set(days.bad().flatMap((day) => wrong.flatMap((fault) => [...day.ids[fault]])));
  const extra = days.count("extra");
  if (extra > 0) {
    log.info(
      `${counted(extra, "call is", "calls are")} extra: the next runs of the tap mark what is gone (\`_deleted_at\`), those older than the look-back by the reconcile scan`,
    );
  }
  if (ids.size === 0) return;
  log.info(`reading ${counted(ids.size, "call")} again`);
  await readAgain([...ids], parts);
}

/** What can have been loaded by now. The API is asked for little, once, as its clock says when an hour ago was. */
async function rangeOf(
  { since, until }: { readonly since?: string | undefined; readonly until?: string | undefined },
  config: Config,
  api: Api,
): Promise<Interval> {
  const startedMs = api.now();
  await api.window({ from: startedMs - HOUR_MS, to: startedMs }, { small: true, lean: true });
  const instant = (text: string, name: string) => {
    const ms = api.time(text);
    if (ms === null) throw new EltError("USAGE", `${name}: ${text} is not a date`);
    return ms;
  };
  const from = [config.start_date, since].filter((text) => text !== undefined).map((text) => instant(text, "--since"));
  const to = [config.end_date, until].filter((text) => text !== undefined).map((text) => instant(text, "--until"));
  const range = { from: Math.max(...from), to: Math.min(api.now() - HOUR_MS, ...to) };
  if (range.from < range.to) return range;
  throw new EltError(
    "USAGE",
    "the range is empty: calls are compared from `start_date` or --since up to an hour ago or --until",
  );
}

function notesOf({ content, turns }: Comparable, { api, isDeep }: { api: Api; isDeep: boolean }): string[] {
  const notes: string[] = [];
  if (!content) notes.push("content: not compared (the table calls has no column content_hash)");
  else if (api.name === "v3" && !isDeep) notes.push("content: not compared (flavour v3 needs --deep)");
  if (!turns)
    notes.push("turns: not compared (there is no table transcripts with utterance_count, or no table utterances)");
  return notes;
}
