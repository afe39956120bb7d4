// Writes the files that are made from others. Run it after adding a stream; CI fails when they are stale.
import { readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
writeStreams();

/** src/sources/chorus/streams.gen.ts: every stream file with its schema. No other list names them. */
function writeStreams() {
  const folder = new URL("src/sources/chorus/", root);
  const names = readdirSync(new URL("streams/", folder))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
  const lines = [
    "// Made by `npm run gen` from streams/ and schemas/. Do not edit.",
    'import { type ChorusStream } from "./define.ts";',
    'import { type JsonSchema } from "../../core/json.ts";',
    ...names.map((name) => `import ${camel(name)} from "./streams/${name}.ts";`),
    ...names.map((name) => `import ${camel(name)}Schema from "../../../schemas/${name}.json" with { type: "json" };`),
    "",
    "export const streams: readonly (ChorusStream & { readonly schema: JsonSchema })[] = [",
    ...names.map((name) => `  { ...${camel(name)}, schema: ${camel(name)}Schema },`),
    "];",
  ];
  write(new URL("streams.gen.ts", folder), lines);
}

function camel(name) {
  return name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
}

function write(file, lines) {
  writeFileSync(file, `${lines.join("\n")}\n`);
  console.log(`wrote ${fileURLToPath(file)}`);
}
