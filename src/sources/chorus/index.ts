import { type Source } from "../../core/source.ts";
import { openApi } from "./api.ts";
import { type Config, configSchema } from "./config.ts";
import { readChorus } from "./read.ts";
import { streams } from "./streams.gen.ts";
import { DAY_MS } from "./windows.ts";

/** Sales calls of Chorus: calls with their participants, transcripts, trackers, metrics, deals; users and teams. */
export const chorus: Source<Config> = {
  name: "chorus",
  configSchema,
  streams,

  async check(config, env) {
    await using api = await openApi(config, env, { tries: 3 });
    const now = env.clock.now();
    await api.calls({ from: now - DAY_MS, to: now, offset: 0, limit: 1, patient: true });
  },

  async *read(config, selection, state, env) {
    await using api = await openApi(config, env);
    yield* readChorus(config, selection, state, env, { api, streams });
  },
};
