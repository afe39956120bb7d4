import fc from "fast-check";
import { expect, test } from "vitest";
import { DAY, HOUR, type Simulation, expectTruth, quiet, simulate } from "./simulation.ts";

/** `MODEL_SEED` and `MODEL_PATH` replay what a failure prints; `MODEL_RUNS` asks for more. */
const SEED = Number(process.env["MODEL_SEED"] ?? 20_261_123);
const SCHEDULES = Number(process.env["MODEL_RUNS"] ?? 200);
const PATH = process.env["MODEL_PATH"];

/** Quirks that may be on for a whole schedule, in any mixture. */
const LASTING = ["Q03", "Q04", "Q05", "Q06", "Q07", "Q08", "Q09", "Q14", "Q21", "Q22", "Q23", "Q27"] as const;

const run = fc.record({
  changes: fc.record(
    {
      late: fc.integer({ min: 1, max: 3 }),
      edit: fc.integer({ min: 1, max: 4 }),
      clear: fc.integer({ min: 1, max: 2 }),
      delete: fc.constant(1),
      hide: fc.constant(1),
      unhide: fc.constant(1),
      backdated: fc.integer({ min: 1, max: 2 }),
      transcripts_ready: fc.integer({ min: 1, max: 5 }),
    },
    { requiredKeys: [] },
  ),
  faults: fc.subarray(["Q18", "Q19"] as const),
  access: fc.oneof(
    { weight: 8, arbitrary: fc.constant("all" as const) },
    { weight: 3, arbitrary: fc.constantFrom("half", "none", "unauthorized", "forbidden", "down") },
  ),
  /** Messages after which the pipe is cut; none in most runs. */
  killAfter: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined, freq: 2 }),
  hours: fc.integer({ min: 1, max: 60 }),
});

const schedule = fc.record({
  flavour: fc.constantFrom("calls", "v3"),
  seed: fc.integer({ min: 1, max: 1_000 }),
  calls: fc.integer({ min: 16, max: 32 }),
  quirks: fc.subarray([...LASTING], { maxLength: 5 }),
  skewHours: fc.constantFrom(0, 0, -5, 5),
  runs: fc.array(run, { minLength: 1, maxLength: 5 }),
});

type Run = (typeof run extends fc.Arbitrary<infer Value> ? Value : never) & object;

/** What happens before and during one run. */
async function happen(simulation: Simulation, { changes, faults, access, killAfter, hours }: Run): Promise<void> {
  simulation.control("/_sample/changes", changes);
  simulation.control("/_sample/quirks", { on: faults, off: [] });
  simulation.control("/_sample/access", { mode: access });
  await simulation.run(killAfter === undefined ? {} : { killAfter });
  simulation.control("/_sample/quirks", { on: [], off: faults });
  simulation.control("/_sample/access", { mode: "all" });
  simulation.later(hours * HOUR);
}

test("whatever arrives late, changes, goes, fails or is killed: after quiet runs the warehouse is the account", async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ flavour, seed, calls, quirks, skewHours, runs }) => {
      const simulation = await simulate(
        { calls, seed, quirks, flavours: flavour, limitCap: 10 },
        {
          api_flavour: "auto",
          pending_max_days: 2,
          start_date: "2025-11-01",
          reconcile_days: 120,
          max_deleted_share: 1,
        },
        { skewMs: skewHours * HOUR },
      );
      for (const one of runs) await happen(simulation, one);
      // Whatever was said not to be ready is ready now; a quiet run, one a day later, and so on up to a reconcile scan.
      simulation.control("/_sample/changes", { transcripts_ready: 100 });
      simulation.control("/_sample/quirks", { on: [], off: [...LASTING].filter((id) => id === "Q04" || id === "Q05") });
      await quiet(simulation);
      for (const pause of [HOUR, DAY, HOUR, 7 * DAY, HOUR, DAY]) {
        simulation.later(pause);
        // Of an account as small as this, a few deletions are a good part. Somebody has looked, and says that they are real.
        await quiet(simulation, { config: { max_deleted_share: 1 } });
      }
      expectTruth(simulation, flavour);
      simulation.later(HOUR);
      const last = await quiet(simulation);
      expect(last.messages, "nothing is left to say").toBeLessThanOrEqual(1);
    }),
    { numRuns: SCHEDULES, seed: SEED, ...(PATH === undefined ? {} : { path: PATH }) },
  );
}, 900_000);
