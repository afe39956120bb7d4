import { findSecrets, loadConfig, propertiesOf, readSettings, type ConfigSources } from "../core/config.ts";
import type { Destination, Reader, Warehouse } from "../core/destination.ts";
import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import type { JsonObject, JsonSchema } from "../core/json.ts";
import type { ProcessLog } from "./log.ts";
import { isShared, targetSchema, type TargetConfig } from "./target-config.ts";

export const TARGET_PREFIX = "TARGET_WAREHOUSE";

/** Every destination, by name. Its driver is loaded when it connects. */
const DESTINATIONS: Record<string, () => Promise<{ default: Destination<never> }>> = {
  duckdb: () => import("../destinations/duckdb/index.ts"),
  postgres: () => import("../destinations/postgres/index.ts"),
  bigquery: () => import("../destinations/bigquery/index.ts"),
};

/** The settings of target-warehouse with all destinations, for `--about`. */
export async function targetSettings(): Promise<JsonSchema> {
  const own: JsonObject = {};
  for (const load of Object.values(DESTINATIONS)) {
    const { name, configSchema } = (await load()).default;
    for (const [setting, property] of Object.entries(propertiesOf(configSchema))) {
      const { default: byDefault, title, ...rest } = property;
      const known = own[setting] as JsonObject | undefined;
      if (isShared(setting)) continue;
      // One that several have is said once; one that only this one has says whose it is.
      own[setting] = known ?? {
        ...rest,
        title: `${name}: ${typeof title === "string" ? title : setting}`,
        ...(byDefault === undefined ? {} : { default: byDefault }),
      };
    }
  }
  return targetSchema({ properties: own });
}

/**
 * The destination that a config asks for: `destination`, or when that is missing Postgres where a server is named and
 * BigQuery where a project is, as nobody who names one wants a file.
 */
async function chosen(sources: ConfigSources): Promise<Destination<never>> {
  const settings = await readSettings(targetSchema({ properties: { url: {}, host: {}, project: {} } }), sources);
  const named = (settings["url"] ?? settings["host"]) ? "postgres" : settings["project"] ? "bigquery" : "duckdb";
  const name = settings["destination"] ?? named;
  const load = typeof name === "string" ? DESTINATIONS[name] : undefined;
  if (load !== undefined) return (await load()).default;
  throw new EltError("CONFIG_INVALID", `"destination" must be one of ${Object.keys(DESTINATIONS).join(", ")}`);
}

type LoggedEnv = Env & { readonly log: ProcessLog };

/** A destination with its config, not opened yet. */
export interface Chosen {
  readonly config: TargetConfig;
  /** See `Destination.exclusive`. */
  readonly exclusive: boolean;
  /** The caller closes what these give. */
  readonly connect: () => Promise<Warehouse>;
  readonly connectReader: () => Promise<Reader>;
}

/** Reads a target's config and hides its secrets from the log. Throws CONFIG_INVALID or CONFIG_UNREADABLE. */
export async function chooseWarehouse(
  { files = [], ...given }: Partial<Pick<ConfigSources, "files" | "settings" | "origin">>,
  env: LoggedEnv,
): Promise<Chosen> {
  const sources = { ...given, files, environment: process.env, prefix: TARGET_PREFIX };
  const destination = await chosen(sources);
  const schema = targetSchema(destination.configSchema, destination.name);
  env.log.hide(await findSecrets(schema, sources));
  const config = await loadConfig<TargetConfig>(schema, sources);
  return {
    config,
    exclusive: destination.exclusive,
    connect: () => destination.connect(config as never, env),
    connectReader: () => destination.connectReader(config as never, env),
  };
}

/** Reads a target's config and opens its warehouse. The caller closes it. */
export async function openWarehouse(
  files: readonly string[],
  env: LoggedEnv,
): Promise<{ warehouse: Warehouse; config: TargetConfig }> {
  const { connect, config } = await chooseWarehouse({ files }, env);
  return { warehouse: await connect(), config };
}

/** Opens a warehouse for reading, and names the schema that its tables are in. The caller closes it. */
export async function openReader(
  where: Pick<ConfigSources, "files" | "settings">,
  env: LoggedEnv,
): Promise<{ reader: Reader; schema: string }> {
  const { connectReader, config } = await chooseWarehouse(where, env);
  return { reader: await connectReader(), schema: config.default_target_schema };
}
