// The target against DuckDB's own limit, by the load benchmark in ../shared/bench: same rows, same machine, same round.
// Needs python3 and, for its check of every row, the duckdb package, which goes into a folder of its own.
import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { run } from "../scripts/setup.mjs";

const SHARED = resolve("../shared/bench");
const PYTHON = resolve(".chorus-elt/bench/bin/python");
const DATA = resolve("bench/data");

/** Sizes in utterances; each is loaded `repeat` times and the medians are printed. */
export function load(sizes = [100_000, 1_000_000], repeat = 3) {
  if (!existsSync(SHARED)) {
    console.log("skipped: ../shared/bench is not here");
    return;
  }
  if (!existsSync(PYTHON)) {
    run("python3", ["-m", "venv", ".chorus-elt/bench"]);
    run(PYTHON, ["-m", "pip", "install", "--quiet", "duckdb==2.0.0"]);
  }
  mkdirSync(DATA, { recursive: true });
  const env = { ...process.env, CHORUS_ELT: resolve("."), DUCKDB_PYTHON: PYTHON, PYTHONDONTWRITEBYTECODE: "1" };
  const targets = ["--targets", resolve("bench/targets.json")];
  const python = (script, ...args) => run(PYTHON, [resolve(SHARED, script), ...args], { env });
  for (const size of sizes) {
    const base = resolve(DATA, `b${size}`);
    const delta = resolve(DATA, `d${size}`);
    if (!existsSync(`${base}.jsonl`))
      python("gen.py", "-n", `${size}`, "-o", `${base}.jsonl`, "--copy-dir", `${base}.copy`);
    python(
      "run.py",
      ...targets,
      "--file",
      `${base}.jsonl`,
      "--target",
      "ours",
      "--target",
      "ours-metadata",
      "--repeat",
      `${repeat}`,
    );
    if (size > 100_000) continue;
    if (!existsSync(`${delta}.jsonl`)) {
      python("gen.py", "-n", `${size}`, "--delta", "0.3", "-o", `${delta}.jsonl`, "--copy-dir", `${delta}.copy`);
    }
    python(
      "run.py",
      ...targets,
      "--file",
      `${base}.jsonl`,
      "--then",
      `${delta}.jsonl`,
      "--target",
      "ours",
      "--repeat",
      `${repeat}`,
    );
    python(
      "run.py",
      ...targets,
      "--file",
      `${base}.jsonl`,
      "--target",
      "ours-20k",
      "--repeat",
      `${repeat}`,
      "--kill-states",
      "1",
    );
  }
}
