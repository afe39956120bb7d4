import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isExact, type JsonObject } from "../../src/core/json.ts";
import { clean } from "../../src/core/value.ts";
import { QUIRK_IDS } from "../../src/sample/quirks/table.ts";
import { startSampleApi } from "../../src/sample/server.ts";
import { client, code, ids, NOW, object, objects, type Client, type Got, word } from "./client.ts";

const DAY_MS = 86_400_000;
const transcript = (sample: Client, id: string): Promise<Got> => sample.get(`/api/v1/calls/${id}/transcript`);
const paging = ({ json }: Got): JsonObject => object(json["pagination"]);

test("an unknown quirk is refused with those that are known", async () => {
  const refused = startSampleApi({ calls: 1, quirks: ["Q04", "Q99"] });
  await expect(refused).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("Q99") as string,
  });
  await expect(refused).rejects.toThrow(QUIRK_IDS.join(", "));
});

test("quirks can be switched while the server runs; an unknown one switches nothing", async () => {
  await using sample = await client({ quirks: ["Q06"] });
  expect((await sample.post("/_sample/quirks", { on: ["Q07"], off: ["Q06"] })).json["on"]).toEqual(["Q07"]);
  const refused = await sample.post("/_sample/quirks", { on: ["Q08", "Q99"] });
  expect(refused.status).toBe(400);
  expect((await sample.get("/_sample/quirks")).json["on"]).toEqual(["Q07"]);
});

test("without quirks, and after they are switched off, an account is the same", async () => {
  await using plain = await client();
  const answers = QUIRK_IDS.filter((id) => id !== "Q09");
  await using odd = await client({ quirks: answers });
  await odd.post("/_sample/quirks", { off: answers });
  expect(await odd.truth()).toEqual(await plain.truth());
  expect(await odd.list("calls")).toEqual(await plain.list("calls"));
});

test("Q01: a tenth of the recent calls is hidden until `late` releases it, then new ones come that are a day or older", async () => {
  await using sample = await client({ quirks: ["Q01"] });
  const seen = Object.keys((await sample.truth()).calls).length;
  expect(seen).toBeLessThan(30);
  expect(await sample.list("calls")).toHaveLength(seen);
  const { json } = await sample.post("/_sample/changes", { late: 30 - seen + 5 });
  const after = (await sample.truth()).calls;
  expect(Object.keys(after)).toHaveLength(35);
  for (const id of (json["late"] as string[]).slice(30 - seen)) {
    const age = NOW - Date.parse(after[id]?.started_at ?? "");
    expect(age).toBeGreaterThan(DAY_MS);
    expect(age).toBeLessThan(5 * DAY_MS);
  }
});

test("Q03: every change also edits two calls", async () => {
  await using sample = await client({ quirks: ["Q03"] });
  const { json } = await sample.post("/_sample/changes", { late: 1 });
  expect(json["edit"]).toHaveLength(2);
});

describe("Q04", () => {
  test("new calls shift the offsets while a window is paged through, and it settles once it was read to its end", async () => {
    await using sample = await client({ quirks: ["Q04"] });
    const first = ids(await sample.list("calls", "limit=5"));
    expect(new Set(first).size).toBeLessThan(first.length); // rows that were shifted onto the next page
    const second = ids(await sample.list("calls", "limit=5"));
    expect(second.length).toBeGreaterThan(30);
    expect(ids(await sample.list("calls", "limit=5"))).toEqual(second);
    expect(Object.keys((await sample.truth()).calls).toSorted()).toEqual(second.toSorted());
  });

  test("a new call lies within the dates that were asked for, and there are ten at most", async () => {
    await using sample = await client({ quirks: ["Q04"] });
    const days = new Set((await sample.list("calls", "limit=100")).map(({ date }) => word(date).slice(0, 10)));
    for (const day of days) {
      const window = `limit=2&startDate=${day}&endDate=${day}`;
      await sample.list("calls", window);
      for (const { date } of await sample.list("calls", window)) expect(date).toContain(day);
    }
    const total = Object.keys((await sample.truth()).calls).length;
    expect(total).toBeGreaterThan(30);
    expect(total).toBeLessThanOrEqual(40);
  });
});

