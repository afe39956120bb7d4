/** What a file shows at one time: who speaks may stand in its text. */
export interface Cue {
  readonly startMs: number;
  readonly endMs: number;
  /** Lines as they stand in the file, joined by "\n"; with tags and character references. */
  readonly text: string;
}

export interface Vtt {
  /** In the order of the file. */
  readonly cues: readonly Cue[];
  /** Lines, from 1, where a block begins that has text and no times, and so belongs to no cue. */
  readonly untimed: readonly number[];
}

/** What is wrong with a file, and where. Never says what stands there. */
export class VttError extends Error {
  readonly line: number;

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
    this.line = line;
  }
}

const TIME = String.raw`(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?`;
// Cue settings may follow; they are about where on the screen it is shown.
const TIMES = new RegExp(String.raw`^\s*${TIME}\s*-->\s*${TIME}(?:\s.*)?$`);
const NOT_SPOKEN = /^(?:NOTE|STYLE|REGION)(?:\s|$)/;

/**
 * Reads WebVTT, https://www.w3.org/TR/webvtt1/, as Zoom and Teams write it: hours may be missing, digits may be fewer
 * than the standard asks for, and a cue may follow another without an empty line. Throws VttError where a cue would
 * be lost.
 */
export function parseVtt(content: string): Vtt {
  const lines = content.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  if (!/^WEBVTT(?:\s|$)/.test(lines[0] ?? "")) throw new VttError(1, "the file does not begin with WEBVTT");
  const cues: Cue[] = [];
  const untimed: number[] = [];
  let at = afterHeader(lines);
  while (at < lines.length) {
    const first = lines[at] ?? "";
    if (isBlank(first)) at++;
    else if (first.includes("-->")) at = takeCue(lines, at, cues);
    else if (NOT_SPOKEN.test(first)) at = nextBlank(lines, at);
    else if (lines[at + 1]?.includes("-->") === true) at = takeCue(lines, at + 1, cues);
    else {
      untimed.push(at + 1);
      at = nextBlank(lines, at);
    }
  }
  return { cues, untimed };
}

/** Reads the cue whose times are at `at`, and gives the place behind it. */
function takeCue(lines: readonly string[], at: number, cues: Cue[]): number {
  const [startMs, endMs] = readTimes(lines[at] ?? "", at + 1);
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end] ?? "") && !TIMES.test(lines[end] ?? "")) end++;
  // Where no empty line parts two cues, a number before the next one's times is its name.
  const isCut = TIMES.test(lines[end] ?? "") && end > at + 1 && /^\s*\d+\s*$/.test(lines[end - 1] ?? "");
  cues.push({ startMs, endMs, text: lines.slice(at + 1, isCut ? end - 1 : end).join("\n") });
  return end;
}

function readTimes(line: string, number: number): [startMs: number, endMs: number] {
  const parts = TIMES.exec(line);
  if (parts === null) throw new VttError(number, "the times of a cue are not understood");
  const startMs = milliseconds(parts.slice(1, 5), number);
  const endMs = milliseconds(parts.slice(5, 9), number);
  if (endMs < startMs) throw new VttError(number, "a cue ends before it begins");
  return [startMs, endMs];
}

function milliseconds([hours, minutes, seconds, fraction]: (string | undefined)[], number: number): number {
  const [h, m, s] = [Number(hours ?? 0), Number(minutes), Number(seconds)];
  if (m > 59 || s > 59) throw new VttError(number, "a time has more than 59 minutes or seconds");
  return ((h * 60 + m) * 60 + s) * 1000 + Number((fraction ?? "0").padEnd(3, "0"));
}

/** The header ends with an empty line, or where the first cue begins without one. */
function afterHeader(lines: readonly string[]): number {
  let at = 1;
  while (at < lines.length && !isBlank(lines[at] ?? "")) {
    if (lines[at]?.includes("-->") === true) return at;
    at++;
  }
  return at;
}

function nextBlank(lines: readonly string[], from: number): number {
  let at = from;
  while (at < lines.length && !isBlank(lines[at] ?? "")) at++;
  return at;
}

const isBlank = (line: string) => line.trim() === "";
