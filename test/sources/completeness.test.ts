import { describe, expect, test } from "vitest";
import { text } from "../../src/sources/chorus/values.ts";
import { DAY, HOUR, expectTruth, quiet, simulate } from "./simulation.ts";

describe.each(["calls", "v3"] as const)("flavour %s", (flavour) => {
  test("Q02: a call that is uploaded with a start months back is found by the reconcile scan, and the scan costs lists only", async () => {
    const simulation = await simulate({ calls: 150, seed: 8 }, { api_flavour: flavour, reread_after_days: [] });
    await quiet(simulation);
    const { backdated = [] } = simulation.control("/_sample/changes", { backdated: 3 });
    simulation.later(HOUR);
    const before = await quiet(simulation);
    const ids = () => simulation.warehouse.ids("calls");
    expect(ids()).not.toEqual(expect.arrayContaining(backdated));
    simulation.later(7 * DAY);
    const scan = await quiet(simulation);
    expect(ids()).toEqual(expect.arrayContaining(backdated));
    expect(scan.requests - before.requests).toBeLessThan(40);
    expectTruth(simulation, flavour);
    simulation.later(HOUR);
    expect((await quiet(simulation)).messages).toBeLessThan(3);
  });

  test("Q13: when half of the calls vanish, or all, or access is refused, nothing is marked and everything comes back", async () => {
    const simulation = await simulate({ calls: 60, seed: 9 }, { api_flavour: flavour });
    await quiet(simulation);
    const before = simulation.warehouse.everything();
    for (const mode of ["half", "none", "unauthorized", "forbidden", "down"]) {
      simulation.control("/_sample/access", { mode });
      for (let run = 0; run < 3; run++) {
        simulation.later(HOUR);
        const { lines, failures, error } = await simulation.run();
        const isSaid = lines.join("\n").includes("nothing is marked as deleted") || failures.length > 0 || error;
        expect(isSaid, `${mode}, run ${run}`).toBeTruthy();
      }
      const strict = await simulation.run({ config: { strict: true } });
      expect([...strict.failures, strict.error?.code].join()).toMatch(
        mode === "half" || mode === "none" ? /CALLS_VANISHED/ : /API_/,
      );
    }
    simulation.control("/_sample/access", { mode: "all" });
    for (const pause of [HOUR, DAY]) {
      simulation.later(pause);
      await quiet(simulation);
    }
    expect(simulation.warehouse.rows("calls").filter((row) => row["_deleted_at"] != null)).toEqual([]);
    expect(simulation.warehouse.everything()["utterances"]).toEqual(before["utterances"]);
    expectTruth(simulation, flavour);
  });
});

test.each(["calls", "v3"] as const)(
  "what was loaded stays when its call is listed and its transcript or details are refused for a while, flavour %s",
  async (flavour) => {
    const simulation = await simulate({ calls: 40, seed: 28 }, { api_flavour: flavour, reread_after_days: [] });
    await quiet(simulation);
    const turnsOf = () => simulation.warehouse.rows("utterances").map((row) => JSON.stringify(row));
    expect(turnsOf().length).toBeGreaterThan(100);
    for (const status of [403, 404]) {
      const before = turnsOf().sort();
      const { edit = [] } = simulation.control("/_sample/changes", { edit: 3 });
      expect(edit.length).toBeGreaterThan(0);
      simulation.before = ({ url }) => {
        if (!/transcript|conversations/.test(url)) return undefined;
        const body = Buffer.from('{"errors":[{"status":"404","code":"not_found"}]}');
        return { status, headers: { date: new Date(simulation.clock.now()).toUTCString() }, body };
      };
      simulation.later(HOUR);
      await quiet(simulation);
      expect(turnsOf().sort()).toEqual(before);
      simulation.before = undefined;
      simulation.later(HOUR);
      await quiet(simulation);
      expectTruth(simulation, flavour);
    }
  },
);

test("calls that arrive late widen the look-back, and the state says how late", async () => {
  const simulation = await simulate({ calls: 150, seed: 8 });
  await quiet(simulation);
  for (let week = 0; week < 2; week++) {
    simulation.control("/_sample/changes", { backdated: 2 });
    simulation.later(7 * DAY);
    await quiet(simulation);
  }
  const bookmarks = simulation.state["bookmarks"] as Record<string, { lateness: Record<string, number> }>;
  const late = Object.entries(bookmarks["calls"]?.lateness ?? {}).filter(([name]) => name !== "on_time");
  expect(late.reduce((sum, [, count]) => sum + count, 0)).toBe(4);
  simulation.later(HOUR);
  const { lines } = await quiet(simulation);
  expect(lines.join("\n")).toContain("looking back 30 days");
});

test("history is read newest first, in pieces, while new calls go on being read, and no window twice", async () => {
  const simulation = await simulate({ calls: 400, seed: 6 });
  const config = { max_run_minutes: 0.05, concurrency: 1 };
  const order: string[] = [];
  for (let run = 0; run < 60; run++) {
    const known = new Set(simulation.warehouse.ids("calls"));
    simulation.control("/_sample/changes", { late: 1 });
    await quiet(simulation, { config });
    const read = simulation.warehouse.rows("calls").filter((row) => !known.has(text(row["call_id"]) ?? ""));
    order.push(...read.map((row) => text(row["started_at"]) ?? "").slice(-1));
    simulation.later(HOUR);
  }
  await quiet(simulation);
  expectTruth(simulation);
  expect(order.length).toBeGreaterThan(5);
});

test("a quota of requests a day is kept, history takes four fifths of it, and every run is green", async () => {
  const simulation = await simulate({ calls: 300, seed: 12 }, { look_back_days: 1 });
  const days = new Map<string, number>();
  for (let run = 0; run < 12; run++) {
    const day = new Date(simulation.clock.now()).toISOString().slice(0, 10);
    const { requests } = await quiet(simulation, { config: { daily_request_quota: 100 } });
    days.set(day, (days.get(day) ?? 0) + requests);
    simulation.later(8 * HOUR);
  }
  await quiet(simulation);
  expectTruth(simulation);
  expect(Math.max(...days.values())).toBeLessThanOrEqual(100);
  expect(days.size).toBeGreaterThan(3);
});