test("Q06: a page has 25 rows at most", async () => {
  await using sample = await client({ quirks: ["Q06"] });
  expect(paging(await sample.get("/api/v1/calls?limit=100"))).toMatchObject({ limit: 25, returned: 25 });
});

test("Q07: pages in the middle are short, total is null or wrong, has_more is null; all rows can be read", async () => {
  await using sample = await client({ quirks: ["Q07"] });
  const pages = [];
  for (let i = 0; i < 4; i++) pages.push(paging(await sample.get("/api/v1/calls?limit=9&offset=9")));
  expect(pages.map(({ returned }) => returned)).toEqual([3, 9, 3, 9]);
  expect(pages.map(({ total }) => total)).toEqual([null, 18, 12, null]);
  expect(pages.map(({ has_more }) => has_more)).toEqual([null, null, null, null]);
  expect(new Set(ids(await sample.list("calls", "limit=9"))).size).toBe(30);
});

test("Q08: calls come again on a later page, older and with another title", async () => {
  await using sample = await client({ quirks: ["Q08"] });
  const rows = await sample.list("calls", "limit=10");
  expect(rows).toHaveLength(35);
  const truth = (await sample.truth()).calls;
  for (const copy of rows.slice(30)) {
    const newest = rows.find(({ id }) => id === copy["id"]);
    expect(word(copy["updated_at"]) < word(newest?.["updated_at"])).toBe(true);
    expect(copy["title"]).not.toBe(newest?.["title"]);
    expect(truth[word(copy["id"])]?.title).toBe(newest?.["title"]);
  }
});

describe("Q09", () => {
  const pendingIds = async (sample: Client) =>
    Object.entries((await sample.truth()).calls).flatMap(([id, call]) =>
      call.transcript_status === "pending" ? [id] : [],
    );

  test("a third of the transcripts is pending in three forms, and there on the second try", async () => {
    await using sample = await client({ quirks: ["Q09"] });
    const pending = await pendingIds(sample);
    expect(pending.length).toBeGreaterThanOrEqual(7);
    const forms = new Set<string>();
    for (const id of pending) {
      const got = await transcript(sample, id);
      forms.add(`${got.status} ${JSON.stringify(code(got) ?? got.json["status"])}`);
      if (got.status === 202) expect(got.headers.get("retry-after")).toBe("1");
      if (got.status === 200) {
        expect(got.json["utterances"]).toEqual([]);
        expect((await sample.get(`/api/v1/calls/${id}`)).json["status"]).toBe("processing");
      }
      expect(objects((await transcript(sample, id)).json["utterances"]).length).toBeGreaterThan(0);
      expect((await sample.get(`/api/v1/calls/${id}`)).json["status"]).toBe("done");
    }
    expect([...forms].toSorted()).toEqual(["200 null", '202 "processing"', '404 "transcript_not_ready"']);
    expect(await pendingIds(sample)).toEqual([]);
  });

  test("transcripts_ready makes them ready before anybody asked", async () => {
    await using sample = await client({ quirks: ["Q09"] });
    const [id = ""] = (await sample.post("/_sample/changes", { transcripts_ready: 1 })).json[
      "transcripts_ready"
    ] as string[];
    expect((await transcript(sample, id)).json["status"]).toBe("ready");
    expect((await sample.truth()).calls[id]?.transcript_status).toBe("ready");
  });
});

