#!/usr/bin/env node
import { tap } from "../cli/tap.ts";
import { configSchema, type Config } from "../sources/transcripts/config.ts";
import { streams } from "../sources/transcripts/streams.gen.ts";

await tap<Config>(
  {
    name: "tap-transcripts",
    prefix: "TAP_TRANSCRIPTS",
    configSchema,
    streams,
    source: async () => (await import("../sources/transcripts/index.ts")).transcripts,
  },
  process.argv.slice(2),
);
