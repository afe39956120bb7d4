import { type Call, type Transcript, type Utterance } from "./call.ts";
import { label } from "./values.ts";

/** The `participant_id` of a measure that is about the call as a whole; keys are never null or empty. */
export const WHOLE_CALL = "call";

interface DerivedMetric {
  readonly metric: string;
  readonly participantId: string;
  readonly value: number;
  readonly unit: "percent" | "seconds" | "count";
}

export function wordCount(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}

/**
 * What a transcript shows: per speaker the turns, words, questions, talk time, share of the talk and longest turn;
 * for the call the same by role. A speaker that is no participant is `speaker:` and the id or name; turns of nobody
 * count for the call only. Measures of time are there only when the turns have lengths or times.
 */
export function derivedMetrics(call: Call, { utterances }: Transcript): DerivedMetric[] {
  if (utterances.length === 0) return [];
  const turns = utterances.map((turn, index) => measure(turn, utterances[index + 1], call.durationSeconds));
  const whole = turns.map((turn) => turn.seconds);
  const talked = whole.every((seconds) => seconds === null) ? null : sum(whole);
  const metrics: DerivedMetric[] = [];

  const add = (participantId: string, mine: readonly Turn[]) => {
    const put = (metric: string, value: number | null, unit: DerivedMetric["unit"]) =>
      value === null ? undefined : metrics.push({ metric, participantId, value: round(value), unit });
    put("turn_count", mine.length, "count");
    put("word_count", sum(mine.map((turn) => turn.words)), "count");
    put("question_count", sum(mine.map((turn) => turn.questions)), "count");
    if (talked === null) return;
    const seconds = mine.map((turn) => turn.seconds ?? 0);
    put("talk_time", sum(seconds), "seconds");
    put("longest_monologue", longestRun(turns, mine), "seconds");
    if (participantId !== WHOLE_CALL) put("talk_percent", share(sum(seconds), talked), "percent");
  };

  add(WHOLE_CALL, turns);
  const reps = turns.filter((turn) => turn.role === "rep");
  if (talked !== null && turns.some((turn) => turn.role !== "unknown")) {
    const value = share(sum(reps.map((turn) => turn.seconds)), talked);
    if (value !== null)
      metrics.push({ metric: "rep_talk_percent", participantId: WHOLE_CALL, value: round(value), unit: "percent" });
  }
  const asked = sum(turns.filter((turn) => turn.role === "prospect").map((turn) => turn.questions));
  metrics.push({ metric: "customer_question_count", participantId: WHOLE_CALL, value: asked, unit: "count" });
  for (const [speaker, mine] of bySpeaker(turns)) add(speaker, mine);
  return metrics;
}

interface Turn {
  readonly speaker: string | null;
  readonly role: Utterance["role"];
  readonly words: number;
  readonly questions: number;
  readonly seconds: number | null;
}

function measure(turn: Utterance, next: Utterance | undefined, callSeconds: number | null): Turn {
  const name = turn.speakerId ?? label(turn.speaker);
  const end = next?.startSeconds ?? (next === undefined ? callSeconds : null);
  const untilNext =
    turn.startSeconds !== null && end !== null && end >= turn.startSeconds ? end - turn.startSeconds : null;
  return {
    speaker: turn.participantId ?? (name === null ? null : `speaker:${name}`),
    role: turn.role,
    words: wordCount(turn.text),
    questions: turn.text.match(/[?？؟]+/gu)?.length ?? 0,
    seconds: turn.durationSeconds ?? untilNext,
  };
}

function bySpeaker(turns: readonly Turn[]): Map<string, Turn[]> {
  const speakers = new Map<string, Turn[]>();
  for (const turn of turns) {
    if (turn.speaker === null) continue;
    const mine = speakers.get(turn.speaker);
    if (mine === undefined) speakers.set(turn.speaker, [turn]);
    else mine.push(turn);
  }
  return speakers;
}

/** The most seconds in turns that follow each other without anybody else's between them. */
function longestRun(turns: readonly Turn[], mine: readonly Turn[]): number {
  const counted = new Set(mine);
  let longest = 0;
  let run = 0;
  let speaker: string | null | undefined;
  for (const turn of turns) {
    run =
      counted.has(turn) && turn.speaker === speaker && speaker !== null
        ? run + (turn.seconds ?? 0)
        : (turn.seconds ?? 0);
    speaker = turn.speaker;
    if (counted.has(turn)) longest = Math.max(longest, run);
  }
  return longest;
}

function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? (100 * part) / whole : null;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