test("Q11: edited transcripts grow, shrink or change speakers", async () => {
  await using sample = await client({ quirks: ["Q11"] });
  const before = (await sample.truth()).calls;
  const edited = (await sample.post("/_sample/changes", { edit: 4 })).json["edit"] as string[];
  const after = (await sample.truth()).calls;
  const steps = edited.map((id) => Math.sign((after[id]?.utterances ?? 0) - (before[id]?.utterances ?? 0)));
  expect(steps).toEqual([1, -1, 0, -1]);
  expect(after[edited[2] ?? ""]?.speakers_hash).not.toBe(before[edited[2] ?? ""]?.speakers_hash);
});

test("Q14: speaker names are null, blank, shared, or of nobody in the call", async () => {
  await using sample = await client({ quirks: ["Q14"] });
  const [id = ""] = Object.entries((await sample.truth()).calls).flatMap(([id, { utterances }]) =>
    (utterances ?? 0) > 30 ? [id] : [],
  );
  const turns = objects((await transcript(sample, id)).json["utterances"]);
  const people = objects((await sample.get(`/api/v1/calls/${id}`)).json["participants"]);
  const names = turns.map(({ speaker }) => speaker);
  expect(names).toContain(null);
  expect(names).toContain("  ");
  const speakerIds = new Map<unknown, Set<unknown>>();
  for (const { speaker, speaker_id } of turns)
    speakerIds.set(speaker, (speakerIds.get(speaker) ?? new Set()).add(speaker_id));
  expect([...speakerIds].some(([name, those]) => name !== null && name !== "  " && those.size > 1)).toBe(true);
  expect(
    turns.some(({ speaker_id }) => speaker_id !== null && !people.some(({ person_id }) => person_id === speaker_id)),
  ).toBe(true);
  const hash = createHash("sha256").update(names.map((name) => (name === null ? "" : word(name))).join("\n"));
  expect((await sample.truth()).calls[id]?.speakers_hash).toBe(hash.digest("hex"));
});

test("Q15: NUL, lone surrogates, U+2028, right-to-left text and emoji; the truth has the cleaned text", async () => {
  await using sample = await client({ quirks: ["Q15"] });
  const truth = (await sample.truth()).calls;
  const [id = ""] = Object.entries(truth).flatMap(([id, { utterances }]) => ((utterances ?? 0) > 40 ? [id] : []));
  const got = await transcript(sample, id);
  const texts = objects(got.json["utterances"]).map(({ text }) => word(text));
  for (const odd of ["\u0000", "\u2028", "שלום", "👩‍👩‍👧‍👦"]) expect(texts.some((text) => text.includes(odd))).toBe(true);
  expect(got.text).toContain("\\ud83d"); // an escape: UTF-8 has no form for it
  expect(texts.every((text) => text.isWellFormed())).toBe(false);
  const hash = createHash("sha256")
    .update(texts.map((text) => clean(text).value).join("\n"))
    .digest("hex");
  expect(truth[id]).toMatchObject({ text_hash: hash });
  expect(Object.values(truth).every(({ title }) => title?.isWellFormed() === true && !title.includes("\0"))).toBe(true);
});

test("Q18: 429 in all forms of Retry-After; the request that met one is served when it is sent again", async () => {
  await using sample = await client({ quirks: ["Q18"] });
  const forms: (string | null)[] = [];
  for (let i = 0; i < 30; i++) {
    const got = await sample.get(`/api/v1/users?limit=${i + 1}`);
    if (got.status !== 429) continue;
    forms.push(got.headers.get("retry-after"));
    expect((await sample.get(`/api/v1/users?limit=${i + 1}`)).status).toBe(200);
  }
  const dates = forms.map((form) => (form?.includes("GMT") === true ? Math.sign(Date.parse(form) - NOW) : form));
  expect(dates).toEqual(["1", 1, null, "0", -1]);
});

