import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { spokenIn } from "../../src/sources/transcripts/cue-text.ts";
import { notationOf, turnsOf } from "../../src/sources/transcripts/turns.ts";
import { parseVtt, VttError } from "../../src/sources/transcripts/vtt.ts";

const ZOOM = `WEBVTT

1
00:00:03.510 --> 00:00:06.120
Maya Okafor: Hi Liam, thanks for

2
00:00:06.120 --> 00:00:07.000
Maya Okafor: making the time.

3
00:00:09.250 --> 00:00:11.000
Liam O’Brien: Sure: let us start.
`;

const turns = (text: string) =>
  turnsOf(parseVtt(text).cues).map(({ speaker, startMs, endMs, text: said }) => [speaker, startMs, endMs, said]);

describe("a file of Zoom", () => {
  test("gives turns: cues of one speaker without a pause are one", () => {
    expect(turns(ZOOM)).toEqual([
      ["Maya Okafor", 3_510, 7_000, "Hi Liam, thanks for making the time."],
      ["Liam O’Brien", 9_250, 11_000, "Sure: let us start."],
    ]);
  });

  test.each(["\r\n", "\r"])("means the same with other line ends (%j) and a byte order mark", (lineEnd) => {
    expect(turns(`\uFEFF${ZOOM.replaceAll("\n", lineEnd)}`)).toEqual(turns(ZOOM));
  });

  test("is labelled when half of its cues are; a colon in a cue without a name is just a colon", () => {
    const said = turns(`${ZOOM}\n4\n00:00:12.000 --> 00:00:13.000\nand the answer: yes\n`);
    expect(said.at(-1)).toEqual([null, 12_000, 13_000, "and the answer: yes"]);
  });

  test("without names has speech of nobody, and colons in it", () => {
    const file =
      "WEBVTT\n\n00:01.000 --> 00:02.000\nPrice: 20\n\n00:02.000 --> 00:03.000\na\n\n00:03.000 --> 00:04.000\nb\n";
    expect(notationOf(parseVtt(file).cues)).toBe("none");
    expect(turns(file)).toEqual([
      [null, 1_000, 2_000, "Price: 20"],
      [null, 2_000, 3_000, "a"],
      [null, 3_000, 4_000, "b"],
    ]);
  });
});

describe("a file of Teams", () => {
  test("names speakers by tags, with the hour or without, and ids of its own", () => {
    const file = [
      "WEBVTT",
      "",
      "5f3a/1-0",
      "0:0:0.0 --> 0:0:1.5",
      "<v Lindqvist, Björn (Guest)>R&amp;D says 1 &lt; 2",
      "and &#39;more&#x27;&nbsp;🎉</v>",
      "",
      "01:00:00.000 --> 01:00:00.250 align:start position:0%",
      "<v.loud Maya Okafor>Yes.</v> <v Noor Haddad>No.</v>",
      "",
    ].join("\n");
    expect(turns(file)).toEqual([
      ["Lindqvist, Björn (Guest)", 0, 1_500, "R&D says 1 < 2 and 'more' 🎉"],
      ["Maya Okafor", 3_600_000, 3_600_250, "Yes."],
      ["Noor Haddad", 3_600_000, 3_600_250, "No."],
    ]);
  });

  test("a voice without a name, and speech beside the tags, is of nobody", () => {
    expect(spokenIn("before <v >one</v> after", () => false)).toEqual([
      { speaker: null, text: "before" },
      { speaker: null, text: "one" },
      { speaker: null, text: "after" },
    ]);
  });
});

test("a pause of more than two seconds, or another speaker, ends a turn; speech of nobody is never joined", () => {
  const cue = (from: string, to: string, text: string) => `00:${from} --> 00:${to}\n${text}\n\n`;
  const file = `WEBVTT\n\n${cue("01.000", "02.000", "<v A>a</v>")}${cue("04.000", "05.000", "<v A>b</v>")}${cue("07.001", "08.000", "<v A>c</v>")}${cue("08.000", "09.000", "d")}${cue("09.000", "10.000", "e")}`;
  expect(turns(file)).toEqual([
    ["A", 1_000, 5_000, "a b"],
    ["A", 7_001, 8_000, "c"],
    [null, 8_000, 9_000, "d"],
    [null, 9_000, 10_000, "e"],
  ]);
});

