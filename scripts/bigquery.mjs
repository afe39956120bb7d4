// Starts an emulator of BigQuery for tests: the Python package local-bigquery, which runs GoogleSQL on DuckDB. Plain Node,
// types in bigquery.d.mts.
//
//     node scripts/bigquery.mjs setup    installs it into .chorus-elt/bigquery-emulator
//     node scripts/bigquery.mjs start    runs one in the foreground, with data of its own that goes when it ends
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePorts, startOwnProcess } from "./own-process.mjs";
import { quickFolder } from "./quick-folder.mjs";

const LOCK = fileURLToPath(new URL("../test/support/bigquery/requirements.lock", import.meta.url));
const STAMP = ".lock-sha256";
const PROJECT = "local";
const ABSENT = 51; // the exit code that `chorus-elt dbt setup` has for a missing Python
const STARTING_MS = 60_000;

/** The emulator cannot be had on this machine. Tests are skipped for this reason and for no other. */
export class NoBigQuery extends Error {
  name = "NoBigQuery";
}

const home = () => resolve(process.env.CHORUS_ELT_HOME ?? ".chorus-elt");
const folderOf = () => join(home(), "bigquery-emulator");
const wanted = () => createHash("sha256").update(readFileSync(LOCK)).digest("hex");
const isInstalled = () => {
  const stamp = join(folderOf(), STAMP);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === wanted();
};

export function setupBigQuery() {
  const folder = folderOf();
  if (isInstalled()) return folder;
  if (process.platform === "win32") throw new NoBigQuery("the emulator is not set up on Windows");
  const uv = findUv();
  const python = findPython(uv);
  console.log(`installing an emulator of BigQuery into ${folder}`);
  // Built aside and moved when it is whole, so that a set-up that is killed, or another one beside it, does no harm.
  const aside = `${folder}.${process.pid}`;
  try {
    build(aside, uv, python);
    rmSync(folder, { recursive: true, force: true });
    try {
      renameSync(aside, folder);
    } catch (error) {
      if (!isInstalled()) throw error; // otherwise somebody else has just made it
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return folder;
}

function build(folder, uv, python) {
  mkdirSync(join(folder, "home"), { recursive: true });
  const must = (command, args, env) => {
    const { status, output } = run(command, args, env);
    if (status === 0) return;
    const said = `${command} ${args.slice(0, 2).join(" ")} ended with ${status}: ${output.trim().slice(-1_000)}`;
    // A package that is not what was locked is nothing to pass over.
    throw /hash/i.test(output) ? new Error(said) : new NoBigQuery(said);
  };
  must(uv, ["venv", "--quiet", "--relocatable", "--python", python, join(folder, "venv")]);
  const inside = join(folder, "venv", "bin", "python");
  must(uv, ["pip", "sync", "--quiet", "--require-hashes", "--python", inside, LOCK]);
  // DuckDB looks for its extensions below HOME, and would fetch them from elsewhere.
  const code = "from duckdb_extensions import import_extension as i; [i(e) for e in ('ducklake', 'icu', 'spatial')]";
  must(inside, ["-c", code], { HOME: join(folder, "home") });
  writeFileSync(join(folder, STAMP), wanted());
}

function findUv() {
  const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "uv"));
  const own = [join(home(), "uv", "bin", "uv"), join(home(), "uv-venv", "bin", "uv")];
  const found = process.env.UV || [...onPath, ...own].find((path) => existsSync(path));
  if (found) return found;
  throw new NoBigQuery("uv was not found; `chorus-elt dbt setup` installs it");
}

/** A Python 3.13 that runs: pyenv's shims exist for versions that they refuse. */
function findPython(uv) {
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), ".pyenv"), "versions");
  const versions = existsSync(pyenv) ? readdirSync(pyenv).filter((name) => name.startsWith("3.13.")) : [];
  const candidates = process.env.PYTHON313
    ? [process.env.PYTHON313]
    : ["python3.13", ...versions.map((name) => join(pyenv, name, "bin", "python")), "python3"];
  const test = "import sys; sys.exit(sys.version_info[:2] != (3, 13))";
  const found = candidates.find((python) => run(python, ["-c", test]).status === 0);
  if (found !== undefined) return found;
  const { status, output } = run(uv, ["python", "find", "--quiet", "3.13"]);
  if (status === 0 && process.env.PYTHON313 === undefined) return output.trim();
  throw new NoBigQuery("there is no Python 3.13; install it, or name it in PYTHON313");
}

/** Runs a program to its end; -1 when it does not exist. */
function run(command, args, env = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    env: {
      ...process.env,
      UV_PYTHON_DOWNLOADS: "never",
      UV_NO_PROGRESS: "1",
      PYTHONNOUSERSITE: "1",
      ...env,
    },
  });
  return { status: status ?? -1, output: error === undefined ? stdout + stderr : error.message };
}

export async function startBigQuery() {
  if (!isInstalled()) throw new NoBigQuery("it is not installed; `node scripts/bigquery.mjs setup` does it");
  for (let attempt = 1; ; attempt++) {
    const server = await startOnce();
    const ended = await answering(server);
    if (ended === undefined) return server;
    const said = server.log();
    await server.stop();
    const taken = said.includes("address already in use") && attempt < 5; // ports that were free a moment ago
    if (!taken) throw new Error(`the emulator of BigQuery did not start (${ended}):\n${said.slice(-2_000)}`);
  }
}

async function startOnce() {
  const installed = folderOf();
  const folder = await mkdtemp(join(quickFolder(), "chorus-elt-bq-"));
  const data = join(folder, "data");
  mkdirSync(data);
  const [port, grpcPort] = await freePorts(2);
  const address = ["--host", "127.0.0.1", "--port", String(port), "--grpc-port", String(grpcPort)];
  const program = [
    fileURLToPath(new URL("../test/support/bigquery/emulator.py", import.meta.url)),
    ...address,
    "--project",
    PROJECT,
    "--data-dir",
    data,
  ];
  const { pid, exited, log, stop } = await startOwnProcess(join(installed, "venv", "bin", "python"), program, {
    folder,
    env: { PATH: process.env.PATH, HOME: join(installed, "home"), TZ: "UTC", PYTHONNOUSERSITE: "1" },
  });
  const url = `http://127.0.0.1:${port}`;
  return { project: PROJECT, url, grpcPort, pid, exited, log, stop, [Symbol.asyncDispose]: stop };
}

/** Undefined once it answers, else how it ended. */
async function answering({ url, project, exited }) {
  let ended;
  void exited.then((how) => (ended = how));
  for (const deadline = Date.now() + STARTING_MS; Date.now() < deadline; await sleep(100)) {
    if (ended !== undefined) return ended;
    const answer = await fetch(`${url}/bigquery/v2/projects/${project}/datasets`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return undefined;
  }
  return `no answer in ${STARTING_MS} ms`;
}

async function main(command) {
  try {
    if (command === "setup") {
      setupBigQuery();
      return 0;
    }
    if (command === "start") {
      setupBigQuery();
      const server = await startBigQuery();
      console.log(`${server.url} (project ${server.project}, gRPC on port ${server.grpcPort}); Ctrl-C ends it`);
      const awake = setInterval(() => {}, 60_000); // a program of our own does not keep this process going
      await new Promise((done) => {
        for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, done);
        void server.exited.then(done);
      });
      clearInterval(awake);
      await server.stop();
      return 0;
    }
    console.error("node scripts/bigquery.mjs setup | start");
    return 2;
  } catch (error) {
    if (!(error instanceof NoBigQuery)) throw error;
    console.error(`No emulator of BigQuery: ${error.message}`);
    return ABSENT;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv[2]);
