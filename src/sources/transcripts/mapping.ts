import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { EltError } from "../../core/errors.ts";
import { isObject, parseJson, type JsonObject, type JsonValue } from "../../core/json.ts";
import type { Log } from "../../core/log.ts";
import { parseCsv } from "./csv.ts";

/** What the mapping says of one file. What it leaves out, or leaves empty, is null. */
export interface MappingRow {
  readonly file: string;
  readonly meetingId: string | null;
  readonly platform: string | null;
  readonly title: string | null;
  readonly startedAt: string | null;
  readonly dealId: string | null;
  readonly dealName: string | null;
  readonly repEmail: string | null;
  readonly repName: string | null;
  readonly callType: string | null;
  /** Speakers of our side. */
  readonly speakers: readonly string[];
  /** Where it stands, for messages: `line 3`, or `entry 3` of a JSON file. */
  readonly place: string;
}

const COLUMNS = [
  "file",
  "meeting_id",
  "platform",
  "title",
  "started_at",
  "deal_id",
  "deal_name",
  "rep_email",
  "rep_name",
  "call_type",
  "speakers",
];

/** Reads the mapping; CSV unless its name ends in `.json`. Throws CONFIG_UNREADABLE, or CONFIG_INVALID with the place. */
export async function readMapping(path: string, log: Log): Promise<MappingRow[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new EltError("CONFIG_UNREADABLE", `cannot read the mapping ${path}`, { cause });
  });
  const rows = /\.json$/i.test(path) ? fromJson(text, path) : fromCsv(text, path);
  const names = new Set(rows.flatMap(({ fields }) => Object.keys(fields)));
  const unknown = [...names].filter((name) => !COLUMNS.includes(name));
  if (unknown.length > 0) log.warn(`the mapping ${path} has columns that mean nothing here: ${unknown.join(", ")}`);
  return rows.map(({ place, fields }) => asRow(path, place, fields));
}

/**
 * Finds the row of each file. A row names its file by the path in the folder, or by the name alone where only one file
 * has it. Throws CONFIG_INVALID when a row or a file can be meant twice, or two files would be the same meeting.
 */
export function matchRows(
  path: string,
  rows: readonly MappingRow[],
  files: readonly string[],
): { rowOf: ReadonlyMap<string, MappingRow>; unmatched: readonly MappingRow[] } {
  const invalid = (what: string) => new EltError("CONFIG_INVALID", `the mapping ${path} cannot be used: ${what}`);
  const byName = new Map<string, string[]>();
  for (const file of files) byName.set(basename(file), [...(byName.get(basename(file)) ?? []), file]);
  const known = new Set(files);
  const rowOf = new Map<string, MappingRow>();
  const ofMeeting = new Map<string, MappingRow>();
  const unmatched: MappingRow[] = [];
  for (const row of rows) {
    const named = known.has(row.file) ? [row.file] : (byName.get(row.file) ?? []);
    const [file] = named;
    if (file === undefined) {
      unmatched.push(row);
      continue;
    }
    if (named.length > 1) throw invalid(`${row.place} names ${named.length} files; give the folder too`);
    const other = rowOf.get(file);
    if (other !== undefined) throw invalid(`${other.place} and ${row.place} are about the same file`);
    rowOf.set(file, row);
    if (row.meetingId === null) continue;
    const id = `${row.platform ?? ""} ${row.meetingId}`.toLowerCase();
    const same = ofMeeting.get(id);
    if (same !== undefined) throw invalid(`${same.place} and ${row.place} have the same meeting_id`);
    ofMeeting.set(id, row);
  }
  return { rowOf, unmatched };
}

interface Given {
  readonly place: string;
  readonly fields: JsonObject;
}

function fromCsv(text: string, path: string): Given[] {
  let rows;
  try {
    rows = parseCsv(text);
  } catch (cause) {
    const what = cause instanceof SyntaxError ? cause.message : "it is not CSV";
    throw new EltError("CONFIG_INVALID", `the mapping ${path} cannot be read: ${what}`, { cause });
  }
  const [head, ...rest] = rows;
  const names = (head?.cells ?? []).map((name) => name.trim().toLowerCase());
  return rest.map(({ line, cells }) => {
    if (cells.length > names.length) {
      const what = `line ${line} has ${cells.length} cells and the first line ${names.length}`;
      throw new EltError("CONFIG_INVALID", `the mapping ${path} cannot be read: ${what}`);
    }
    return { place: `line ${line}`, fields: Object.fromEntries(names.map((name, i) => [name, cells[i] ?? null])) };
  });
}

function fromJson(text: string, path: string): Given[] {
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new EltError("CONFIG_INVALID", `the mapping ${path} is not JSON`, { cause });
  }
  const list = isObject(value) ? value["meetings"] : value;
  if (!Array.isArray(list)) {
    throw new EltError("CONFIG_INVALID", `the mapping ${path} is neither a list nor an object with "meetings"`);
  }
  return list.map((fields, index) => {
    const place = `entry ${index + 1}`;
    if (!isObject(fields)) throw new EltError("CONFIG_INVALID", `${place} of the mapping ${path} is not an object`);
    return { place, fields };
  });
}

function asRow(path: string, place: string, fields: JsonObject): MappingRow {
  const text = (name: string): string | null => {
    const value = fields[name];
    const given = typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
    return given === "" ? null : given;
  };
  const file = text("file");
  if (file === null) throw new EltError("CONFIG_INVALID", `${place} of the mapping ${path} names no \`file\``);
  const { speakers } = fields;
  return {
    file: file.replaceAll("\\", "/").replace(/^\.\//, ""),
    meetingId: text("meeting_id"),
    platform: text("platform"),
    title: text("title"),
    startedAt: text("started_at"),
    dealId: text("deal_id"),
    dealName: text("deal_name"),
    repEmail: text("rep_email"),
    repName: text("rep_name"),
    callType: text("call_type"),
    speakers: (Array.isArray(speakers) ? speakers.map(String) : (text("speakers") ?? "").split(/[;|]/))
      .map((name) => name.trim())
      .filter((name) => name !== ""),
    place,
  };
}
