import { expect, test } from "vitest";
import { client, NOW, word } from "./client.ts";
import { fields, reader, type Reader } from "./reader.ts";

const headers = (authorization: string) => ({ authorization });
const total = async (sample: Reader) => {
  const { total: count } = fields(fields((await sample.get("/api/v1/calls")).json)["pagination"]);
  return count;
};

test.each([
  ["any", [200, 200, 200]],
  ["bearer", [200, 401, 401]],
  ["raw", [401, 200, 401]],
  ["zoominfo", [401, 401, 200]],
] as const)("auth %s: a Bearer token, a raw one and a ZoomInfo header get %j", async (auth, statuses) => {
  const sample = await reader({ auth });
  const forms = [headers("Bearer sample-token"), headers("sample-token"), { "x-ziaccesstoken": "sample-token" }];
  const got = await Promise.all(forms.map((form) => sample.get("/v3/users", form)));
  expect(got.map(({ status }) => status)).toEqual(statuses);
});

test("half of the calls vanish everywhere, and the truth stays as it was", async () => {
  const sample = await reader();
  const before = sample.truth();
  sample.control("POST", "/_sample/access", { mode: "half" });
  expect(await total(sample)).toBe(15);
  const ids = Object.keys(before.calls);
  const got = await Promise.all(ids.map((id) => sample.get(`/api/v1/calls/${id}`)));
  expect(got.filter(({ status }) => status === 404)).toHaveLength(15);
  expect(sample.truth()).toEqual(before);
  sample.control("POST", "/_sample/access", { mode: "all" });
  expect(await total(sample)).toBe(30);
});

test("Q13 on its own takes half of the calls away", async () => {
  const sample = await reader({ quirks: ["Q13"] });
  expect(await total(sample)).toBe(15);
  expect((await sample.engagements()).length).toBeLessThanOrEqual(15);
  sample.control("POST", "/_sample/quirks", { off: ["Q13"] });
  expect(await total(sample)).toBe(30);
});

test.each([
  ["none", 200],
  ["unauthorized", 401],
  ["forbidden", 403],
  ["down", 503],
])("access %s: every list answers %i", async (mode, status) => {
  const sample = await reader();
  sample.control("POST", "/_sample/access", { mode });
  for (const path of ["/api/v1/calls", "/v3/engagements", "/v3/users", "/api/v1/teams", "/api/v1/scorecards"]) {
    const got = await sample.get(path);
    expect([path, got.status]).toEqual([path, status]);
    if (status === 200) expect(got.text).toMatch(/^\[\]$|:\[\]/);
  }
});

test("an unknown mode is refused with those that are known", async () => {
  const sample = await reader();
  expect(() => sample.control("POST", "/_sample/access", { mode: "some" })).toThrow("half, none");
});

test("the token is good for as many requests as said, and then until it is said to be good", async () => {
  const sample = await reader();
  sample.control("POST", "/_sample/token", { valid_for: 2 });
  const statuses = async () => [await sample.get("/v3/users"), await sample.get("/v3/users")].map((got) => got.status);
  expect([...(await statuses()), ...(await statuses())]).toEqual([200, 200, 401, 401]);
  sample.control("POST", "/_sample/token", { valid: true });
  expect(await statuses()).toEqual([200, 200]);
});

test("Q20: the token is refused after 40 requests, once", async () => {
  const sample = await reader({ quirks: ["Q20"], calls: 3 });
  const good = async (most: number) => {
    for (let n = 0; n < most; n++) if ((await sample.get("/v3/users")).status !== 200) return n;
    return most;
  };
  expect(await good(100)).toBe(40);
  expect(await good(10)).toBe(0);
  sample.control("POST", "/_sample/token", { valid: true });
  expect(await good(100)).toBe(100);
});

test("above the limit of a minute every request is refused until the minute ends", async () => {
  let now = Date.UTC(2026, 5, 17, 15, 20, 30);
  const sample = await reader({ calls: 3, ratePerMinute: 3, rateHeaders: true, now, clock: () => now });
  const ask = async () => {
    const got = await sample.get("/v3/users");
    return [got.status, got.headers["retry-after"], got.headers["x-ratelimit-remaining"]];
  };
  expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
    [200, undefined, "2"],
    [200, undefined, "1"],
    [200, undefined, "0"],
    [429, "30", "0"],
  ]);
  now += 29_000;
  expect(await ask()).toEqual([429, "1", "0"]);
  now += 1_000;
  const got = await sample.get("/v3/users");
  expect(got.status).toBe(200);
  expect(got.headers).toMatchObject({ "x-ratelimit-limit": "3", "x-ratelimit-reset": String(now / 1000 + 60) });
  expect(sample.control("GET", "/_sample/requests")).toEqual({ "GET /v3/users": { "200": 4, "429": 2 } });
});

test("Q26: every third link has expired, info=true gives a good one, and a token at the other host is counted", async () => {
  await using sample = await client({ quirks: ["Q26"] });
  const held = sample.api.account.visible().find(({ n, call }) => {
    return n % 3 === 0 && call.recording !== null && call.callType !== "other";
  });
  const { json } = await sample.get(`/api/v1/calls/${held?.call.id ?? ""}`);
  expect(Date.parse(word(fields(json["recording"])["expires_at"]))).toBeLessThan(NOW);
  const path = `/api/v1/conversations/${held?.call.id ?? ""}/media`;
  const info = (await sample.get(`${path}?info=true`)).json;
  expect(Date.parse(word(info["expires_at"]))).toBeGreaterThan(NOW);
  // fetch keeps the token to itself when the host changes.
  expect((await sample.get(path)).headers.get("content-type")).toBe("audio/mpeg");
  expect((await sample.get("/_sample/violations")).json["token_leaked"]).toBe(0);
  await sample.get(`/media/${held?.call.id ?? ""}`);
  expect((await sample.get("/_sample/violations")).json["token_leaked"]).toBe(1);
});
