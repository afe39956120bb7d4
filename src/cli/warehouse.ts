import { findSecrets, loadConfig } from "../core/config.ts";
import type { Destination, Warehouse } from "../core/destination.ts";
import type { Env } from "../core/env.ts";
import type { JsonSchema } from "../core/json.ts";
import type { ProcessLog } from "./log.ts";
import { targetSchema, type TargetConfig } from "./target-config.ts";

export const TARGET_PREFIX = "TARGET_WAREHOUSE";

/** The destination and the whole config schema of target-warehouse; no driver is loaded for it. */
export async function targetParts(): Promise<{ destination: Destination<never>; schema: JsonSchema }> {
  const { default: duckdb } = await import("../destinations/duckdb/index.ts");
  return { destination: duckdb, schema: targetSchema(duckdb.configSchema) };
}

/** Reads a target's config, hides its secrets from the log, and opens the warehouse. The caller closes it. */
export async function openWarehouse(
  files: readonly string[],
  env: Env & { readonly log: ProcessLog },
): Promise<{ warehouse: Warehouse; config: TargetConfig }> {
  const { destination, schema } = await targetParts();
  const sources = { files, environment: process.env, prefix: TARGET_PREFIX };
  env.log.hide(await findSecrets(schema, sources));
  const config = await loadConfig<TargetConfig>(schema, sources);
  return { warehouse: await destination.connect(config as never, env), config };
}
