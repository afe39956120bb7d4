import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { withLock } from "../../../src/cli/run/lock.ts";
import { silentLog } from "../../../src/core/log.ts";
import { fakeClock } from "../../support/clock.ts";
import { temporaryFolder } from "../../support/folder.ts";

const env = () => ({ clock: fakeClock(), log: silentLog, signal: new AbortController().signal });

/** Another process that has the lock; it says so, and ends only when it is killed. */
async function holder(path: string) {
  const script = `import { DuckDBInstance } from ${JSON.stringify(resolve("node_modules/@duckdb/node-api/lib/index.js"))};
    await DuckDBInstance.create(process.argv[1]);
    console.log("held");
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) if (line === "held") break;
  return child;
}

test("a second one is told who has the lock, or waits; kill -9 of the first frees it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "run.lock");
  const child = await holder(path);
  await expect(withLock(path, 0, env(), async () => undefined)).rejects.toMatchObject({
    code: "RUN_LOCKED",
    message: `process ${child.pid} has the lock ${path}`,
  });
  const waiting = env();
  await expect(withLock(path, 3_000, waiting, async () => undefined)).rejects.toMatchObject({ code: "RUN_LOCKED" });
  expect(waiting.clock.waits).toEqual([1_000, 1_000, 1_000]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await withLock(path, 0, env(), async () => "mine")).toBe("mine");
});

test("whoever waits stops waiting at a signal", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "run.lock");
  const child = await holder(path);
  const signal = AbortSignal.abort(new Error("SIGTERM"));
  await expect(withLock(path, Infinity, { ...env(), signal }, async () => undefined)).rejects.toThrow("SIGTERM");
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("the lock is given back when the work fails", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "run.lock");
  const failing = async () => Promise.reject(new Error("the work"));
  await expect(withLock(path, 0, env(), failing)).rejects.toThrow("the work");
  const child = await holder(path); // another process gets it
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("a file that is no lock of ours, or cannot be made, is a fault of the config", async () => {
  await using folder = await temporaryFolder();
  const notes = join(folder.path, "notes.lock");
  await writeFile(notes, "somebody's notes, which are long enough to be looked at ".repeat(400));
  for (const path of [notes, join(folder.path, "missing", "run.lock")]) {
    await expect(withLock(path, 0, env(), async () => undefined)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  }
});
