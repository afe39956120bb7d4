// Writes the files that are made from others: `npm run gen`. With --check it writes nothing and fails when one is stale.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { metadataPages } from "./airbyte-metadata.mjs";
import { completeLock } from "./lock.mjs";
import { hubPage, meltanoProject } from "./meltano.mjs";

const check = process.argv.includes("--check");
let stale = 0;

for (const source of readdirSync("src/sources")) {
  if (existsSync(`src/sources/${source}/streams`))
    write(`src/sources/${source}/streams.gen.ts`, streamRegistry(source));
}
const { streams, catalogOf, CODES } = await load();
write("catalog.json", `${JSON.stringify(catalogOf(streams), undefined, 2)}\n`);
write("docs/errors.md", errorPage(CODES));
const programs = ["tap-chorus", "tap-semarize", "tap-transcripts", "target-warehouse"].map(about);
for (const program of programs) write(`examples/meltano/${program.name}.yml`, await hubPage(program));
write("examples/meltano/meltano.yml", await meltanoProject(programs));
for (const [file, text] of metadataPages()) write(file, text);
write("package-lock.json", completeLock(readFileSync("package-lock.json", "utf8")));
if (stale > 0) process.exitCode = 1;

/** Every stream file of a source with its schema. No other list names them. */
function streamRegistry(source) {
  const type = `${source.charAt(0).toUpperCase()}${source.slice(1)}Stream`;
  const names = readdirSync(`src/sources/${source}/streams`)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
  const lines = [
    "// Made by `npm run gen` from streams/ and schemas/. Do not edit.",
    'import { type JsonSchema } from "../../core/json.ts";',
    `import { type ${type} } from "./define.ts";`,
    ...names.map((name) => `import ${camel(name)} from "./streams/${name}.ts";`),
    ...names.map((name) => `import ${camel(name)}Schema from "../../../schemas/${name}.json" with { type: "json" };`),
    "",
    `export const streams: readonly (${type} & { readonly schema: JsonSchema })[] = [`,
    ...names.map((name) => `  { ...${camel(name)}, schema: ${camel(name)}Schema },`),
    "];",
  ];
  return `${lines.join("\n")}\n`;
}

/** What the pages below are made from, out of the TypeScript sources as they are now. */
async function load() {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { streams } from "./src/sources/chorus/streams.gen.ts";
                 export { catalogOf } from "./src/dialects/singer/catalog.ts";
                 export { CODES } from "./src/core/errors.ts";`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
  });
  return await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

/** What a program says of itself. It is the one in dist/, so build first. */
function about(name) {
  const { stdout, status } = spawnSync(process.execPath, [`dist/bin/${name}.js`, "--about", "--format", "json"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`dist/bin/${name}.js does not run: npm run build`);
  const { settings, capabilities } = JSON.parse(stdout);
  return { name, schema: settings, capabilities };
}

function errorPage(codes) {
  const rows = Object.entries(codes).map(
    ([code, { exit, recovery, hint }]) => `| ${exit} | \`${code}\` | ${recovery} | ${hint} |`,
  );
  return [
    "# Errors and exit codes",
    "",
    "Made by `npm run gen` from `src/core/errors.ts`.",
    "",
    "The last line on stderr says what happened, with its code. 0 is success. A process that SIGTERM or SIGINT stopped",
    "finishes what is in hand and then dies by that signal (143 and 130 in a shell).",
    "",
    "| Exit | Code | What to do about it | Hint |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    "`fix-config`: change a setting and run again. `fix-source`: the program before us in the pipe must change.",
    "`retry-later`: the same command works later; nothing was lost. `report-bug`: please tell us.",
    "",
  ].join("\n");
}

function camel(name) {
  return name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
}

function write(file, text) {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  if (check) {
    stale++;
    console.error(`${file} is stale: run \`npm run gen\``);
    return;
  }
  writeFileSync(file, text);
  console.log(`wrote ${file}`);
}
