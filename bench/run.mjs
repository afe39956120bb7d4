// `npm run bench [start] [tap] [rate] [duckdb] [postgres] [peers] [memory] [evaluate] [bigquery]`: measures, and prints ratios against a limit of the same run.
import { build, install } from "../scripts/setup.mjs";
import { bigquery } from "./bigquery.mjs";
import { evaluate } from "./evaluate.mjs";
import { duckdb, memory, peers, postgres } from "./load.mjs";
import { rate } from "./rate.mjs";
import { start } from "./start.mjs";
import { tap } from "./tap.mjs";

install();
build();
const parts = { start, tap, rate, duckdb, postgres, peers, memory, evaluate, bigquery };
const wanted = process.argv.slice(2);
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n${name}`);
  await part();
}
