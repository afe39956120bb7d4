// Bundles the bins into dist/. Only the driver of DuckDB stays outside, as it is native, and what few users ask for; what
// is imported lazily becomes a file of its own, so that a tap starts without loading what it does not need.
import { rmSync } from "node:fs";
import { build } from "esbuild";

/** What knex and pg would load for other databases and options, which we never ask for. */
const UNUSED = [
  "better-sqlite3",
  "mariadb/callback",
  "mysql",
  "mysql2",
  "oracledb",
  "pg-native",
  "pg-query-stream",
  "sqlite3",
  "tedious",
];

/** An optional peer: gRPC and its .proto files, which it looks for beside itself. Our bundle would have to carry them. */
const STORAGE_WRITE = "@google-cloud/bigquery-storage";

rmSync("dist", { recursive: true, force: true });
await build({
  entryPoints: [
    "src/bin/tap-chorus.ts",
    "src/bin/tap-semarize.ts",
    "src/bin/tap-transcripts.ts",
    "src/bin/target-warehouse.ts",
    "src/bin/chorus-elt.ts",
  ],
  outdir: "dist",
  outbase: "src",
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20.19",
  external: ["@duckdb/node-api", STORAGE_WRITE, ...UNUSED],
  // pg asks for the name of the runtime. Where there is none, before Node 21, it looks at `Response`, and Node then
  // loads all of fetch: 18 ms of a start.
  define: { navigator: JSON.stringify({ userAgent: "Node.js" }) },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "linked",
  logLevel: "warning",
  // Some bundled packages are CommonJS and ask for Node's modules by `require`.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
});
