import { readSettings, type ConfigSources } from "../../core/config.ts";
import { asEltError, EltError } from "../../core/errors.ts";
import { masksOf, type MaskConfig } from "../../core/masks.ts";
import { BOTH_MODES, catalogOf, configuredStreams, type SyncMode } from "../../dialects/airbyte/catalog.ts";
import { catalogLine, connectionStatusLine, specLine } from "../../dialects/airbyte/message.ts";
import { connectionSpecification } from "../../dialects/airbyte/spec.ts";
import { streamStatesOf } from "../../dialects/airbyte/states.ts";
import { parseArguments } from "../arguments.ts";
import { keepHeapSmall } from "../memory.ts";
import { runCommand, Stopped, type Command } from "../process.ts";
import { configOf, readJson, worst, type SourceVerb, type Tap } from "../tap.ts";
import { inAirbyte } from "./voice.ts";

const CONFIG = { type: "string", describe: "Config file, JSON." } as const;

/** Runs a tap as a source of the Airbyte protocol: every line on stdout is one of its messages. */
export async function source<Config extends MaskConfig>(
  subject: Tap<Config>,
  verb: SourceVerb,
  argv: readonly string[],
): Promise<void> {
  await runCommand(subject.name, (command) => VERBS[verb](subject, argv, command), inAirbyte);
}

type Run = <Config extends MaskConfig>(
  subject: Tap<Config>,
  argv: readonly string[],
  command: Command,
) => Promise<void>;

const VERBS: Record<SourceVerb, Run> = {
  async spec({ name, configSchema }, argv, { out }) {
    if ((await parseArguments(`${name} spec`, argv, {})) === undefined) return;
    await out.line(specLine({ connectionSpecification: connectionSpecification(configSchema) }));
  },

  async check(subject, argv, command) {
    const options = await parseArguments(`${subject.name} check`, argv, { config: CONFIG });
    if (options === undefined) return;
    await sayConnection(command, async () => {
      const { config } = await readConfig(subject, options.config, command);
      await (await subject.source(command.env)).check(config, command.env);
    });
  },

  async discover(subject, argv, { out }) {
    const options = await parseArguments(`${subject.name} discover`, argv, {
      config: { ...CONFIG, describe: "Config file; what it masks is shown as it will be." },
    });
    if (options === undefined) return;
    // The catalog is what a destination makes its tables of, so it has to be about what is sent.
    const masks = masksOf(
      await readSettings(subject.configSchema, sourcesOf(subject, options.config)),
      subject.streams,
    );
    const streams = subject.streams.map((stream) => masks?.stream(stream) ?? stream);
    await out.line(catalogLine(catalogOf(streams, modesOf(subject))));
  },

  async read(subject, argv, command) {
    const { env, out } = command;
    const options = await parseArguments(`${subject.name} read`, argv, {
      config: CONFIG,
      catalog: { type: "string", describe: "Configured catalog: the streams to read, and how." },
      state: { type: "string", describe: "State file: a list of states, the last one of each stream." },
    });
    if (options === undefined) return;
    const { config, masks } = await readConfig(subject, options.config, command);
    if (options.catalog === undefined) throw new EltError("USAGE", "read needs --catalog");
    const catalog = await readJson(options.catalog, "CATALOG_INVALID", "configured catalog");
    const configured = configuredStreams(catalog, subject.streams, modesOf(subject));
    const states = options.state === undefined ? {} : await readJson(options.state, "STATE_UNREADABLE", "state");
    keepHeapSmall();
    const { speak } = await import("../../dialects/airbyte/speak.ts");
    const lines = speak({ ...(await subject.source(env)), masks }, config, configured, streamStatesOf(states), env);
    for (;;) {
      const next = await lines.next();
      if (next.done === true) {
        if (next.value.length > 0) throw worst(next.value);
        return;
      }
      if (out.closed) throw new Stopped("the reader has gone");
      const room = out.line(next.value);
      if (room !== undefined) await room;
    }
  },
};

const modesOf = ({ incrementalOnly }: { readonly incrementalOnly?: true }): readonly SyncMode[] =>
  incrementalOnly === true ? ["incremental"] : BOTH_MODES;

function readConfig<Config extends MaskConfig>(subject: Tap<Config>, path: string | undefined, command: Command) {
  return configOf<Config>(subject, sourcesOf(subject, path), command);
}

const sourcesOf = ({ prefix }: { readonly prefix: string }, path: string | undefined): ConfigSources => ({
  files: path === undefined ? [] : [path],
  environment: process.env,
  prefix,
});

/**
 * Says whether a connection works: what a user can change, or wait for, is no failure of the check itself. Throws what
 * nobody foresaw, once the status is out.
 */
export async function sayConnection({ env, out }: Command, prove: () => Promise<void>): Promise<void> {
  try {
    await prove();
  } catch (thrown) {
    const error = asEltError(thrown);
    await out.line(env.log.scrubbed(connectionStatusLine("FAILED", `${error.message}. ${error.hint}`)));
    if (error.recovery === "report-bug") throw error;
    return;
  }
  await out.line(connectionStatusLine("SUCCEEDED"));
}
