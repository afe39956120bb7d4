import { systemClock } from "../../src/core/clock.ts";
import type { Env } from "../../src/core/env.ts";
import { silentLog } from "../../src/core/log.ts";
import type { PostgresConfig } from "../../src/destinations/postgres/config.ts";

/** What a config has that says nothing about the server. */
export const SCHEMA_AND_TIMES = {
  default_target_schema: "public",
  statement_timeout_seconds: 0,
  lock_timeout_seconds: 1,
  connect_timeout_seconds: 30,
};

/** A config for whatever listens on this port of this machine. */
export function configFor(
  { tcpPort }: { readonly tcpPort: number | undefined },
  more: Partial<PostgresConfig> = {},
): PostgresConfig {
  return {
    host: "localhost",
    port: tcpPort ?? 0,
    user: "postgres",
    database: "postgres",
    ...SCHEMA_AND_TIMES,
    ...more,
  };
}

/** An `Env` in which time passes as it does, and warnings are kept. */
export function realEnv(): Env & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return {
    clock: systemClock,
    log: { ...silentLog, warn: (text) => warnings.push(text) },
    signal: new AbortController().signal,
    step: () => undefined,
    warnings,
  };
}
