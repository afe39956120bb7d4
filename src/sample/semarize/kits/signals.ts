import { brick, labelOf, said, type Kit } from "../kit.ts";
import type { Line } from "../transcript.ts";

interface Signal {
  /** It is there when this is heard … */
  readonly present: RegExp;
  /** … and asked about, but open, when only this is. */
  readonly raised?: RegExp;
}

const SIGNALS: Readonly<Record<string, Signal>> = {
  budget_confirmed: { present: /\bour budget\b|\bbudget (?:is|was) (?:approved|confirmed)\b/i, raised: /\bbudget\b/i },
  decision_maker_engaged: { present: /\bdecision maker for\b|\bour board\b/i, raised: /\bdecision maker\b|\bCFO\b/ },
  pain_confirmed: { present: /\bpain point\b|\bbiggest challenge\b/i, raised: /\bchallenges?\b/i },
  timeline_agreed: {
    present: /\btimeline is\b|\bby the end of the (?:year|quarter)\b/i,
    raised: /\btimeline\b|\btiming\b/i,
  },
  success_criteria_defined: { present: /\bhave to be true\b|\bmeasure of success\b/i, raised: /\bsuccess\b/i },
  legal_review: { present: /\blegal (?:has|approved)\b/i, raised: /\blegal will\b|\blitigation\b|\bregulatory\b/i },
  security_review: { present: /\bGDPR\b/, raised: /\bsecurity review\b|\bcyber/i },
};

export const signals: Kit = {
  code: "SIGNAL01",
  purpose: "deal_signals",
  name: "Deal signals",
  versions: ["c2f7e9d4-90b1-4a7c-b6d2-3e58a1f40c01"],
  bricks: [brick("signals", "list"), brick("open_signals", "list"), brick("signals_found", "number")],
  score(lines) {
    const found = Object.entries(SIGNALS).map(([key, { present, raised }]) => {
      const shown = said(lines, present);
      return { key, shown, asked: shown.length > 0 || raised === undefined ? [] : said(lines, raised) };
    });
    const present = found.filter(({ shown }) => shown.length > 0);
    const open = found.filter(({ asked }) => asked.length > 0);
    const first = (all: readonly (readonly Line[])[]) => all.flatMap(([line]) => (line === undefined ? [] : [line]));
    return {
      signals: { value: present.map(({ key }) => key), evidence: first(present.map(({ shown }) => shown)) },
      open_signals: {
        value: open.map(({ key }) => key),
        evidence: first(open.map(({ asked }) => asked)),
        reason: open.map(({ key }) => `${labelOf(key)} was raised and left open.`).join(" "),
      },
      signals_found: { value: present.length },
    };
  },
};
