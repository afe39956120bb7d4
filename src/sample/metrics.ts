import type { Metric, Turn } from "./model.ts";

/** Words of a customer's answer from which on the question before it counts as engaging. */
const ENGAGED_WORDS = 20;

/** The five measures that the API gives for a call that was spoken; none for silence. */
export function measure(turns: readonly Turn[]): Metric[] {
  const talked = seconds(turns);
  if (talked === 0) return [];
  const reps = turns.filter((turn) => turn.role === "rep");
  const customers = turns.filter((turn) => turn.role === "prospect");
  return [
    { name: "rep_talk_percent", value: round((100 * seconds(reps)) / talked, 10), unit: "percent" },
    { name: "longest_monologue", value: round(longestMonologue(turns), 1000), unit: "seconds" },
    { name: "question_count", value: questions(turns), unit: "count" },
    { name: "engaging_question_count", value: engagingQuestions(turns), unit: "count" },
    { name: "customer_question_count", value: questions(customers), unit: "count" },
  ];
}

/** The most seconds that a rep speaks with nobody else's turn between. */
function longestMonologue(turns: readonly Turn[]): number {
  let longest = 0;
  let run = 0;
  for (const [index, turn] of turns.entries()) {
    const goesOn = turns[index - 1]?.speakerId === turn.speakerId;
    run = turn.role === "rep" ? (goesOn ? run : 0) + turn.durationSeconds : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

function engagingQuestions(turns: readonly Turn[]): number {
  return turns.filter((turn, index) => {
    const next = turns[index + 1];
    return turn.role === "rep" && turn.text.endsWith("?") && next?.role === "prospect" && words(next) >= ENGAGED_WORDS;
  }).length;
}

function questions(turns: readonly Turn[]): number {
  return turns.reduce((sum, { text }) => sum + text.split("?").length - 1, 0);
}

function seconds(turns: readonly Turn[]): number {
  return turns.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
}

function words({ text }: Turn): number {
  return text.split(/\s+/).length;
}

function round(value: number, perUnit: number): number {
  return Math.round(value * perUnit) / perUnit;
}
