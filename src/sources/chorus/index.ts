import { type Source } from "../../core/source.ts";
import { openApi } from "./api.ts";
import { type Config, configSchema } from "./config.ts";
import { readChorus } from "./read.ts";
import { streams } from "./streams.gen.ts";
import { streamStates } from "./stream-states.ts";
import { flavourOf, memoryOf } from "./state.ts";

const HOUR_MS = 3_600_000;

/** Sales calls of Chorus: calls with their participants, transcripts, trackers, metrics, deals; users and teams. */
export const chorus: Source<Config> = {
  name: "chorus",
  configSchema,
  streams,
  streamStates,

  async check(config, env) {
    await using api = await openApi(config, env, { tries: 3 });
    const now = env.clock.now();
    await api.window({ from: now - HOUR_MS, to: now }, { small: true, lean: true });
  },

  async *read(config, selection, state, env) {
    await using api = await openApi(config, env, { flavour: flavourOf(state), memory: memoryOf(state) });
    yield* readChorus(config, selection, state, env, { api, streams });
  },
};
