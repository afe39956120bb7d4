import type { JsonObject } from "../../core/json.ts";
import type { Call, Turn } from "../model.ts";
import { oddCharacters, oddCharactersInTurns } from "./characters.ts";
import { oddEnums, oddValues } from "./enums.ts";
import { expiredLinks } from "./recordings.ts";
import { FAULTS, REFUSALS, type Fault } from "./faults.ts";
import { exactNumbers } from "./numbers.ts";
import { oddSpeakers } from "./speakers.ts";

/**
 * One way in which the API may surprise a reader. Those with functions change what is shown; the others are asked for
 * by name where they act: in the account and its changes, in the pages of a list, at the gate.
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
  Q02: { about: "Uploads: every `late` also adds a call that started 20 to 80 days ago." },
  Q03: {
    about:
      "Edits: every POST to /_sample/changes also edits two recent calls (title, deal, tags, trackers, participants, speakers).",
  },
  Q04: {
    about:
      "Inserts while paging: until a window is read to its end, pages after the first may get new calls in front, ten in all.",
  },
  Q05: {
    about:
      "Deletions while paging: until a window is read to its end, pages after the first may lose a call from its front for good, ten in all.",
  },
  Q06: { about: "Lists give at most 25 rows, whatever limit is asked.", limitCap: 25 },
  Q07: { about: "Every second page that has more behind it is short; `total` is null or wrong; `has_more` is null." },
  Q08: { about: "Every seventh call of a list comes again at the end, as an older copy." },
  Q09: {
    about:
      "A third of the transcripts is pending, in turns as 202, as 404 transcript_not_ready, as an empty 200; ready on the second try or by `transcripts_ready`.",
  },
  Q10: {
    about:
      "The transcript of every seventh call never comes, in turns by 404 no_transcript, by 403, by 202 for ever, by a 404 without a code.",
  },
  Q11: { about: "`edit` also makes transcripts grow, shrink or change speakers." },
  Q12: {
    about:
      "Calls that go: every POST to /_sample/changes also deletes a recent call and makes one private; both answer 404 not_found.",
  },
  Q13: {
    about:
      "Access is lost: half of the calls cannot be seen, or as POST /_sample/access says; the truth stays as it was.",
  },
  Q14: { about: "Speaker names that are null, blank, shared, or of nobody in the call.", turns: oddSpeakers },
  Q15: {
    about: "Emoji, right-to-left text, combining marks, U+2028, NUL and lone surrogates in titles, tags and turns.",
    call: oddCharacters,
    turns: oddCharactersInTurns,
  },
  Q16: { about: "The first call that was spoken has 10,000 turns and a transcript of 20 MB." },
  Q17: {
    about:
      "The end of a window is not in it, a date is the start of its day, and dates and times without an offset are in New York; flavour `calls` writes its times so.",
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
  Q20: { about: "After 40 requests the token is refused, once, until /_sample/token says that it is valid." },
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
  Q23: {
    about:
      "Lists end with a continuation key that is missing, null, empty, blank, or repeated behind an empty page; every seventh key has expired, once in a listing.",
  },
  Q25: { about: "The clock is five hours ahead; only from the start, and unless it was set to another time." },
  Q26: { about: "Every third link to a recording has expired; `info=true` gives a good one.", call: expiredLinks },
  Q27: { about: "Lists of engagements hold emails and views of content, whatever type was asked for." },
} as const satisfies Record<string, Quirk>;

export type QuirkId = keyof typeof TABLE;

export const QUIRKS: Readonly<Record<QuirkId, Quirk>> = TABLE;

/** The quirks that the sample API can switch on. */
export const QUIRK_IDS = Object.keys(TABLE) as readonly QuirkId[];

export function isQuirkId(id: string): id is QuirkId {
  return Object.hasOwn(TABLE, id);
}
