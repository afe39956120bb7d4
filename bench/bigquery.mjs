// What target-warehouse itself costs on BigQuery: rows are encoded and uploaded to a server that throws them away. CPU and memory
// are those of the target's process alone; the server runs beside it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { input } from "./load.mjs";

/** First `size` utterances with their calls and trackers, as the other load benchmarks have them. */
export async function bigquery(sizes = [100_000, 1_000_000]) {
  const server = spawn(process.execPath, ["bench/bigquery-null.mjs"], { stdio: ["ignore", "pipe", "inherit"] });
  const [first] = await once(server.stdout, "data");
  const url = /http:\S+/.exec(String(first))?.[0];
  try {
    for (const size of sizes) {
      const file = input(size);
      if (file === undefined) return;
      await measure(size, file, url);
    }
  } finally {
    server.kill("SIGTERM");
  }
}

async function measure(size, file, url) {
  const folder = mkdtempSync(join(tmpdir(), "chorus-elt-bench-"));
  try {
    const config = join(folder, "target.json");
    const settings = { destination: "bigquery", project: "p", api_endpoint: url, access_token: "none" };
    writeFileSync(config, JSON.stringify(settings));
    const figures = join(folder, "figures.json");
    // The process says at its end what it has used.
    const report = `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(figures)}, JSON.stringify(process.resourceUsage())));`;
    const hook = join(folder, "report.cjs");
    writeFileSync(hook, report);
    const lines = openSync(file, "r");
    const from = performance.now();
    const target = spawn(process.execPath, ["--require", hook, "dist/bin/target-warehouse.js", "--config", config], {
      stdio: [lines, "ignore", "inherit"],
    });
    const [code] = await once(target, "close");
    const seconds = (performance.now() - from) / 1_000;
    closeSync(lines);
    if (code !== 0) throw new Error(`target-warehouse ended with ${code}`);
    const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(readFileSync(figures, "utf8"));
    const records = countRecords(file);
    const cpu = (userCPUTime + systemCPUTime) / 1e6;
    console.log(
      `${size} utterances: ${records} records, ${(statSync(file).size / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s = ${Math.round(records / seconds)} a second; ` +
        `CPU ${cpu.toFixed(2)} s = ${((cpu / records) * 1e6).toFixed(1)} s per million; RSS ${(maxRSS / 1024).toFixed(0)} MB`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countRecords(file) {
  const text = readFileSync(file);
  let count = 0;
  for (let at = text.indexOf('"RECORD"'); at >= 0; at = text.indexOf('"RECORD"', at + 8)) count++;
  return count;
}
