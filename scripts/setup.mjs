// Installs what the lock file names, when that has not been done yet, and builds. Plain Node: it runs in a fresh clone.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const STAMP = "node_modules/.chorus-elt-lock";

/** Runs a command with its output shown; ends this process when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    stdio: "inherit",
    shell: process.platform === "win32",
    ...options,
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** node_modules as package-lock.json wants it; nothing is done when it is so already. */
export function install() {
  const lock = readFileSync("package-lock.json", "utf8");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === lock) return;
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(STAMP, lock);
}

export function build() {
  run(process.execPath, ["scripts/build.mjs"]);
}
