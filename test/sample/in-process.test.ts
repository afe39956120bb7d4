import { expect, test } from "vitest";
import { sampleInProcess } from "../../src/sample/in-process.ts";
import type { Truth } from "../../src/sample/truth.ts";
import { NOW } from "./client.ts";

const DAY_MS = 86_400_000;
const headers = { Authorization: "Bearer sample-token" };

test("requests are answered without a socket, as the server would", async () => {
  const sample = await sampleInProcess({ calls: 12, now: NOW });
  const got = await sample.send({ method: "GET", url: "http://api.test/api/v1/calls?limit=5", headers });
  expect(got.status).toBe(200);
  expect(got.headers["content-type"]).toContain("application/json");
  expect(JSON.parse(got.body.toString())).toMatchObject({ pagination: { total: 12, returned: 5 } });
  const refused = await sample.send({ method: "GET", url: "/api/v1/calls", headers: {} });
  expect(refused.status).toBe(401);
  expect(sample.control("GET", "/_sample/requests")).toEqual({ "GET /api/v1/calls": { "200": 1, "401": 1 } });
});

test("control routes give what they answer, and throw what they refuse", async () => {
  const sample = await sampleInProcess({ calls: 12, now: NOW });
  expect(sample.control("POST", "/_sample/changes", { delete: 1 })).toMatchObject({ delete: [expect.any(String)] });
  expect(Object.keys((sample.control("GET", "/_sample/truth") as Truth).calls)).toHaveLength(11);
  expect(() => sample.control("POST", "/_sample/changes", { burn: 1 })).toThrow("burn");
});

test("time is what the clock says: hundreds of days pass in no time", async () => {
  let now = NOW;
  const sample = await sampleInProcess({ calls: 12, clock: () => now, rate: 1 });
  for (let day = 0; day < 300; day++) {
    now += DAY_MS;
    sample.changes.make({ late: 1 });
    const got = await sample.send({ method: "GET", url: "/api/v1/calls?limit=1", headers });
    expect([got.status, Date.parse(got.headers["date"] ?? "")]).toEqual([200, Math.floor(now / 1000) * 1000]);
  }
  expect(sample.account.now()).toBe(now);
  const [newest] = sample.account.visible();
  expect(now - (newest?.call.startedMs ?? 0)).toBeLessThan(6 * DAY_MS);
});

test("a cut connection is an error with the code of one", async () => {
  const sample = await sampleInProcess({ calls: 12, now: NOW, quirks: ["Q19"] });
  const codes: unknown[] = [];
  for (let i = 0; i < 40; i++) {
    await sample
      .send({ method: "GET", url: `/api/v1/calls?limit=${i + 1}`, headers })
      .catch((error: unknown) => codes.push((error as { code?: unknown }).code));
  }
  expect(codes).toEqual(["ECONNRESET"]);
});
