import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Spool } from "./stage.ts";

const PREFIX = "chorus-elt-bigquery-";

/** A folder for rows on their way, which goes with the run. */
export type Spooling = Spool & AsyncDisposable;

/** Makes a folder in TMPDIR that only this user can enter, and removes those of runs that were killed. */
export async function openSpool(): Promise<Spooling> {
  await removeLeftOver();
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  return { folder, files: 0, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

async function removeLeftOver(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined); // somebody else's
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
