import { describe, expect, test } from "vitest";
import { expectTruth, pipe, place, query, sampleApi, type Place } from "./pipe.ts";

async function runs(where: Place, state?: string): Promise<string | undefined> {
  const result = await pipe(where, { state });
  expect([result.tap.code, result.target.code], result.tap.stderr + result.target.stderr).toEqual([0, 0]);
  return result.state;
}

describe("one run leaves the account's truth", () => {
  test.each([
    ["Q06", "a list gives 25 rows a page, whatever is asked"],
    ["Q07", "pages in the middle are short, total is wrong or null"],
    ["Q08", "a call is listed again further down as an older copy"],
    ["Q14", "speakers have no name, a blank one, one that others have, or are no participants"],
    ["Q15", "texts hold emoji, right-to-left, combining marks, U+2028, NUL and lone surrogates"],
    ["Q18", "429 with Retry-After as seconds, as a date, absent, 0 and past"],
    ["Q19", "500, 502, 503, 504, resets, slow bodies, cut JSON, HTML"],
    ["Q21", "ids are numbers beyond 2^53, numbers are text, lists are null, fields unknown or absent"],
    ["Q22", "duration 0, amount -1, empty ids, `no show`, enums in another case"],
  ])("%s: %s", async (quirk) => {
    await using api = await sampleApi("--calls", "45", "--seed", "17", "--quirks", quirk);
    await using where = await place(api);
    await runs(where);
    await expectTruth(where.database, await api.truth());
  });
});

test("Q01: calls that appear late, with an old start, are there after the next run", async () => {
  await using api = await sampleApi("--calls", "40", "--seed", "2", "--quirks", "Q01");
  await using where = await place(api);
  const state = await runs(where);
  const { late = [] } = await api.change({ late: 5 });
  expect(late).toHaveLength(5);
  await runs(where, state);
  await expectTruth(where.database, await api.truth());
});

test("Q03: an edited call is replaced, and child rows that have vanished are gone", async () => {
  await using api = await sampleApi("--calls", "40", "--seed", "4", "--quirks", "Q03");
  await using where = await place(api);
  const state = await runs(where);
  const { edit: [first = ""] = [] } = await api.change({ edit: 6 });
  await runs(where, state);
  await expectTruth(where.database, await api.truth());
  expect(await query(where.database, `SELECT tag FROM tags WHERE call_id = '${first}' AND value IS NULL`)).toEqual([]);
});

test("Q04: calls that come in while lists are paged lose and double nothing", async () => {
  await using api = await sampleApi("--calls", "90", "--seed", "6", "--quirks", "Q04,Q06");
  await using where = await place(api, { look_back_days: 60 });
  const state = await runs(where);
  await runs(where, state);
  await expectTruth(where.database, await api.truth());
});

test("Q09: a transcript that is not ready is filled in later, without reading anything else again", async () => {
  await using api = await sampleApi("--calls", "40", "--seed", "8", "--quirks", "Q09");
  await using where = await place(api);
  const state = await runs(where);
  const before = await api.truth();
  const pending = Object.values(before.calls).filter((call) => call.transcript_status === "pending").length;
  expect(pending).toBeGreaterThan(3);
  const [{ n } = { n: -1 }] = await query(where.database, "SELECT count(*) AS n FROM calls");
  expect(Number(n)).toBe(Object.keys(before.calls).length); // the calls themselves load at once
  await api.change({ transcripts_ready: 100 });
  await api.later(12);
  await runs(where, state);
  const after = await api.truth();
  expect(Object.values(after.calls).filter((call) => call.transcript_status === "pending")).toEqual([]);
  await expectTruth(where.database, after);
});

test("Q09: ready at the second try counts too", async () => {
  await using api = await sampleApi("--calls", "40", "--seed", "9", "--quirks", "Q09");
  await using where = await place(api);
  const state = await runs(where);
  await api.later(12);
  const later = await runs(where, state);
  await api.later(12);
  await runs(where, later);
  await expectTruth(where.database, await api.truth());
});

test("Q11: a transcript that grows, shrinks or gets other speakers equals its last version, without orphans", async () => {
  await using api = await sampleApi("--calls", "40", "--seed", "10", "--quirks", "Q11");
  await using where = await place(api);
  let state = await runs(where);
  for (let round = 0; round < 2; round++) {
    await api.change({ edit: 9 });
    state = await runs(where, state);
    await expectTruth(where.database, await api.truth());
  }
});

test("all of them at once, with a round of changes", async () => {
  const quirks = "Q01,Q03,Q06,Q07,Q08,Q11,Q14,Q15,Q18,Q19,Q21,Q22";
  await using api = await sampleApi("--calls", "40", "--seed", "12", "--quirks", quirks);
  await using where = await place(api);
  const state = await runs(where);
  await api.change({ late: 3, edit: 5 });
  await runs(where, state);
  await expectTruth(where.database, await api.truth());
});
