import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { isExact, type JsonObject } from "../../src/core/json.ts";
import { object, objects, word } from "./client.ts";
import { attributes, errorCode, fields, reader, type Read } from "./reader.ts";

const idsOf = (rows: readonly JsonObject[]) => rows.map((row) => word(row["engagement_id"]));
const conversationOf = (id: string, query = "skip_summary_generation=true") => `/api/v1/conversations/${id}?${query}`;
const sha256 = (lines: readonly string[]) => createHash("sha256").update(lines.join("\n")).digest("hex");

test("engagements come newest first, 100 a page, and each once", async () => {
  const sample = await reader({ calls: 230 });
  const first = fields((await sample.get("/v3/engagements")).json);
  expect(objects(first["engagements"])).toHaveLength(100);
  const [last] = objects(first["engagements"]).slice(-1);
  expect(first["continuation_key"]).toBe(`${word(last?.["date_time"])} ${word(last?.["engagement_id"])}`);
  const rows = await sample.engagements();
  const times = rows.map((row) => Number(row["date_time"]));
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  const calls = sample.account.visible().filter(({ call }) => call.callType !== "other");
  expect(idsOf(rows).toSorted()).toEqual(calls.map(({ call }) => call.id).toSorted());
});

test("the last page has no key", async () => {
  const sample = await reader();
  expect(Object.keys(fields((await sample.get("/v3/engagements")).json))).toEqual(["engagements"]);
});

test("new and deleted calls do not shift the pages behind a key", async () => {
  const sample = await reader({ calls: 40, limitCap: 10 });
  const before = await sample.engagements();
  const key = `${word(before[9]?.["date_time"])} ${word(before[9]?.["engagement_id"])}`;
  sample.control("POST", "/_sample/changes", { late: 2 });
  const [, deleted] = sample.account.visible();
  if (deleted !== undefined) sample.account.remove(deleted);
  const page = fields((await sample.get(`/v3/engagements?continuation_key=${encodeURIComponent(key)}`)).json);
  for (const row of objects(page["engagements"]))
    expect(Number(row["date_time"])).toBeLessThanOrEqual(Number(before[9]?.["date_time"]));
});

test.each(["nonsense", "2026-01-01 abc", "", "%20"])("the key %j is refused", async (key) => {
  const sample = await reader({ calls: 3 });
  const got = await sample.get(`/v3/engagements?continuation_key=${key}`);
  expect([got.status, errorCode(got)]).toEqual([400, "invalid_continuation_key"]);
  expect(got.headers["content-type"]).toBe("application/vnd.api+json");
});

test("min_date and max_date are included; a type and a user narrow the list", async () => {
  const sample = await reader({ calls: 60 });
  const rows = await sample.engagements();
  const at = new Date(Number(rows[20]?.["date_time"]) * 1000).toISOString();
  expect(idsOf(await sample.engagements(`min_date=${at}&max_date=${at}`))).toContain(rows[20]?.["engagement_id"]);
  const day = at.slice(0, 10);
  const ofDay = rows.filter((row) => new Date(Number(row["date_time"]) * 1000).toISOString().startsWith(day));
  expect(idsOf(await sample.engagements(`min_date=${day}&max_date=${day}`))).toEqual(idsOf(ofDay));
  const dialed = rows.filter((row) => row["engagement_type"] === "dialer");
  expect(idsOf(await sample.engagements("engagement_type=dialer"))).toEqual(idsOf(dialed));
  const user = word(rows[0]?.["user_id"]);
  const owned = rows.filter((row) => word(row["user_id"]) === user);
  expect(idsOf(await sample.engagements(`user_id=${user}`))).toEqual(idsOf(owned));
  expect((await sample.get("/v3/engagements?min_date=soon")).status).toBe(400);
});

