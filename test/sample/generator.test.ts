import { expect, test } from "vitest";
import { generate } from "../../src/sample/generator.ts";
import { isSpoken } from "../../src/sample/model.ts";
import { NOW } from "./client.ts";

const DAY_MS = 86_400_000;
const account = (calls: number, seed = 1, nowMs = NOW) => generate({ calls, seed, nowMs });

test("the same seed gives the same account, another seed another", () => {
  expect(account(20)).toMatchObject({ calls: account(20).calls, users: account(20).users });
  expect(account(20).calls.map(({ id }) => id)).not.toEqual(account(20, 2).calls.map(({ id }) => id));
});

test("a later now moves the calls and changes nothing else of them", () => {
  const [before, after] = [account(20), account(20, 1, NOW + 365 * DAY_MS)];
  expect(after.calls.map(({ id }) => id)).toEqual(before.calls.map(({ id }) => id));
  expect(before.calls.map(({ speech }) => before.turns(speech))).toEqual(
    after.calls.map(({ speech }) => after.turns(speech)),
  );
});

test.each([
  [200, 10, 18],
  [2_000, 40, 65],
])("%i calls cover %i to %i days", (calls, least, most) => {
  const starts = account(calls).calls.map(({ startedMs }) => startedMs);
  const days = (Math.max(...starts) - Math.min(...starts)) / DAY_MS;
  expect(days).toBeGreaterThan(least);
  expect(days).toBeLessThan(most);
  expect(Math.max(...starts)).toBeLessThan(NOW);
});

test("speech has 20 to 120 turns, about 60, some of them empty and some longer than 1,000 characters", () => {
  const { calls, turns } = account(200);
  const spoken = calls.filter(isSpoken).map(({ speech }) => turns(speech));
  const counts = spoken.map((all) => all.length);
  expect([Math.min(...counts) >= 20, Math.max(...counts) <= 120]).toEqual([true, true]);
  const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length;
  expect(mean).toBeGreaterThan(50);
  expect(mean).toBeLessThan(70);
  const texts = spoken.flat().map(({ text }) => text);
  expect(texts).toContain("");
  expect(texts.some((text) => text.length > 1_000)).toBe(true);
  expect(texts.every((text) => text.isWellFormed() && !text.includes("\0") && !text.includes("{"))).toBe(true);
});

test("turns follow each other within the call", () => {
  const { calls, turns } = account(30);
  for (const { speech, durationSeconds } of calls.filter(isSpoken)) {
    const all = turns(speech);
    for (const [index, turn] of all.entries()) {
      const next = all[index + 1]?.startSeconds ?? durationSeconds ?? 0;
      expect(next).toBeGreaterThanOrEqual(turn.startSeconds + turn.durationSeconds - 0.002);
    }
  }
});

test("most calls are done, some are no-shows, and every nullable part is null somewhere", () => {
  const { calls } = account(600);
  const share = (status: string) => calls.filter((call) => call.status === status).length / calls.length;
  expect(share("done")).toBeGreaterThan(0.85);
  expect(share("no_show")).toBeGreaterThan(0.01);
  for (const field of ["title", "deal", "crm", "summary", "language", "direction", "scheduledStartMs"] as const) {
    expect(
      calls.some((call) => call[field] === null),
      field,
    ).toBe(true);
    expect(
      calls.some((call) => call[field] !== null),
      field,
    ).toBe(true);
  }
});

test("the name of a named tag is never a plain tag", () => {
  for (const { tags, namedTags } of account(300).calls) {
    expect(tags.filter((tag) => tag in namedTags)).toEqual([]);
    expect(new Set(tags).size).toBe(tags.length);
  }
});
