import { readFile } from "node:fs/promises";
import { findSecrets, loadConfig, type ConfigSources } from "../core/config.ts";
import { EltError } from "../core/errors.ts";
import { isObject, parseJson, type JsonObject, type JsonValue } from "../core/json.ts";
import type { Log } from "../core/log.ts";
import { masksOf, type MaskConfig, type Masks } from "../core/masks.ts";
import type { FailureMessage, State } from "../core/message.ts";
import type { Source } from "../core/source.ts";
import type { Selection, Stream } from "../core/stream.ts";
import { catalogOf, defaultSelection, selectionOf } from "../dialects/singer/catalog.ts";
import { encode } from "../dialects/singer/codec.ts";
import { about } from "./about.ts";
import { parseArguments } from "./arguments.ts";
import { keepHeapSmall } from "./memory.ts";
import { runCommand, Stopped, type Command } from "./process.ts";

const SOURCE_VERBS = ["spec", "check", "discover", "read"] as const;
export type SourceVerb = (typeof SOURCE_VERBS)[number];
const isSourceVerb = (word: string): word is SourceVerb => SOURCE_VERBS.some((verb) => verb === word);

/** A tap program around a source. The parts that need the network are imported only when something is read. */
export interface Tap<Config extends MaskConfig> {
  readonly name: string;
  /** Settings are also read from `<prefix>_<SETTING>`. */
  readonly prefix: string;
  readonly configSchema: Source<Config>["configSchema"];
  readonly streams: readonly Stream[];
  source(env: Command["env"]): Promise<Source<Config>>;
  /** What its streams are under in lineage, as OpenLineage names namespaces. */
  namespace(config: Config): string;
  /** What a run would do, in lines; nothing is sent or written. A tap that has it takes `--dry-run`. */
  plan?(config: Config, env: Command["env"]): Promise<readonly string[]>;
  /** True when it can only go on from where it was: it has no beginning to read again from. */
  readonly incrementalOnly?: true;
}

const DRY_RUN = {
  "dry-run": { type: "boolean", describe: "Show what would be sent and what it would cost; send nothing." },
} as const;

const CAPABILITIES = ["about", "catalog", "discover", "properties", "state", "structured-logging", "test"];

/**
 * Runs a tap. A verb (`spec`, `check`, `discover`, `read`) asks for the Airbyte protocol; without one it speaks as Singer
 * wants it: lines on stdout, everything else on stderr.
 */
export async function tap<Config extends MaskConfig>(subject: Tap<Config>, argv: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = argv;
  if (isSourceVerb(verb)) await (await import("./airbyte/source.ts")).source(subject, verb, rest);
  else await singerTap(subject, argv);
}

async function singerTap<Config extends MaskConfig>(subject: Tap<Config>, argv: readonly string[]): Promise<void> {
  await runCommand(subject.name, async (command) => {
    const options = await parseArguments(subject.name, argv, {
      config: {
        type: "string",
        array: true,
        describe: "Config file, JSON; may be given more than once. ENV reads only the environment.",
      },
      catalog: {
        type: "string",
        describe: "Catalog file that selects streams and properties; without it the default selection is read.",
      },
      properties: { type: "string", describe: "The old name of --catalog." },
      state: { type: "string", describe: "State file: the last line that the target printed." },
      discover: { type: "boolean", describe: "Print the catalog; needs no config and no network." },
      about: { type: "boolean", describe: "Show settings, capabilities and streams." },
      format: {
        choices: ["text", "json", "markdown"] as const,
        default: "text" as const,
        describe: "Form of --about.",
      },
      test: { type: "boolean", describe: "Check config and token with one request, then stop." },
      ...(subject.plan === undefined ? {} : DRY_RUN),
    });
    if (options === undefined) return;
    if (options.discover) {
      await command.out.line(JSON.stringify(catalogOf(subject.streams), undefined, 2));
      return;
    }
    if (options.about) {
      const { name, prefix, configSchema: schema, streams } = subject;
      await command.out.line(about({ name, prefix, schema, capabilities: CAPABILITIES, streams }, options.format));
      return;
    }
    const sources = { files: options.config ?? [], environment: process.env, prefix: subject.prefix };
    const { config, masks } = await configOf<Config>(subject, sources, command);
    keepHeapSmall();
    if (subject.plan !== undefined && "dry-run" in options && options["dry-run"] === true) {
      for (const line of await subject.plan(config, command.env)) await command.out.line(line);
      return;
    }
    const source = { ...(await subject.source(command.env)), masks };
    if (options.test) {
      await source.check(config, command.env);
      command.env.log.info("the config and the token work");
      return;
    }
    const selection = await selectionFrom(options.catalog ?? options.properties, subject.streams, command);
    await emit(source, config, selection, await stateFrom(options.state), command);
  });
}