test("an engagement is flat, in epoch seconds, with empty text for no CRM link, and trackers when asked", async () => {
  const sample = await reader({ calls: 120 });
  const rows = await sample.engagements("with_trackers=true");
  const [row = {}] = rows.filter((one) => one["num_cust_questions"] !== undefined);
  expect(Object.keys(row)).toEqual(
    (
      "engagement_id engagement_type date_time duration processing_state no_show user_id user_name user_email " +
      "account_id account_name opportunity_id opportunity_name participants tracker_matches num_cust_questions " +
      "num_engaging_questions compliance language initiator subject url disposition"
    ).split(" "),
  );
  const { call } = sample.account.find(word(row["engagement_id"])) ?? {};
  expect(row).toMatchObject({
    date_time: (call?.startedMs ?? 0) / 1000,
    num_cust_questions: call?.metrics.find(({ name }) => name === "customer_question_count")?.value,
    subject: call?.title ?? null,
    user_id: Number(call?.owner?.userId),
  });
  const matches = call?.trackers.map(({ name, type, mentions }) => ({ name, num_matches: mentions.length, type }));
  expect(row["tracker_matches"]).toEqual(matches);
  expect((await sample.engagements()).every((one) => !("tracker_matches" in one))).toBe(true);
  expect(rows.some((one) => one["account_id"] === "" && one["opportunity_id"] === "")).toBe(true);
  const types = rows.flatMap(({ participants }) => objects(participants).map(({ type }) => type));
  expect(new Set(types)).toEqual(new Set(["rep", "cust", "unknown"]));
  const missed = rows.filter((one) => one["no_show"] === true);
  expect(missed.length).toBeGreaterThan(0);
  expect(missed.every((one) => one["processing_state"] === "done")).toBe(true);
  expect(new Set(rows.map((one) => one["processing_state"]))).toContain("scheduled");
});

test("conversations hold what the truth says, in every call that this flavour has", async () => {
  const sample = await reader({ calls: 60, quirks: ["Q14", "Q15"] });
  const truth = sample.truth().calls;
  for (const row of await sample.engagements()) {
    const id = word(row["engagement_id"]);
    const got = attributes(await sample.get(conversationOf(id)));
    const recording = object(got["recording"]);
    const turns = objects(recording["utterances"]);
    const known = truth[id];
    expect(turns).toHaveLength(known?.utterances ?? 0);
    const speakers = turns.map(({ speaker_name: name }) => (name === null ? "" : word(name)));
    if (known?.utterances != null) expect(sha256(speakers)).toBe(known.speakers_hash);
    expect(got["_modified_at"]).toBe(known?.updated_at);
    expect(recording["start_time"]).toBe(known?.started_at);
    expect(objects(recording["trackers"])).toHaveLength(known?.trackers ?? -1);
    const mentions = objects(recording["trackers"]).flatMap((tracker) => objects(tracker["mentions"]));
    expect(mentions).toHaveLength(known?.tracker_mentions ?? -1);
    expect(objects(got["metrics"])).toHaveLength(known?.metrics ?? -1);
    expect(recording["recordable"]).toBe(known?.recordings === 1);
  }
});

test("a conversation has its parts, and its clusters add up to what was spoken", async () => {
  const sample = await reader({ calls: 60 });
  const held = sample.account.visible().find(({ call }) => call.metrics.length > 0 && call.deal?.followUpMs != null);
  const got = await sample.get(conversationOf(held?.call.id ?? ""));
  expect(got.headers["content-type"]).toBe("application/vnd.api+json");
  expect(fields(fields(got.json)["data"])).toMatchObject({ id: held?.call.id, type: "conversation" });
  const { recording, deal, ...head } = attributes(got);
  expect(Object.keys(head)).toEqual(
    (
      "_created_at _modified_at name generated_subject status language source private summary action_items owner " +
      "account metrics"
    ).split(" "),
  );
  expect(deal).toMatchObject({ size: held?.call.deal?.amount, current_stage: held?.call.deal?.stage });
  expect(deal).not.toHaveProperty("currency");
  expect(object(deal)["follow_up"]).toMatchObject({ doc_type: "meeting" });
  const turns = objects(object(recording)["utterances"]);
  const clusters = objects(object(recording)["clusters"]);
  const ranges = clusters.flatMap((cluster) => objects(cluster["ranges"]));
  expect(ranges).toHaveLength(turns.length);
  const sum = (values: unknown[]) => values.reduce<number>((total, value) => total + Number(value), 0);
  expect(sum(ranges.map(({ talk_time }) => talk_time))).toBeCloseTo(sum(turns.map((turn) => turn["snippet_length"])));
  expect(new Set(turns.map(({ speaker_type }) => speaker_type))).toEqual(new Set(["rep", "cust"]));
});

