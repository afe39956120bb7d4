import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { EltError } from "../core/errors.ts";
import type { PostgresConfig } from "../destinations/postgres/config.ts";
import type { Out } from "../io/out.ts";
import { parseArguments } from "./arguments.ts";
import { CASES, type Case } from "./crash-matrix/cases.ts";
import type { Wire } from "./crash-matrix/postgres-wire.ts";
import { makePlace, temporaryFolder, type ScratchOptions } from "./crash-matrix/scratch.ts";
import { ownAccount, sampleAccount } from "./crash-matrix/source.ts";
import { runCase, runClean, type Bench, type Verdict } from "./crash-matrix/trial.ts";
import type { Command } from "./process.ts";
import type { TargetConfig } from "./target-config.ts";

/** The sample account: some 1,200 rows, so that a run has eight or more batches. */
const SAMPLE_CALLS = 6;

/**
 * `chorus-elt crash-matrix`: kills the tap, the target and its connections wherever that may hurt, runs the pipe again as
 * a user would, and compares what is in the database with what a clean run leaves there. It loads into schemas of its own
 * and drops them again. Throws CRASH_MATRIX_FAILED when a case failed.
 */
export async function crashMatrix(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments("chorus-elt crash-matrix", argv, {
    config: { type: "string", array: true, default: ["ENV"], describe: "Config file of target-warehouse." },
    "tap-config": {
      type: "string",
      array: true,
      describe: "Config file of tap-chorus: your account instead of a sample one. Give a short range of dates.",
    },
    catalog: {
      type: "string",
      describe: "Catalog file of the tap; fewer streams make a batch cheaper on a slow database.",
    },
    only: { type: "string", describe: "Cases whose name matches this regular expression." },
    list: { type: "boolean", describe: "Print the names of the cases and stop." },
    jobs: { type: "number", default: 2, describe: "Cases at a time." },
    seed: { type: "number", default: 1, describe: "Another seed makes up another sample account." },
    "batch-rows": { type: "number", default: 150, describe: "Rows of a batch: few, so that there are many commits." },
    "restart-command": {
      type: "string",
      describe: "Shell command that restarts the database server and returns when it is up again; adds cases with it.",
    },
    "target-command": { type: "string", describe: "Another target to put to the test, with its arguments." },
    "timeout-seconds": { type: "number", default: 300, describe: "Longest time for one run of the pipe." },
  });
  if (options === undefined) return;
  const cases = matching(options.only);
  if (options.list) {
    for (const { name } of cases) await out.line(name);
    return;
  }
  const abort = new AbortController();
  await using folder = await temporaryFolder();
  await using source =
    options["tap-config"] === undefined
      ? await sampleAccount(folder.path, { calls: SAMPLE_CALLS, seed: options.seed, catalog: options.catalog })
      : ownAccount(options["tap-config"], options.catalog);
  const scratch = {
    configs: options.config,
    batchRows: options["batch-rows"],
    command: options["target-command"],
    env,
  };
  const place = placesIn(folder.path, scratch);
  const bench: Bench = {
    source,
    place,
    wire: await wireTo(place),
    restartCommand: options["restart-command"],
    timeoutMs: options["timeout-seconds"] * 1_000,
    signal: AbortSignal.any([env.signal, abort.signal]),
  };
  await run(cases, bench, { out, jobs: options.jobs, abort });
}

function matching(pattern: string | undefined): readonly Case[] {
  let only: RegExp;
  try {
    only = new RegExp(pattern ?? "");
  } catch (cause) {
    throw new EltError("USAGE", `--only ${pattern ?? ""} is not a regular expression`, { cause });
  }
  const cases = CASES.filter(({ name }) => only.test(name));
  if (cases.length === 0) throw new EltError("USAGE", `no case has a name that matches ${pattern ?? ""}`);
  return cases;
}

/** Each place has a folder and a schema of the same name, which nobody else has. */
function placesIn(folder: string, options: ScratchOptions): Bench["place"] {
  const name = `chorus_elt_crash_${randomBytes(4).toString("hex")}`;
  let count = 0;
  return () => makePlace(join(folder, `${name}_${++count}`), options);
}

/** Reads the target's config as a run would, and so finds out early that the database cannot be reached. */
async function wireTo(place: Bench["place"]): Promise<Wire | undefined> {
  await using probe = await place();
  const config = await probe.config();
  if (config.load_method !== "upsert") {
    const why = "append-only adds rows again when a run is repeated, overwrite has only what the last run brings";
    throw new EltError("CONFIG_INVALID", `the crash matrix is about \`load_method\` upsert: ${why}`);
  }
  return await WIRES[config.destination]?.(config);
}

/** Servers whose connections we can get between, by destination. */
const WIRES: Record<string, (config: TargetConfig) => Promise<Wire>> = {
  postgres: async (config) =>
    (await import("./crash-matrix/postgres-wire.ts")).postgresWire(config as unknown as PostgresConfig),
};

interface Reporting {
  readonly out: Out;
  readonly jobs: number;
  readonly abort: AbortController;
}

async function run(wanted: readonly Case[], bench: Bench, { out, jobs, abort }: Reporting): Promise<void> {
  const startedAt = performance.now();
  const has = { database: true, server: bench.wire !== undefined, restart: bench.restartCommand !== undefined };
  const cases = wanted.filter(({ needs }) => has[needs] && (needs !== "restart" || has.server));
  let failed = 0;
  const report = async (verdict: Verdict) => {
    if (verdict.faults.length > 0) failed++;
    await out.line(verdictLine(verdict));
  };
  const { verdict, clean } = await runClean(bench);
  await report(verdict);
  if (failed > 0) throw new EltError("CRASH_MATRIX_FAILED", "already the run that nobody disturbed went wrong");
  // A restart meets everybody who is connected.
  const together = cases.filter(({ needs }) => needs !== "restart");
  const alone = cases.filter(({ needs }) => needs === "restart");
  const attempt = async (one: Case) => report(await runCase(one, clean, bench));
  await forEach(together, jobs, abort, attempt);
  await forEach(alone, 1, abort, attempt);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  const left = wanted.length - cases.length;
  const without = left === 0 ? "" : `, ${left} more need ${has.server ? "--restart-command" : "a server"}`;
  const result = failed === 0 ? "ok, nothing was lost and nothing doubled" : `${failed} FAILED`;
  await out.line(`crash matrix: ${cases.length} cases${without}: ${result} (${seconds} s)`);
  if (failed > 0) throw new EltError("CRASH_MATRIX_FAILED", `${failed} of ${cases.length} cases failed`);
}

const verdictLine = ({ name, about, faults }: Verdict) =>
  `${faults.length === 0 ? "ok    " : "FAILED"} ${name}: ${[about, ...faults].join("; ")}`;

/** Does the work for each, `jobs` at a time. When it rejects nothing is under way any more. */
async function forEach<T>(
  items: readonly T[],
  jobs: number,
  abort: AbortController,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  const workers = Array.from({ length: Math.max(1, jobs) }, () =>
    worker().catch((error: unknown) => {
      queue.length = 0;
      abort.abort(error);
      throw error;
    }),
  );
  const results = await Promise.allSettled(workers);
  const failure = results.find((result) => result.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}
