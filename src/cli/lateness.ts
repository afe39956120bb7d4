import { isObject } from "../core/json.ts";
import { LATENESS_DAYS, Lateness } from "../sources/chorus/lateness.ts";
import { bookmarksOf } from "../sources/chorus/state.ts";
import { number } from "../sources/chorus/values.ts";
import { parseArguments } from "./arguments.ts";
import { givenState, STATE_OPTION } from "./kept-state.ts";
import type { Command } from "./process.ts";
import { readTapConfig, TAP_OPTION, TARGET_OPTION } from "./tap-config.ts";
import { counted, shown, textTable } from "./text-table.ts";

const ABOUT = `Shows how late calls appear in the API: the time from the start of a call to the run that found it, for all calls that runs have found since the first one. It is kept in the state; nothing is asked of the API.

Give the state file, or the target's config to use the state in the warehouse. With --tap the settings of that config count for the look-back; without it, their defaults.`;

/** Below so many calls a share says little. */
const FEW_CALLS = 1_000;
/** What the tap does when its config does not say. */
const DEFAULTS = { look_back_days: 7, max_look_back_days: 30 };

/** `chorus-elt lateness`: the histogram in the state, the look-back that follows from it, and what to do. */
export async function lateness(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments(
    "chorus-elt lateness",
    argv,
    { state: STATE_OPTION, config: TARGET_OPTION, tap: TAP_OPTION },
    ABOUT,
  );
  if (options === undefined) return;
  const config = options.tap === undefined ? DEFAULTS : await readTapConfig(options.tap, env);
  const target = options.state === undefined ? (options.config ?? []) : undefined;
  const state = await givenState({ state: options.state, config: target }, env);
  const calls = bookmarksOf(state)["calls"];
  for (const line of lines(isObject(calls) ? calls["lateness"] : undefined, config)) await out.line(line);
}

/** What is printed for a histogram as the state has it. */
export function lines(
  json: ConstructorParameters<typeof Lateness>[0],
  settings: { readonly look_back_days: number; readonly max_look_back_days: number },
): string[] {
  const late = new Lateness(json);
  const { look_back_days: least, max_look_back_days: most } = settings;
  const needed = late.neededDays();
  const inForce = Math.max(least, Math.min(most, needed));
  if (late.total === 0) {
    return [
      "no call has been counted yet: counting begins with the second run",
      `look-back: ${days(inForce)} in force`,
      "Run the tap for a week or two before looking again.",
    ];
  }
  return [
    "calls by how long after their start they were found",
    ...textTable(rows(late)),
    `look-back: ${days(inForce)} in force (look_back_days ${least}, at most ${most}), ${days(needed)} needed to find 999 of 1,000 calls`,
    advice(late, { needed, inForce, most }),
  ];
}

function rows(late: Lateness): string[][] {
  const counts = late.toJson();
  const count = (name: string) => number(counts[name]) ?? 0;
  const classes: [string, number][] = [
    ["in time", count("on_time")],
    ...LATENESS_DAYS.map((end): [string, number] => [`within ${days(end)}`, count(`${end}d`)]),
    ["later", count("later")],
  ];
  const last = classes.findLastIndex(([, found]) => found > 0);
  let sum = 0;
  const body = classes.slice(0, last + 1).map(([name, found]) => {
    sum += found;
    return [name, shown(found), percent(found / late.total), percent(sum / late.total)];
  });
  return [["found", "calls", "share", "so far"], ...body];
}

function advice(
  late: Lateness,
  { needed, inForce, most }: { readonly needed: number; readonly inForce: number; readonly most: number },
): string {
  const missed = (number(late.toJson()["later"]) ?? 0) / late.total;
  if (needed > most) {
    return `Set \`max_look_back_days\` to ${needed}: calls that come later than ${days(most)} wait for the reconcile scan.`;
  }
  if (missed > 0.001) {
    return `${percent(missed)} of the calls come later than ${days(LATENESS_DAYS.at(-1) ?? 0)}: keep \`reconcile_days\` well above that.`;
  }
  if (late.total < FEW_CALLS) return `Nothing to change; ${counted(late.total, "call")} are few to judge by.`;
  if (needed < inForce)
    return `Nothing to change; a look-back of ${days(Math.max(1, needed))} would do, but a longer one also sees edits.`;
  return "Nothing to change.";
}

const days = (count: number) => counted(count, "day");

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
