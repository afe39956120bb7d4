import { expect, test } from "vitest";
import { ids, NOW, object, objects, word } from "./client.ts";
import { errorCode, fields, reader, type Reader } from "./reader.ts";

const DAY_MS = 86_400_000;
const keys = (sample: Reader) => Object.keys(sample.truth().calls);
const change = (sample: Reader, wanted: Record<string, number>) =>
  sample.control("POST", "/_sample/changes", wanted) as Record<string, string[]>;

async function page(sample: Reader, offset: number, limit: number) {
  return ids(objects(fields((await sample.get(`/api/v1/calls?limit=${limit}&offset=${offset}`)).json)["calls"]));
}

test("backdated calls are new and started 20 to 80 days ago", async () => {
  const sample = await reader();
  const { backdated = [] } = change(sample, { backdated: 8 });
  expect(backdated).toHaveLength(8);
  for (const id of backdated) {
    const { call } = sample.account.find(id) ?? {};
    const days = (NOW - (call?.startedMs ?? 0)) / DAY_MS;
    expect(days).toBeGreaterThanOrEqual(20);
    expect(days).toBeLessThanOrEqual(81);
    expect(NOW - (call?.createdMs ?? 0)).toBeLessThan(DAY_MS);
  }
});

test("Q02: every `late` also adds a call that started weeks ago", async () => {
  const sample = await reader({ quirks: ["Q02"] });
  expect(change(sample, { late: 3 })["backdated"]).toHaveLength(1);
  expect(change(sample, { edit: 1 })["backdated"]).toEqual([]);
});

test("Q05: offsets skip calls while a window loses its newest, and nothing more is lost once it was read", async () => {
  const sample = await reader({ quirks: ["Q05"], calls: 60 });
  const before = keys(sample);
  const seen: string[] = [];
  for (let offset = 0, got = [""]; got.length > 0; offset += got.length) {
    got = await page(sample, offset, 10);
    seen.push(...got);
  }
  const left = keys(sample);
  expect(left.length).toBeLessThan(before.length);
  expect(left.some((id) => !seen.includes(id))).toBe(true);
  expect(seen[0]).toBe(before[0]);
  expect(left).not.toContain(before[0]);
  for (let offset = 0; offset < 60; offset += 10) await page(sample, offset, 10);
  expect(keys(sample)).toEqual(left);
});

test("Q05: keys of flavour v3 skip nothing, and ten are lost at most", async () => {
  const sample = await reader({ quirks: ["Q05"], calls: 120, limitCap: 4 });
  const before = keys(sample).length;
  const seen = (await sample.engagements()).map((row) => word(row["engagement_id"]));
  const known = sample.account.visible().filter(({ call }) => call.callType !== "other");
  expect(seen).toEqual(expect.arrayContaining(known.map(({ call }) => call.id)));
  expect(before - keys(sample).length).toBe(10);
});

test("Q10: every seventh call that was spoken never gets its transcript, in four ways", async () => {
  const sample = await reader({ quirks: ["Q10"], calls: 90 });
  const truth = sample.truth().calls;
  const held = sample.account.visible().filter((one) => sample.account.never(one) !== undefined);
  const forms = new Set<string>();
  for (const { call } of held) {
    const url = `/api/v1/calls/${call.id}/transcript`;
    const first = await sample.get(url);
    for (let i = 0; i < 3; i++) expect((await sample.get(url)).text).toBe(first.text);
    forms.add(`${first.status} ${word(errorCode(first) ?? "")}`.trim());
    expect(truth[call.id]).toMatchObject({
      transcript_status: first.status === 403 ? "forbidden" : "none",
      utterances: null,
      text_hash: null,
    });
  }
  expect([...forms].toSorted()).toEqual(["202", "403 forbidden", "404", "404 no_transcript"]);
  expect(sample.truth().totals["transcripts_forbidden"]).toBeGreaterThan(0);
});

test("Q10: in flavour v3 such a call is forbidden, or is processing for ever", async () => {
  const sample = await reader({ quirks: ["Q10"], calls: 90 });
  const states = new Map(
    (await sample.engagements()).map((row) => [word(row["engagement_id"]), row["processing_state"]]),
  );
  const seen = new Set<string>();
  for (const held of sample.account.visible()) {
    const { id, callType } = held.call;
    if (sample.account.never(held) === undefined || callType === "other") continue;
    const url = `/api/v1/conversations/${id}?skip_summary_generation=true`;
    await sample.get(url);
    const got = await sample.get(url);
    const attributes = object(object(fields(got.json)["data"])["attributes"]);
    seen.add(`${got.status} ${word(states.get(id))} ${word(attributes["status"] ?? "")}`.trim());
    if (got.status === 200) expect(object(attributes["recording"])["utterances"]).toEqual([]);
  }
  expect([...seen].toSorted()).toEqual(["200 processing processing", "403 done"]);
});

test("a hidden call is gone from lists and answers 404 not_found, and comes back as it was", async () => {
  const sample = await reader();
  const before = sample.truth();
  const { hide = [] } = change(sample, { hide: 2 });
  expect(hide).toHaveLength(2);
  expect(keys(sample)).toHaveLength(28);
  for (const id of hide) {
    expect(await page(sample, 0, 100)).not.toContain(id);
    const routes = [`calls/${id}`, `calls/${id}/transcript`, `conversations/${id}`];
    for (const route of routes) expect(errorCode(await sample.get(`/api/v1/${route}`))).toBe("not_found");
  }
  expect(change(sample, { unhide: 5 })["unhide"]).toEqual(hide);
  expect(sample.truth()).toEqual(before);
});

test("Q12: every change also deletes a call and makes one private", async () => {
  const sample = await reader({ quirks: ["Q12"] });
  const { delete: deleted = [], hide = [] } = change(sample, {});
  expect([deleted.length, hide.length]).toEqual([1, 1]);
  expect(keys(sample)).toHaveLength(28);
});

test("without the detail route a single call is as unknown as any other path that does not exist", async () => {
  const sample = await reader({ withoutDetail: true });
  const [id = ""] = keys(sample);
  const got = await sample.get(`/api/v1/calls/${id}`);
  expect([got.status, got.text]).toEqual([404, ""]);
  expect((await sample.get("/api/v1/calls")).status).toBe(200);
});

test("Q16: one transcript has 10,000 turns and 20 MB, the same in truth and in both flavours", async () => {
  const sample = await reader({ calls: 5, quirks: ["Q16"] });
  const [id = ""] = Object.entries(sample.truth().calls).flatMap(([id, { utterances }]) =>
    utterances === 10_000 ? [id] : [],
  );
  const got = await sample.get(`/api/v1/calls/${id}/transcript`);
  expect(got.text.length).toBeGreaterThan(19_000_000);
  expect(got.text.length).toBeLessThan(24_000_000);
  expect(objects(fields(got.json)["utterances"])).toHaveLength(10_000);
  const same = await sample.get(`/api/v1/conversations/${id}?fields=recording.utterances`);
  const recording = object(object(object(fields(same.json)["data"])["attributes"])["recording"]);
  expect(objects(recording["utterances"])).toHaveLength(10_000);
});
