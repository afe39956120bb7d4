import { EltError } from "../../core/errors.ts";
import { isObject, type JsonObject } from "../../core/json.ts";
import { KeptStates } from "../../dialects/airbyte/kept.ts";
import { loadedStreams } from "../../dialects/airbyte/listen.ts";
import { specLine } from "../../dialects/airbyte/message.ts";
import { connectionSpecification } from "../../dialects/airbyte/spec.ts";
import { parseArguments } from "../arguments.ts";
import { loadLines } from "../load-lines.ts";
import { runCommand, type Command } from "../process.ts";
import { readJson } from "../tap.ts";
import { firstBytes, type WriteVerb } from "../target.ts";
import { chooseWarehouse, targetSettings } from "../warehouse.ts";
import { sayConnection } from "./source.ts";
import { inAirbyte } from "./voice.ts";
import { AirbyteListener } from "./write.ts";

const CONFIG = { type: "string", describe: "Config file, JSON." } as const;

/** Runs `target-warehouse` as a destination of the Airbyte protocol: every line on stdout is one of its messages. */
export async function destination(name: string, verb: WriteVerb, argv: readonly string[]): Promise<void> {
  await runCommand(name, (command) => VERBS[verb](name, argv, command), inAirbyte);
}

type Run = (name: string, argv: readonly string[], command: Command) => Promise<void>;

const VERBS: Record<WriteVerb, Run> = {
  async spec(name, argv, { out }) {
    if ((await parseArguments(`${name} spec`, argv, {})) === undefined) return;
    await out.line(
      specLine({
        supportsIncremental: true,
        supported_destination_sync_modes: ["append", "overwrite", "append_dedup"],
        connectionSpecification: connectionSpecification(withoutMethods(await targetSettings())),
      }),
    );
  },

  async check(name, argv, command) {
    const options = await parseArguments(`${name} check`, argv, { config: CONFIG });
    if (options === undefined) return;
    await sayConnection(command, async () => {
      const { connect } = await chooseWarehouse({ files: filesOf(options.config) }, command.env);
      await using open = await connect();
      await open.check();
    });
  },

  async write(name, argv, command) {
    const options = await parseArguments(`${name} write`, argv, {
      config: CONFIG,
      catalog: { type: "string", describe: "Configured catalog: the streams that come, and how they are loaded." },
    });
    if (options === undefined) return;
    const { config, exclusive, connect } = await chooseWarehouse({ files: filesOf(options.config) }, command.env);
    if (options.catalog === undefined) throw new EltError("USAGE", "write needs --catalog");
    const catalog = await readJson(options.catalog, "CATALOG_INVALID", "configured catalog");
    const { default_target_schema: schema, state_id: stateId } = config;
    loadedStreams(catalog, schema, {}); // a catalog that cannot be used is told of before anything is opened
    if (exclusive) await firstBytes(process.stdin, command.env.signal);
    await using open = await connect();
    const kept = new KeptStates(await open.state(schema, stateId));
    const streams = loadedStreams(catalog, schema, kept.generations);
    const listener = new AirbyteListener(config, streams, kept, command.env);
    await loadLines(process.stdin, open, config, listener, command);
  },
};

const filesOf = (path: string | undefined) => (path === undefined ? [] : [path]);

/** How rows are loaded is said by the catalog, stream by stream. */
function withoutMethods(schema: JsonObject): JsonObject {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const theirs = ["load_method", "process_activate_version_messages"];
  const kept = Object.entries(properties).filter(([name]) => !theirs.includes(name));
  return { ...schema, properties: Object.fromEntries(kept) };
}
