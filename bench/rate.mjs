// tap-chorus against a sample API with a limit it is not told: how much of the limit is used, how often it is met.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

const FOLDER = mkdtempSync(join(tmpdir(), "chorus-elt-"));
const WARM_UP_SECONDS = 60;
const STEADY_SECONDS = 75;

export async function rate(limits = [5, 20, 50]) {
  for (const limit of limits) {
    // About one request a call, and a reserve, so that the steady part ends before the calls do.
    const calls = Math.ceil(limit * (WARM_UP_SECONDS + STEADY_SECONDS) * 1.2);
    const api = await sampleApi(calls, limit);
    try {
      report(limit, await watch(api.url, startTap(await settings(api.url))));
    } finally {
      api.process.kill("SIGTERM");
    }
  }
}

/** The counts of requests, second by second, from the start of the tap; the tap is stopped after the steady part. */
async function watch(url, tap) {
  const counts = [];
  const from = performance.now();
  while (counts.length <= WARM_UP_SECONDS + STEADY_SECONDS && tap.exitCode === null) {
    const requests = await (await fetch(`${url}/_sample/requests`)).json();
    counts.push({ seconds: (performance.now() - from) / 1000, ...sums(requests) });
    await delay(Math.max(0, counts.length * 1000 - (performance.now() - from)));
  }
  if (tap.exitCode === null) {
    tap.kill("SIGTERM");
    await once(tap, "close");
  } else if (tap.exitCode !== 0) throw new Error(`tap-chorus ended with ${tap.exitCode}`);
  return counts;
}

function sums(requests) {
  let served = 0;
  let refused = 0;
  for (const [route, statuses] of Object.entries(requests)) {
    if (!route.includes("/api/")) continue;
    for (const [status, count] of Object.entries(statuses)) {
      if (status === "429") refused += count;
      else served += count;
    }
  }
  return { served, refused };
}

function report(limit, counts) {
  const first = counts[WARM_UP_SECONDS];
  const last = counts.at(-1);
  if (first === undefined || last.seconds - first.seconds < 60) throw new Error("too few calls for a steady minute");
  const served = last.served - first.served;
  const refused = last.refused - first.refused;
  const perSecond = served / (last.seconds - first.seconds);
  console.log(
    `limit ${limit}/s: ${perSecond.toFixed(2)} requests a second over ${Math.round(last.seconds - first.seconds)} s, ` +
      `${percent(perSecond / limit)} of the limit; 429: ${refused} of ${served + refused}, ${percent(refused / (served + refused))}; ` +
      `in the ${WARM_UP_SECONDS} s before: ${percent(first.served / first.seconds / limit)}, 429: ${first.refused}`,
  );
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

async function settings(url) {
  const { calls } = await (await fetch(`${url}/_sample/truth`)).json();
  const [first = ""] = Object.values(calls)
    .map((call) => call.started_at)
    .sort();
  return { api_url: url, api_token: "t", start_date: first.slice(0, 10), max_requests_per_second: 99, concurrency: 4 };
}

function startTap(config) {
  const file = join(FOLDER, "tap.json");
  writeFileSync(file, JSON.stringify(config));
  const tap = spawn(process.execPath, ["dist/bin/tap-chorus.js", "--config", file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  tap.stdout.resume();
  createInterface({ input: tap.stderr }).on("line", (line) => {
    if (line.includes("RATE_LIMITED")) console.log(`  ${line}`);
  });
  return tap;
}

async function sampleApi(calls, limit) {
  const args = ["sample-api", "--token", "t", "--calls", String(calls), "--seed", "7", "--rate", String(limit)];
  const child = spawn(process.execPath, ["dist/bin/chorus-elt.js", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url) return { url, process: child };
  }
  throw new Error("the sample API did not start");
}
