import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseCsv } from "../../src/sources/transcripts/csv.ts";
import { meetings, read, vtt } from "./transcripts-vtt-folder.ts";

const FILE = vtt("Maya: Hi.");

test("cells may be quoted, with delimiters, quotes and line breaks in them; empty lines do not count", () => {
  expect(parseCsv('\uFEFFa,b\r\n\r\n"x, ""y""","1\n2"\n,\n last , "odd"x\n'.replace(', "odd"x', ",z"))).toEqual([
    { line: 1, cells: ["a", "b"] },
    { line: 3, cells: ['x, "y"', "1\n2"] },
    { line: 6, cells: [" last ", "z"] },
  ]);
  expect(parseCsv("")).toEqual([]);
  expect(parseCsv("a")).toEqual([{ line: 1, cells: ["a"] }]);
  expect(parseCsv("a;b\n1,5;2")).toEqual([
    { line: 1, cells: ["a", "b"] },
    { line: 2, cells: ["1,5", "2"] },
  ]);
});

test("a quote that is not closed is told of by its line", () => {
  expect(() => parseCsv('a,b\n1,"secret\nwords')).toThrow(/^line 2: /);
  expect(() => parseCsv('a,b\n"1"x,2')).toThrow(/^line 2: /);
});

test("what was written as CSV is read back, whatever the cells are", () => {
  const cell = fc.stringMatching(/^[\p{L} ,;"\r\n🎉]{0,8}x$/u);
  const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(table, (rows) => {
      const text = rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(",")).join("\r\n");
      expect(
        parseCsv(`a,b,c\n${text}`)
          .slice(1)
          .map(({ cells }) => cells),
      ).toEqual(rows);
    }),
  );
});

test("a JSON mapping is a list, or an object with meetings; numbers may be ids", async () => {
  await using folder = await meetings({ "in/a.vtt": FILE });
  const row = { file: "in\\a.vtt", meeting_id: 12345678901, platform: "Microsoft Teams", speakers: ["Maya"] };
  for (const content of [[row], { meetings: [row] }]) {
    const mapping = await folder.map(JSON.stringify(content), "mapping.json");
    const { of } = await read(folder, { config: { mapping } });
    expect(of("meetings")).toEqual([expect.objectContaining({ meeting_id: "teams:12345678901", platform: "teams" })]);
    expect(of("meeting_utterances")).toEqual([expect.objectContaining({ role: "rep" })]);
  }
});

test("an id that already begins with its platform stays as it is; other platforms are other", async () => {
  await using folder = await meetings({ "a.vtt": FILE, "b.vtt": FILE });
  const mapping = await folder.map("file,meeting_id,platform\na.vtt,zoom:9,zoom\nb.vtt,9,Webex\n");
  const { of } = await read(folder, { config: { mapping } });
  expect(of("meetings").map((row) => row["meeting_id"])).toEqual(["zoom:9", "other:9"]);
});

test("rows without a file and columns that mean nothing are warned of", async () => {
  await using folder = await meetings({ "a.vtt": FILE });
  const mapping = await folder.map("file,colour\na.vtt,red\ngone.vtt,blue\n");
  expect((await read(folder, { config: { mapping } })).warnings).toEqual([
    expect.stringContaining("columns that mean nothing here: colour"),
    expect.stringContaining("1 rows of the mapping name files that are not there: line 3"),
  ]);
});

test.each([
  ["file,title\n,x\n", "line 2 of the mapping"],
  ["title\nx\n", "line 2 of the mapping"],
  ["file,title\na.vtt,x,y\n", "line 2 has 3 cells"],
  ['file,title\na.vtt,"x\n', "line 2: a quote"],
  ["file,started_at\na.vtt,tomorrow\n", "line 2 of the mapping"],
  ["file,title\na.vtt,x\na.vtt,y\n", "line 2 and line 3 are about the same file"],
  ["file,title\nt.vtt,x\n", "line 2 names 2 files"],
  ["file,meeting_id\na.vtt,1\nx/t.vtt,1\n", "line 2 and line 3 have the same meeting_id"],
])("a mapping that cannot be meant is refused before anything is read, with the line (%j)", async (text, what) => {
  await using folder = await meetings({ "a.vtt": FILE, "x/t.vtt": FILE, "y/t.vtt": FILE });
  const mapping = await folder.map(text);
  await expect(read(folder, { config: { mapping } })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(what) as string,
  });
});

test("a mapping that is not there, or is no JSON, is a wrong setting", async () => {
  await using folder = await meetings();
  await expect(read(folder, { config: { mapping: "/nowhere.csv" } })).rejects.toMatchObject({
    code: "CONFIG_UNREADABLE",
  });
  const mapping = await folder.map("{", "mapping.json");
  await expect(read(folder, { config: { mapping } })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  await expect(read(folder, { config: { account_timezone: "Mars/Base" } })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
  });
});
