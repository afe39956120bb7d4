import { expect, test } from "vitest";
import { sampleInProcess } from "../../src/sample/in-process.ts";
import { startSampleApi } from "../../src/sample/server.ts";
import type { AccountOptions } from "../../src/sample/options.ts";
import { ids, NOW, objects, word } from "./client.ts";
import { fields, reader, type Reader } from "./reader.ts";

const HOUR_MS = 3_600_000;
const list = async (sample: Reader, query: string) =>
  objects(fields((await sample.get(`/api/v1/calls?limit=100&${query}`)).json)["calls"]);
const starts = (sample: Reader, suits: (iso: string, ms: number) => boolean) =>
  sample.account
    .visible()
    .filter(({ call }) => suits(new Date(call.startedMs).toISOString(), call.startedMs))
    .map(({ call }) => call.id);
const DAY = "2026-06-16";

test.each<[AccountOptions, (iso: string) => boolean]>([
  [{}, (iso) => iso.startsWith(DAY)],
  [{ bounds: "end_exclusive" }, (iso) => iso.startsWith(DAY)],
  [{ dateEnd: "start_of_day" }, (iso) => iso === `${DAY}T00:00:00.000Z`],
  [{ bounds: "end_exclusive", dateEnd: "start_of_day" }, () => false],
])("with %j a window of one date holds what it should", async (options, suits) => {
  const sample = await reader({ calls: 80, ...options });
  expect(ids(await list(sample, `startDate=${DAY}&endDate=${DAY}`))).toEqual(starts(sample, suits));
});

test("the end of a window that is an instant is in it, or not", async () => {
  const [closed, open] = [await reader(), await reader({ bounds: "end_exclusive" })];
  const [first] = closed.account.visible();
  const at = new Date(first?.call.startedMs ?? 0).toISOString();
  const { id } = first?.call ?? {};
  expect(ids(await list(closed, `endDate=${at}`))).toContain(id);
  expect(ids(await list(open, `endDate=${at}`))).not.toContain(id);
  expect((await open.engagements(`max_date=${at}`)).map((row) => row["engagement_id"])).not.toContain(id);
});

test.each([
  ["2026-06-17T15:20:00Z", -4],
  ["2026-01-20T15:20:00Z", -5],
])("Q17 at %s: dates are New York's, and times are written so, without an offset", async (now, hours) => {
  const sample = await reader({ calls: 80, quirks: ["Q17"], now: Date.parse(now) });
  const rows = await list(sample, "");
  const local = (ms: number) => new Date(ms + hours * HOUR_MS).toISOString().slice(0, -1);
  for (const row of rows) {
    const { call } = sample.account.find(word(row["id"])) ?? {};
    expect(row["date"]).toBe(local(call?.startedMs ?? 0));
    expect(row["updated_at"]).toBe(local(call?.updatedMs ?? 0));
  }
  const day = word(rows[20]?.["date"]).slice(0, 10);
  const next = new Date(Date.parse(day) + 24 * HOUR_MS).toISOString().slice(0, 10);
  expect(ids(await list(sample, `startDate=${day}&endDate=${next}`))).toEqual(
    starts(sample, (_, ms) => local(ms).startsWith(day)),
  );
  expect(await list(sample, `startDate=${day}&endDate=${day}`)).toEqual([]);
  const moment = word(rows[20]?.["date"]);
  expect(ids(await list(sample, `startDate=${moment}`))).toEqual(ids(rows.slice(0, 21)));
});

test("days on which the clocks change have 23 and 25 hours", async () => {
  const sample = await reader({ calls: 1, accountTimezone: "Europe/Berlin" });
  const [held] = sample.account.visible();
  const within = async (ms: number, day: string) => {
    if (held === undefined) throw new Error("no call");
    const now = sample.account.visible()[0] ?? held;
    sample.account.replace(now, { ...now, call: { ...now.call, startedMs: ms } });
    return (await list(sample, `startDate=${day}&endDate=${day}`)).length === 1;
  };
  const spring = [Date.UTC(2026, 2, 28, 22, 59), Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 2, 29, 21, 59)];
  const autumn = [Date.UTC(2026, 9, 24, 21, 59), Date.UTC(2026, 9, 24, 22), Date.UTC(2026, 9, 25, 22, 59)];
  for (const [day, moments] of [["2026-03-29", spring] as const, ["2026-10-25", autumn] as const]) {
    const after = (moments[2] ?? 0) + 60_000;
    const got = await Promise.all([...moments, after].map(async (ms) => ({ ms, isIn: await within(ms, day) })));
    expect(got.map(({ isIn }) => isIn)).toEqual([false, true, true, false]);
  }
});

test("a zone that does not exist is refused", async () => {
  await expect(reader({ accountTimezone: "Mars/Olympus" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("Q25: the clock and the calls are five hours ahead", async () => {
  const ahead = await sampleInProcess({ calls: 5, quirks: ["Q25"], clock: () => NOW });
  const plain = await sampleInProcess({ calls: 5, clock: () => NOW });
  const got = await ahead.send({ method: "GET", url: "/v3/users", headers: {} });
  const date = Date.parse(got.headers["date"] ?? "");
  expect(date - NOW).toBe(5 * HOUR_MS);
  expect(ahead.account.hour() - plain.account.hour()).toBe(5 * HOUR_MS);
  await using api = await startSampleApi({ calls: 1, quirks: ["Q25"] });
  const response = await fetch(`${api.url}/v3/users`);
  const off = Date.parse(response.headers.get("date") ?? "") - Date.now();
  expect(Math.abs(off - 5 * HOUR_MS)).toBeLessThan(60_000);
});
