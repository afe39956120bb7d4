import { gunzipSync } from "node:zlib";
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { client, code, ids, NOW, object, objects, type Client, word } from "./client.ts";

let sample: Client;
beforeAll(async () => {
  sample = await client({ calls: 130 });
});
afterAll(() => sample[Symbol.asyncDispose]());

test.each(["Bearer sample-token", "sample-token"])("the token is taken as %j", async (authorization) => {
  expect((await sample.get("/api/v1/users", { authorization })).status).toBe(200);
});

test.each([{}, { authorization: "Bearer other" }])(
  "without the right token (%j) every route answers 401",
  async (headers) => {
    for (const path of ["/api/v1/calls", "/api/v1/calls/x/transcript", "/api/v1/nothing"]) {
      const got = await sample.get(path, headers);
      expect([got.status, code(got)]).toEqual([401, "unauthorized"]);
    }
  },
);

test("a page has 50 calls unless asked, and never more than 100", async () => {
  const sizes = async (query: string) => object((await sample.get(`/api/v1/calls?${query}`)).json["pagination"]);
  expect(await sizes("")).toEqual({ offset: 0, limit: 50, returned: 50, total: 130, has_more: true });
  expect(await sizes("limit=500")).toEqual({ offset: 0, limit: 100, returned: 100, total: 130, has_more: true });
  expect(await sizes("limit=500&offset=100")).toMatchObject({ returned: 30, has_more: false });
  expect(await sizes("offset=4000")).toMatchObject({ returned: 0, has_more: false });
});

test.each([
  "limit=0",
  "limit=-1",
  "limit=ten",
  "limit=",
  "offset=-1",
  "offset=1.5",
  "startDate=yesterday",
  "endDate=2026-02-31T",
])("%s is a 400 that names the parameter", async (query) => {
  const got = await sample.get(`/api/v1/calls?${query}`);
  expect([got.status, code(got)]).toEqual([400, "invalid_parameter"]);
  expect(objects(got.json["errors"])[0]).toMatchObject({ status: "400", source: { parameter: query.split("=")[0] } });
});

test("calls come newest first, each once, whatever the page size", async () => {
  const calls = await sample.list("calls", "limit=7");
  const dates = calls.map((call) => word(call["date"]));
  expect(dates).toEqual(dates.toSorted().toReversed());
  expect(new Set(ids(calls)).size).toBe(130);
  expect(ids(await sample.list("calls", "limit=100"))).toEqual(ids(calls));
});

test("startDate and endDate are included; a date is its whole day in UTC", async () => {
  const calls = await sample.list("calls", "limit=100");
  const within = async (from: string, to: string) =>
    ids(await sample.list("calls", `limit=100&startDate=${from}&endDate=${to}`));
  const day = word(calls[40]?.["date"]).slice(0, 10);
  expect(await within(day, day)).toEqual(ids(calls.filter((call) => word(call["date"]).startsWith(day))));
  const moment = word(calls[40]?.["date"]);
  expect(await within(moment, moment)).toContain(calls[40]?.["id"]);
  const naive = moment.replace("Z", "");
  const shifted = encodeURIComponent(moment.replace("Z", "+00:00"));
  expect(await within(naive, shifted)).toEqual(await within(moment, moment));
});

test("a call has every field, and times in ISO with Z", async () => {
  const [call = {}] = await sample.list("calls", "limit=1&startDate=2026-06-16&endDate=2026-06-16");
  expect(Object.keys(call)).toEqual(
    (
      "id title date scheduled_start scheduled_end duration call_type direction status language url owner participants " +
      "trackers metrics deal crm recording tags named_tags summary action_items created_at updated_at"
    ).split(" "),
  );
  for (const field of ["date", "created_at", "updated_at"]) expect(call[field]).toMatch(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/);
  expect((await sample.get(`/api/v1/calls/${word(call["id"])}`)).json).toEqual(call);
});

