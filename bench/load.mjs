// The target against the databases' own limit, by the load benchmark in ../shared/bench: same rows, same machine, same
// round. Needs python3, psql for Postgres, and packages for the checks and the peers, which go into folders of their own.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { startPostgres } from "../scripts/postgres.mjs";
import { run } from "../scripts/setup.mjs";

const SHARED = resolve("../shared/bench");
const VENVS = resolve(".chorus-elt/bench");
const DATA = resolve("bench/data");

/** What a virtual environment has; the peers are those of which the notes of ../shared/bench speak. */
const PACKAGES = {
  check: ["duckdb==2.0.0"],
  meltano: ["meltanolabs-target-postgres==0.8.1"],
  ppw: ["psycopg2-binary", "inflection", "joblib", "pipelinewise-singer-python==1.*"],
  dlt: ["dlt[postgres,duckdb]==1.31.0", "pyarrow", "orjson"],
};
/** Packages whose own pins are too old to be followed. */
const WITHOUT_PINS = { ppw: ["pipelinewise-target-postgres==2.1.2"] };

/** DuckDB: first load, upsert of 30 %, kill at the first state. */
export async function duckdb(sizes = [100_000, 1_000_000], repeat = 3) {
  if (!canRun()) return;
  for (const size of sizes) {
    compare(size, ["ours", "ours-metadata"], repeat);
    if (size > 100_000) continue;
    upsert(size, ["ours"], repeat);
    killAtFirstState(size, "ours-20k", repeat);
  }
}

/** Postgres: the same, on a server of our own with the default durability. */
export async function postgres(sizes = [100_000, 1_000_000], repeat = 3) {
  await withServer(() => {
    for (const size of sizes) {
      compare(size, ["ours-postgres", "ours-postgres-metadata"], repeat);
      if (size > 100_000) continue;
      upsert(size, ["ours-postgres"], repeat);
      killAtFirstState(size, "ours-postgres-20k", repeat);
    }
  });
}

/** Postgres beside the peers, at the smaller size. */
export async function peers(size = 100_000, repeat = 3) {
  await withServer(() => {
    for (const name of ["meltano", "ppw", "dlt"]) venv(name);
    compare(size, ["ours-postgres", "dlt-arrow", "pipelinewise", "meltano-copy-novalid", "meltano-copy"], repeat);
    upsert(size, ["ours-postgres", "dlt-arrow", "pipelinewise"], repeat);
  });
}

/** Memory as the input grows. */
export async function memory(sizes = [100_000, 1_000_000, 5_000_000]) {
  await withServer(() => {
    for (const size of sizes) compare(size, ["ours-postgres"], 1);
  });
}

function canRun() {
  if (existsSync(SHARED)) return true;
  console.log("skipped: ../shared/bench is not here");
  return false;
}

async function withServer(work) {
  if (!canRun()) return;
  if (spawnSync("psql", ["--version"]).status !== 0) {
    console.log("skipped: the limit is taken by psql, which is not here");
    return;
  }
  const server = await startPostgres({ durable: true, tcp: true });
  try {
    Object.assign(process.env, { PGHOST: "127.0.0.1", PGPORT: `${server.tcpPort}`, PGUSER: server.user });
    console.log(`PostgreSQL ${server.version}`);
    work();
  } finally {
    await server.stop();
  }
}

function compare(size, targets, repeat) {
  python("run.py", ...TARGETS, "--file", input(size), ...chosen(targets), "--repeat", `${repeat}`);
}

function upsert(size, targets, repeat) {
  const delta = resolve(DATA, `d${size}`);
  if (!existsSync(`${delta}.jsonl`)) {
    python("gen.py", "-n", `${size}`, "--delta", "0.3", "-o", `${delta}.jsonl`, "--copy-dir", `${delta}.copy`);
  }
  const files = ["--file", input(size), "--then", `${delta}.jsonl`];
  python("run.py", ...TARGETS, ...files, ...chosen(targets), "--repeat", `${repeat}`);
}

function killAtFirstState(size, target, repeat) {
  const options = ["--repeat", `${repeat}`, "--kill-states", "1"];
  python("run.py", ...TARGETS, "--file", input(size), ...chosen([target]), ...options);
}

const TARGETS = ["--targets", resolve("bench/targets.json")];
const chosen = (targets) => targets.flatMap((target) => ["--target", target]);

/** The file of a size, made when it is not there; undefined where nothing can make it. */
export function input(size) {
  if (!canRun()) return undefined;
  mkdirSync(DATA, { recursive: true });
  const base = resolve(DATA, `b${size}`);
  if (!existsSync(`${base}.jsonl`))
    python("gen.py", "-n", `${size}`, "-o", `${base}.jsonl`, "--copy-dir", `${base}.copy`);
  return `${base}.jsonl`;
}

function python(script, ...args) {
  const checker = venv("check");
  const env = { ...process.env, CHORUS_ELT: resolve("."), VENVS, DUCKDB_PYTHON: checker, PYTHONDONTWRITEBYTECODE: "1" };
  run(checker, [resolve(SHARED, script), ...args], { env });
}

/** The Python of a virtual environment, which is made when it is not there. */
function venv(name) {
  const folder = resolve(VENVS, name);
  const interpreter = resolve(folder, "bin/python");
  if (existsSync(resolve(folder, ".made"))) return interpreter;
  run("python3", ["-m", "venv", "--clear", folder]);
  const install = (...what) => run(interpreter, ["-m", "pip", "install", "--quiet", ...what]);
  install(...PACKAGES[name]);
  if (WITHOUT_PINS[name] !== undefined) install("--no-deps", ...WITHOUT_PINS[name]);
  mkdirSync(resolve(folder, ".made"));
  return interpreter;
}
