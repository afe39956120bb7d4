import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readCorpus } from "../../src/sample/corpus.ts";
import { client, objects } from "./client.ts";

const CALL = {
  id: "77",
  title: "Made-up call",
  account: "Made Up plc",
  group: "Services",
  started_at: "2026-06-16T10:00:00Z",
  duration_s: 12.5,
  speakers: [
    { id: "0", name: null },
    { id: "1", name: "Ada Sample" },
  ],
  utterances: [
    { speaker_id: "0", text: "Good morning.", start_s: 0, end_s: 2 },
    {
      speaker_id: "1",
      text: "Revenue rose, and so did the price of caf\u0065\u0301 🙂. Any risk?",
      start_s: 2,
      end_s: 12.5,
    },
  ],
};

async function withFile<Result>(content: string | Buffer, use: (path: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "chorus-elt-test-"));
  try {
    const path = join(folder, "calls.jsonl");
    await writeFile(path, content);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("text, times and null names come through; roles and CRM links say that they are assigned", async () => {
  const source = await withFile(gzipSync(`${JSON.stringify(CALL)}\n\n`), readCorpus);
  const [call] = source.calls;
  expect(source.turns("77").map(({ text }) => text)).toEqual(CALL.utterances.map(({ text }) => text));
  expect(source.turns("77").map(({ speaker, role }) => [speaker, role])).toEqual([
    [null, "unknown"],
    ["Ada Sample", "rep"],
  ]);
  expect(call).toMatchObject({
    id: "77",
    startedMs: Date.parse(CALL.started_at),
    durationSeconds: 12.5,
    tags: ["assigned-roles"],
  });
  expect(call?.crm).toMatchObject({ accountName: "Made Up plc", matchReason: "assigned by the sample API" });
  expect(call?.trackers.map(({ name, mentions }) => [name, mentions.length])).toEqual([
    ["Pricing", 1],
    ["Revenue", 1],
    ["Risk", 1],
  ]);
});

test.each([
  ["not json\n", "line 1 is not JSON (8 characters)"],
  [`${JSON.stringify(CALL)}\n{"id":"78"}\n`, "line 2 has no account"],
  [`${JSON.stringify(CALL)}\n${JSON.stringify(CALL)}\n`, "line 2 repeats the id 77"],
  [JSON.stringify({ ...CALL, started_at: "soon" }), "line 1 has a started_at that is no time"],
  [JSON.stringify({ ...CALL, utterances: [{ text: 1 }] }), "line 1 has utterances without"],
  ["\n", "holds no calls"],
])("a corpus that cannot be used is named with its line (%#)", async (content, message) => {
  await expect(withFile(content, readCorpus)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(message) as string,
  });
});

test("a corpus that is not there is named", async () => {
  await expect(readCorpus("nowhere.jsonl")).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("nowhere.jsonl") as string,
  });
});

const REAL_CALLS = "../shared/data/earnings21.jsonl.gz";
const isHere = existsSync(REAL_CALLS);

describe.runIf(isHere)("44 real calls", () => {
  test("all are served, with every turn as it is in the file", async () => {
    await using sample = await client({ corpus: REAL_CALLS });
    const calls = await sample.list("calls", "limit=100");
    expect(calls).toHaveLength(44);
    const lines = gunzipSync(await readFile(REAL_CALLS))
      .toString()
      .trim()
      .split("\n");
    let turns = 0;
    for (const line of lines) {
      const { id, utterances } = JSON.parse(line) as typeof CALL;
      const got = objects((await sample.get(`/api/v1/calls/${id}/transcript`)).json["utterances"]);
      // Compared here, so that a failure does not print what was said.
      expect(got.length === utterances.length && got.every(({ text }, i) => text === utterances[i]?.text), id).toBe(
        true,
      );
      turns += got.length;
    }
    expect(turns).toBe(14_773);
    expect((await sample.truth()).totals).toMatchObject({ calls: 44, utterances: 14_773 });
  });

  test("every call has a rep who is a user in a team", async () => {
    const { calls, users, teams } = await readCorpus(REAL_CALLS);
    for (const { owner, participants } of calls) {
      expect(participants.filter(({ role }) => role === "rep")).toHaveLength(1);
      expect(users.map(({ id }) => id)).toContain(owner?.userId);
      expect(teams.map(({ id }) => id)).toContain(owner?.teamId);
    }
  });

  test("late calls repeat the speech of others under a new id", async () => {
    await using sample = await client({ corpus: REAL_CALLS });
    const { json } = await sample.post("/_sample/changes", { late: 2 });
    const [id] = json["late"] as string[];
    expect((await sample.truth()).calls[id ?? ""]).toMatchObject({ transcript_status: "ready" });
  });
});

test.skipIf(isHere)(`44 real calls: skipped, as ${REAL_CALLS} is not there`, () => undefined);
