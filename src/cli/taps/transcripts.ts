import { pathToFileURL } from "node:url";
import { configSchema, type Config } from "../../sources/transcripts/config.ts";
import { streams } from "../../sources/transcripts/streams.gen.ts";
import type { Tap } from "../tap.ts";

export const transcriptsTap: Tap<Config> = {
  name: "tap-transcripts",
  prefix: "TAP_TRANSCRIPTS",
  configSchema,
  streams,
  source: async () => (await import("../../sources/transcripts/index.ts")).transcripts,
  namespace: ({ path }) => pathToFileURL(path).href,
};
