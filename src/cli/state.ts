import { EltError } from "../core/errors.ts";
import { encodeState } from "../dialects/singer/codec.ts";
import { parseArguments } from "./arguments.ts";
import type { Command } from "./process.ts";
import { openWarehouse } from "./warehouse.ts";

/** `chorus-elt state show`: the state as the target printed it when it last committed. */
export async function stateShow(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments("chorus-elt state show", argv, {
    config: { type: "string", array: true, describe: "Config file of target-warehouse." },
  });
  if (options === undefined) return;
  const { warehouse, config } = await openWarehouse(options.config ?? [], env);
  await using open = warehouse;
  const state = await open.state(config.default_target_schema, config.state_id);
  if (state === undefined) {
    throw new EltError("STATE_UNREADABLE", `nothing was committed yet under the state id "${config.state_id}"`);
  }
  await out.line(encodeState(state));
}
