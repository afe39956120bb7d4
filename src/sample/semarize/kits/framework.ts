import { brick, labelOf, rounded, said, type Finding, type Kit } from "../kit.ts";
import type { Line } from "../transcript.ts";

const QUANTITY = /\b\d|\b(?:two|three|four|twelve|hundred|thousand|percent|a third|months?|maybe)\b/i;
const PAIN = /\b(?:challenge|pain point|manual|slow|problems?|guesswork|headwinds?|pressures?|shortages?)\b/i;

/** The steps in their order; each gives the lines that show that it was followed. */
const STEPS: Readonly<Record<string, (lines: readonly Line[], version: number) => readonly Line[]>> = {
  agenda_set: (lines) =>
    said(part(lines, 0, 0.12), /\b(?:minutes on the calendar|agenda|purpose of|before we (?:start|begin))\b/i, "rep"),
  situation_discovered: (lines) =>
    atLeast(3, said(lines, /\b(?:what|how|where|who)\b[^?]*\b(?:process|reps|data|happens|business|demand)\b[^?]*\?/i)),
  pain_identified: (lines) => atLeast(2, said(lines, PAIN, "prospect")),
  // The older version wants the number in the same breath.
  impact_quantified: (lines, version) =>
    version === 0
      ? atLeast(
          2,
          said(lines, PAIN, "prospect").filter(({ text }) => QUANTITY.test(text)),
        )
      : follow(lines, (line) => line.role === "prospect" && PAIN.test(line.text), QUANTITY, 2),
  budget_qualified: (lines) =>
    follow(
      lines,
      ({ role, text }) => role === "rep" && /\bbudget\b[^?]*\?/i.test(text),
      /\b(?:budget|procurement)\b/i,
      4,
    ),
  next_steps_agreed: (lines) =>
    follow(
      part(lines, 0.75, 1),
      ({ role, text }) => role === "rep" && /\b(?:next steps|follow-up|next quarter|next call)\b/i.test(text),
      /\b(?:send an invite|send me the proposal|pilot with one team|thank you)\b/i,
      3,
    ),
};

export const framework: Kit = {
  code: "FRMWRK01",
  purpose: "framework",
  name: "Discovery framework",
  versions: ["5b1f6a52-6a0e-4c3f-9a51-0d7b1c9e2a01", "5b1f6a52-6a0e-4c3f-9a51-0d7b1c9e2a02"],
  bricks: [
    ...Object.keys(STEPS).map((key) => brick(`step_${key}`, "boolean", labelOf(key))),
    brick("framework_adherence", "number"),
    brick("steps_followed", "number"),
    brick("deviations", "list"),
  ],
  score(lines, version) {
    const steps = Object.entries(STEPS).map(([key, find]) => [key, find(lines, version)] as const);
    const skipped = steps.filter(([, evidence]) => evidence.length === 0);
    const followed = steps.length - skipped.length;
    return {
      ...Object.fromEntries(
        steps.map(([key, evidence]): [string, Finding] => [
          `step_${key}`,
          {
            value: evidence.length > 0,
            evidence,
            reason: evidence.length > 0 ? `${labelOf(key)} is heard.` : `${labelOf(key)} is not heard.`,
          },
        ]),
      ),
      framework_adherence: { value: rounded(followed / steps.length) },
      steps_followed: { value: followed },
      deviations: { value: skipped.map(([key]) => labelOf(key)) },
    };
  },
};

function atLeast(count: number, lines: readonly Line[]): readonly Line[] {
  return lines.length >= count ? lines : [];
}

function part(lines: readonly Line[], from: number, to: number): readonly Line[] {
  return lines.slice(Math.floor(from * lines.length), Math.ceil(to * lines.length));
}

/** The first line that `begins`, with one of the other side that answers to it at most `within` lines later. */
function follow(
  lines: readonly Line[],
  begins: (line: Line) => boolean,
  answer: RegExp,
  within: number,
): readonly Line[] {
  for (const [index, line] of lines.entries()) {
    if (!begins(line)) continue;
    const reply = lines
      .slice(index + 1, index + 1 + within)
      .find(({ role, text }) => role === "prospect" && answer.test(text));
    if (reply !== undefined) return [line, reply];
  }
  return [];
}
