import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { JsonValue } from "../../core/json.ts";
import { wordCount } from "../chorus/engagement.ts";
import { hashJson } from "../chorus/hash.ts";
import { isoOrNull, type ReadTime } from "../chorus/time.ts";
import type { Config } from "./config.ts";
import type { MappingRow } from "./mapping.ts";
import { notationOf, turnsOf, type Notation, type Turn } from "./turns.ts";
import type { Cue } from "./vtt.ts";

type Platform = "zoom" | "teams" | "other";
type Role = "rep" | "prospect" | "unknown";

/** A turn of a meeting, as rows show it. */
interface Utterance {
  readonly speaker: string | null;
  readonly role: Role;
  readonly startSeconds: number;
  readonly durationSeconds: number;
  readonly wordCount: number;
  readonly text: string;
}

/** A meeting, of which all streams make their rows. */
export interface Meeting {
  readonly id: string;
  readonly platform: Platform;
  readonly title: string | null;
  readonly startedAt: string | null;
  readonly durationSeconds: number | null;
  readonly callType: string | null;
  readonly repEmail: string | null;
  readonly repName: string | null;
  readonly dealId: string | null;
  readonly dealName: string | null;
  /** Name of the file, without its folder. */
  readonly sourceFile: string;
  readonly contentHash: string;
  readonly utterances: readonly Utterance[];
  /** Of the utterances; null when there are none. */
  readonly transcriptHash: string | null;
}

interface Facts {
  /** From the folder, with `/`. */
  readonly path: string;
  readonly contentHash: string;
  readonly row: MappingRow | undefined;
  readonly config: Config;
  readonly time: ReadTime;
}

/** Puts together what a file, its name and its row of the mapping say. */
export function meetingOf(cues: readonly Cue[], { path, contentHash, row, config, time }: Facts): Meeting {
  const platform = row?.platform == null ? platformOf(notationOf(cues)) : namedPlatform(row.platform);
  const turns = turnsOf(cues);
  const roleOf = roles(turns, config, row);
  const utterances = turns.map((turn) => asUtterance(turn, roleOf(turn.speaker)));
  const name = basename(path);
  return {
    id: meetingId(platform, row?.meetingId ?? null, path),
    platform,
    title: row?.title ?? name.replace(/\.vtt$/i, ""),
    startedAt: isoOrNull(row?.startedAt == null ? startInName(name, time) : time(row.startedAt)),
    durationSeconds: cues.length === 0 ? null : cues.reduce((last, { endMs }) => Math.max(last, endMs), 0) / 1000,
    callType: row?.callType ?? null,
    repEmail: row?.repEmail?.toLowerCase() ?? null,
    repName: row?.repName ?? null,
    dealId: row?.dealId ?? null,
    dealName: row?.dealName ?? null,
    sourceFile: name,
    contentHash,
    utterances,
    transcriptHash: utterances.length === 0 ? null : hashJson(utterances as unknown as JsonValue),
  };
}

/** `zoom:` and the platform's own id; without one a hash of the path, so that the same file stays the same meeting. */
function meetingId(platform: Platform, given: string | null, path: string): string {
  if (given !== null) return given.startsWith(`${platform}:`) ? given : `${platform}:${given}`;
  const stem = path.replace(/\.vtt$/i, "").normalize("NFC");
  return `${platform}:${createHash("sha256").update(stem).digest("hex").slice(0, 16)}`;
}

function namedPlatform(name: string): Platform {
  if (/\bzoom\b/i.test(name)) return "zoom";
  return /\bteams\b/i.test(name) ? "teams" : "other";
}

const PLATFORMS: Readonly<Record<Notation, Platform>> = { label: "zoom", voice: "teams", none: "other" };
const platformOf = (notation: Notation) => PLATFORMS[notation];

/** Zoom names recordings `GMT20260312-150000…`, Teams ends names with `-20260312_150000-Meeting Recording`, local. */
function startInName(name: string, time: ReadTime): number | null {
  const [, gmt, year = "", month = "", day = "", hour = "", minute = "", second = ""] =
    /(GMT)?(?<!\d)(\d{4})(\d{2})(\d{2})[-_](\d{2})(\d{2})(\d{2})(?!\d)/.exec(name) ?? [];
  if (year === "") return null;
  return time(`${year}-${month}-${day}T${hour}:${minute}:${second}${gmt === undefined ? "" : "Z"}`);
}

/**
 * Who is on our side: who the mapping or the settings name, or whose name is an address of our domains. When that finds
 * somebody in a meeting, the others are prospects; when it finds nobody, nothing is known of anyone.
 */
function roles(turns: readonly Turn[], config: Config, row: MappingRow | undefined): (speaker: string | null) => Role {
  const named = [...config.reps, ...(row?.speakers ?? []), row?.repName, row?.repEmail].filter((one) => one != null);
  const ours = new Set(named.map(folded));
  const domains = new Set(config.rep_domains.map((domain) => folded(domain).replace(/^@/, "")));
  const isOurs = (speaker: string) => {
    const name = folded(speaker);
    return ours.has(name) || (name.includes("@") && domains.has(name.slice(name.lastIndexOf("@") + 1)));
  };
  const found = turns.some(({ speaker }) => speaker !== null && isOurs(speaker));
  return (speaker) => (speaker === null || !found ? "unknown" : isOurs(speaker) ? "rep" : "prospect");
}

/** Teams marks those from outside behind their name. */
const folded = (name: string) =>
  name
    .normalize("NFC")
    .replace(/\s*\((?:guest|external|unverified)\)\s*$/i, "")
    .replace(/\s+/gu, " ")
    .trim()
    .toLowerCase();

function asUtterance({ speaker, startMs, endMs, text }: Turn, role: Role): Utterance {
  return {
    speaker,
    role,
    startSeconds: startMs / 1000,
    durationSeconds: (endMs - startMs) / 1000,
    wordCount: wordCount(text),
    text,
  };
}
