import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Call, CallSource, Deal, Turn } from "./model.ts";
import { hexId, random, type Random } from "./random.ts";
import { speak } from "./speech.ts";

export interface SampleMeetingsOptions {
  /** The account whose deals the meetings are about, e.g. from `generate`. */
  readonly source: Pick<CallSource, "calls">;
  readonly seed?: number;
  /** How many, half of them of Zoom and half of Teams; 16 when absent. Fewer when there are not so many deals. */
  readonly meetings?: number;
}

export interface SampleMeetings {
  /** The config of tap-transcripts names these two. */
  readonly path: string;
  readonly mapping: string;
  readonly files: readonly string[];
  readonly utterances: number;
}

type Platform = "zoom" | "teams";

interface Planned {
  readonly platform: Platform;
  /** From the folder, with `/`. */
  readonly file: string;
  readonly meetingId: string;
  readonly call: Call;
  readonly deal: Deal;
  readonly startedMs: number;
}

const DAY_MS = 86_400_000;
const WORDS_PER_CUE = 12;

/**
 * Writes transcripts as Zoom and Teams export them, of made-up meetings with people of the account's deals, and a mapping
 * that says which deal each is about: so a deal is talked about on several platforms. The same account and seed give the
 * same files.
 */
export async function writeSampleMeetings(
  folder: string,
  { source, seed = 1, meetings = 16 }: SampleMeetingsOptions,
): Promise<SampleMeetings> {
  const planned = plan(source.calls, seed, meetings);
  let utterances = 0;
  for (const platform of ["zoom", "teams"]) await mkdir(join(folder, platform), { recursive: true });
  for (const [n, meeting] of planned.entries()) {
    const company = meeting.call.crm?.accountName ?? meeting.deal.name;
    const turns = speak(["meeting", seed, n], { company, participants: meeting.call.participants });
    utterances += turns.length;
    const text = meeting.platform === "zoom" ? asZoom(turns) : asTeams(turns, random("teams", seed, n));
    await writeFile(join(folder, meeting.file), text);
  }
  const mapping = join(folder, "meetings.csv");
  await writeFile(mapping, asMapping(planned));
  return { path: folder, mapping, files: planned.map(({ file }) => file), utterances };
}

/** A meeting on each platform for every deal, newest first, some days before its newest call. */
function plan(calls: readonly Call[], seed: number, count: number): Planned[] {
  const ofDeal = new Map<string, Call>();
  for (const call of calls) if (call.deal !== null && !ofDeal.has(call.deal.id)) ofDeal.set(call.deal.id, call);
  const planned: Planned[] = [];
  for (const call of ofDeal.values()) {
    for (const platform of ["zoom", "teams"] as const) {
      if (planned.length === count || call.deal === null) return planned;
      const rng = random("meeting", seed, call.deal.id, platform);
      const startedMs = call.startedMs - rng.between(1, 9) * DAY_MS - rng.below(8) * 900_000;
      const meetingId =
        platform === "zoom" ? String(80_000_000_000 + rng.below(9_000_000_000)) : hexId("teams", seed, call.deal.id);
      const file = `${platform}/${fileName(platform, startedMs, call.deal)}`;
      planned.push({ platform, file, meetingId, call, deal: call.deal, startedMs });
    }
  }
  return planned;
}

/** As the platforms name them, with the time in them; Teams means the time of the place, here UTC. */
function fileName(platform: Platform, startedMs: number, deal: Deal): string {
  const digits = new Date(startedMs).toISOString().replace(/[-:]/g, "").slice(0, 15);
  if (platform === "zoom") return `GMT${digits.replace("T", "-")}_Recording.transcript.vtt`;
  return `${deal.name.replace(/[^\p{L}\p{N} ]/gu, "").trim()}-${digits.replace("T", "_")}-Meeting Recording.vtt`;
}

/** Numbered cues of about a line each, `Name: text`, with Windows line ends. */
function asZoom(turns: readonly Turn[]): string {
  const cues = turns.flatMap(cuesOf).map(({ from, to, speaker, text }, i) => {
    const label = speaker === null ? "" : `${speaker}: `;
    return [String(i + 1), `${stamp(from)} --> ${stamp(to)}`, `${label}${text}`, ""].join("\r\n");
  });
  return `WEBVTT\r\n\r\n${cues.join("\r\n")}`;
}

/** `<v Name>text</v>` under ids of their own. */
function asTeams(turns: readonly Turn[], rng: Random): string {
  const id = hexId("cue", rng.next());
  const cues = turns.flatMap(cuesOf).map(({ from, to, speaker, text }, i) => {
    const said = speaker === null ? escaped(text) : `<v ${escaped(speaker)}>${escaped(text)}</v>`;
    return `${id}/${i}-0\n${stamp(from)} --> ${stamp(to)}\n${said}\n`;
  });
  return `WEBVTT\n\n${cues.join("\n")}`;
}

/** A turn in pieces that fit on a screen, each as long as its share of the words. */
function cuesOf({ speaker, startSeconds, durationSeconds, text }: Turn) {
  const words = text.split(/\s+/u).filter(Boolean);
  const at = (word: number) => startSeconds + (durationSeconds * word) / Math.max(1, words.length);
  return Array.from({ length: Math.ceil(words.length / WORDS_PER_CUE) }, (_, i) => {
    const [first, end] = [i * WORDS_PER_CUE, Math.min(words.length, (i + 1) * WORDS_PER_CUE)];
    return { speaker, from: at(first), to: at(end), text: words.slice(first, end).join(" ") };
  });
}

function asMapping(planned: readonly Planned[]): string {
  const head = "file,meeting_id,platform,title,started_at,deal_id,deal_name,rep_email,rep_name,call_type,speakers";
  const rows = planned.map(({ file, meetingId, platform, call, deal, startedMs }) => {
    const ours = call.participants.filter(({ role }) => role === "rep").map(({ name }) => name ?? "");
    const { owner } = call;
    return [
      file,
      meetingId,
      platform,
      `${platform === "zoom" ? "Follow-up" : "Working session"}: ${deal.name}`,
      new Date(startedMs).toISOString(),
      deal.id,
      deal.name,
      owner?.email ?? "",
      owner?.name ?? "",
      "meeting",
      ours.join(";"),
    ]
      .map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
      .join(",");
  });
  return `${[head, ...rows].join("\n")}\n`;
}

function stamp(seconds: number): string {
  return new Date(Math.round(seconds * 1000)).toISOString().slice(11, 23);
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
