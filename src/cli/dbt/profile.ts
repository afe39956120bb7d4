import { resolve } from "node:path";
import { EltError } from "../../core/errors.ts";
import { addressOf, type PostgresConfig } from "../../destinations/postgres/config.ts";
import type { TargetConfig } from "../target-config.ts";

type Variables = Record<string, string>;

/** How `dbt/profiles.yml` is told where the warehouse is, for each destination. */
const PROFILES: Record<string, (config: TargetConfig) => Variables> = {
  duckdb: (config) => ({ CHORUS_ELT_DUCKDB_PATH: resolve((config as TargetConfig & { path: string }).path) }),
  postgres: (config) => postgres(config as TargetConfig & PostgresConfig),
};

/** The environment in which dbt finds the warehouse that a target's config names. */
export function profileOf(config: TargetConfig): Variables {
  const make = PROFILES[config.destination];
  if (make === undefined) throw new EltError("CONFIG_INVALID", `dbt does not run on "${config.destination}" yet`);
  return {
    CHORUS_ELT_DBT_TARGET: config.destination,
    CHORUS_ELT_SCHEMA: config.default_target_schema,
    ...make(config),
  };
}

function postgres(config: TargetConfig & PostgresConfig): Variables {
  const { address, tls } = addressOf(config);
  const { host, port, user, database, password } = address; // without a password libpq looks into ~/.pgpass itself
  return {
    CHORUS_ELT_PG_HOST: host ?? "localhost",
    CHORUS_ELT_PG_PORT: String(port ?? 5432),
    CHORUS_ELT_PG_USER: user,
    CHORUS_ELT_PG_DATABASE: database ?? user,
    CHORUS_ELT_PG_SSLMODE: tls.mode,
    ...(password === undefined ? {} : { CHORUS_ELT_PG_PASSWORD: password }),
    ...(config.role === undefined ? {} : { CHORUS_ELT_PG_ROLE: config.role }),
    ...(tls.sslrootcert === undefined ? {} : { CHORUS_ELT_PG_SSLROOTCERT: tls.sslrootcert }),
    ...(tls.sslcert === undefined ? {} : { CHORUS_ELT_PG_SSLCERT: tls.sslcert }),
    ...(tls.sslkey === undefined ? {} : { CHORUS_ELT_PG_SSLKEY: tls.sslkey }),
  };
}
