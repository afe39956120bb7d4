import type { Call, Turn } from "../model.ts";

/** Strange endings, in turns; they follow the text, so that no word in it is broken. */
const ENDINGS = [
  " 👩‍👩‍👧‍👦🏳️‍🌈",
  " \u202eשלום עולם\u202c",
  " Z\u0351\u036ba\u0363\u0328lgo e\u0301",
  " line\u2028separator\u2029paragraph",
  " nul\u0000byte",
  " lone \ud83d high",
  " lone \ude00 low",
  " both \u0000\udc00\ud800",
  " \ufeffbom\u200b zero \u0085 next line",
  ' back\\slash "quotes" \b\f\t\u001f',
];

export function oddCharacters(call: Call, n: number): Call {
  return {
    ...call,
    title: `${call.title ?? "Call"}${ending(n)}.`,
    tags: call.tags.map((tag, i) => `${tag}${ending(n + i)}.`),
  };
}

export function oddCharactersInTurns(turns: readonly Turn[], n: number): Turn[] {
  return turns.map((turn, index) =>
    index % 3 === 0 ? { ...turn, text: `${turn.text}${ending(n + index / 3)}` } : turn,
  );
}

function ending(n: number): string {
  return ENDINGS[n % ENDINGS.length] ?? "";
}
