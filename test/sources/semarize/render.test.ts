import { expect, test } from "vitest";
import { fullText, renderTranscript } from "../../../src/sources/semarize/render.ts";

const turn = (speaker: string | null, role: string | null, text: string | null) => ({ speaker, role, text });

test("one line a turn, with the role beside the name when it is known", () => {
  const turns = [turn("Maya Silva", "rep", "Hello."), turn("Jo", "prospect", "Hi!"), turn("Max", "unknown", "Yes?")];
  expect(renderTranscript(turns)).toBe("Maya Silva (rep): Hello.\nJo (prospect): Hi!\nMax: Yes?");
});

test("a turn without a name has its role, or nothing, in its place", () => {
  const turns = [
    turn(null, "rep", "a"),
    turn("  ", "prospect", "b"),
    turn(null, "unknown", "c"),
    turn(null, null, "d"),
  ];
  expect(renderTranscript(turns)).toBe("Rep: a\nProspect: b\nSpeaker: c\nSpeaker: d");
});

test("line breaks in a turn do not make lines, and empty turns are left out", () => {
  const turns = [turn("A\nB", "rep", "one\r\ntwo\u2028three"), turn("C", "rep", " \n "), turn("C", "rep", null)];
  expect(renderTranscript(turns)).toBe("A B (rep): one two three");
});

test("what tap-chorus puts into transcripts.full_text is found again from the turns", () => {
  expect(fullText([turn("Ann", "rep", "Hi\nthere"), turn(" ", "rep", "x"), turn(null, null, "")])).toBe(
    "Ann: Hi\nthere\nx\n",
  );
});
