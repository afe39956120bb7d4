import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Warehouse } from "../../core/destination.ts";
import type { Env } from "../../core/env.ts";
import { asEltError, EltError } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import type { ProcessLog } from "../log.ts";
import type { TargetConfig } from "../target-config.ts";
import { openWarehouse, TARGET_PREFIX } from "../warehouse.ts";
import { readContents, type Contents, type Keys } from "./contents.ts";
import { ownProgram, shellProgram, start, tellEnd, type Program } from "./programs.ts";

export interface ScratchOptions {
  /** Config files of the target, as the user gave them. */
  readonly configs: readonly string[];
  readonly batchRows: number;
  /** Another target to put to the test. */
  readonly command: string | undefined;
  readonly env: Env & { readonly log: ProcessLog };
}

/** Where one case loads to: a schema of its own, and where the database is a file, also a file of its own. */
export interface Place extends AsyncDisposable {
  readonly folder: string;
  target(environment: Program["environment"]): Program;
  /** The state that the database keeps, as `chorus-elt state show` prints it. */
  keptState(): Promise<string | undefined>;
  contents(keys: Keys): Promise<Contents>;
  /** The target's config, with what is set for this place. */
  config(): Promise<TargetConfig>;
}

/** A folder for temporary files that nobody else can enter; it goes with what is in it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "chorus-elt-crash-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Makes a place in a new folder. What it stands for in the database is made by the target, and dropped with the place. */
export async function makePlace(folder: string, options: ScratchOptions): Promise<Place> {
  await mkdir(folder);
  const schema = basename(folder);
  const settings = {
    default_target_schema: schema,
    state_id: schema,
    batch_size_rows: options.batchRows,
    path: join(folder, "scratch.duckdb"),
  };
  for (const name of Object.keys(settings)) {
    Reflect.deleteProperty(process.env, `${TARGET_PREFIX}_${name.toUpperCase()}`); // it would win over the file
  }
  const file = join(folder, "target.json");
  await writeFile(file, JSON.stringify(settings));
  const configs = [...options.configs, file];
  const args = configs.flatMap((config) => ["--config", config]);
  // What was made is dropped also when the run was interrupted.
  const open = () => openWarehouse(configs, { ...options.env, signal: NEVER });
  let isUsed = false;
  return {
    folder,
    target(environment) {
      isUsed = true;
      return options.command === undefined
        ? ownProgram("target-warehouse", args, environment)
        : shellProgram(options.command, args, environment);
    },
    keptState: () => keptState(args),
    async contents(keys) {
      await using warehouse = (await open()).warehouse;
      return await readContents(warehouse, schema, keys);
    },
    async config() {
      const { warehouse, config } = await open();
      await warehouse[Symbol.asyncDispose]();
      return config;
    },
    async [Symbol.asyncDispose]() {
      if (isUsed) await dropSchema(open, schema, options.env.log);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Drops what the target has made. When it cannot be done, the user is told what to drop. */
async function dropSchema(open: () => Promise<{ warehouse: Warehouse }>, schema: string, log: Log): Promise<void> {
  try {
    await using warehouse = (await open()).warehouse;
    const drop = warehouse.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    await drop[Symbol.asyncIterator]().next(); // it gives no rows
  } catch (error) {
    log.warn(`the schema ${schema} could not be dropped: ${asEltError(error).message}`);
  }
}

const NEVER = new AbortController().signal;

async function keptState(args: readonly string[]): Promise<string | undefined> {
  let state: string | undefined;
  const show = start(ownProgram("chorus-elt", ["state", "show", ...args]), { onLine: (line) => (state = line) });
  const end = await show.ended;
  if (end.code === 0 || end.error === "STATE_UNREADABLE") return state; // nothing was committed yet
  throw new EltError("UNEXPECTED", `chorus-elt state show ${tellEnd(end)}`);
}
