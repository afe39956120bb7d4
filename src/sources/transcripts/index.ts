import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import type { Source } from "../../core/source.ts";
import { timeReader, type ReadTime } from "../chorus/time.ts";
import { configSchema, type Config } from "./config.ts";
import { transcriptFiles } from "./folder.ts";
import { matchRows, readMapping } from "./mapping.ts";
import { readTranscripts, type Work } from "./read.ts";
import { seenFiles } from "./state.ts";
import { streams } from "./streams.gen.ts";

/** Meetings of other platforms, from the transcript files that those export. */
export const transcripts: Source<Config> = {
  name: "transcripts",
  configSchema,
  streams,

  async check(config, env) {
    await findWork(config, env);
  },

  async read(config, selection, state, env) {
    const selected = new Set(selection.map(({ stream }) => stream.name));
    const chosen = streams.filter(({ name }) => selected.has(name));
    // A meeting comes before its turns: it is what takes the older ones away.
    const ordered = [...chosen.filter(({ parent }) => parent === undefined), ...chosen.filter(({ parent }) => parent)];
    seenFiles(state); // a state that is not ours is told of before anything is read
    return readTranscripts(await findWork(config, env), ordered, state, env);
  },
};

/** Throws CONFIG_INVALID or CONFIG_UNREADABLE when the folder or the mapping cannot be used. */
async function findWork(config: Config, { log }: Env): Promise<Work> {
  const time = await readerOf(config.account_timezone);
  const files = await transcriptFiles(config.path);
  if (files.length === 0) log.warn(`there is no .vtt file in ${config.path}`);
  const { mapping } = config;
  if (mapping === undefined) return { config, files, rowOf: new Map(), time };
  const rows = await readMapping(mapping, log);
  for (const { startedAt, place } of rows) {
    if (startedAt !== null && time(startedAt) === null) {
      throw new EltError("CONFIG_INVALID", `${place} of the mapping ${mapping}: \`started_at\` is not a date and time`);
    }
  }
  const { rowOf, unmatched } = matchRows(mapping, rows, files);
  if (unmatched.length > 0) {
    log.warn(
      `${unmatched.length} rows of the mapping name files that are not there: ${unmatched[0]?.place ?? ""} first`,
    );
  }
  return { config, files, rowOf, time };
}

async function readerOf(zone: string): Promise<ReadTime> {
  try {
    return await timeReader(zone);
  } catch (cause) {
    throw new EltError("CONFIG_INVALID", `\`account_timezone\`: ${zone} is not the name of a time zone`, { cause });
  }
}
