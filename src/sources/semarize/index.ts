import type { Reader } from "../../core/destination.ts";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import type { SourceMessage, Source } from "../../core/source.ts";
import { openApi } from "./api.ts";
import { configSchema, type Config } from "./config.ts";
import type { SemarizeStream } from "./define.ts";
import { findWork, type Work } from "./due.ts";
import { evaluate } from "./evaluate.ts";
import { Spool } from "./spool.ts";
import { streams } from "./streams.gen.ts";

/** Opens the warehouse that a config names, for reading, and says which schema the tables are in. */
export type OpenReader = (where: {
  readonly files: readonly string[];
  readonly settings: JsonObject;
}) => Promise<{ reader: Reader; schema: string }>;

/**
 * Evaluations of transcripts: what the warehouse holds without one is sent to Semarize, and the results are read. The
 * warehouse is read, and closed, before the first line is said, as the target behind us may need it for itself.
 */
export function semarize(openReader: OpenReader): Source<Config> {
  return {
    name: "semarize",
    configSchema,
    streams,

    async check(config, env) {
      await using api = openApi(config, env, { tries: 3 });
      await api.check();
      await using spool = await Spool.open();
      await look(openReader, { ...config, max_runs: 0 }, spool, env);
    },

    async read(config, selection, state, env) {
      const selected = new Set(selection.map(({ stream }) => stream.name));
      if (!selected.has("semarize_runs")) {
        throw new EltError("CATALOG_INVALID", `"semarize_runs" must be selected: it says what was paid for already`);
      }
      const spool = await Spool.open();
      try {
        const work = await look(openReader, config, spool, env);
        for (const { kit, waiting, runs } of work.shares) {
          env.log.info(`kit ${kit.id}: ${waiting} transcripts without an evaluation, ${runs} are sent`);
        }
        // A run comes before its bricks: it is what takes the older ones away.
        const wanted = [...streams.filter(isRoot), ...streams.filter((stream) => !isRoot(stream))].filter(({ name }) =>
          selected.has(name),
        );
        return reading(work, { config, spool, env, streams: wanted, state });
      } catch (error) {
        await spool[Symbol.asyncDispose]();
        throw error;
      }
    },
  };
}

const isRoot = ({ parent }: SemarizeStream) => parent === undefined;

async function* reading(work: Work, parts: Omit<Parameters<typeof evaluate>[1], "api">): AsyncGenerator<SourceMessage> {
  await using spool = parts.spool;
  await using api = openApi(parts.config, parts.env);
  yield* evaluate(work, { ...parts, spool, api });
}

/** What would be sent, without sending anything: a line per run, and what it would cost in runs. */
export async function plan(openReader: OpenReader, config: Config, env: Env): Promise<string[]> {
  await using spool = await Spool.open();
  const { due, shares, unfinished } = await look(openReader, config, spool, env);
  return [
    ...due.map(({ kit, callId, characters, attempt }) => {
      const again = attempt === 1 ? "" : `, attempt ${attempt}`;
      return `${kit.id}  ${callId}  ${characters.toLocaleString("en")} characters${again}`;
    }),
    ...shares.map(({ kit, waiting, runs }) => {
      const characters = due.filter((one) => one.kit.id === kit.id).reduce((sum, one) => sum + one.characters, 0);
      return `kit ${kit.id}: ${runs} of ${waiting} runs, ${characters.toLocaleString("en")} characters`;
    }),
    `${due.length} runs would be sent and paid for (max_runs is ${config.max_runs}); ${unfinished.length} sent earlier would be asked for`,
  ];
}

async function look(openReader: OpenReader, config: Config, spool: Spool, env: Env): Promise<Work> {
  const files = config.warehouse_config === undefined ? [] : [config.warehouse_config];
  const { reader, schema } = await openReader({ files, settings: config.warehouse ?? {} });
  await using open = reader;
  return await findWork(open, schema, config, { spool, log: env.log });
}
