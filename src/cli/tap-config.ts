import { type Config, configSchema } from "../sources/chorus/config.ts";
import { streams } from "../sources/chorus/streams.gen.ts";
import type { Command } from "./process.ts";
import { configOf } from "./tap.ts";

export const TAP_PREFIX = "TAP_CHORUS";

/** The option of commands that ask the API as the tap does. */
export const TAP_OPTION = {
  type: "string",
  array: true,
  describe: `Config file of tap-chorus; may be given more than once. ${TAP_PREFIX}_* is looked at too.`,
} as const;

/** The option of commands that look into the warehouse. */
export const TARGET_OPTION = {
  type: "string",
  array: true,
  describe: "Config file of target-warehouse; may be given more than once. TARGET_WAREHOUSE_* is looked at too.",
} as const;

/** Reads the tap's config and hides its token from the log. Throws CONFIG_INVALID or CONFIG_UNREADABLE. */
export async function readTapConfig(files: readonly string[], env: Command["env"]): Promise<Config> {
  const sources = { files, environment: process.env, prefix: TAP_PREFIX };
  return (await configOf<Config>({ configSchema, streams }, sources, { env })).config;
}

/** The same config for a few requests, which `daily_request_quota` neither counts nor stops. */
export function withoutQuota(config: Config): Config {
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => name !== "daily_request_quota"),
  ) as unknown as Config;
}
