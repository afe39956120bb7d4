import { afterAll, beforeAll, expect, test } from "vitest";
import { startSampleApi, type SampleApi } from "../../src/sample/server.ts";
import { KITS } from "../../src/sample/semarize/kits.ts";
import { SEMARIZE_QUIRKS } from "../../src/sample/semarize/quirks.ts";

let api: SampleApi;

beforeAll(async () => {
  api = await startSampleApi({ calls: 1, semarize: { latencyMs: 20 } });
});
afterAll(() => api.close());

const TRANSCRIPT = [
  "Ann (rep): Thanks for making the time today. What does the process look like for your team today?",
  "Bo (prospect): The biggest challenge is onboarding, it takes four months to ramp.",
  "Bo (prospect): The price is higher than what Talkdesk One quoted us, and Gongline is also here.",
  "Ann (rep): So the next steps: I send the proposal.",
].join("\n");

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { authorization: "Bearer smz_test_sample", ...(init.headers as Record<string, string> | undefined) };
  const answer = await fetch(`${api.url}${path}`, { ...init, headers });
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Answer["json"] };
}

const run = (body: object, headers: Record<string, string> = {}) =>
  ask("/v1/runs", { method: "POST", body: JSON.stringify(body), headers });

const order = (more: object = {}) => ({ kit_code: "FRMWRK01", input: { transcript: TRANSCRIPT }, ...more });

const quirks = async (ids: string[], latency = 20) =>
  ask("/_sample/semarize/settings", { method: "POST", body: JSON.stringify({ quirks: ids, latency_ms: latency }) });

async function ended(id: unknown): Promise<Record<string, unknown>> {
  for (;;) {
    const { json } = await ask(`/v1/runs/${String(id)}`);
    if (!["queued", "running"].includes(String(json["status"]))) return json;
  }
}

test("async is accepted at once and ends later; sync is answered when it has ended", async () => {
  const accepted = await run(order());
  expect([accepted.status, accepted.json["status"], accepted.json["run_type"]]).toEqual([202, "queued", "api"]);
  const later = await ended(accepted.json["run_id"]);
  const { status, json } = await run(order({ mode: "sync", type: "sandbox" }));
  expect([status, json["status"], json["run_type"]]).toEqual([200, "succeeded", "sandbox"]);
  expect(json["output"]).toEqual(later["output"]);
});

test("the same text is scored by fixed rules", async () => {
  const { json } = await run(order({ mode: "sync" }));
  const { bricks } = json["output"] as { bricks: Record<string, { value: unknown; evidence: string[] }> };
  expect(Object.fromEntries(Object.entries(bricks).map(([key, { value }]) => [key, value]))).toEqual({
    step_agenda_set: true,
    step_situation_discovered: true,
    step_pain_identified: true,
    step_impact_quantified: true,
    step_budget_qualified: false,
    step_next_steps_agreed: true,
    framework_adherence: 0.83,
    steps_followed: 5,
    deviations: ["Budget qualified"],
  });
  expect(bricks["step_next_steps_agreed"]?.evidence).toEqual(["So the next steps: I send the proposal."]);
  const older = await run({ ...order({ mode: "sync" }), kit_version_id: KITS[0]!.versions[0] });
  const { bricks: stricter } = older.json["output"] as { bricks: Record<string, { value: unknown }> };
  expect(stricter["step_impact_quantified"]?.value).toBe(false);
});

test("claims about competitors are counted, and outdated ones named", async () => {
  const { json } = await run({ ...order({ mode: "sync" }), kit_code: "BATTLE01" });
  const { bricks } = json["output"] as { bricks: Record<string, { value: unknown }> };
  expect(bricks).toMatchObject({
    talkdesk_one_claims: { value: 1 },
    talkdesk_one_outdated: { value: [TRANSCRIPT.split("\n")[2]?.slice("Bo (prospect): ".length)] },
    gongline_claims: { value: 1 },
    claims_checked: { value: 2 },
    battlecard_accuracy: { value: 0.5 },
    competitors_mentioned: { value: ["Gongline", "Talkdesk One"] },
    battlecard_used: { value: false },
  });
});

test.each(KITS.map(({ code }) => code))("%s has a shape that /v1/kits/schema and /v1/test tell", async (code) => {
  const schema = await ask(`/v1/kits/schema?kit_code=${code}`);
  const shape = await ask("/v1/test", { method: "POST", body: JSON.stringify({ kit_code: code }) });
  expect([schema.status, shape.status]).toEqual([200, 200]);
  const keys = Object.keys(schema.json["bricks"] as object);
  expect(keys.length).toBeGreaterThan(2);
  expect(Object.keys(shape.json["bricks"] as object)).toEqual(keys);
});

test("a key gives the same run for the same body, and is refused for another", async () => {
  const key = { "idempotency-key": "k1" };
  const first = await run(order(), key);
  const again = await run(order(), key);
  expect(again.json["run_id"]).toBe(first.json["run_id"]);
  const other = await run(order({ mode: "sync" }), key);
  expect([other.status, other.json["error"]]).toEqual([409, "idempotency_key_conflict"]);
  expect((await run(order(), { "idempotency-key": "x".repeat(255) })).status).toBe(400);
  expect((await run(order())).json["run_id"]).not.toBe(first.json["run_id"]);
});

test.each<[string, object, number, string]>([
  ["a kit nobody knows", { kit_code: "NOPE" }, 404, "kit_not_found"],
  ["a mode nobody knows", { mode: "later" }, 422, "invalid_run_mode"],
  ["input that is no object", { input: "text" }, 422, "input_must_be_object"],
  ["no transcript", { input: {} }, 422, "input_invalid"],
])("%s is refused", async (_, more, status, error) => {
  const refused = await run(order(more));
  expect([refused.status, refused.json["error"]]).toEqual([status, error]);
});

test("keys, ids and limits are checked, and a request's id comes back", async () => {
  const headers = { authorization: "Bearer wrong" };
  expect((await ask("/v1/runs", { headers })).status).toBe(401);
  expect((await ask("/v1/runs/none")).status).toBe(404);
  expect((await ask("/v1/runs?limit=101")).status).toBe(400);
  const listed = await ask("/v1/runs?limit=2", { headers: { "x-request-id": "r-1" } });
  expect((listed.json["runs"] as unknown[]).length).toBe(2);
  expect(listed.headers.get("x-request-id")).toBe("r-1");
});

test("quirks change how runs are shown, and nothing of what they find", async () => {
  await quirks(["S01", "S02", "S05", "S07"]);
  const late = await run(order({ mode: "sync" }));
  expect([late.status, late.headers.get("retry-after")]).toEqual([202, "1"]);
  const shown = await ended(late.json["run_id"]);
  expect(shown).not.toHaveProperty("output");
  expect(shown["bricks"]).toMatchObject({
    step_agenda_set: { value: true, evidence: expect.any(String) as string },
    shape: { value: { x: 1 } },
  });
  await quirks(["S06"]);
  const statuses = [];
  for (let i = 0; i < 5; i++) statuses.push((await run(order())).status);
  expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  await quirks([]);
  expect(Object.keys(SEMARIZE_QUIRKS)).toHaveLength(9);
  expect((await fetch(`${api.url}/api/v1/calls`)).status).toBe(401); // the account beside it is there as before
});
