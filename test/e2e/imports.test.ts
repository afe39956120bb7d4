import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

/** Every file that a program loads before it does anything: its static imports, and theirs. */
function loadedAtStart(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(file, "utf8");
  for (const [, path = ""] of text.matchAll(/(?:^|[;}\n])(?:import|export)[^"'()]*["'](\.[^"']+)["']/g)) {
    loadedAtStart(join(dirname(file), path), seen);
  }
  return seen;
}

/** Something that only this package says. */
const MARKS = {
  undici: "UND_ERR_",
  luxon: "Invalid DateTime",
  ajv: "must NOT have additional properties",
  "p-retry": "onFailedAttempt",
  "@duckdb/node-api": 'import("@duckdb/node-api")',
  "@google-cloud/bigquery": "RowQueue",
};

test.each([
  ["tap-chorus", ["undici", "@duckdb/node-api", "luxon", "ajv", "p-retry", "@google-cloud/bigquery"]],
  ["target-warehouse", ["undici", "@duckdb/node-api", "luxon", "@google-cloud/bigquery"]],
] as const)("%s starts without loading %s", (name, packages) => {
  const textOf = (files: Iterable<string>) => [...files].map((file) => readFileSync(file, "utf8")).join("\n");
  const all = textOf(readdirSync("dist/chunks").map((file) => join("dist/chunks", file)));
  const loaded = textOf(loadedAtStart(`dist/bin/${name}.js`));
  for (const one of packages) {
    expect(all.includes(MARKS[one]), `${one} is somewhere`).toBe(true);
    expect(loaded.includes(MARKS[one]), `${one} is loaded at the start`).toBe(false);
  }
});