test("tracker mentions point at turns that hold the keyword, and metrics follow the turns", async () => {
  const calls = await sample.list("calls", "limit=100");
  const call = calls.find(({ trackers }) => objects(trackers).some(({ name }) => name === "Discount")) ?? {};
  const { json } = await sample.get(`/api/v1/calls/${word(call["id"])}/transcript`);
  const turns = objects(json["utterances"]);
  const discount = objects(call["trackers"]).find(({ name }) => name === "Discount") ?? {};
  expect(discount["count"]).toBe(turns.flatMap(({ text }) => word(text).match(/\bdiscount\b/gi) ?? []).length);
  for (const mention of objects(discount["mentions"])) {
    const turn = turns[Number(mention["utterance_index"])] ?? {};
    expect(turn["text"]).toMatch(/\bdiscount\b/i);
    expect(Number(mention["offset"])).toBeGreaterThanOrEqual(Math.floor(Number(turn["timestamp"])));
  }
  const questions = turns.reduce((sum, { text }) => sum + word(text).split("?").length - 1, 0);
  expect(objects(call["metrics"]).find(({ name }) => name === "question_count")?.["value"]).toBe(questions);
});

test("what is not there is a 404 with a code that says why", async () => {
  expect(code(await sample.get("/api/v1/calls/none"))).toBe("not_found");
  expect(code(await sample.get("/api/v1/calls/none/transcript"))).toBe("not_found");
  expect(code(await sample.get("/api/v1/other"))).toBe("not_found");
  const silent = (await sample.list("calls", "limit=100")).find(({ status }) => status === "no_show");
  const got = await sample.get(`/api/v1/calls/${word(silent?.["id"])}/transcript`);
  expect([got.status, code(got)]).toEqual([404, "no_transcript"]);
});

test("a method that a route does not have is a 405", async () => {
  const response = await fetch(`${sample.api.url}/api/v1/calls`, {
    method: "DELETE",
    headers: { authorization: "sample-token" },
  });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET"]);
});

test("users and teams refer to each other, and the truth counts their pairs", async () => {
  const [users, teams] = [await sample.list("users"), await sample.list("teams")];
  const pairs = new Set(
    teams.flatMap(({ id, user_ids }) =>
      (Array.isArray(user_ids) ? user_ids : []).map((user) => `${word(id)} ${word(user)}`),
    ),
  );
  expect(await sample.truth()).toMatchObject({ users: users.length, teams: teams.length, team_members: pairs.size });
  const known = new Set([...ids(teams)]);
  for (const { parent_team_id } of teams) if (parent_team_id !== null) expect(known).toContain(parent_team_id);
});

test("the Date header is the account's clock, which can be set forward", async () => {
  const { headers } = await sample.get("/api/v1/users");
  expect(Math.abs(Date.parse(headers.get("date") ?? "") - NOW)).toBeLessThan(120_000);
  await using own = await client({ calls: 1 });
  await own.post("/_sample/clock", { advance_seconds: 7_200 });
  const later = Date.parse((await own.get("/api/v1/users")).headers.get("date") ?? "");
  expect(Math.abs(later - NOW - 7_200_000)).toBeLessThan(120_000);
});

test("gzip is used when asked, and gives the same bytes", async () => {
  const raw = (encoding: string) =>
    new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      const headers = { authorization: "sample-token", "accept-encoding": encoding };
      request(`${sample.api.url}/api/v1/calls`, { headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ encoding: response.headers["content-encoding"], body: Buffer.concat(chunks) }),
        );
      })
        .on("error", reject)
        .end();
    });
  const [plain, zipped] = [await raw("identity"), await raw("gzip")];
  expect([plain.encoding, zipped.encoding]).toEqual([undefined, "gzip"]);
  expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
});

test("requests are counted by route and status until they are reset", async () => {
  await using own = await client();
  await own.get("/api/v1/calls");
  await own.get("/api/v1/calls?limit=0");
  await own.get("/api/v1/calls/none/transcript");
  const counts = { "GET /api/v1/calls": { "200": 1, "400": 1 }, "GET /api/v1/calls/{id}/transcript": { "404": 1 } };
  expect((await own.get("/_sample/requests")).json).toEqual(counts);
  await own.post("/_sample/requests/reset", {});
  expect((await own.get("/_sample/requests")).json).toEqual({});
});

test("above the rate, after twice as many at once, comes 429 with the seconds to wait", async () => {
  await using own = await client({ rate: 2 });
  const got = await Promise.all(Array.from({ length: 6 }, () => own.get("/api/v1/users")));
  expect(got.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 429, 429]);
  expect(got.find(({ status }) => status === 429)?.headers.get("retry-after")).toBe("1");
});
