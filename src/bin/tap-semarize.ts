#!/usr/bin/env node
import { tap } from "../cli/tap.ts";
import { openReader } from "../cli/warehouse.ts";
import { configSchema, type Config } from "../sources/semarize/config.ts";
import { streams } from "../sources/semarize/streams.gen.ts";

await tap<Config>(
  {
    name: "tap-semarize",
    prefix: "TAP_SEMARIZE",
    configSchema,
    streams,
    source: async (env) => (await import("../sources/semarize/index.ts")).semarize((where) => openReader(where, env)),
    incrementalOnly: true, // what was evaluated was paid for
    plan: async (config, env) =>
      (await import("../sources/semarize/index.ts")).plan((where) => openReader(where, env), config, env),
  },
  process.argv.slice(2),
);
