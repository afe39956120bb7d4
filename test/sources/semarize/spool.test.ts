import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { Spool } from "../../../src/sources/semarize/spool.ts";

test("texts come back as they were, in any order", async () => {
  await using spool = await Spool.open();
  const texts = ["one", "zwei – ½ 😀", "", "x".repeat(300_000)];
  const places = [];
  for (const text of texts) places.push(await spool.add(text));
  const back = await Promise.all(places.reverse().map((place) => spool.text(place)));
  expect(back.reverse()).toEqual(texts);
});

test.skipIf(process.platform === "win32")("no file of it is to be seen, so none is left after a kill", async () => {
  const before = new Set(readdirSync(tmpdir()));
  await using spool = await Spool.open();
  await spool.add("secret words");
  const news = readdirSync(tmpdir()).filter((name) => !before.has(name) && name.startsWith("chorus-elt-"));
  const files = news.flatMap((name) => {
    try {
      return readdirSync(`${tmpdir()}/${name}`);
    } catch {
      return []; // another test's folder, gone by now
    }
  });
  expect(files).not.toContain("transcripts");
});