test("an amount of -1 is written -1.0", async () => {
  const sample = await reader({ calls: 60, quirks: ["Q22"] });
  const held = sample.account.visible().find(({ n, call }) => n % 4 === 0 && call.deal !== null);
  expect((await sample.get(conversationOf(held?.call.id ?? "", "fields=deal"))).text).toContain('"size":-1.0');
});

test.each([
  ["deal,metrics", ["deal", "metrics"], []],
  ["recording.utterances", ["recording"], ["utterances"]],
  ["recording.trackers,name", ["name", "recording"], ["trackers"]],
  ["recording", ["recording"], ["thumbnails", "clusters", "utterances", "trackers"]],
  ["deal.size", ["deal"], []],
])("fields=%s gives %j with the lists %j", async (wanted, names, lists) => {
  const sample = await reader();
  const held = sample.account.visible().find(({ call }) => call.metrics.length > 0 && call.deal !== null);
  const got = attributes(await sample.get(conversationOf(held?.call.id ?? "", `fields=${wanted}`)));
  expect(Object.keys(got)).toEqual(names);
  const recording = object(got["recording"]);
  expect(Object.entries(recording).flatMap(([name, value]) => (Array.isArray(value) ? [name] : []))).toEqual(lists);
  if (names.includes("recording")) expect(recording["duration"]).toBe(held?.call.durationSeconds);
  if (wanted === "deal.size") expect(Object.keys(object(got["deal"]))).toEqual(["size"]);
});

test("a pending transcript: the conversation is processing and has no utterances until it was asked for", async () => {
  const sample = await reader({ quirks: ["Q09"] });
  const pending = Object.entries(sample.truth().calls).find(([, call]) => call.transcript_status === "pending");
  const id = pending?.[0] ?? "";
  const inList = async () =>
    (await sample.engagements()).find((row) => row["engagement_id"] === id)?.["processing_state"];
  for (let i = 0; i < 3; i++) {
    expect(attributes(await sample.get(conversationOf(id, "fields=status")))).toEqual({ status: "processing" });
  }
  const first = attributes(await sample.get(conversationOf(id)));
  expect([first["status"], object(first["recording"])["utterances"]]).toEqual(["processing", []]);
  expect(await inList()).toBe("processing");
  const second = attributes(await sample.get(conversationOf(id)));
  expect(second["status"]).toBe("done");
  expect(objects(object(second["recording"])["utterances"]).length).toBeGreaterThan(0);
  expect(await inList()).toBe("done");
});

test("what is not there is a 404 not_found, calls of another type among it", async () => {
  const sample = await reader({ calls: 60 });
  const other = sample.account.visible().find(({ call }) => call.callType === "other");
  for (const id of ["none", other?.call.id ?? ""]) {
    const got = await sample.get(conversationOf(id));
    expect([got.status, errorCode(got)]).toEqual([404, "not_found"]);
  }
});

test("what a reader should never ask is counted", async () => {
  const sample = await reader();
  const id = sample.account.visible()[0]?.call.id ?? "";
  await sample.get(conversationOf(id, "force_regeneration=true&skip_summary_generation=true"));
  await sample.get(conversationOf(id, "fields=name"));
  expect(sample.control("GET", "/_sample/violations")).toEqual({
    force_regeneration: 1,
    without_skip_summary: 1,
    token_leaked: 0,
  });
});

test("media is a link, or a redirect to another host", async () => {
  const sample = await reader();
  const held = sample.account.visible().find(({ call }) => call.recording !== null && call.callType !== "other");
  const path = `/api/v1/conversations/${held?.call.id ?? ""}/media`;
  const info = await sample.get(`${path}?info=true`);
  expect(info.json).toEqual({
    url: held?.call.recording?.url,
    media_type: held?.call.recording?.mediaType,
    expires_at: new Date(held?.call.recording?.expiresMs ?? 0).toISOString(),
  });
  const moved = await sample.get(path);
  expect([moved.status, moved.headers["location"]]).toEqual([
    302,
    `http://media.sample.test/media/${held?.call.id ?? ""}`,
  ]);
  const without = sample.account.visible().find(({ call }) => call.recording === null && call.callType !== "other");
  expect((await sample.get(`/api/v1/conversations/${without?.call.id ?? ""}/media?info=true`)).status).toBe(404);
});

