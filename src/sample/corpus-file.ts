import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { EltError } from "../core/errors.ts";

/** A call of a corpus file, one JSON object on its line. */
export interface Recorded {
  readonly id: string;
  readonly title: string | null;
  readonly account: string;
  readonly group: string;
  readonly started_at: string;
  readonly duration_s: number;
  readonly speakers: readonly { readonly id: string; readonly name: string | null }[];
  readonly utterances: readonly {
    readonly speaker_id: string;
    readonly text: string;
    readonly start_s: number;
    readonly end_s: number;
  }[];
}

/** The calls of a corpus file. Throws CONFIG_INVALID with the file, and the line where there is one. */
export async function readRecorded(path: string): Promise<Recorded[]> {
  return parseLines(await readText(path), path);
}

async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EltError(
      "CONFIG_INVALID",
      `the corpus ${path} cannot be read (${why}); give the path of a .jsonl or .jsonl.gz file`,
      { cause },
    );
  }
}

function parseLines(text: string, path: string): Recorded[] {
  const ids = new Set<string>();
  const recorded = text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const one = parseLine(line);
    const wrong = typeof one === "string" ? one : ids.has(one.id) ? `repeats the id ${one.id}` : undefined;
    if (wrong !== undefined || typeof one === "string") throw badLine(path, index + 1, wrong ?? "");
    ids.add(one.id);
    return [one];
  });
  if (recorded.length === 0)
    throw new EltError("CONFIG_INVALID", `the corpus ${path} holds no calls; give a file with one call a line`);
  return recorded;
}

function badLine(path: string, line: number, wrong: string): EltError {
  const form = "{id, title, account, group, started_at, duration_s, speakers, utterances}";
  return new EltError("CONFIG_INVALID", `${path}, line ${line} ${wrong}; each line must be one call as ${form}`);
}

/** The call on a line, or what is wrong with it. */
function parseLine(line: string): Recorded | string {
  let one: unknown;
  try {
    one = JSON.parse(line);
  } catch {
    return `is not JSON (${line.length} characters)`;
  }
  if (typeof one !== "object" || one === null) return "is not an object";
  const call = one as Partial<Record<keyof Recorded, unknown>>;
  for (const name of ["id", "account", "group", "started_at"] as const) {
    if (typeof call[name] !== "string" || call[name] === "") return `has no ${name}`;
  }
  if (Number.isNaN(Date.parse(String(call.started_at)))) return "has a started_at that is no time";
  if (typeof call.duration_s !== "number") return "has no duration_s";
  if (!all(call.speakers, { id: "string" })) return "has speakers without ids";
  if (!all(call.utterances, { text: "string", start_s: "number", end_s: "number" }))
    return "has utterances without text, start_s and end_s";
  return one as Recorded;
}

function all(list: unknown, fields: Readonly<Record<string, "string" | "number">>): boolean {
  const suits = (item: unknown) =>
    typeof item === "object" &&
    item !== null &&
    Object.entries(fields).every(([name, type]) => typeof (item as Record<string, unknown>)[name] === type);
  return Array.isArray(list) && list.every(suits);
}
