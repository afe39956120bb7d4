import { EltError } from "../../core/errors.ts";

/** Ways in which the API may surprise a reader. */
export const SEMARIZE_QUIRKS = {
  S01: "Bricks stand under `bricks` instead of `output.bricks`.",
  S02: "Evidence is one text instead of a list.",
  S03: "Confidence, reason and evidence are missing.",
  S04: "Every seventh run fails and every eleventh is cancelled.",
  S05: "There are fields and bricks that no document names, and a value that is an object.",
  S06: "Every fifth request is answered 429, in turns with a header and with seconds in the body.",
  S07: "Sync is answered 202, with Retry-After, before the run has ended.",
  S08: "Every fourth run is accepted and its answer lost: 500, 503 and resets in turns.",
  S09: "A run is forgotten once it has ended and was asked for once.",
} as const;

export type SemarizeQuirk = keyof typeof SEMARIZE_QUIRKS;

/** Throws CONFIG_INVALID for an unknown one. */
export function readQuirks(ids: readonly string[]): Set<SemarizeQuirk> {
  for (const id of ids) {
    if (!Object.hasOwn(SEMARIZE_QUIRKS, id)) {
      const known = Object.keys(SEMARIZE_QUIRKS).join(", ");
      throw new EltError("CONFIG_INVALID", `there is no quirk "${id}" of Semarize; there are ${known}`);
    }
  }
  return new Set(ids as SemarizeQuirk[]);
}
