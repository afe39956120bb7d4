import { hasVoice, labelOf, spokenIn } from "./cue-text.ts";
import type { Cue } from "./vtt.ts";

/** What one person says without a pause that ends the turn. */
export interface Turn {
  readonly speaker: string | null;
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
}

/** How a file says who speaks: by `<v Name>` (Teams), by `Name: ` (Zoom), or not at all. */
export type Notation = "voice" | "label" | "none";

/**
 * A turn goes on over cues, which only cut it to what fits on a screen, as long as the same person speaks and is silent
 * for no longer than this.
 */
const LONGEST_PAUSE_MS = 2_000;

/** A file is labelled when at least half of its cues begin with `Name: `; else a colon is just a colon. */
export function notationOf(cues: readonly Cue[]): Notation {
  if (cues.some(({ text }) => hasVoice(text))) return "voice";
  const labelled = cues.filter(({ text }) => labelOf(text) !== undefined).length;
  return labelled > 0 && 2 * labelled >= cues.length ? "label" : "none";
}

/** The turns of a file, by their beginning. Speech of which nobody knows who said it is never joined. */
export function turnsOf(cues: readonly Cue[]): Turn[] {
  const isName = nameTest(cues);
  const turns: Turn[] = [];
  for (const { startMs, endMs, text } of [...cues].sort((a, b) => a.startMs - b.startMs)) {
    for (const spoken of spokenIn(text, isName)) {
      const last = turns.at(-1);
      const goesOn =
        last !== undefined &&
        spoken.speaker !== null &&
        last.speaker === spoken.speaker &&
        startMs - last.endMs <= LONGEST_PAUSE_MS;
      if (!goesOn) turns.push({ ...spoken, startMs, endMs });
      else {
        turns[turns.length - 1] = { ...last, endMs: Math.max(last.endMs, endMs), text: `${last.text} ${spoken.text}` };
      }
    }
  }
  return turns;
}

/** In a labelled file a label is a name when it comes again, or looks like one: few words, and no run of lower case. */
function nameTest(cues: readonly Cue[]): (label: string) => boolean {
  if (notationOf(cues) !== "label") return () => false;
  const counts = new Map<string, number>();
  for (const { text } of cues) {
    const label = labelOf(text);
    if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return (label) => {
    const words = label.split(/\s+/u);
    return (
      (counts.get(label) ?? 0) > 1 ||
      words.length <= 2 ||
      (words.length <= 5 && !words.every((word) => /^\p{Ll}/u.test(word)))
    );
  };
}
