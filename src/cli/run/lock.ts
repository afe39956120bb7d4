import type { DuckDBInstance } from "@duckdb/node-api";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";

/**
 * Does work while no other process has the lock, and waits up to `waitMs` for it. Throws RUN_LOCKED, which says who has
 * it, or CONFIG_INVALID when the file cannot be made.
 *
 * The lock is that of the operating system on a file, so it goes with the process, even after kill -9: there is nothing
 * stale to take over, which is where files with a process id, or sockets, let two in. Node has no flock; DuckDB locks what
 * it opens, on every system, and names the process that was first. So the file is an empty database. It costs 20 MB of
 * memory where the warehouse is another one.
 */
export async function withLock<Result>(
  path: string,
  waitMs: number,
  env: Pick<Env, "clock" | "log" | "signal">,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await take(path, waitMs, env);
  try {
    return await work();
  } finally {
    lock.closeSync();
  }
}

async function take(
  path: string,
  waitMs: number,
  { clock, log, signal }: Pick<Env, "clock" | "log" | "signal">,
): Promise<DuckDBInstance> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const until = clock.now() + waitMs;
  for (let told = false; ; told = true) {
    try {
      return await DuckDBInstance.create(path, { threads: "1", memory_limit: "16MB" });
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      if (!text.includes("Could not set lock")) {
        const message = `"run.lock" must be a file that can be made and written: ${path}: ${text}`;
        throw new EltError("CONFIG_INVALID", message, { cause });
      }
      const holder = /PID \d+/.exec(text)?.[0].replace("PID", "process") ?? "another process";
      if (clock.now() >= until) throw new EltError("RUN_LOCKED", `${holder} has the lock ${path}`, { cause });
      if (!told) log.info(`${holder} has the lock ${path}; waiting for it`);
      await clock.sleep(1_000, signal);
    }
  }
}
