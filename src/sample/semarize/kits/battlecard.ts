import { SLOTS } from "../../phrases.ts";
import { brick, rounded, type Finding, type Kit } from "../kit.ts";
import type { Line } from "../transcript.ts";

interface Competitor {
  readonly key: string;
  readonly name: string;
  readonly pattern: RegExp;
  /** What the battlecard does not say any more. */
  readonly outdated: RegExp | undefined;
}

/** Prices of one have changed since, and another has caught up with what used to tell us apart. */
const OUTDATED: Readonly<Record<string, RegExp>> = {
  talkdesk_one: /\bquoted\b/i,
  callsense: /\bmain difference\b.*\bdiscount\b|\bdiscount\b.*\bmain difference\b/i,
};

const COMPETITORS = (SLOTS["competitor"] ?? []).map((name): Competitor => {
  const key = name.toLowerCase().replaceAll(" ", "_");
  return { key, name, pattern: new RegExp(`\\b${name}\\b`, "i"), outdated: OUTDATED[key] };
});
const ANY = new RegExp(`\\b(?:${COMPETITORS.map(({ name }) => name).join("|")})\\b`, "i");

export const battlecard: Kit = {
  code: "BATTLE01",
  purpose: "battlecard",
  name: "Battlecard accuracy",
  versions: ["8d0a3c11-2f64-4f0a-8f3e-71c2d5b60b01"],
  bricks: [
    ...COMPETITORS.flatMap(({ key, name }) => [
      brick(`${key}_claims`, "number", `Claims about ${name}`),
      brick(`${key}_outdated`, "list", `Outdated claims about ${name}`),
    ]),
    brick("claims_checked", "number"),
    brick("battlecard_accuracy", "number"),
    brick("competitors_mentioned", "list"),
    brick("battlecard_used", "boolean"),
  ],
  /** A claim is a sentence that names a competitor, whoever says it. */
  score(lines) {
    const naming = lines.filter(({ text }) => ANY.test(text));
    const checked = COMPETITORS.map((competitor) => ({ competitor, ...check(naming, competitor) }));
    const claims = checked.reduce((sum, { claimed }) => sum + claimed.length, 0);
    const outdated = checked.reduce((sum, one) => sum + one.outdated.length, 0);
    const byRep = naming.filter(({ role }) => role === "rep");
    return {
      ...Object.fromEntries(
        checked.flatMap(({ competitor: { key }, claimed, outdated: old, evidence }): [string, Finding][] => [
          [`${key}_claims`, { value: claimed.length }],
          [`${key}_outdated`, { value: old, evidence }],
        ]),
      ),
      claims_checked: { value: claims },
      battlecard_accuracy: { value: claims === 0 ? null : rounded(1 - outdated / claims) },
      competitors_mentioned: {
        value: checked.filter(({ claimed }) => claimed.length > 0).map(({ competitor }) => competitor.name),
      },
      battlecard_used: {
        value: byRep.length > 0,
        evidence: byRep,
        reason: "The seller sets us apart from a competitor.",
      },
    };
  },
};

function check(naming: readonly Line[], { pattern, outdated }: Competitor) {
  const claimed: string[] = [];
  const old: string[] = [];
  const evidence: Line[] = [];
  for (const line of naming) {
    if (!pattern.test(line.text)) continue;
    const sentences = line.text.split(/(?<=[.?!])\s+/).filter((sentence) => pattern.test(sentence));
    claimed.push(...sentences);
    // What is said around a claim decides whether it still holds.
    if (outdated?.test(line.text) !== true) continue;
    old.push(...sentences);
    evidence.push(line);
  }
  return { claimed, outdated: old, evidence };
}
