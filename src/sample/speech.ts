import type { Participant, Turn } from "./model.ts";
import { PARTS, RARE_LINES, SLOTS, type Part } from "./phrases.ts";
import { random, type Random } from "./random.ts";

const WORDS_PER_SECOND = 2.6;

/** What the lines of a call are filled in with. */
export interface Scene {
  readonly company: string;
  readonly participants: readonly Participant[];
}

/**
 * The turns of a generated call: 20 to 120, about 60 mostly. Some turns are empty, some are longer than 1,000
 * characters. Times are in seconds from the start, with milliseconds.
 */
export function speak(key: readonly (string | number)[], scene: Scene): Turn[] {
  const rng = random("speech", ...key);
  const reps = scene.participants.filter(({ role }) => role === "rep");
  const others = scene.participants.filter(({ role }) => role !== "rep");
  const fill = filler(scene, reps, others);
  const turns: Turn[] = [];
  const count = rng.chance(0.1) ? rng.between(90, 120) : 20 + rng.below(40) + rng.below(41);
  let at = rng.next() * 2;
  let side: "rep" | "prospect" = "rep";
  for (let index = 0; index < count; index++) {
    const part = PARTS[Math.floor((index / count) * PARTS.length)];
    if (part === undefined) break;
    const who = rng.chance(0.8) ? (side === "rep" ? reps : others)[0] : rng.pick(side === "rep" ? reps : others);
    const text = fill(line(part, side, rng), rng);
    const durationSeconds = milli(
      Math.max(0.4, (text.split(" ").length / WORDS_PER_SECOND) * (0.8 + rng.next() * 0.4)),
    );
    turns.push({
      speaker: who?.name ?? null,
      speakerId: who?.personId ?? null,
      role: who?.role ?? "unknown",
      email: who?.email ?? null,
      startSeconds: milli(at),
      durationSeconds,
      text,
    });
    at += durationSeconds + rng.next() * 1.5;
    if (!rng.chance(0.15)) side = side === "rep" ? "prospect" : "rep";
  }
  return turns;
}

/** Seconds from the start to the end of the last turn. */
export function spokenSeconds(turns: readonly Turn[]): number {
  const last = turns.at(-1);
  return last === undefined ? 0 : milli(last.startSeconds + last.durationSeconds);
}

function line(part: Part, side: "rep" | "prospect", rng: Random): string {
  const luck = rng.next();
  if (luck < 0.01) return "";
  if (luck < 0.04) return rng.pick(RARE_LINES);
  const isMonologue = side === "rep" && luck > 0.99;
  const sentences = isMonologue ? rng.between(16, 24) : rng.pick([1, 1, 1, 2, 2, 3]);
  const spoken = [rng.pick(part[side])];
  while (spoken.length < sentences) spoken.push(rng.pick(part[side]));
  return spoken.join(" ");
}

/** Puts the scene's words into `{word}`; a call stays with its competitor and its system. */
function filler(scene: Scene, reps: readonly Participant[], others: readonly Participant[]) {
  const first = (people: readonly Participant[]) => people[0]?.name?.split(" ")[0] ?? "there";
  const fixed: Record<string, string> = { company: scene.company, rep: first(reps), contact: first(others) };
  return (text: string, rng: Random): string =>
    text.includes("{")
      ? text.replace(/\{(\w+)\}/g, (whole, word: string) => {
          const words = SLOTS[word];
          if (words === undefined) return fixed[word] ?? whole;
          return word === "competitor" || word === "system" ? (fixed[word] ??= rng.pick(words)) : rng.pick(words);
        })
      : text;
}

function milli(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
