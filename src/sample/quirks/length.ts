import type { Turn } from "../model.ts";

const TURNS = 10_000;
const CHARACTERS = 1_950;

/** A transcript of 10,000 turns and 20 MB that begins as it did; mentions in it stay right. */
export function lengthen(turns: readonly Turn[]): readonly Turn[] {
  const said = turns.map(({ text }) => text).join(" ");
  const last = turns.at(-1);
  if (last === undefined || said === "") return turns;
  const text = said.repeat(Math.ceil((2 * CHARACTERS) / said.length));
  const from = last.startSeconds + last.durationSeconds;
  const more = Array.from({ length: Math.max(0, TURNS - turns.length) }, (_, i): Turn => {
    const { speaker, speakerId, role, email } = turns[i % turns.length] ?? last;
    const at = ((i * 37) % said.length) % CHARACTERS;
    const own = `${i}: ${text.slice(at, at + CHARACTERS)}`;
    const startSeconds = Math.round((from + i / 2) * 1000) / 1000;
    return { speaker, speakerId, role, email, startSeconds, durationSeconds: 0.5, text: own };
  });
  return [...turns, ...more];
}
