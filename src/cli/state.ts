import { EltError } from "../core/errors.ts";
import { printJson } from "../core/json.ts";
import type { State } from "../core/message.ts";
import { undivided, type StreamStates } from "../core/stream-states.ts";
import { KeptStates } from "../dialects/airbyte/kept.ts";
import { streamStateMessage } from "../dialects/airbyte/message.ts";
import { joined, printStreamState, streamStatesOf } from "../dialects/airbyte/states.ts";
import { encodeState } from "../dialects/singer/codec.ts";
import { parseArguments } from "./arguments.ts";
import { asSinger, STATE_OPTION } from "./kept-state.ts";
import type { Command } from "./process.ts";
import { readJson, stateFrom } from "./tap.ts";
import { openWarehouse } from "./warehouse.ts";

const CONFIG = { type: "string", array: true, describe: "Config file of target-warehouse." } as const;

/**
 * `chorus-elt state show`: the state as the target said it when it last committed; that of an Airbyte destination as the
 * list that a source's `--state` takes.
 */
export async function stateShow(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments("chorus-elt state show", argv, { config: CONFIG });
  if (options === undefined) return;
  const state = await committed(options.config ?? [], env);
  await out.line(state["airbyte"] === undefined ? encodeState(state) : printJson([...new KeptStates(state).states]));
}

async function committed(files: readonly string[], env: Command["env"]): Promise<State> {
  const { warehouse, config } = await openWarehouse(files, env);
  await using open = warehouse;
  const state = await open.state(config.default_target_schema, config.state_id);
  if (state !== undefined) return state;
  throw new EltError("STATE_UNREADABLE", `nothing was committed yet under the state id "${config.state_id}"`);
}

/** Whose state it is: its streams, and how the state is divided among them. */
interface Owner {
  readonly streams: readonly { readonly name: string }[];
  readonly divided: StreamStates;
}

const OWNERS: Record<string, () => Promise<Owner>> = {
  chorus: async () => ({
    streams: (await import("../sources/chorus/streams.gen.ts")).streams,
    divided: (await import("../sources/chorus/stream-states.ts")).streamStates,
  }),
  semarize: async () => ({
    streams: (await import("../sources/semarize/streams.gen.ts")).streams,
    divided: undivided,
  }),
  transcripts: async () => ({
    streams: (await import("../sources/transcripts/streams.gen.ts")).streams,
    divided: undivided,
  }),
};

/** `chorus-elt state convert`: a Singer state as states of the Airbyte protocol, or the other way round. */
export async function stateConvert(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments("chorus-elt state convert", argv, {
    to: { choices: ["airbyte", "singer"] as const, demandOption: true, describe: "The form that is wanted." },
    tap: { choices: Object.keys(OWNERS), default: "chorus", describe: "The tap whose state it is." },
    state: { ...STATE_OPTION, describe: "State file to convert; without it the state in the warehouse." },
    config: CONFIG,
  });
  if (options === undefined) return;
  const { state: path, config = [], to, tap } = options;
  const owner = await OWNERS[tap]?.();
  if (owner === undefined) throw new EltError("USAGE", `there is no tap "${tap}"`);
  if (to === "airbyte") {
    const state = path === undefined ? asSinger(await committed(config, env), owner.divided) : await stateFrom(path);
    await out.line(printJson(toAirbyte(state, owner)));
    return;
  }
  const state =
    path === undefined
      ? asSinger(await committed(config, env), owner.divided)
      : toSinger(await readJson(path, "STATE_UNREADABLE", "state"), owner);
  await out.line(encodeState(state));
}

function toAirbyte(state: State, { streams, divided }: Owner) {
  const known = divided.known(
    state,
    streams.map(({ name }) => name),
  );
  return known.map((name) =>
    streamStateMessage(name, printStreamState({ checkpoint: 1, refreshing: false, state: divided.cut(state, name) })),
  );
}

function toSinger(json: Parameters<typeof streamStatesOf>[0], { divided }: Owner): State {
  const states = streamStatesOf(json);
  if (states.size === 0) throw new EltError("STATE_UNREADABLE", "there is no state of a stream in it");
  return joined(states, [...states.keys()], divided);
}