test("users are a bare array, and a version header is refused", async () => {
  const sample = await reader();
  const users = objects((await sample.get("/v3/users")).json);
  expect(users).toHaveLength(sample.truth().users);
  expect(users[0]).toHaveProperty("manager_id");
  const authorization = "sample-token";
  expect((await sample.get("/v3/users", { authorization, "x-al-version": "1" })).status).toBe(400);
});

test("scorecards are paged by number to an empty page, and counted in the truth", async () => {
  const sample = await reader({ calls: 120 });
  const page = async (query: string): Promise<JsonObject[]> =>
    objects(fields((await sample.get(`/api/v1/scorecards?${query}`)).json)["data"]);
  const cards: JsonObject[] = [];
  for (let number = 1; ; number++) {
    const rows = await page(`page%5Bsize%5D=7&page%5Bnumber%5D=${number}`);
    if (rows.length === 0) break;
    cards.push(...rows);
  }
  expect(cards).toHaveLength(sample.truth().scorecards);
  expect(sample.truth().scorecard_scores).toBe(3 * cards.length);
  const of = (card: JsonObject | undefined) => object(card?.["attributes"]);
  for (const card of cards) {
    const scores = objects(of(card)["scores"]);
    expect(of(card)["overall_score"]).toBe(scores.reduce((sum, { value }) => sum + Number(value), 0));
    expect(sample.account.find(word(of(card)["engagement_id"]))?.call.owner?.name).toBe(
      object(of(card)["rep"])["name"],
    );
  }
  const at = word(of(cards[3])["submitted"]);
  const since = await page(`page[size]=100&filter[submitted]=${encodeURIComponent(`${at}:*`)}`);
  expect(since).toEqual(cards.slice(0, 4));
  expect(await page(`page[size]=100&filter[submitted]=*:${at.slice(0, 10)}`)).not.toHaveLength(0);
  expect((await sample.get("/api/v1/scorecards?page[size]=101")).status).toBe(400);
  expect((await sample.get("/api/v1/scorecards?filter[submitted]=soon")).status).toBe(400);
});

test("a flavour that is not served answers as if it had never existed", async () => {
  const paths = {
    calls: ["/api/v1/calls", "/api/v1/users", "/api/v1/calls/x/transcript"],
    v3: ["/v3/engagements", "/v3/users", "/api/v1/scorecards", "/api/v1/conversations/x"],
  };
  const empty = ({ status, text }: Read) => status === 404 && text === "";
  const onlyV3 = await reader({ flavours: "v3" });
  const onlyCalls = await reader({ flavours: "calls" });
  for (const path of paths.calls) expect([path, empty(await onlyV3.get(path))]).toEqual([path, true]);
  for (const path of paths.v3) expect([path, empty(await onlyCalls.get(path))]).toEqual([path, true]);
  for (const path of paths.calls) expect(empty(await onlyCalls.get(path))).toBe(false);
  for (const path of paths.v3) expect(empty(await onlyV3.get(path))).toBe(false);
  expect(fields((await onlyCalls.get("/api/v1/teams")).json)).toHaveProperty("pagination");
  const [team] = objects(fields((await onlyV3.get("/api/v1/teams")).json)["data"]);
  expect(team).toMatchObject({ type: "team", attributes: { users: [{ id: expect.any(String) as string }] } });
});

test("Q21 and Q22 are in the rows of this flavour, too", async () => {
  const sample = await reader({ calls: 60, quirks: ["Q21", "Q22"] });
  const rows = await sample.engagements("with_trackers=true");
  expect(rows.every((row) => isExact(row["engagement_id"]))).toBe(true);
  const types = new Set(rows.map((row) => row["engagement_type"]));
  for (const form of ["meeting", "Meeting"]) expect(types).toContain(form);
  expect(rows.every((row) => "x_region" in row)).toBe(true);
  const [row] = rows.filter((one) => one["num_cust_questions"] !== undefined);
  const { json } = await sample.get(conversationOf(word(row?.["engagement_id"])));
  expect(word(fields(fields(json)["data"])["id"])).toBe(word(row?.["engagement_id"]));
  expect(idsOf(rows).toSorted()).toEqual(idsOf(await sample.engagements()).toSorted());
});
