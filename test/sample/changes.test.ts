import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { client, code, ids, NOW, object, objects, type Client, word } from "./client.ts";

const DAY_MS = 86_400_000;
const changed = async (sample: Client, wanted: JsonObject) =>
  JSON.parse((await sample.post("/_sample/changes", wanted)).text) as Record<string, string[]>;

const sha256 = (lines: readonly string[]) => createHash("sha256").update(lines.join("\n")).digest("hex");

/** What the routes show must be what the truth says. */
async function expectTruth(sample: Client): Promise<void> {
  const truth = await sample.truth();
  const calls = await sample.list("calls", "limit=100");
  expect(ids(calls).toSorted()).toEqual(Object.keys(truth.calls).toSorted());
  for (const call of calls) {
    const id = word(call["id"]);
    const got = await sample.get(`/api/v1/calls/${id}/transcript`);
    const turns = objects(got.json["utterances"]);
    const isReady = got.status === 200;
    expect(truth.calls[id]).toMatchObject({
      title: call["title"],
      started_at: call["date"],
      updated_at: call["updated_at"],
      duration_seconds: call["duration"],
      transcript_status: isReady ? "ready" : "none",
      utterances: isReady ? turns.length : null,
      text_hash: isReady ? sha256(turns.map(({ text }) => word(text))) : null,
      speakers_hash: isReady ? sha256(turns.map(({ speaker }) => (speaker === null ? "" : word(speaker)))) : null,
      tags: Array.isArray(call["tags"]) ? call["tags"].length : 0,
      named_tags: Object.keys(object(call["named_tags"])).length,
      trackers: objects(call["trackers"]).length,
      tracker_mentions: objects(call["trackers"]).reduce((sum, { mentions }) => sum + objects(mentions).length, 0),
      participants: objects(call["participants"]).length,
      metrics: objects(call["metrics"]).length,
      deal_signals: objects(object(call["deal"])["signals"]).length,
    });
  }
}

test("the truth is what the routes show, before and after changes", async () => {
  await using sample = await client({ quirks: ["Q11"] });
  await expectTruth(sample);
  await changed(sample, { late: 3, edit: 4, delete: 2, clear: 2 });
  await expectTruth(sample);
  await changed(sample, { late: 1, edit: 6, delete: 1, clear: 1 });
  await expectTruth(sample);
});

test("the same changes to the same account give the same", async () => {
  const wanted = { late: 3, edit: 4, delete: 2, clear: 1 };
  await using one = await client();
  await using two = await client();
  for (let round = 0; round < 2; round++) expect(await changed(one, wanted)).toEqual(await changed(two, wanted));
  expect(await one.truth()).toEqual(await two.truth());
});

test("late calls are new and started hours to five days ago", async () => {
  await using sample = await client();
  const before = await sample.truth();
  const { late = [] } = await changed(sample, { late: 20 });
  const after = await sample.truth();
  expect(Object.keys(after.calls)).toHaveLength(50);
  for (const id of late) {
    expect(before.calls[id]).toBeUndefined();
    const age = NOW - Date.parse(after.calls[id]?.started_at ?? "");
    expect(age).toBeGreaterThan(2 * 3_600_000);
    expect(age).toBeLessThan(5 * DAY_MS);
  }
});

test("an edit bumps updated_at; of a batch one call loses all tags and one transcript gets shorter", async () => {
  await using sample = await client();
  const before = await sample.truth();
  const { edit = [] } = await changed(sample, { edit: 4 });
  const after = await sample.truth();
  expect(edit).toHaveLength(4);
  for (const id of edit) {
    const [old, now] = [before.calls[id], after.calls[id]];
    expect((now?.updated_at ?? "") > (old?.updated_at ?? "")).toBe(true);
    expect(now?.title).not.toBe(old?.title);
    expect(now?.trackers).toBeLessThanOrEqual(Math.max(0, (old?.trackers ?? 0) - 1));
    expect(NOW - Date.parse(now?.started_at ?? "")).toBeLessThan(6 * DAY_MS + 3_600_000);
  }
  const of = (id: string | undefined) => after.calls[id ?? ""];
  expect([of(edit[0])?.tags, of(edit[0])?.named_tags]).toEqual([0, 0]);
  expect(of(edit[3])?.utterances).toBeLessThan(before.calls[edit[3] ?? ""]?.utterances ?? 0);
  const untouched = Object.keys(before.calls).filter((id) => !edit.includes(id));
  for (const id of untouched) expect(after.calls[id]).toEqual(before.calls[id]);
});

test("a deleted call leaves the list, and its routes answer 404 not_found", async () => {
  await using sample = await client();
  const { delete: gone = [] } = await changed(sample, { delete: 2 });
  expect(gone).toHaveLength(2);
  for (const id of gone) {
    expect(ids(await sample.list("calls"))).not.toContain(id);
    expect(code(await sample.get(`/api/v1/calls/${id}`))).toBe("not_found");
    expect(code(await sample.get(`/api/v1/calls/${id}/transcript`))).toBe("not_found");
  }
});

test("a cleared call keeps its transcript and loses what hangs on it", async () => {
  await using sample = await client();
  const { clear = [] } = await changed(sample, { clear: 1 });
  expect((await sample.truth()).calls[clear[0] ?? ""]).toMatchObject({
    tags: 0,
    named_tags: 0,
    trackers: 0,
    participants: 0,
    deal_signals: 0,
    metrics: 0,
  });
});

test.each([{ late: -1 }, { edit: "many" }, { burn: 1 }])("%j is refused with 400", async (wanted) => {
  await using sample = await client({ calls: 5 });
  expect((await sample.post("/_sample/changes", wanted)).status).toBe(400);
});
