import type { JsonObject } from "../../core/json.ts";
import type { Call, Turn } from "../model.ts";
import { oddCharacters, oddCharactersInTurns } from "./characters.ts";
import { oddEnums, oddValues } from "./enums.ts";
import { FAULTS, REFUSALS, type Fault } from "./faults.ts";
import { exactNumbers } from "./numbers.ts";
import { oddSpeakers } from "./speakers.ts";

/**
 * One way in which the API may surprise a reader. Those with functions change what is shown; the others are asked for
 * by name where they act: in the account (Q01, Q03, Q09, Q11) and in the pages of a list (Q04, Q07, Q08).
 */
export interface Quirk {
  readonly about: string;
  /** A call as readers see it; `n` is its number in the account. The truth follows. */
  readonly call?: (call: Call, n: number) => Call;
  /** Its turns as readers see them. The truth follows. */
  readonly turns?: (turns: readonly Turn[], n: number) => readonly Turn[];
  /** A call, transcript, user or team as it is written; what it means stays the same. */
  readonly wire?: (row: JsonObject, n: number) => JsonObject;
  readonly limitCap?: number;
  /** Answers that come in the place of the right one, in turns. The next try of the same request is served. */
  readonly faults?: { readonly everyRequests: number; readonly inTurns: readonly Fault[] };
}

const TABLE = {
  Q01: {
    about:
      "Late calls: every tenth call of the last five days is hidden until `late` releases it; then `late` adds calls that started one to five days ago.",
  },
  Q03: {
    about:
      "Edits: every POST to /_sample/changes also edits two recent calls (title, deal, tags, trackers, participants, speakers).",
  },
  Q04: {
    about:
      "Inserts while paging: until a window is read to its end, pages after the first may get new calls in front, ten in all.",
  },
  Q06: { about: "Lists give at most 25 rows, whatever limit is asked.", limitCap: 25 },
  Q07: { about: "Every second page that has more behind it is short; `total` is null or wrong; `has_more` is null." },
  Q08: { about: "Every seventh call of a list comes again at the end, as an older copy." },
  Q09: {
    about:
      "A third of the transcripts is pending, in turns as 202, as 404 transcript_not_ready, as an empty 200; ready on the second try or by `transcripts_ready`.",
  },
  Q11: { about: "`edit` also makes transcripts grow, shrink or change speakers." },
  Q14: { about: "Speaker names that are null, blank, shared, or of nobody in the call.", turns: oddSpeakers },
  Q15: {
    about: "Emoji, right-to-left text, combining marks, U+2028, NUL and lone surrogates in titles, tags and turns.",
    call: oddCharacters,
    turns: oddCharactersInTurns,
  },
  Q18: {
    about: "Every sixth request gets a 429; Retry-After is 1, an HTTP date, absent, 0, a date in the past.",
    faults: { everyRequests: 6, inTurns: REFUSALS },
  },
  Q19: {
    about:
      "Every fourth list or transcript request fails: 500, 502, 503, 504, a reset, a slow body, cut JSON, HTML with 200.",
    faults: { everyRequests: 4, inTurns: FAULTS },
  },
  Q21: {
    about:
      "Ids are JSON numbers above 2^53, other numbers come as text, empty lists as null, nulls are left out, and there are unknown fields.",
    wire: exactNumbers,
  },
  Q22: {
    about: 'Duration 0, deal amount -1, "" as CRM id, "no show" beside "no_show", words of an enumeration in any case.',
    call: oddValues,
    wire: oddEnums,
  },
} as const satisfies Record<string, Quirk>;

export type QuirkId = keyof typeof TABLE;

export const QUIRKS: Readonly<Record<QuirkId, Quirk>> = TABLE;

/** The quirks that the sample API can switch on. */
export const QUIRK_IDS = Object.keys(TABLE) as readonly QuirkId[];

export function isQuirkId(id: string): id is QuirkId {
  return Object.hasOwn(TABLE, id);
}
