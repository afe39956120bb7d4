import { configSchema, type Config } from "../../sources/semarize/config.ts";
import { streams } from "../../sources/semarize/streams.gen.ts";
import type { Tap } from "../tap.ts";
import { openReader } from "../warehouse.ts";

export const semarizeTap: Tap<Config> = {
  name: "tap-semarize",
  prefix: "TAP_SEMARIZE",
  configSchema,
  streams,
  source: async (env) => (await import("../../sources/semarize/index.ts")).semarize((where) => openReader(where, env)),
  namespace: ({ api_url: url }) => new URL(url).origin,
  incrementalOnly: true, // what was evaluated was paid for
  plan: async (config, env) =>
    (await import("../../sources/semarize/index.ts")).plan((where) => openReader(where, env), config, env),
};
