import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generate } from "../../src/sample/generator.ts";
import { writeSampleMeetings } from "../../src/sample/meetings.ts";
import { read } from "../sources/transcripts-vtt-folder.ts";
import { temporaryFolder } from "../support/folder.ts";
import { NOW } from "./client.ts";

const source = generate({ calls: 60, seed: 1, nowMs: NOW });

test("sample meetings are read whole: every turn with its speaker and side, on both platforms, of deals of the account", async () => {
  await using folder = await temporaryFolder();
  const { path, mapping, files, utterances } = await writeSampleMeetings(folder.path, { source });
  const { of, failures, warnings } = await read({ path }, { config: { mapping } });
  expect([failures, warnings]).toEqual([[], []]);
  const meetings = of("meetings");
  expect(meetings).toHaveLength(16);
  expect(files).toHaveLength(16);
  const dealsOf = (platform: string) =>
    meetings.flatMap((row) => (row["platform"] === platform ? [row["deal_id"]] : [])).sort();
  expect(dealsOf("zoom")).toHaveLength(8);
  expect(dealsOf("teams")).toEqual(dealsOf("zoom"));
  const known = new Set(source.calls.map(({ deal }) => deal?.id));
  expect(meetings.every((row) => typeof row["deal_id"] === "string" && known.has(row["deal_id"]))).toBe(true);
  // Some turns of the account's speech are empty, and those that follow each other closely are one.
  const turns = of("meeting_utterances");
  expect(turns.length).toBeGreaterThan(0.8 * utterances);
  expect(turns.length).toBeLessThanOrEqual(utterances);
  const roles = new Set(turns.map((row) => row["role"]));
  expect([...roles].sort()).toEqual(expect.arrayContaining(["prospect", "rep"]));
});

test("the same account and seed give the same files, and fewer deals fewer of them", async () => {
  await using one = await temporaryFolder();
  await using two = await temporaryFolder();
  const first = await writeSampleMeetings(one.path, { source, meetings: 5 });
  const second = await writeSampleMeetings(two.path, { source, meetings: 5 });
  expect(first.files).toEqual(second.files);
  for (const file of [...first.files, "meetings.csv"]) {
    expect(await readFile(join(one.path, file), "utf8")).toBe(await readFile(join(two.path, file), "utf8"));
  }
  const few = generate({ calls: 2, seed: 1, nowMs: NOW });
  expect((await writeSampleMeetings(two.path, { source: few })).files.length).toBeLessThanOrEqual(4);
});
