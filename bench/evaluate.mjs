// tap-semarize against the sample Semarize, and the models: runs a second beside concurrency / latency, memory, seconds.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { clearInterval, setInterval } from "node:timers";
import { pipeline } from "node:stream/promises";
import { startPostgres } from "../scripts/postgres.mjs";

const CALLS = 2_000;
const KITS = ["FRMWRK01", "BATTLE01", "SIGNAL01", "REPCRT01", "CALLEVAL"];

/** `evaluate`: how fast and in how much memory 2,000 transcripts are sent; then the models over all that. */
export async function evaluate() {
  const folder = mkdtempSync(join(tmpdir(), "chorus-elt-"));
  const api = await sampleApi();
  try {
    const file = (name, content) => {
      writeFileSync(join(folder, name), JSON.stringify(content));
      return join(folder, name);
    };
    const target = file("target.json", { path: join(folder, "chorus.duckdb") });
    const tap = file("tap.json", {
      api_url: api.url,
      api_token: "t",
      start_date: "2024-01-01",
      max_requests_per_second: 1_000,
    });
    const lines = [join(folder, "chorus.singer")];
    await run("tap-chorus", ["--config", tap], lines[0]);
    await run("target-warehouse", ["--config", target], undefined, lines[0]);
    for (const [kit, mode, concurrency, latency] of [
      [KITS[0], "async", 8, 100],
      [KITS[1], "sync", 8, 100],
      [KITS[2], "async", 32, 500],
      [KITS[3], "sync", 32, 500],
      [KITS[4], "async", 16, 100],
    ]) {
      await fetch(`${api.url}/_sample/semarize/settings`, {
        method: "POST",
        body: JSON.stringify({ latency_ms: latency }),
      });
      const config = file("semarize.json", {
        api_url: api.url,
        api_token: "smz_test_sample",
        warehouse_config: target,
        kits: [kit],
        mode,
        concurrency,
        max_runs: 100_000,
        max_requests_per_second: 1_000,
      });
      const out = join(folder, `${kit}.singer`);
      const {
        firstMs,
        seconds,
        rssMb,
        lines: count,
      } = await run("tap-semarize", ["--config", config], out, undefined, true);
      lines.push(out);
      await run("target-warehouse", ["--config", target], undefined, out);
      const runs = count('"RECORD","stream":"semarize_runs"') / (mode === "async" ? 2 : 1);
      const reading = firstMs / 1_000;
      const limit = concurrency / (latency / 1_000);
      const speed = runs / (seconds - reading);
      console.log(
        `${mode}, ${concurrency} at a time, ${latency} ms each: ${runs} runs, ${speed.toFixed(0)} a second, ` +
          `${((100 * speed) / limit).toFixed(0)} % of ${limit}; ${reading.toFixed(1)} s to read the warehouse; RSS ${rssMb} MB`,
      );
    }
    models("DuckDB", target, folder);
    const server = await startPostgres();
    try {
      const url = server.url(await server.createDatabase());
      const postgres = file("postgres.json", { destination: "postgres", url });
      for (const one of lines) await run("target-warehouse", ["--config", postgres], undefined, one);
      models("Postgres", postgres, folder);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  } finally {
    api.process.kill("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `dbt build` from nothing, twice: the second one has tables to compare with. */
function models(name, config, folder) {
  for (const which of ["first build", "second build"]) {
    const env = { ...process.env, DBT_TARGET_PATH: join(folder, name) };
    const started = Date.now();
    const { status, stdout } = spawnSync(
      process.execPath,
      ["dist/bin/chorus-elt.js", "dbt", "build", "--config", config],
      {
        env,
        encoding: "utf8",
      },
    );
    if (status !== 0) throw new Error(stdout.slice(-2_000));
    const { results, elapsed_time: elapsed } = JSON.parse(readFileSync(join(folder, name, "run_results.json"), "utf8"));
    const [slowest] = results
      .filter(({ unique_id: id }) => id.startsWith("model."))
      .sort((a, b) => b.execution_time - a.execution_time);
    console.log(
      `${name}, ${which}: ${results.length} nodes in ${elapsed.toFixed(1)} s, ${((Date.now() - started) / 1_000).toFixed(1)} s with ` +
        `the start of dbt; slowest model ${slowest.unique_id.split(".").at(-1)} ${slowest.execution_time.toFixed(2)} s`,
    );
  }
}

async function sampleApi() {
  const args = [
    resolve("dist/bin/chorus-elt.js"),
    "sample-api",
    "--token",
    "t",
    "--calls",
    String(CALLS),
    "--seed",
    "7",
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url) return { url, process: child };
  }
  throw new Error("the sample API did not start");
}

/** Runs a program, its output to a file; measures it when asked to. */
async function run(name, args, out, input, measured = false) {
  const child = spawn(process.execPath, [`dist/bin/${name}.js`, ...args], {
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "ignore"],
  });
  const started = Date.now();
  let firstMs = 0;
  let rssMb = 0;
  const timer = measured && setInterval(() => (rssMb = Math.max(rssMb, peakMb(child.pid))), 20);
  child.stdout.once("data", () => (firstMs = Date.now() - started));
  const fed = input === undefined ? undefined : pipeline(createReadStream(input), child.stdin);
  const written = out === undefined ? child.stdout.resume() : pipeline(child.stdout, createWriteStream(out));
  const [code] = await once(child, "exit");
  const seconds = (Date.now() - started) / 1_000;
  if (timer) clearInterval(timer);
  await Promise.all([fed, written]);
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  const count = (part) => readFileSync(out, "utf8").split(part).length - 1;
  return { firstMs, seconds, rssMb, lines: count };
}

/** The most memory that a process has had, in MB; Linux only. */
function peakMb(pid) {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024);
  } catch {
    return 0; // it has ended
  }
}
