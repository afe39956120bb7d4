import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { Env } from "../core/env.ts";
import { EltError } from "../core/errors.ts";
import type { Loader } from "../core/load.ts";
import type { BatchMessage } from "../core/message.ts";
import { readBatchFiles } from "../io/batch-files.ts";
import { decode, decodeBatched, encodeState } from "../dialects/singer/codec.ts";
import { about } from "./about.ts";
import { parseArguments } from "./arguments.ts";
import { loadLines, type Listener } from "./load-lines.ts";
import { runCommand } from "./process.ts";
import { loaderOptions, type TargetConfig } from "./target-config.ts";
import { chooseWarehouse, targetSettings, TARGET_PREFIX } from "./warehouse.ts";

const NAME = "target-warehouse";

const WRITE_VERBS = ["spec", "check", "write"] as const;
export type WriteVerb = (typeof WRITE_VERBS)[number];
const isWriteVerb = (word: string): word is WriteVerb => WRITE_VERBS.some((verb) => verb === word);

/**
 * `target-warehouse`: lines in, rows in tables, committed states out. A verb (`spec`, `check`, `write`) asks for the
 * Airbyte protocol; without one it is Singer's.
 */
export async function target(argv: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = argv;
  if (isWriteVerb(verb)) await (await import("./airbyte/destination.ts")).destination(NAME, verb, rest);
  else await singerTarget(argv);
}

async function singerTarget(argv: readonly string[]): Promise<void> {
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
    await loadLines(input, open, config, singerListener(config, command.env), command);
  });
}

/** Waits until there is something to read, or nothing more to come; what went wrong is for who reads. */
export async function firstBytes(input: Readable, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = new AbortController();
  const events = ["readable", "end", "error"].map((event) => once(input, event, { signal: over.signal }));
  await Promise.race([...events, once(signal, "abort", { signal: over.signal })]).catch(() => undefined);
  over.abort();
  await Promise.allSettled(events);
}

/** Singer's lines; the files of a BATCH are read in its place. */
function singerListener(config: TargetConfig, env: Env): Listener {
  const announced = new Set<string>();
  return {
    options: loaderOptions(config),
    stateLine: (state, isLast) => (isLast ? encodeState(state.state) : undefined), // readers want the newest one only
    take(text, number, loader) {
      const message = decode(text, number);
      if (message.type === "schema") announced.add(message.stream);
      return message.type === "batch"
        ? loadBatch(message, number, announced, loader, env)
        : loader.accept(message, text, number);
    },
    end: (loader) => loader.finish(),
  };
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
