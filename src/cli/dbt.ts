import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { EltError } from "../core/errors.ts";
import { profileOf } from "./dbt/profile.ts";
import { home, kindFor, PROJECT, toolchain, type Kind } from "./dbt/toolchain.ts";
import type { Command } from "./process.ts";
import { chooseWarehouse } from "./warehouse.ts";

const HELP = `chorus-elt dbt <command> [--config target.json] [options of dbt]

  setup            Install dbt, pinned by hash, into .chorus-elt (or $CHORUS_ELT_HOME): for the warehouse that --config
                   names, for BigQuery with --bigquery, else for DuckDB and Postgres; --dev adds the checkers.
  build            Load seeds, take snapshots, build all models and test their data; --resource-type all adds unit tests.
  test             Run the tests of what is built.
  docs             Write the documentation as one page, .chorus-elt/dbt-target/static_index.html.
  run, seed, snapshot, source freshness, ls, compile, show …
                   Any command of dbt, with its options: --select, --full-refresh, --vars …

  --config         Config file of target-warehouse; TARGET_WAREHOUSE_… is looked at too.

Models go to the schema $CHORUS_ELT_DBT_SCHEMA, "analytics" by default. dbt is installed when it is first needed.`;

/** Short forms of what users ask for most. */
const SHORT: Readonly<Record<string, readonly string[]>> = { docs: ["docs", "generate", "--static"] };

/** `chorus-elt dbt`: dbt on the warehouse that a target's config names. Throws DBT_FAILED when dbt fails. */
export async function dbt(argv: readonly string[], { env, out }: Command): Promise<void> {
  const { files, rest } = withoutConfig(argv);
  const [command, ...options] = rest;
  if (command === undefined || command === "--help" || command === "-h") {
    await out.line(HELP);
    return;
  }
  if (command === "setup") {
    const { destination } = files.length === 0 ? {} : (await chooseWarehouse({ files }, env)).config;
    await out.line(join(await toolchain(kindToSetUp(options, destination), env.log), "dbt"));
    return;
  }
  const { config } = await chooseWarehouse({ files }, env);
  const programs = await toolchain(kindFor(config.destination), env.log);
  const long = options.length === 0 || options[0]?.startsWith("-") === true ? SHORT[command] : undefined;
  const child = spawn(
    join(programs, "dbt"),
    [...(long ?? [command]), ...unitTestsApart(command, options), ...options],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        ...profileOf(config),
        DBT_PROJECT_DIR: PROJECT,
        DBT_PROFILES_DIR: PROJECT,
        DBT_TARGET_PATH: process.env["DBT_TARGET_PATH"] ?? join(home(), "dbt-target"),
        DBT_LOG_PATH: process.env["DBT_LOG_PATH"] ?? join(home(), "dbt-logs"),
        DBT_SEND_ANONYMOUS_USAGE_STATS: "false",
        DBT_VERSION_CHECK: "false",
        DO_NOT_TRACK: "1",
      },
    },
  );
  const stop = () => child.kill("SIGTERM");
  env.signal.addEventListener("abort", stop, { once: true });
  const [code] = (await once(child, "exit")) as [number | null];
  env.signal.removeEventListener("abort", stop);
  if (code !== 0)
    throw new EltError("DBT_FAILED", `dbt ${command} ended with ${code === null ? "a signal" : String(code)}`);
}

function kindToSetUp([option, ...more]: readonly string[], destination = "duckdb"): Kind {
  if (option === undefined) return kindFor(destination);
  const kind: Kind | undefined = { "--bigquery": kindFor("bigquery"), "--dev": "dbt-dev" as const }[option];
  if (kind === undefined) throw new EltError("USAGE", `setup has no option "${option}"`);
  if (more.length > 0) throw new EltError("USAGE", "setup takes one option; run it once for each");
  return kind;
}

/** Unit tests say something of the models and nothing of the data, so a scheduled build does without. */
function unitTestsApart(command: string, options: readonly string[]): readonly string[] {
  const isChosen = options.some((option) => /^--(exclude-)?resource-type/.test(option));
  return command === "build" && !isChosen ? ["--exclude-resource-type", "unit_test"] : [];
}

/** Takes `--config FILE` and `--config=FILE` out, wherever they stand: the rest is for dbt. */
function withoutConfig(argv: readonly string[]): { files: string[]; rest: string[] } {
  const files: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word.startsWith("--config=")) files.push(word.slice("--config=".length));
    else if (word !== "--config") rest.push(word);
    else {
      const file = argv[++i];
      if (file === undefined) throw new EltError("USAGE", "--config needs a file");
      files.push(file);
    }
  }
  return { files, rest };
}
