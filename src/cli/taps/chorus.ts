import { configSchema, type Config } from "../../sources/chorus/config.ts";
import { streams } from "../../sources/chorus/streams.gen.ts";
import type { Tap } from "../tap.ts";

export const chorusTap: Tap<Config> = {
  name: "tap-chorus",
  prefix: "TAP_CHORUS",
  configSchema,
  streams,
  source: async () => (await import("../../sources/chorus/index.ts")).chorus,
  namespace: ({ api_url: url }) => new URL(url).origin,
};
