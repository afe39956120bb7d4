// `npm test`: installs, builds, checks types and style, and runs every test. The last line is `N passed, N failed`.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { quickFolder } from "./quick-folder.mjs";
import { build, install } from "./setup.mjs";

const RESULTS = "node_modules/.test-results.json";

install();
build();
const NO_PYTHON = 51; // TOOLCHAIN_MISSING, and of scripts/bigquery.mjs
const { status: dbt } = spawnSync(process.execPath, ["dist/bin/chorus-elt.js", "dbt", "setup", "--dev"], {
  stdio: "inherit",
});
if (dbt === NO_PYTHON) console.log("Skipped: the tests of the models; there is no Python 3.10 or later here.");
else if (dbt !== 0) process.exit(dbt ?? 1);
const { status: bigquery } = spawnSync(process.execPath, ["scripts/bigquery.mjs", "setup"], { stdio: "inherit" });
if (bigquery === NO_PYTHON)
  console.log("Skipped: the tests on BigQuery's emulator; it cannot be set up here, see above.");
else if (bigquery !== 0) process.exit(bigquery ?? 1);
if (dbt === 0 && bigquery === 0) {
  const setup = ["dist/bin/chorus-elt.js", "dbt", "setup", "--bigquery"];
  const { status } = spawnSync(process.execPath, setup, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
const checks = [
  ["types", "npx", ["tsc", "-p", "."]],
  ["eslint", "npx", ["eslint", "."]],
  ["prettier", "npx", ["prettier", "--check", "--log-level", "warn", "."]],
  ["unused code and dependencies", "npx", ["knip"]],
  ["generated files are fresh", process.execPath, ["scripts/gen.mjs", "--check"]],
];
let failed = 0;
let passed = 0;
/** Takes one check after the other. */
async function take() {
  for (let next = checks.shift(); next !== undefined; next = checks.shift()) {
    const [what, command, args] = next;
    const check = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [check.stdout, check.stderr]) stream.on("data", (part) => (said += part));
    const [status] = await once(check, "close");
    console.log(`${status === 0 ? "ok" : `${said.trimEnd()}\nFAILED`}: ${what}`);
    if (status === 0) passed++;
    else failed++;
  }
}
await Promise.all([take(), take()]);
rmSync(RESULTS, { force: true });
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${RESULTS}`];
const tests = spawnSync("npx", ["vitest", "run", ...reporters, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, TMPDIR: quickFolder() },
});
const results = JSON.parse(readFileSync(RESULTS, "utf8"));
passed += results.numPassedTests;
failed += results.numFailedTests;
// A file that cannot even be loaded has no tests to count.
if (tests.status !== 0 && results.numFailedTests === 0) failed += Math.max(1, results.numFailedTestSuites);
const skipped = results.numPendingTests + results.numTodoTests;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed === 0 ? 0 : 1;
