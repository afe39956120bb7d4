import { describe, expect, test } from "vitest";
import { DAY, HOUR, type Simulation, expectTruth, quiet, simulate } from "./simulation.ts";

const deletedIds = ({ warehouse }: Simulation) =>
  warehouse
    .rows("calls")
    .filter((row) => row["_deleted_at"] != null)
    .map((row) => row["call_id"])
    .sort();

describe.each(["calls", "v3"] as const)("deleted calls, flavour %s", (flavour) => {
  const open = () => simulate({ calls: 60, seed: 4 }, { api_flavour: flavour, reread_after_days: [] });

  test("Q12: a call that is deleted is marked after two runs that did not find it, and not before", async () => {
    const simulation = await open();
    await quiet(simulation);
    const { delete: gone = [] } = simulation.control("/_sample/changes", { delete: 2 });
    simulation.later(DAY); // the oldest days of the look-back are compared once a day
    await quiet(simulation);
    expect(deletedIds(simulation)).toEqual([]);
    simulation.later(HOUR);
    await quiet(simulation);
    expect(deletedIds(simulation)).toEqual([...gone].sort());
    expectTruth(simulation, flavour);
    simulation.later(HOUR);
    const after = await quiet(simulation);
    expect(after.messages, "once is enough").toBeLessThan(3);
  });

  test("Q12: calls that are few among all and many on their days are marked, once a scan of all has found them", async () => {
    const simulation = await simulate({ calls: 200, seed: 28 }, { api_flavour: flavour, reread_after_days: [] });
    await quiet(simulation);
    simulation.later(8 * DAY); // they are older than the look-back by now
    const { account } = simulation;
    const inBoth = account.open().filter(({ call: { callType } }) => callType === "meeting" || callType === "dialer");
    const gone = inBoth.slice(0, 12);
    for (const held of gone) account.remove(held);
    for (const pause of [0, HOUR]) {
      simulation.later(pause);
      await quiet(simulation);
    }
    expect(deletedIds(simulation)).toEqual(gone.map(({ call }) => call.id).sort());
    expectTruth(simulation, flavour);
  });

  test("Q12: one that was only hidden comes back", async () => {
    const simulation = await open();
    await quiet(simulation);
    simulation.control("/_sample/changes", { hide: 2 });
    for (const pause of [DAY, HOUR]) {
      simulation.later(pause);
      await quiet(simulation);
    }
    expect(deletedIds(simulation)).toHaveLength(2);
    simulation.control("/_sample/changes", { unhide: 2 });
    simulation.later(DAY);
    await quiet(simulation);
    expect(deletedIds(simulation)).toEqual([]);
    expectTruth(simulation, flavour);
  });
});
