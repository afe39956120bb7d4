import type { Reader } from "../../core/destination.ts";
import { EltError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { Selection } from "../../core/stream.ts";
import type { FlavourName } from "../../sources/chorus/api.ts";
import { bookmarksOf, flavourOf } from "../../sources/chorus/state.ts";
import { Tables } from "../../sources/semarize/tables.ts";
import { keptState } from "../kept-state.ts";
import type { TargetConfig } from "../target-config.ts";
import { counted } from "../text-table.ts";
import type { Chosen } from "../warehouse.ts";
import type { Found } from "./findings.ts";

/** Which flavour the API was found to have, and whether the config insists on it. */
export interface FoundFlavour {
  readonly name: FlavourName;
  readonly isSet: boolean;
}

/** What the state is seen against. */
interface About {
  readonly api: FoundFlavour | undefined;
  readonly nowMs: number;
  /** True when the config has an `end_date`, after which nothing is read. */
  readonly hasEnd: boolean;
}

const HOUR_MS = 3_600_000;
const OLD_MS = 48 * HOUR_MS;

/** Whether tables can be made and written; leaves nothing behind. */
export async function writable({ connect, config }: Chosen): Promise<Found<true>> {
  try {
    await using open = await connect();
    await open.check();
  } catch (error) {
    if (!(error instanceof EltError) || error.code !== "WAREHOUSE_LOCKED") throw error;
    return { verdict: "warn", text: `${error.message}. If that is a load, all is well; look again when it is done` };
  }
  return {
    text: `tables can be made and written in schema "${config.default_target_schema}" (${config.destination})`,
    value: true,
  };
}

/** What was committed last, and whether it goes on from there. */
export async function state(
  reader: Reader,
  { default_target_schema: schema, state_id: id }: TargetConfig,
  { api, nowMs, hasEnd }: About,
): Promise<Found<never>> {
  const kept = await keptState(reader, schema, id);
  if (kept === undefined) {
    return {
      verdict: "warn",
      text: `nothing was committed yet under the state id "${id}": the first run reads all from \`start_date\``,
    };
  }
  const written = flavourOf(kept.state);
  const ageMs = kept.committedMs === undefined ? undefined : nowMs - kept.committedMs;
  const calls = bookmarksOf(kept.state)["calls"];
  const covered = isObject(calls) && Array.isArray(calls["covered"]) ? calls["covered"].at(-1) : undefined;
  const end =
    Array.isArray(covered) && typeof covered[1] === "string" ? `, calls read up to ${covered[1].slice(0, 16)}Z` : "";
  const text = `"${id}", of flavour ${written ?? "unknown"}, ${ageMs === undefined ? "of unknown age" : `${age(ageMs)} old`}${end}`;
  if (written !== undefined && api !== undefined && written !== api.name) {
    if (!api.isSet)
      return {
        verdict: "warn",
        text: `${text}; the API has flavour ${api.name} too, and runs keep to that of the state`,
      };
    const verdict = "FAIL";
    return {
      verdict,
      text: `${text}; the config says ${api.name}. Set \`api_flavour\` to "${written}", or begin anew with another \`state_id\``,
    };
  }
  if (ageMs !== undefined && ageMs > OLD_MS) return { verdict: "warn", text: `${text}. Does the schedule still run?` };
  const endMs = Array.isArray(covered) && typeof covered[1] === "string" ? Date.parse(covered[1]) : NaN;
  if (!hasEnd && nowMs - endMs > OLD_MS) {
    return { verdict: "warn", text: `${text}. Runs fall behind: give them more time, pace or quota` };
  }
  return { text };
}

/** Whether the tables have the columns that the tap's streams bring. */
export async function contract(
  reader: Reader,
  { default_target_schema: schema, flattening_enabled: isFlat }: TargetConfig,
  selection: readonly Selection[],
): Promise<Found<never>> {
  const tables = await Tables.of(reader, schema);
  const there = selection.filter(({ stream }) => tables.has(stream.name));
  if (there.length === 0) return { verdict: "warn", text: "no tables yet; the first load makes them" };
  const missing = there.flatMap((one) =>
    columnsOf(one, isFlat)
      .filter((column) => tables.column(one.stream.name, "t", column) === "NULL")
      .map((column) => `${one.stream.name}.${column}`),
  );
  const absent = selection.filter(({ stream }) => !tables.has(stream.name)).map(({ stream }) => stream.name);
  const notYet = absent.length === 0 ? "" : `; not made yet: ${absent.join(", ")}`;
  if (missing.length === 0) return { text: `${counted(there.length, "table")} with all their columns${notYet}` };
  const shown = missing.length > 8 ? [...missing.slice(0, 8), "…"] : missing;
  return {
    verdict: "warn",
    text: `${counted(missing.length, "column is", "columns are")} missing, which the next load adds: ${shown.join(", ")}${notYet}`,
  };
}

/** The columns of a stream; objects become others when they are flattened. */
function columnsOf({ stream, fields }: Selection, isFlat: boolean): string[] {
  const properties = isObject(stream.schema["properties"]) ? stream.schema["properties"] : {};
  return [...fields].filter((name) => {
    const property = properties[name];
    return !isFlat || !isObject(property) || ![property["type"]].flat().includes("object");
  });
}

function age(ms: number): string {
  if (ms < HOUR_MS) return counted(Math.max(0, Math.round(ms / 60_000)), "minute");
  return ms < OLD_MS ? counted(Math.round(ms / HOUR_MS), "hour") : counted(Math.round(ms / (24 * HOUR_MS)), "day");
}
