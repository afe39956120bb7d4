import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { Warehouse } from "../core/destination.ts";
import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import { Loader } from "../core/load.ts";
import type { BatchMessage } from "../core/message.ts";
import { readBatchFiles } from "../io/batch-files.ts";
import type { Out } from "../io/out.ts";
import { lineChunks, lineText } from "../io/lines.ts";
import { decode, decodeBatched, encodeState } from "../dialects/singer/codec.ts";
import { about } from "./about.ts";
import { parseArguments } from "./arguments.ts";
import { runCommand, type Command } from "./process.ts";
import { loaderOptions, type TargetConfig } from "./target-config.ts";
import { chooseWarehouse, targetSettings, TARGET_PREFIX } from "./warehouse.ts";

const NAME = "target-warehouse";

/** `target-warehouse`: Singer lines in, rows in tables, committed states out. */
export async function target(argv: readonly string[]): Promise<void> {
  await runCommand(NAME, async (command) => {
    const options = await parseArguments(NAME, argv, {
      config: {
        type: "string",
        array: true,
        describe: "Config file, JSON; may be given more than once. ENV reads only the environment.",
      },
      input: { type: "string", describe: "Read messages from this file instead of standard input." },
      about: { type: "boolean", describe: "Show settings and capabilities." },
      format: {
        choices: ["text", "json", "markdown"] as const,
        default: "text" as const,
        describe: "Form of --about.",
      },
      test: { type: "boolean", describe: "Check that the database can be written, then stop." },
    });
    if (options === undefined) return;
    if (options.about) {
      const schema = await targetSettings();
      const capabilities = [
        "about",
        "activate-version",
        "batch",
        "hard-delete",
        "schema-flattening",
        "soft-delete",
        "structured-logging",
        "target-schema",
        "validate-records",
      ];
      await command.out.line(
        about({ name: NAME, prefix: TARGET_PREFIX, schema, capabilities, streams: [] }, options.format),
      );
      return;
    }
    const { config, exclusive, connect } = await chooseWarehouse({ files: options.config ?? [] }, command.env);
    const input = options.input === undefined ? process.stdin : createReadStream(options.input);
    if (exclusive && !options.test) await firstBytes(input, command.env.signal);
    await using open = await connect();
    if (options.test) {
      await open.check();
      command.env.log.info("the database can be written");
      return;
    }
    await load(input, open, config, command);
  });
}

/** Waits until there is something to read, or nothing more to come; what went wrong is for who reads. */
async function firstBytes(input: Readable, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = new AbortController();
  const events = ["readable", "end", "error"].map((event) => once(input, event, { signal: over.signal }));
  await Promise.race([...events, once(signal, "abort", { signal: over.signal })]).catch(() => undefined);
  over.abort();
  await Promise.allSettled(events);
}

/**
 * Loads lines until their end, or until the run is asked to stop: then what has arrived is committed and its state
 * said, and the rest is left to the next run.
 */
async function load(input: Readable, warehouse: Warehouse, config: TargetConfig, { env, out }: Command): Promise<void> {
  const loader = new Loader(warehouse, loaderOptions(config), env, (state, isLast) => {
    if (isLast) void out.line(encodeState(state.state)); // readers want the newest one only
  });
  const started = env.clock.now();
  const stop = () => input.destroy();
  const timer = setInterval(() => {
    loader.tick();
    if (loader.failed) stop(); // nobody may send another line for hours
  }, 500);
  env.signal.addEventListener("abort", stop, { once: true });
  try {
    if (env.signal.aborted) stop();
    await feed(input, loader, env);
    await (env.signal.aborted ? loader.flush() : loader.finish());
  } catch (error) {
    // What is whole so far is kept, and its state said; the line that cannot be read ends the run.
    if (error instanceof EltError && error.code !== "WAREHOUSE_REFUSED") await loader.flush();
    throw error;
  } finally {
    clearInterval(timer);
    env.signal.removeEventListener("abort", stop);
  }
  summarize(loader, config, (env.clock.now() - started) / 1_000, { env, out });
}

async function feed(input: Readable, loader: Loader, env: Env): Promise<void> {
  const announced = new Set<string>();
  let number = 0;
  try {
    for await (const lines of lineChunks(input)) {
      // A line that a killed tap did not end is no line: it is not JSON, and was never covered by a state.
      if (env.signal.aborted) break;
      for (const line of lines) {
        number++;
        const text = lineText(line, number);
        if (text === undefined) continue;
        const message = decode(text, number);
        if (message.type === "schema") announced.add(message.stream);
        const wait =
          message.type === "batch"
            ? loadBatch(message, number, announced, loader, env)
            : loader.accept(message, text, number);
        if (wait !== undefined) await wait;
      }
    }
  } catch (error) {
    const stopped = env.signal.aborted || loader.failed; // then the input was destroyed by us
    if (!stopped && !(error instanceof EltError)) throw unreadable(error);
    if (!stopped || error instanceof EltError) throw error;
  }
}

/**
 * Loads the rows of a batch as if they had come as RECORD lines in its place. `number` is the line of the BATCH message;
 * its records are put aside under that number, as a line of a file would say little without the file. The files are the
 * tap's and stay. When the run is asked to stop this throws, so that no state after the batch passes rows not yet read.
 */
async function loadBatch(
  batch: BatchMessage,
  number: number,
  announced: ReadonlySet<string>,
  loader: Loader,
  env: Env,
): Promise<void> {
  const { stream } = batch;
  if (!announced.has(stream)) {
    const text = `line ${number}: a batch of stream "${stream}" came before its schema`;
    throw new EltError("RECORD_BEFORE_SCHEMA", text, { stream });
  }
  const rejected = loader.summary.rejected;
  await readBatchFiles(batch, number, env.signal, (line, place) => {
    const { message, text } = decodeBatched(line, batch, place);
    return loader.accept(message, text, number);
  });
  const aside = loader.summary.rejected - rejected;
  if (aside === 0) return;
  const files = batch.manifest.length > 3 ? [...batch.manifest.slice(0, 3), "…"] : batch.manifest;
  env.log.warn(`line ${number}: ${aside} records were put aside while reading ${files.join(", ")}`, { stream });
}

function unreadable(error: unknown): EltError {
  const { code = "unreadable", path = "standard input" } = error as NodeJS.ErrnoException;
  return new EltError("CONFIG_UNREADABLE", `cannot read ${path}: ${code}`, { cause: error });
}

function summarize(loader: Loader, config: TargetConfig, seconds: number, { env }: { env: Env; out: Out }): void {
  const { rows, rejected, keysMissing, replaced, unknown } = loader.summary;
  for (const [stream, names] of Object.entries(unknown)) {
    env.log.warn(`stream "${stream}": properties that the schema does not name were left out: ${names.join(", ")}`, {
      stream,
    });
  }
  if (replaced > 0) env.log.warn(`${replaced} NUL or lone surrogate characters were replaced by U+FFFD`);
  const total = Object.values(rows).reduce((sum, count) => sum + count, 0);
  env.log.info(`loaded ${total} rows of ${Object.keys(rows).length} streams in ${seconds.toFixed(1)} s`, { rows });
  if (rejected > config.max_rejected) {
    const code = keysMissing ? "RECORD_WITHOUT_KEY" : "RECORDS_REJECTED";
    throw new EltError(code, `${rejected} records were put aside, ${config.max_rejected} are allowed`);
  }
  if (rejected > 0) env.log.warn(`${rejected} records were put aside in the table _rejected`);
}
