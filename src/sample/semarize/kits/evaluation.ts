import { brick, clamp, said, type Kit } from "../kit.ts";

/** In the order in which they win a tie. */
const PAINS: Readonly<Record<string, RegExp>> = {
  pricing: /\b(?:price|prices|expensive|discount|budget|margins?)\b/i,
  integration: /\b(?:integration|duplicates|data warehouse|acquisitions?)\b/i,
  adoption: /\b(?:coaching|onboarding|ramp|nobody writes|differently)\b/i,
  reporting: /\b(?:forecast is|guesswork|find out about|reporting)\b/i,
  security: /\b(?:security|GDPR|recordings|covid)\b/i,
};
const GOOD = /\b(?:neat|like it|useful|thanks|great|good to see|pleased|strong|growth)\b/i;
const BAD = /\b(?:expensive|slow|manual|did not stick|too late|higher than|decline|declined|weak|loss|headwinds?)\b/i;

export const evaluation: Kit = {
  code: "CALLEVAL",
  purpose: "call_evaluation",
  name: "Call evaluation",
  versions: ["f3a6d8c0-47be-49d5-8a1c-b90e6f2d0e01"],
  bricks: [
    brick("score", "number"),
    brick("risk_flag", "boolean"),
    brick("pain_point", "string"),
    brick("sentiment", "string"),
  ],
  score(lines) {
    const buyer = lines.filter(({ role }) => role !== "rep");
    const [good, bad] = [said(buyer, GOOD), said(buyer, BAD)];
    const share = (good.length - bad.length) / Math.max(1, good.length + bad.length);
    const pains = Object.entries(PAINS).map(([pain, pattern]) => ({ pain, heard: said(buyer, pattern) }));
    const worst = pains.reduce((most, one) => (one.heard.length > most.heard.length ? one : most), {
      pain: "none",
      heard: [] as typeof buyer,
    });
    const questions = said(lines, /\?/, "rep").length / Math.max(1, lines.length);
    const risks = said(buyer, /\b(?:expensive|hard stop|did not stick|looking at|decline|declined|uncertain)\b/i);
    return {
      score: { value: clamp(58 + 25 * share + 60 * questions), reason: "Tone of the buyer, and how much was asked." },
      risk_flag: { value: risks.length >= 4 && share < 0.1, evidence: risks },
      pain_point: { value: worst.pain, evidence: worst.heard },
      sentiment: {
        value: share > 0.2 ? "positive" : share < -0.2 ? "negative" : "neutral",
        evidence: share < 0 ? bad : good,
      },
    };
  },
};
