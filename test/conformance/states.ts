import { describe, expect, test, vi } from "vitest";
import { fakeClock } from "../support/clock.ts";
import { startRun, testEnv, type Run, type Settings } from "../support/loading.ts";
import { record, schema, state } from "../support/singer.ts";
import { bench, type Bench, type Open } from "./bench.ts";

export function describeStates(open: Open): void {
  const calls = schema("calls", { id: "integer" }, { keys: ["id"] });
  const users = schema("users", { id: "integer" }, { keys: ["id"] });
  const call = (id: number) => record("calls", { id });
  const user = (id: number) => record("users", { id });

  /** A run in progress, to look at between its lines. */
  async function during(
    db: Bench,
    settings: Settings,
    look: (run: Run, advance: (seconds: number) => Promise<void>) => Promise<void>,
  ) {
    const clock = fakeClock();
    const env = testEnv(clock);
    await using warehouse = await db.opened.connect(env);
    const run = startRun(warehouse, settings, env);
    await look(run, async (seconds) => {
      clock.advance(seconds * 1_000);
      run.loader.tick();
      await settled(run);
    });
  }
  /** Waits for the only state that comes out, without starting a commit. */
  const said = (run: Run, only: string) =>
    vi.waitFor(() => expect(run.states).toEqual([only]), { timeout: 20_000, interval: 5 });
  /** Time enough for a commit that should not be under way to show. */
  const settled = async (run: Run) => {
    const before = run.states.length;
    for (let i = 0; i < 200 && run.states.length === before; i++)
      await new Promise((resolve) => setTimeout(resolve, 2));
  };

  describe("states", () => {
    test("a state waits until the records before it are committed", async () => {
      await using db = await bench(open);
      await during(db, {}, async (run) => {
        await run.lines([calls, call(1), state({ n: 1 }), call(2)]);
        await settled(run);
        expect(run.states).toEqual([]);
        await run.loader.flush();
        expect(run.states).toEqual(['{"n":1}']);
      });
      expect(await db.values("calls", "id")).toEqual([1, 2]);
    });

    test("a full batch of one stream does not let out a state that also covers records of another that are not committed", async () => {
      await using db = await bench(open);
      const covered = new Map<string, [number, number]>();
      await during(db, { batch_size_rows: 4 }, async (run) => {
        await run.lines([calls, users]);
        let [callCount, userCount] = [0, 0];
        for (let n = 1; n <= 10; n++) {
          await run.line(call(++callCount));
          await run.line(call(++callCount));
          await run.line(user(++userCount));
          const value = { n };
          covered.set(JSON.stringify(value), [callCount, userCount]);
          await run.line(state(value));
        }
      });
      // The run was cut off here, nothing flushed: what was said must be in the tables.
      const said = await db.opened.connect(testEnv());
      const kept = await said.state("main", "default");
      await said[Symbol.asyncDispose]();
      const [callCount, userCount] = covered.get(JSON.stringify(kept)) ?? [0, 0];
      expect(callCount).toBeGreaterThan(0);
      expect((await db.rows("calls")).length).toBeGreaterThanOrEqual(callCount);
      expect((await db.rows("users")).length).toBeGreaterThanOrEqual(userCount);
    });

    test("a state comes out with the batch that covers it, and no later state with it", async () => {
      await using db = await bench(open);
      await during(db, { batch_size_rows: 2 }, async (run) => {
        await run.lines([calls, call(1), state({ n: 1 }), call(2)]);
        await run.lines([state({ n: 2 })]);
        await said(run, '{"n":1}');
        await run.loader.finish();
        expect(run.states).toEqual(['{"n":1}', '{"n":2}']);
      });
    });

    test("the newest state comes out at the end, also when no record came after it", async () => {
      await using db = await bench(open);
      const { states } = await db.load([calls, state({ n: 1 }), call(1), state({ n: 2 }), state({ n: 3 })], {
        batch_size_rows: 1,
      });
      expect(states.at(-1)).toBe('{"n":3}');
    });

    test("states without any record or schema come out", async () => {
      await using db = await bench(open);
      const { states } = await db.load([state({ n: 1 }), state({ n: 2 })]);
      expect(states).toEqual(['{"n":1}', '{"n":2}']);
    });

    test("a state that says nothing new is not said again", async () => {
      await using db = await bench(open);
      const { states } = await db.load(
        [
          calls,
          call(1),
          state({ n: 1 }),
          call(2),
          state({ n: 1 }),
          state({ n: 1 }),
          call(3),
          state({ n: 2 }),
          state({ n: 1 }),
        ],
        { batch_size_rows: 1 },
      );
      expect(states).toEqual(['{"n":1}', '{"n":2}', '{"n":1}']);
    });

    test("an empty state never takes the place of one that is kept", async () => {
      await using db = await bench(open);
      const { states } = await db.load([calls, call(1), state({ n: 1 }), call(2), state({})]);
      expect(states).toEqual(['{"n":1}']);
      await db.load([state({})]);
      await using warehouse = await db.opened.connect(testEnv());
      expect(await warehouse.state("main", "default")).toEqual({ n: 1 });
    });

    test("a state comes out with every digit and escape that came in", async () => {
      await using db = await bench(open);
      const { states } = await db.load([
        `{"type":"STATE","value":{"at":9223372036854775807,"x":[0.12345678901234567890],"t":"\\u0000\\ud800 ß"}}`,
      ]);
      expect(states).toEqual(['{"at":9223372036854775807,"x":[0.12345678901234567890],"t":"\\u0000\\ud800 ß"}']);
    });

    test("the state is kept in the warehouse under its id, together with the rows", async () => {
      await using db = await bench(open);
      await db.load([calls, call(1), state({ n: 1, text: "it's" })], { state_id: "hourly" });
      await db.load([state({ other: true })], { state_id: "nightly's" });
      await db.load([state({ n: 2 })], { state_id: "hourly" });
      await using warehouse = await db.opened.connect(testEnv());
      expect(await warehouse.state("main", "hourly")).toEqual({ n: 2 });
      expect(await warehouse.state("main", "nightly's")).toEqual({ other: true });
      expect(await warehouse.state("main", "nobody")).toBeUndefined();
      expect(await warehouse.state("elsewhere", "hourly")).toBeUndefined();
    });

    test("a run that was cut off leaves rows and state of the same moment", async () => {
      await using db = await bench(open);
      await during(db, { batch_size_rows: 3 }, async (run) => {
        for (const line of [calls, ...Array.from({ length: 20 }, (_, i) => [call(i), state({ n: i })]).flat()])
          await run.line(line);
      });
      await using warehouse = await db.opened.connect(testEnv());
      const kept = await warehouse.state("main", "default");
      const rows: unknown[] = [];
      for await (const row of warehouse.query('SELECT id FROM main."calls"')) rows.push(row["id"]);
      expect(kept).toBeDefined();
      expect(rows.length).toBeGreaterThanOrEqual(Number(kept?.["n"]) + 1);
      expect(rows.length).toBeLessThanOrEqual(Number(kept?.["n"]) + 2);
    });
  });

  describe("batches", () => {
    const wide = schema("wide", { text: "string" });

    test("end after so many rows of all streams together", async () => {
      await using db = await bench(open);
      await during(db, { batch_size_rows: 4 }, async (run) => {
        await run.lines([calls, users, state({ n: 1 }), call(1), user(1), call(2)]);
        await settled(run);
        expect(run.states).toEqual([]);
        await run.line(user(2));
        await said(run, '{"n":1}');
      });
    });

    test("end after so many bytes, few large rows included", async () => {
      await using db = await bench(open);
      await during(db, { batch_size_bytes: 1_000_000 }, async (run) => {
        await run.lines([wide, state({ n: 1 })]);
        for (let i = 0; i < 5; i++) await run.line(record("wide", { text: "x".repeat(250_000) }));
        await said(run, '{"n":1}');
      });
    });

    test("rejected records fill a batch too", async () => {
      await using db = await bench(open);
      await during(db, { batch_size_rows: 10 }, async (run) => {
        await run.lines([calls, state({ n: 1 }), call(1)]);
        for (let i = 0; i < 9; i++) await run.line(record("calls", { id: "x" }));
        await said(run, '{"n":1}');
      });
    });

    test("end by age: an idle stream's rows and their state come out", async () => {
      await using db = await bench(open);
      await during(db, { batch_max_age_seconds: 30 }, async (run, advance) => {
        await run.lines([calls, users, user(1), state({ n: 1 })]);
        await advance(29);
        expect(run.states).toEqual([]);
        await advance(1);
        await said(run, '{"n":1}');
      });
      expect(await db.values("users", "id")).toEqual([1]);
    });

    test("end by age: a lone state comes out, and its age counts from when it came", async () => {
      await using db = await bench(open);
      await during(db, { batch_max_age_seconds: 30 }, async (run, advance) => {
        await advance(100);
        await run.line(state({ n: 1 }));
        await advance(20);
        expect(run.states).toEqual([]);
        await advance(10);
        await said(run, '{"n":1}');
      });
    });
  });
}
