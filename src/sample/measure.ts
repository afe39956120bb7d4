import type { Metrics, Tracker, Turn } from "./model.ts";

/** A tracker as an admin sets it up: any of its words, as whole words, counts as a mention. */
interface TrackerSetup {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly words: readonly string[];
}

const SETUPS: readonly TrackerSetup[] = [
  { id: "trk_pricing", name: "Pricing", type: "topic", words: ["price", "prices", "pricing", "discount", "cost", "costs"] },
  { id: "trk_competition", name: "Competition", type: "competitor", words: ["competitor", "competitors", "competition", "alternative"] },
  { id: "trk_budget", name: "Budget", type: "qualification", words: ["budget", "spend", "capital"] },
  { id: "trk_timeline", name: "Timeline", type: "qualification", words: ["quarter", "timeline", "deadline"] },
  { id: "trk_decision", name: "Decision process", type: "qualification", words: ["approval", "decision", "board", "procurement"] },
  { id: "trk_security", name: "Security", type: "topic", words: ["security", "audit", "compliance"] },
  { id: "trk_integration", name: "Integration", type: "topic", words: ["integration", "integrate", "warehouse", "api"] },
  { id: "trk_growth", name: "Growth", type: "topic", words: ["growth", "grow", "revenue", "sales"] },
  { id: "trk_risk", name: "Risk", type: "topic", words: ["risk", "risks", "uncertainty", "uncertain"] },
  { id: "trk_supply", name: "Supply chain", type: "topic", words: ["supply", "inventory", "supplier", "suppliers"] },
  { id: "trk_next", name: "Next steps", type: "topic", words: ["next step", "next steps", "follow up"] },
];

const ALL_WORDS = new RegExp(`\\b(?:${SETUPS.flatMap(({ words }) => words).join("|")})\\b`, "gi");
const TRACKER_OF = new Map(SETUPS.flatMap((setup) => setup.words.map((word) => [word, setup] as const)));

/** Trackers found in the words that were really said, each mention with its turn and its second in the call. */
export function trackersIn(turns: readonly Turn[]): Tracker[] {
  const found = new Map<string, { offset: number; turn: number }[]>();
  for (const [turn, { text, start, seconds }] of turns.entries()) {
    for (const match of text.matchAll(ALL_WORDS)) {
      const setup = TRACKER_OF.get(match[0].toLowerCase());
      if (setup === undefined) continue;
      const offset = Math.round((start + (seconds * match.index) / Math.max(1, text.length)) * 1_000) / 1_000;
      found.set(setup.id, [...(found.get(setup.id) ?? []), { offset, turn }]);
    }
  }
  return SETUPS.flatMap(({ id, name, type }) => {
    const mentions = found.get(id);
    return mentions === undefined ? [] : [{ id, name, type, mentions }];
  });
}

const ENGAGING = /\b(?:how|why|what|tell me)\b[^?]*\?/i;

/** Engagement as the turns really were; seconds and percent. */
export function metricsOf(turns: readonly Turn[]): Metrics {
  let talked = 0;
  let byRep = 0;
  let longest = 0;
  let questions = 0;
  let engaging = 0;
  let byCustomer = 0;
  for (const { speaker, text, seconds } of turns) {
    talked += seconds;
    const asks = text.includes("?");
    if (speaker.role === "rep") {
      byRep += seconds;
      longest = Math.max(longest, seconds);
      if (asks) questions++;
      if (ENGAGING.test(text)) engaging++;
    } else if (asks) {
      byCustomer++;
    }
  }
  const percent = talked === 0 ? 0 : Math.round((byRep / talked) * 1_000) / 10;
  return {
    repTalkPercent: percent,
    longestMonologue: Math.round(longest * 10) / 10,
    questions,
    engagingQuestions: engaging,
    customerQuestions: byCustomer,
  };
}

/** What an edit of the transcript did to its turns. */
export function editedTurns(turns: Turn[], edits: readonly ("shrunk" | "grown" | "other-speakers")[]): Turn[] {
  return edits.reduce((now, edit) => {
    const [first] = now;
    if (first === undefined) return now;
    switch (edit) {
      case "shrunk":
        return now.slice(0, Math.max(1, Math.floor(now.length / 2)));
      case "grown": {
        const end = now.at(-1) ?? first;
        const more = ["One more thing.", "Yes, please go on.", "Thank you all."];
        return [...now, ...more.map((text, i) => ({ speaker: end.speaker, text, start: end.start + end.seconds + i * 2, seconds: 2 }))];
      }
      case "other-speakers": {
        const speakers = now.map(({ speaker }) => speaker);
        return now.map((turn, i) => ({ ...turn, speaker: speakers.at(i - 1) ?? turn.speaker }));
      }
    }
  }, turns);
}