/**
 * Reads a tap's config, what it masks among it, and hides its secrets from the log. Throws CONFIG_INVALID or
 * CONFIG_UNREADABLE.
 */
export async function configOf<Config extends MaskConfig>(
  { configSchema, streams }: Pick<Tap<Config>, "configSchema" | "streams">,
  sources: ConfigSources,
  { env }: Pick<Command, "env">,
): Promise<{ readonly config: Config; readonly masks: Masks | undefined }> {
  env.log.hide(await findSecrets(configSchema, sources));
  const config = await loadConfig<Config>(configSchema, sources);
  return { config, masks: masksOf(config, streams) };
}

/**
 * Writes what the source says, at the pace of the pipe. A stream that failed is told of on stderr and decides the exit
 * code once the others are done.
 */
async function emit<Config>(
  source: Source<Config>,
  config: Config,
  selection: readonly Selection[],
  state: State,
  { env, out }: Command,
): Promise<void> {
  const { read } = await import("../core/read.ts");
  const failures: EltError[] = [];
  for await (const message of read(source, config, selection, state, env)) {
    if (out.closed) throw new Stopped("the reader has gone");
    switch (message.type) {
      case "log":
        env.log[message.level](message.text, message.stream === undefined ? {} : { stream: message.stream });
        break;
      case "failure":
        failures.push(told(message, env.log));
        break;
      default: {
        const line = encode(message);
        const room = line === undefined ? undefined : out.line(line);
        if (room !== undefined) await room;
      }
    }
  }
  if (failures.length > 0) throw worst(failures);
}

/** Tells of a stream that failed, and gives its error. */
export function told({ stream, error }: FailureMessage, log: Log): EltError {
  log.error(`stream "${stream}" was not read whole: ${error.message}`, { stream });
  return error;
}

/** One kind of failure keeps its own code; several kinds are STREAM_INCOMPLETE. */
export function worst(failures: readonly EltError[]): EltError {
  const codes = new Set(failures.map(({ code }) => code));
  const [first] = failures;
  if (codes.size === 1 && first !== undefined) return first;
  return new EltError("STREAM_INCOMPLETE", `${failures.length} streams were not read whole (${[...codes].join(", ")})`);
}

/** What a catalog selects, or the default selection. Throws CATALOG_INVALID. */
export async function selectionFrom(
  path: string | undefined,
  streams: readonly Stream[],
  { env }: Pick<Command, "env">,
): Promise<Selection[]> {
  if (path === undefined) return defaultSelection(streams);
  const catalog = await readJson(path, "CATALOG_INVALID", "catalog");
  return selectionOf(catalog, streams, (name) =>
    env.log.warn(`the catalog selects the stream "${name}", which this tap does not have`),
  );
}

/** The state in a file, out of whatever a runner put around it. Throws STATE_UNREADABLE. */
export async function stateFrom(path: string | undefined): Promise<State> {
  if (path === undefined) return {};
  const state = await readJson(path, "STATE_UNREADABLE", "state");
  if (!isObject(state)) throw new EltError("STATE_UNREADABLE", `the state file ${path} is JSON but not an object`);
  // Some runners keep the whole message, or their own wrapping, where the value belongs.
  const inner = state["type"] === "STATE" ? state["value"] : state["singer_state"];
  return isObject(inner) ? inner : state;
}

/** A JSON file with all its digits; a state file that is empty is `{}`. Throws `code`. */
export async function readJson(
  path: string,
  code: "CATALOG_INVALID" | "STATE_UNREADABLE",
  what: string,
): Promise<JsonValue> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new EltError(code, `cannot read the ${what} file ${path}`, { cause });
  }
  if (text.trim() === "" && what === "state") return {} satisfies JsonObject; // a run that ended before its first state
  try {
    return parseJson(text);
  } catch {
    throw new EltError(code, `the ${what} file ${path} is not JSON (${text.length.toLocaleString("en")} characters)`);
  }
}
