// Bundles the three bins into dist/. Only the database driver stays outside, as it is native; what is imported lazily
// becomes a file of its own, so that a tap starts without loading what it does not need.
import { rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
await build({
  entryPoints: ["src/bin/tap-chorus.ts", "src/bin/target-warehouse.ts", "src/bin/chorus-elt.ts"],
  outdir: "dist",
  outbase: "src",
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20.19",
  external: ["@duckdb/node-api"],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "linked",
  logLevel: "warning",
  // Some bundled packages are CommonJS and ask for Node's modules by `require`.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
});
