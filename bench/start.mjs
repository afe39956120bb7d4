// How long the programs take to start, next to a Node process that does nothing. Medians of pairs run in turn.
import { spawnSync } from "node:child_process";
import { writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const EMPTY = join(mkdtempSync(join(tmpdir(), "chorus-elt-")), "empty.mjs");
writeFileSync(EMPTY, "");

export function start(pairs = 15) {
  const commands = {
    "tap-chorus --discover": ["dist/bin/tap-chorus.js", "--discover"],
    "tap-chorus --help": ["dist/bin/tap-chorus.js", "--help"],
    "target-warehouse --help": ["dist/bin/target-warehouse.js", "--help"],
  };
  for (const [name, args] of Object.entries(commands)) {
    const over = [];
    const total = [];
    for (let i = 0; i < pairs; i++) {
      const empty = milliseconds([EMPTY]);
      const ours = milliseconds(args);
      over.push(ours - empty);
      total.push(ours);
    }
    console.log(`${name}: ${median(total).toFixed(0)} ms, ${median(over).toFixed(0)} ms over an empty script`);
  }
}

function milliseconds(args) {
  const from = process.hrtime.bigint();
  const { status } = spawnSync(process.execPath, args, { stdio: "ignore" });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}`);
  return Number(process.hrtime.bigint() - from) / 1e6;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
