import type { Reader } from "../core/destination.ts";
import { EltError } from "../core/errors.ts";
import { isObject, parseJson } from "../core/json.ts";
import type { State } from "../core/message.ts";
import type { StreamStates } from "../core/stream-states.ts";
import { KeptStates } from "../dialects/airbyte/kept.ts";
import { joined, streamStatesOf } from "../dialects/airbyte/states.ts";
import { streamStates } from "../sources/chorus/stream-states.ts";
import { epochMs, Tables, textIn } from "../sources/semarize/tables.ts";
import type { Command } from "./process.ts";
import { stateFrom } from "./tap.ts";
import { chooseWarehouse, type Chosen } from "./warehouse.ts";

export const STATES = "_chorus_elt_state";

/** The state that a warehouse holds for a pipeline. */
export interface KeptState {
  readonly state: State;
  /** When it was committed, milliseconds since 1970; undefined when the warehouse does not say. */
  readonly committedMs: number | undefined;
}

/**
 * The state that was last committed under an id, as Singer has it, read without making or locking anything; undefined
 * when there is none. `divided` says how the tap's state is divided among its streams; tap-chorus is taken otherwise.
 */
export async function keptState(
  reader: Reader,
  schema: string,
  stateId: string,
  divided: StreamStates = streamStates,
): Promise<KeptState | undefined> {
  const tables = await Tables.of(reader, schema);
  if (!tables.has(STATES)) return undefined;
  const at = epochMs(tables.column(STATES, "s", "committed_at"));
  const sql = `SELECT s.state, ${at} AS committed_ms FROM ${tables.name(STATES)} s WHERE s.id = $1`;
  for await (const { state: kept, committed_ms: ms } of reader.query(sql, [stateId])) {
    const state = typeof kept === "string" ? parseJson(kept) : kept;
    const committedMs = ms === null || ms === undefined ? undefined : Number(textIn(ms));
    if (isObject(state)) return { state: asSinger(state, divided), committedMs };
  }
  return undefined;
}

/** What a warehouse holds as a Singer state, whichever protocol it came by. */
export function asSinger(kept: State, divided: StreamStates): State {
  if (kept["airbyte"] === undefined) return kept;
  const states = streamStatesOf([...new KeptStates(kept).states]);
  return joined(states, [...states.keys()], divided);
}

/** Looks into a warehouse and closes it again, so that nobody who loads has to wait for us. */
export async function look<Found>(
  { connectReader }: Pick<Chosen, "connectReader">,
  find: (reader: Reader) => Promise<Found>,
): Promise<Found> {
  await using reader = await connectReader();
  return await find(reader);
}

export const STATE_OPTION = {
  type: "string",
  conflicts: "config",
  describe: "State file: the last line that the target printed.",
} as const;

/**
 * The state in a file, or else the one in the warehouse; an empty state when neither is named, or nothing was loaded yet.
 * Throws STATE_UNREADABLE for a file that holds none.
 */
export async function givenState(
  { state, config }: { readonly state: string | undefined; readonly config: readonly string[] | undefined },
  env: Command["env"],
): Promise<State> {
  if (state !== undefined) return stateFrom(state);
  if (config === undefined) return {};
  return stateIn(await chooseWarehouse({ files: config }, env));
}

/** The state that a warehouse holds, as `keptState` gives it; an empty one when nothing was loaded yet. */
export async function stateIn(
  target: Pick<Chosen, "config" | "connectReader">,
  divided?: StreamStates,
): Promise<State> {
  const { default_target_schema: schema, state_id: id } = target.config;
  try {
    return (await look(target, (reader) => keptState(reader, schema, id, divided)))?.state ?? {};
  } catch (error) {
    const isNew =
      error instanceof EltError && error.code === "WAREHOUSE_UNREACHABLE" && /no DuckDB file/.test(error.message);
    if (isNew) return {};
    throw error;
  }
}
