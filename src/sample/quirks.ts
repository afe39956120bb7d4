import { EltError } from "../core/errors.ts";

/** What real accounts do that no contract says. Each can be switched on by itself. */
export const QUIRKS = {
  Q01: "a tenth of the recent calls appears late, with its old start: after the first change of the account",
  Q03: "edited calls also lose participants, trackers and deal signals",
  Q04: "new calls come in while lists are being paged, and shift the pages",
  Q06: "a list gives 25 rows a page at most, whatever is asked",
  Q07: "pages in the middle are short; total is null or wrong, has_more is null",
  Q08: "a list repeats calls further down, as an older copy",
  Q09: "a third of the transcripts is not ready: 202, 404 `transcript_not_ready`, or empty; ready at the second try",
  Q11: "edited calls get a transcript that grew, shrank or has other speakers",
  Q14: "speakers without a name, with a blank name, and who are no participants",
  Q15: "emoji, right-to-left, combining marks, U+2028, NUL and lone surrogates in titles, tags and speech",
  Q18: "429 every few requests, with all forms of Retry-After",
  Q19: "500, 502, 503, 504, resets, slow bodies, cut JSON and HTML every few requests",
  Q21: "ids are numbers beyond 2^53, numbers are text, lists are null, fields are unknown or absent",
  Q22: "duration 0, amount -1, empty ids, `no show`, enums in another case",
} as const;

export type Quirk = keyof typeof QUIRKS;

/** Checks names of quirks. Throws CONFIG_INVALID that lists those there are. */
export function quirksNamed(names: readonly string[]): Set<Quirk> {
  const unknown = names.filter((name) => !(name in QUIRKS));
  if (unknown.length > 0) {
    const known = Object.keys(QUIRKS).join(", ");
    throw new EltError("CONFIG_INVALID", `the sample API has no quirk ${unknown.join(", ")}; it has ${known}`);
  }
  return new Set(names as Quirk[]);
}
