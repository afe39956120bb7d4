import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silentLog, type Log } from "../../src/core/log.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { State } from "../../src/core/message.ts";
import type { SourceMessage } from "../../src/core/source.ts";
import type { Config } from "../../src/sources/transcripts/config.ts";
import { transcripts } from "../../src/sources/transcripts/index.ts";
import { fakeClock } from "../support/clock.ts";

/** A folder of transcripts for one test. */
export interface Meetings extends AsyncDisposable {
  readonly path: string;
  write(files: Readonly<Record<string, string | Buffer>>): Promise<void>;
  /** Writes the mapping and gives its path. */
  map(text: string, name?: string): Promise<string>;
}

export async function meetings(files: Readonly<Record<string, string | Buffer>> = {}): Promise<Meetings> {
  const folder = await mkdtemp(join(tmpdir(), "chorus-elt-test-"));
  const path = join(folder, "vtt");
  await mkdir(path);
  const write: Meetings["write"] = async (written) => {
    for (const [name, content] of Object.entries(written)) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), content);
    }
  };
  await write(files);
  return {
    path,
    write,
    async map(text, name = "mapping.csv") {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A small transcript: a line is `Name: words`, ten seconds after the one before. */
export function vtt(...lines: readonly string[]): string {
  const at = (second: number) => new Date(second * 1000).toISOString().slice(11, 23);
  const cues = lines.map((line, i) => `${i + 1}\n${at(10 * i)} --> ${at(10 * i + 5)}\n${line}\n`);
  return `WEBVTT\n\n${cues.join("\n")}`;
}

export interface Outcome {
  readonly messages: readonly SourceMessage[];
  readonly state: State;
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  readonly of: (stream: string) => JsonObject[];
}

/** One run of the tap over a folder. Throws what it throws. */
export async function read(
  { path }: Pick<Meetings, "path">,
  options: { config?: Partial<Config>; state?: State; select?: readonly string[]; signal?: AbortSignal } = {},
): Promise<Outcome> {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (text) => warnings.push(text) };
  const { signal = new AbortController().signal } = options;
  const env = { clock: fakeClock(), log, signal, step: () => undefined };
  const defaults = { account_timezone: "UTC", rep_domains: [], reps: [], max_file_bytes: 1_000_000 };
  const config = { path, ...defaults, ...options.config };
  const selection = transcripts.streams
    .filter(({ name }) => options.select?.includes(name) ?? true)
    .map((stream) => ({ stream, fields: new Set<string>() }));
  const messages: SourceMessage[] = [];
  for await (const message of await transcripts.read(config, selection, options.state ?? {}, env))
    messages.push(message);
  const states = messages.flatMap((message) => (message.type === "state" ? [message.state] : []));
  return {
    messages,
    state: states.at(-1) ?? {},
    failures: messages.flatMap((message) => (message.type === "failure" ? [message.error.message] : [])),
    warnings,
    of: (stream) =>
      messages.flatMap((message) => (message.type === "record" && message.stream === stream ? [message.record] : [])),
  };
}