test("Q19: failures of every kind; the request that met one is served when it is sent again", async () => {
  await using sample = await client({ quirks: ["Q19"] });
  const kinds: string[] = [];
  for (let i = 0; i < 32; i++) {
    const path = `/api/v1/calls?limit=5&offset=${i}`;
    const kind = await outcome(sample, path);
    if (kind === "good") continue;
    kinds.push(kind);
    expect(await outcome(sample, path)).toBe("good");
  }
  expect(kinds).toEqual(["500", "502", "503", "504", "broken", "slow", "broken", "html"]);
});

/** What happens to a request; `broken` is a connection or a JSON text that ended too early. */
async function outcome(sample: Client, path: string): Promise<string> {
  const from = performance.now();
  try {
    const { status, headers } = await sample.get(path);
    if (status !== 200) return String(status);
    if (headers.get("content-type")?.includes("html") === true) return "html";
    return performance.now() - from > 280 ? "slow" : "good";
  } catch {
    return "broken";
  }
}

test("Q21: ids are numbers above 2^53, numbers are text, lists are null, fields are missing or unknown", async () => {
  await using sample = await client({ quirks: ["Q21"] });
  const calls = await sample.list("calls", "limit=100");
  expect(calls.every(({ id }) => isExact(id))).toBe(true);
  expect(ids(calls).toSorted()).toEqual(Object.keys((await sample.truth()).calls).toSorted());
  for (const id of ids(calls)) expect(BigInt(id)).toBeGreaterThan(2n ** 53n);
  expect(calls.some(({ duration }) => typeof duration === "string")).toBe(true);
  expect(calls.some(({ tags }) => tags === null)).toBe(true);
  expect(calls.some((call) => !("deal" in call))).toBe(true);
  expect(calls.every((call) => "x_region" in call)).toBe(true);
  const spoken = calls.find(({ status }) => status === "done") ?? {};
  expect(word((await transcript(sample, word(spoken["id"]))).json["call_id"])).toBe(word(spoken["id"]));
  const users = ids(await sample.list("users"));
  for (const { owner } of calls) expect(users).toContain(word(object(owner)["user_id"]));
});

test("Q22: duration 0, amount -1, empty CRM ids, and words in other forms", async () => {
  await using sample = await client({ quirks: ["Q22"], calls: 120 });
  const calls = await sample.list("calls", "limit=100");
  const values = (read: (call: JsonObject) => unknown) => new Set(calls.map(read));
  expect(values(({ duration }) => duration)).toContain(0);
  expect(values(({ deal }) => object(deal)["amount"])).toContain(-1);
  expect(values(({ crm }) => object(crm)["account_id"])).toContain("");
  for (const form of ["no show", "no_show"]) expect(values(({ status }) => status)).toContain(form);
  for (const form of ["Meeting", "meeting"]) expect(values(({ call_type }) => call_type)).toContain(form);
  const people = calls.flatMap(({ participants }) => objects(participants).map(({ type }) => type));
  expect(people).toEqual(expect.arrayContaining(["REP", "rep"]));
  const zero = calls.find(({ duration }) => duration === 0);
  expect((await sample.truth()).calls[word(zero?.["id"])]?.duration_seconds).toBe(0);
});

test("all quirks together that take nothing away: who tries again and reads twice has every call", async () => {
  await using sample = await client({ quirks: QUIRK_IDS.filter((id) => !["Q05", "Q13"].includes(id)) });
  const retried = async (path: string): Promise<JsonObject[]> => {
    for (;;) {
      const got = await sample.get(path).catch(() => undefined);
      if (got?.status === 200 && Array.isArray(got.json["calls"])) return objects(got.json["calls"]);
    }
  };
  const seen = new Set<string>();
  for (let pass = 0; pass < 2; pass++) {
    for (let offset = 0, received = 1; received > 0; offset += received) {
      const rows = await retried(`/api/v1/calls?limit=25&offset=${offset}`);
      for (const id of ids(rows)) seen.add(id);
      received = rows.length;
    }
  }
  expect([...seen].toSorted()).toEqual(Object.keys((await sample.truth()).calls).toSorted());
});
