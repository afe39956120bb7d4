// The tap alone against the sample API: requests per call, records a second, memory.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const FOLDER = mkdtempSync(join(tmpdir(), "chorus-elt-"));

export async function tap(
  sizes = [
    [500, "calls"],
    [2_000, "calls"],
    [5_000, "calls"],
    [2_000, "v3"],
  ],
) {
  for (const [calls, flavour] of sizes) {
    const api = await sampleApi(calls);
    try {
      const truth = await (await fetch(`${api.url}/_sample/truth`)).json();
      const [first = ""] = Object.values(truth.calls)
        .map((call) => call.started_at)
        .sort();
      const config = join(FOLDER, "tap.json");
      const settings = {
        api_url: api.url,
        api_token: "t",
        api_flavour: flavour,
        start_date: first.slice(0, 10),
        max_requests_per_second: 1_000,
        concurrency: 4,
      };
      writeFileSync(config, JSON.stringify(settings));
      const run = await readAll(config);
      const requests = await (await fetch(`${api.url}/_sample/requests`)).json();
      report(calls, flavour, run, requests, truth);
    } finally {
      api.process.kill("SIGTERM");
    }
  }
}

function report(calls, flavour, { records, seconds, rssMb, cpu }, requests, truth) {
  const made = Object.entries(requests)
    .filter(([route]) => /\/(api|v3)\//.test(route))
    .flatMap(([, statuses]) => Object.values(statuses))
    .reduce((sum, count) => sum + count, 0);
  // A perfect client asks for each transcript that exists once, and for full pages of calls, users and teams.
  const withTranscript = Object.values(truth.calls).filter((call) => call.transcript_status === "ready").length;
  // In `v3` each call is asked for, and scorecards are listed as well.
  const started = Object.values(truth.calls).filter((call) => Date.parse(call.started_at) <= Date.now());
  const asked = started.filter(({ call_type: type }) => type === "meeting" || type === "dialer").length;
  const ideal =
    flavour === "v3"
      ? asked + Math.ceil(asked / 100) + 1 + 2 + Math.ceil(truth.scorecards / 100) + 1
      : withTranscript + Math.ceil(started.length / 100) + 2;
  console.log(
    `${flavour}, ${calls} calls: ${made} requests, ${(made / ideal).toFixed(3)} of the ideal ${ideal}; ${records} records, ` +
      `${Math.round(records / seconds)} a second, ${cpu.toFixed(1)} CPU s; RSS ${rssMb.toFixed(0)} MB`,
  );
}

async function sampleApi(calls) {
  const args = ["dist/bin/chorus-elt.js", "sample-api", "--token", "t", "--calls", String(calls), "--seed", "7"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url) return { url, process: child };
  }
  throw new Error("the sample API did not start");
}

/** Runs the tap with GNU-less means: its own resource use is written on exit by a preloaded line. */
async function readAll(config) {
  const usage = join(FOLDER, "usage.json");
  const note = join(FOLDER, "note.mjs");
  writeFileSync(
    note,
    `import { writeFileSync } from "node:fs";
     process.on("exit", () => writeFileSync(${JSON.stringify(usage)}, JSON.stringify(process.resourceUsage())));`,
  );
  const from = process.hrtime.bigint();
  const child = spawn(process.execPath, ["--import", note, "dist/bin/tap-chorus.js", "--config", config], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let records = 0;
  child.stdout.on("data", (chunk) => {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) records++;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`tap-chorus ended with ${code}`);
  const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(readFileSync(usage, "utf8"));
  return {
    records,
    seconds: Number(process.hrtime.bigint() - from) / 1e9,
    rssMb: maxRSS / 1024,
    cpu: (userCPUTime + systemCPUTime) / 1e6,
  };
}
