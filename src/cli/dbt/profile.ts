import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { EltError } from "../../core/errors.ts";
import { isObject, type JsonObject } from "../../core/json.ts";
import type { BigqueryConfig } from "../../destinations/bigquery/config.ts";
import { keysOf } from "../../destinations/bigquery/credentials.ts";
import { addressOf, type PostgresConfig } from "../../destinations/postgres/config.ts";
import type { TargetConfig } from "../target-config.ts";

type Variables = Record<string, string>;

/** How `dbt/profiles.yml` is told where the warehouse is, for each destination. */
const PROFILES: Record<string, (config: TargetConfig) => Variables> = {
  duckdb: (config) => ({ CHORUS_ELT_DUCKDB_PATH: resolve((config as TargetConfig & { path: string }).path) }),
  postgres: (config) => postgres(config as TargetConfig & PostgresConfig),
  bigquery: (config) => bigquery(config as TargetConfig & BigqueryConfig),
};

/** The environment in which dbt finds the warehouse that a target's config names. Throws CONFIG_INVALID. */
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

function bigquery(config: TargetConfig & BigqueryConfig): Variables {
  return {
    CHORUS_ELT_BQ_PROJECT: projectOf(config),
    CHORUS_ELT_BQ_LOCATION: config.location,
    CHORUS_ELT_BQ_TIMEOUT_SECONDS: String(Math.ceil(config.job_timeout_seconds)),
    CHORUS_ELT_BQ_LABELS: JSON.stringify(config.labels),
    ...signingOf(config),
    ...(config.impersonate_service_account === undefined
      ? {}
      : { CHORUS_ELT_BQ_IMPERSONATE: config.impersonate_service_account }),
    ...(config.maximum_bytes_billed === undefined
      ? {}
      : { CHORUS_ELT_BQ_MAX_BYTES: String(config.maximum_bytes_billed) }),
    ...(config.api_endpoint === undefined ? {} : { CHORUS_ELT_BQ_API_ENDPOINT: config.api_endpoint }),
  };
}

/** How requests are signed, in the order in which the target decides it. */
function signingOf({ access_token: token, credentials_json: json, credentials_path: path }: BigqueryConfig): Variables {
  if (token !== undefined) return { CHORUS_ELT_BQ_METHOD: "oauth-secrets", CHORUS_ELT_BQ_TOKEN: token };
  if (json !== undefined) return { CHORUS_ELT_BQ_METHOD: "service-account-json", CHORUS_ELT_BQ_KEYFILE_JSON: json };
  if (path !== undefined) return { CHORUS_ELT_BQ_METHOD: "service-account", CHORUS_ELT_BQ_KEYFILE: resolve(path) };
  return { CHORUS_ELT_BQ_METHOD: "oauth" };
}

/** dbt has to be told; it does not look into a key file. */
function projectOf(config: BigqueryConfig): string {
  const project = config.project ?? keyOf(config)["project_id"] ?? process.env["GOOGLE_CLOUD_PROJECT"];
  if (typeof project === "string" && project !== "") return project;
  throw new EltError("CONFIG_INVALID", 'dbt needs "project": neither the config nor the credentials name one');
}

function keyOf(config: BigqueryConfig): JsonObject {
  const { credentials, keyFilename: path } = keysOf(config);
  if (credentials !== undefined || path === undefined) return credentials ?? {};
  let key: unknown;
  try {
    key = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new EltError("CONFIG_UNREADABLE", `cannot read the key file ${path}`, { cause });
  }
  return isObject(key) ? key : {};
}
