#!/usr/bin/env node
import { tap } from "../cli/tap.ts";
import { configSchema, type Config } from "../sources/chorus/config.ts";
import { streams } from "../sources/chorus/streams.gen.ts";

await tap<Config>(
  {
    name: "tap-chorus",
    prefix: "TAP_CHORUS",
    configSchema,
    streams,
    source: async () => (await import("../sources/chorus/index.ts")).chorus,
  },
  process.argv.slice(2),
);
