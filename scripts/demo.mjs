// `npm run demo`: from a fresh clone to rows in a DuckDB file. Options go to `chorus-elt demo`.
import { existsSync } from "node:fs";
import { build, install, run } from "./setup.mjs";

const REAL_CALLS = "../shared/data/earnings21.jsonl.gz";

install();
build();
const options = process.argv.slice(2);
const corpus = existsSync(REAL_CALLS) && options.length === 0 ? ["--corpus", REAL_CALLS] : [];
run(process.execPath, ["dist/bin/chorus-elt.js", "demo", ...corpus, ...options]);
