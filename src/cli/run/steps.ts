import type { Dataset } from "../../core/destination.ts";
import type { MaskConfig } from "../../core/masks.ts";
import type { State } from "../../core/message.ts";
import { read } from "../../core/read.ts";
import { stateIn } from "../kept-state.ts";
import type { Command } from "../process.ts";
import { configOf, selectionFrom, type Tap } from "../tap.ts";
import { chooseWarehouse, type Chosen } from "../warehouse.ts";
import type { RunConfig } from "./config.ts";
import { pump, type Pumped } from "./pump.ts";

/** One tap of a run, ready to be read. */
export interface Step {
  readonly name: string;
  readonly inputs: readonly Dataset[];
  /** Reads on from the state in the warehouse. Loads what comes, and never throws for it. */
  load(env: Command["env"]): Promise<Pumped & { readonly before: State }>;
}

interface Given {
  readonly path: string;
  readonly config: RunConfig;
  readonly catalog: string | undefined;
  readonly env: Command["env"];
}

/**
 * The taps that a config has parts for, in the order that feeds the later ones: evaluations are of the transcripts that
 * are there by then. Throws CONFIG_INVALID, CONFIG_UNREADABLE or CATALOG_INVALID for any of them before one is read.
 */
export async function stepsOf(given: Given): Promise<Step[]> {
  const { path, config, env } = given;
  const { tap, transcripts, semarize } = config;
  const target = await chooseWarehouse({ settings: config.target, origin: `${path}, part "target"` }, env);
  const steps = [
    await step((await import("../taps/chorus.ts")).chorusTap, { part: "tap", settings: tap, target }, given),
  ];
  if (transcripts !== undefined) {
    const { transcriptsTap } = await import("../taps/transcripts.ts");
    const own = { part: "transcripts", settings: transcripts, target: withState(target, "meetings") };
    steps.push(await step(transcriptsTap, own, { ...given, catalog: undefined }));
  }
  if (semarize !== undefined) {
    const { semarizeTap } = await import("../taps/semarize.ts");
    // It evaluates what is in the warehouse that this run loads.
    const settings = {
      ...(semarize["warehouse_config"] === undefined ? { warehouse: config.target } : {}),
      ...semarize,
    };
    const own = { part: "semarize", settings, target: withState(target, "semarize") };
    steps.push(await step(semarizeTap, own, { ...given, catalog: undefined }));
  }
  return steps;
}

/** The same warehouse for another tap, whose state is kept under an id of its own. */
function withState(target: Chosen, name: string): Chosen {
  const { state_id: id } = target.config;
  return { ...target, config: { ...target.config, state_id: id === "default" ? name : `${id}-${name}` } };
}

async function step<Config extends MaskConfig>(
  tap: Tap<Config>,
  { part, settings, target }: { readonly part: string; readonly settings: RunConfig["tap"]; readonly target: Chosen },
  { path, catalog, env }: Given,
): Promise<Step> {
  const origin = `${path}, part "${part}"`;
  const sources = { settings, origin, files: [], environment: process.env, prefix: tap.prefix };
  const { config, masks } = await configOf<Config>(tap, sources, { env });
  const selection = await selectionFrom(catalog, tap.streams, { env });
  const namespace = tap.namespace(config);
  return {
    name: tap.name,
    inputs: selection.map(({ stream }) => ({ namespace, name: stream.name })),
    async load(own) {
      let before: State = {};
      try {
        const source = { ...(await tap.source(own)), masks };
        before = await stateIn(target, source.streamStates);
        return { ...(await pump((inner) => read(source, config, selection, before, inner), target, own)), before };
      } catch (error) {
        return { error, summary: undefined, tables: [], state: undefined, before };
      }
    },
  };
}
