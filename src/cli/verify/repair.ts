import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import type { State } from "../../core/message.ts";
import { encodeState } from "../../dialects/singer/codec.ts";
import { runPipe } from "../run-pipe.ts";
import { TAP_PREFIX } from "../tap-config.ts";

/** How the pipe that repairs is configured: as the one that loads. */
export interface Pipeline {
  readonly tap: readonly string[];
  readonly target: readonly string[];
  readonly catalog: string | undefined;
}

const PRIVATE = { mode: 0o600 };

/**
 * Reads these calls again into the warehouse, by the programs that load it. `state` is the one the warehouse has; a run
 * of named calls gives it back as it is. Throws STREAM_INCOMPLETE when the target could not load them.
 */
export async function readAgain(
  callIds: readonly string[],
  { pipeline, state, env }: { readonly pipeline: Pipeline; readonly state: State | undefined; readonly env: Env },
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "chorus-elt-verify-"));
  try {
    const named = join(folder, "call_ids.json");
    const stateFile = join(folder, "state.json");
    await writeFile(named, JSON.stringify({ call_ids: callIds }), PRIVATE);
    if (state !== undefined) await writeFile(stateFile, encodeState(state), PRIVATE);
    const args = [
      ...configs([...pipeline.tap, named]), // the later one wins, so the token stays where it is
      ...(state === undefined ? [] : ["--state", stateFile]),
      ...(pipeline.catalog === undefined ? [] : ["--catalog", pipeline.catalog]),
    ];
    const environment = { ...process.env, [`${TAP_PREFIX}_CALL_IDS`]: "" }; // it would win over the file
    const ended = await runPipe(
      { program: "tap-chorus", args, environment },
      { program: "target-warehouse", args: configs(pipeline.target), environment },
    );
    if (ended.target !== 0) {
      throw new EltError("STREAM_INCOMPLETE", `the repair failed: target-warehouse ended with ${String(ended.target)}`);
    }
    if (ended.tap !== 0) env.log.warn(`tap-chorus ended with ${String(ended.tap)}: not all calls were read again`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const configs = (files: readonly string[]) => files.flatMap((file) => ["--config", file]);
