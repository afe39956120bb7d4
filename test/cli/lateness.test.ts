import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lines } from "../../src/cli/lateness.ts";
import { pipe, place, run, sampleApi } from "../e2e/pipe.ts";

const DEFAULTS = { look_back_days: 7, max_look_back_days: 30 };

describe("chorus-elt lateness", () => {
  test("a table with shares, the look-back in force, and that all is well", () => {
    expect(lines({ on_time: 9_950, "1d": 45, "4d": 5 }, DEFAULTS)).toMatchInlineSnapshot(`
      [
        "calls by how long after their start they were found",
        "  found          calls    share    so far",
        "  in time        9,950  99.50 %   99.50 %",
        "  within 1 day      45   0.45 %   99.95 %",
        "  within 2 days      0   0.00 %   99.95 %",
        "  within 4 days      5   0.05 %  100.00 %",
        "look-back: 7 days in force (look_back_days 7, at most 30), 1 day needed to find 999 of 1,000 calls",
        "Nothing to change; a look-back of 1 day would do, but a longer one also sees edits.",
      ]
    `);
  });

  test("what to do when calls come later than the look-back goes", () => {
    expect(lines({ on_time: 990, "60d": 10 }, DEFAULTS).at(-1)).toBe(
      "Set `max_look_back_days` to 60: calls that come later than 30 days wait for the reconcile scan.",
    );
    expect(lines({ on_time: 990, later: 10 }, { look_back_days: 7, max_look_back_days: 90 }).at(-1)).toBe(
      "1.00 % of the calls come later than 90 days: keep `reconcile_days` well above that.",
    );
    expect(lines({ on_time: 90, "10d": 10 }, DEFAULTS).at(-1)).toBe(
      "Nothing to change; 100 calls are few to judge by.",
    );
    expect(lines({ on_time: 9_000, "10d": 100 }, DEFAULTS).at(-2)).toContain("look-back: 10 days in force");
  });

  test("reads the state in the warehouse and in a file", async () => {
    await using api = await sampleApi("--calls", "40");
    await using where = await place(api);
    const first = await pipe(where);
    const none = await run("chorus-elt", ["lateness", "--config", where.target]);
    expect([none.code, none.stdout.split("\n")[0]]).toEqual([
      0,
      "no call has been counted yet: counting begins with the second run",
    ]);
    await api.change({ late: 3 });
    await pipe(where, { state: first.state });
    const inWarehouse = await run("chorus-elt", ["lateness", "--config", where.target]);
    expect(inWarehouse.stdout, inWarehouse.stderr).toMatch(/within \d+ days? +\d/);
    const inFile = await run("chorus-elt", ["lateness", "--state", join(where.folder, "state.json")]);
    expect([inFile.code, inFile.stdout]).toEqual([0, none.stdout]); // that of the first run
    const neither = await run("chorus-elt", ["lateness", "--state", join(where.folder, "absent.json")]);
    expect(neither.code).toBe(13);
  });
});
