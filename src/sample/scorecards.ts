import type { Account, Held } from "./account.ts";
import { isSpoken } from "./model.ts";
import { hexId, random } from "./random.ts";

const MINUTE_MS = 60_000;
const CRITERIA = ["Discovery", "Objection handling", "Next steps", "Talk ratio", "Product knowledge"];
const MAX_SCORE = 5;
const PER_CARD = 3;

interface Score {
  readonly id: string;
  readonly name: string;
  readonly value: number;
  readonly maxValue: number;
  readonly comment: string | null;
}

/** What a coach thought of a call. */
export interface Scorecard {
  readonly id: string;
  readonly held: Held;
  readonly submittedMs: number;
  readonly scorer: { readonly userId: string; readonly name: string; readonly email: string | null };
  readonly comment: string | null;
  readonly scores: readonly Score[];
}

/** One for every fourth call that was spoken and has an owner, newest first. */
export function scorecards(account: Account, calls: readonly Held[]): Scorecard[] {
  return calls
    .filter(({ n, call }) => n % 4 === 0 && isSpoken(call) && call.owner !== null)
    .map((held) => scorecard(account, held))
    .sort((a, b) => b.submittedMs - a.submittedMs || (a.id < b.id ? 1 : -1));
}

function scorecard({ source: { users } }: Account, held: Held): Scorecard {
  const { id: callId, startedMs } = held.call;
  const rng = random("scorecard", callId);
  const scorer = rng.pick(users);
  const first = rng.below(CRITERIA.length);
  return {
    id: hexId("scorecard", callId),
    held,
    submittedMs: startedMs + rng.between(45, 100) * MINUTE_MS,
    scorer: { userId: scorer.id, name: scorer.name, email: scorer.email },
    comment: rng.chance(0.4) ? null : "Good questions; let them finish.",
    scores: Array.from({ length: PER_CARD }, (_, i) => ({
      id: hexId("score", callId, i),
      name: CRITERIA[(first + i) % CRITERIA.length] ?? "Overall",
      value: rng.between(1, MAX_SCORE),
      maxValue: MAX_SCORE,
      comment: rng.chance(0.7) ? null : "See minute 12.",
    })),
  };
}
