import { STAGES } from "./phrases.ts";
import type { Call, Deal, Turn } from "./model.ts";
import { random } from "./random.ts";

/** A way in which a transcript is made anew. */
export type TurnEdit = "shorten" | "grow" | "rediarise";

/** The edits that Q11 gives to transcripts, one after the other. */
export const TURN_EDITS: readonly TurnEdit[] = ["grow", "shorten", "rediarise"];

/** The turns after an edit; the same edit of the same turns gives the same. */
export function editTurns(turns: readonly Turn[], edit: TurnEdit): readonly Turn[] {
  switch (edit) {
    case "shorten":
      return turns.slice(0, Math.max(1, Math.floor(turns.length * 0.6)));
    case "grow": {
      const last = turns.at(-1);
      const from = last === undefined ? 0 : last.startSeconds + last.durationSeconds;
      const extra = turns.slice(0, 5).map((turn) => ({
        ...turn,
        startSeconds: Math.round((from + turn.startSeconds) * 1000) / 1000,
        text: `As I said: ${turn.text}`,
      }));
      return [...turns, ...extra];
    }
    case "rediarise": {
      const voices = [...new Map(turns.map((turn) => [turn.speakerId, turn])).values()];
      return turns.map((turn, index) => {
        const voice = voices[index % voices.length];
        if (index % 3 !== 0 || voice === undefined) return turn;
        const { speaker, speakerId, role, email } = voice;
        return { ...turn, speaker, speakerId, role, email };
      });
    }
  }
}

/** A call as somebody left it who tidied up: another title, a deal that moved, and less of everything that is listed. */
export function editCall(call: Call, change: number): Call {
  const rng = random("edit", call.id, change);
  const [dropped, ...kept] = Object.entries(call.namedTags);
  const namedTags = dropped === undefined ? { reviewed_by: `coach ${rng.between(1, 9)}` } : Object.fromEntries(kept);
  return {
    ...call,
    title: `${(call.title ?? "Call").replace(/ \(edit \d+\)$/, "")} (edit ${change})`,
    deal: call.deal === null ? null : editDeal(call.deal),
    tags: [...call.tags.slice(1), `edited ${change}`],
    namedTags,
    participants: call.participants.length > 2 ? call.participants.slice(0, -1) : call.participants,
    actionItems: [],
    summary: call.summary === null ? "Summary added later." : null,
  };
}

function editDeal(deal: Deal): Deal {
  const stage = STAGES[(STAGES.indexOf(deal.stage) + 1) % STAGES.length] ?? deal.stage;
  return {
    ...deal,
    stage,
    initialStage: deal.stage,
    amount: (deal.amount ?? 10_000) + 2_500,
    stageAdvancement: "advanced",
    signals: deal.signals.slice(1),
  };
}

/** A call without anything that hangs on it, but with its transcript. */
export function clearCall(call: Call): Call {
  return {
    ...call,
    tags: [],
    namedTags: {},
    trackers: [],
    metrics: [],
    participants: [],
    actionItems: [],
    deal: call.deal === null ? null : { ...call.deal, signals: [] },
  };
}
