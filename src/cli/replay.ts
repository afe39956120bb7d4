import { createReadStream } from "node:fs";
import { EltError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { SchemaMessage } from "../core/message.ts";
import { replay, type Replayed } from "../core/replay.ts";
import { clean, mayNeedCleaning } from "../core/value.ts";
import { decode } from "../dialects/singer/codec.ts";
import { lineChunks, lineText } from "../io/lines.ts";
import { parseArguments } from "./arguments.ts";
import type { Command } from "./process.ts";
import { loaderOptions } from "./target-config.ts";
import { openWarehouse } from "./warehouse.ts";

/**
 * `chorus-elt replay`: loads what is in `_rejected`, after somebody has corrected the payloads there, the schema or a
 * setting. A line for each stream on stdout; ends with RECORDS_REJECTED when something is left.
 */
export async function replayCommand(argv: readonly string[], { env, out }: Command): Promise<void> {
  const options = await parseArguments("chorus-elt replay", argv, {
    config: { type: "string", array: true, describe: "Config file of target-warehouse." },
    stream: { type: "string", array: true, describe: "Only this stream; may be given more than once." },
    schema: {
      type: "string",
      describe: "File with SCHEMA lines, e.g. what the tap printed; they count instead of the schemas that are kept.",
    },
    "dry-run": { type: "boolean", describe: "Only say what would become of the records." },
  });
  if (options === undefined) return;
  const schemas = options.schema === undefined ? new Map<string, SchemaMessage>() : await readSchemas(options.schema);
  const { warehouse, config } = await openWarehouse(options.config ?? [], env);
  await using open = warehouse;
  const dryRun = options["dry-run"] ?? false;
  const streams = new Set(options.stream ?? []);
  const replayed = await replay(open, { ...loaderOptions(config), streams, schemas, dryRun }, env);
  if (replayed.size === 0) await out.line("nothing is in _rejected");
  let left = 0;
  for (const [stream, counts] of replayed) {
    await out.line(`${stream}: ${(dryRun ? wouldBe : was)(counts)}`);
    for (const [reason, count] of counts.left) {
      left += count;
      if (dryRun) await out.line(`  ${count} x ${reason}`);
      else env.log.warn(`${count} records of stream "${stream}" stay in _rejected: ${reason}`, { stream });
    }
  }
  if (left > 0) {
    throw new EltError("RECORDS_REJECTED", `${left} records ${dryRun ? "would stay" : "are still"} in _rejected`);
  }
}

const leftOf = ({ left }: Replayed) => [...left.values()].reduce((sum, count) => sum + count, 0);

const was = (counts: Replayed) =>
  `${counts.loaded} loaded, ${counts.obsolete} obsolete, ${leftOf(counts)} still rejected`;

const wouldBe = (counts: Replayed) =>
  `${counts.loaded} would be loaded, ${counts.obsolete} are obsolete, ${leftOf(counts)} would stay rejected`;

/** The last SCHEMA of each stream in a file of Singer lines. */
async function readSchemas(path: string): Promise<Map<string, SchemaMessage>> {
  const schemas = new Map<string, SchemaMessage>();
  let number = 0;
  try {
    for await (const lines of lineChunks(createReadStream(path))) {
      for (const line of lines) {
        const text = lineText(line, ++number);
        const message = text === undefined ? undefined : decode(text, number);
        if (message?.type !== "schema" || text === undefined) continue;
        const cleaned = mayNeedCleaning(text) ? clean(message as unknown as JsonObject).value : message;
        schemas.set(message.stream, cleaned as SchemaMessage);
      }
    }
  } catch (error) {
    if (error instanceof EltError) throw error;
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    throw new EltError("CONFIG_UNREADABLE", `cannot read ${path}: ${code}`, { cause: error });
  }
  return schemas;
}
