import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EltError } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";

/** The dbt project that comes with this package. */
export const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..", "dbt"); // from dist/chunks

/** Where tools and what dbt writes are kept: `CHORUS_ELT_HOME`, else `.chorus-elt` in the current folder. */
export const home = () => resolve(process.env["CHORUS_ELT_HOME"] ?? ".chorus-elt");

/** `dbt` runs models on DuckDB and Postgres, `dbt-bigquery` on BigQuery; `dbt-dev` is `dbt` with what checks the project. */
export type Kind = "dbt" | "dbt-bigquery" | "dbt-dev";

const LOCKS: Record<Kind, string> = {
  dbt: "requirements.lock",
  "dbt-bigquery": "requirements-bigquery.lock",
  "dbt-dev": "requirements-dev.lock",
};

/** What a destination's models are run by: Google's libraries are large, and most have no use for them. */
export const kindFor = (destination: string): Kind => (destination === "bigquery" ? "dbt-bigquery" : "dbt");

const STAMP = ".lock-sha256";

/**
 * The folder of the programs of dbt, installed when they are missing or when the lock file has changed. Packages are
 * pinned by hash. Python 3.10 or later is all that must be there: uv is taken from `UV` or the PATH, else installed
 * beside. Throws TOOLCHAIN_MISSING with the command that helps.
 */
export async function toolchain(kind: Kind, log: Log): Promise<string> {
  return pythonPrograms(kind, join(PROJECT, LOCKS[kind]), join(PROJECT, "requirements-uv.lock"), log);
}

/**
 * The folder of the programs of a Python environment called `name`, with the packages of a lock file; `uvLock` is the one
 * that uv itself is installed by. Throws TOOLCHAIN_MISSING with the command that helps.
 */
export async function pythonPrograms(name: string, lock: string, uvLock: string, log: Log): Promise<string> {
  const wanted = createHash("sha256")
    .update(await readFile(lock))
    .digest("hex");
  const folder = join(home(), name);
  const programs = join(folder, process.platform === "win32" ? "Scripts" : "bin");
  if ((await readFile(join(folder, STAMP), "utf8").catch(() => "")) === wanted) return programs;
  log.info(`installing ${name} into ${folder}`);
  await mkdir(home(), { recursive: true });
  const python = await findPython();
  const uv = await findUv(python, uvLock, log);
  // Built aside and moved when it is whole, so that a set-up that is killed, or another one beside it, does no harm.
  const aside = `${folder}.${process.pid}`;
  await rm(aside, { recursive: true, force: true });
  await must(uv, ["venv", "--quiet", "--relocatable", "--python", python, aside]);
  const inside = join(aside, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  await must(uv, ["pip", "sync", "--quiet", "--require-hashes", "--python", inside, lock]);
  await writeFile(join(aside, STAMP), wanted);
  await rm(folder, { recursive: true, force: true });
  await rename(aside, folder).catch(async (error: unknown) => {
    await rm(aside, { recursive: true, force: true });
    if (!existsSync(join(folder, STAMP))) throw error; // otherwise somebody else has just made it
  });
  return programs;
}

async function findPython(): Promise<string> {
  const given = process.env["PYTHON"];
  const test = "import sys; sys.exit(sys.version_info < (3, 10))";
  for (const name of given === undefined ? ["python3", "python"] : [given]) {
    if ((await run(name, ["-c", test])).code === 0) return name;
  }
  throw missing("Python 3.10 or later was not found; install it, or name it in PYTHON");
}

async function findUv(python: string, lock: string, log: Log): Promise<string> {
  const given = process.env["UV"];
  if (given !== undefined && given !== "") return given;
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, program("uv")));
  const own = [join(home(), "uv", "bin", program("uv")), join(home(), "uv-venv", "bin", program("uv"))];
  const found = [...onPath, ...own].find((path) => existsSync(path));
  if (found !== undefined) return found;
  const wanted = ["--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock];
  // A folder of its own is exempt from the rule of managed Pythons that forbids `pip install`.
  const byPip = await run(python, ["-m", "pip", "install", "--target", join(home(), "uv"), ...wanted]);
  if (byPip.code === 0) return join(home(), "uv", "bin", program("uv"));
  log.debug(`pip did not install uv: ${byPip.output.slice(-500)}`);
  const venv = join(home(), "uv-venv");
  const made = await run(python, ["-m", "venv", "--clear", venv]);
  if (made.code === 0) {
    const pip = await run(join(venv, "bin", "python"), ["-m", "pip", "install", ...wanted]);
    if (pip.code === 0) return join(venv, "bin", program("uv"));
  }
  throw missing(`${python} has neither pip nor venv; install python3-pip or uv`);
}

const program = (name: string) => (process.platform === "win32" ? `${name}.exe` : name);

const missing = (message: string) => new EltError("TOOLCHAIN_MISSING", message);

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw missing(`${command} ${args[0] ?? ""} ended with ${code}: ${output.trim().slice(-1_000)}`);
}

/** Runs a program to its end; -1 when it does not exist. */
async function run(command: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, UV_PYTHON_DOWNLOADS: "never", UV_NO_PROGRESS: "1", PYTHONNOUSERSITE: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (output += part.toString()));
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? -1, output };
  } catch {
    return { code: -1, output: `${command} was not found` };
  }
}