test("cues come in the order of their times, whatever the order of the file", () => {
  const file = "WEBVTT\n\n00:05.000 --> 00:06.000\n<v B>two\n\n00:01.000 --> 00:02.000\n<v A>one\n";
  expect(turns(file).map(([speaker]) => speaker)).toEqual(["A", "B"]);
});

test("notes, styles, regions, settings and formatting are not speech", () => {
  const file = `WEBVTT - Recording
Kind: captions

NOTE
a comment --- of two
lines

STYLE
::cue { color: red }

REGION
id:fred

NOTE one more

00:01.000 --> 00:02.000 region:fred line:0
<c.yellow>one</c> <00:00:01.500><i>two</i> <lang en>three</lang> &unknown; a<3

00:02.000 --> 00:03.000
`;
  expect(turns(file)).toEqual([[null, 1_000, 2_000, "one two three &unknown; a<3"]]);
});

test("cues that no empty line parts are still two, and the number of the second is not spoken", () => {
  const file = "WEBVTT\n1\n00:01.000 --> 00:02.000\n<v A>one</v>\n2\n00:09.000 --> 00:10.000\n<v A>two</v>";
  expect(turns(file)).toEqual([
    ["A", 1_000, 2_000, "one"],
    ["A", 9_000, 10_000, "two"],
  ]);
});

test("text that has no times is told of by its line", () => {
  expect(parseVtt("WEBVTT\n\n00:01.000 --> 00:02.000\none\n\nlost words\nmore\n\nlast\n").untimed).toEqual([6, 9]);
});

test.each([
  ["", 1, "does not begin with WEBVTT"],
  ["1\n00:00:01,000 --> 00:00:02,000\nsecret words\n", 1, "does not begin with WEBVTT"],
  ["WEBVTTX\n", 1, "does not begin with WEBVTT"],
  ["WEBVTT\n\n00:01.000 --> secret words\n", 3, "not understood"],
  ["WEBVTT\n\n1\n00:61.000 --> 00:62.000\nsecret words\n", 4, "more than 59"],
  ["WEBVTT\n\n00:02.000 --> 00:01.000\nsecret words\n", 3, "ends before it begins"],
  ["WEBVTT\r\n\r\n\r\n1\r\n00:00:01 -> 00:00:02 --> \r\nsecret words\r\n", 5, "not understood"],
])("what cannot be read is an error with its line and without its words (%j)", (file, line, what) => {
  const read = () => parseVtt(file);
  expect(read).toThrow(VttError);
  expect(read).toThrow(`line ${line}: `);
  expect(read).toThrow(what);
  expect(read).not.toThrow("secret");
});

test("whatever is said comes back, in files made of any words", () => {
  const word = fc.stringMatching(/^[\p{L}\p{N}&<>'":.!?🎉-]{1,12}$/u);
  const said = fc.array(fc.tuple(fc.constantFrom("A", "B", "C"), fc.array(word, { minLength: 1, maxLength: 6 })), {
    maxLength: 12,
  });
  const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const at = (second: number) => new Date(second * 1000).toISOString().slice(11, 23);
  fc.assert(
    fc.property(said, (turnsSaid) => {
      const cues = turnsSaid.map(
        ([name, words], i) => `${at(10 * i)} --> ${at(10 * i + 5)}\n<v ${name}>${escaped(words.join(" "))}</v>\n`,
      );
      const found = turnsOf(parseVtt(`WEBVTT\n\n${cues.join("\n")}`).cues);
      expect(found.map(({ speaker, text }) => [speaker, text])).toEqual(
        turnsSaid.map(([name, words]) => [name, words.join(" ")]),
      );
    }),
  );
});
