import fc from "fast-check";
import { expect, test } from "vitest";
import { type State } from "../../src/core/message.ts";
import { text } from "../../src/sources/chorus/values.ts";
import { call, fakeChorus, run, talk } from "./fake-chorus.ts";
import { Warehouse } from "./warehouse.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 2, 1);

/** One thing that happens at some request of a run. */
const event = fc.record({
  at: fc.integer({ min: 1, max: 40 }),
  kind: fc.constantFrom("new", "late", "edit", "delete", "pend", "ready", "cut", "busy", "down" as const),
  pick: fc.nat({ max: 1000 }),
});
const oneRun = fc.record({
  events: fc.array(event, { maxLength: 8 }),
  hours: fc.integer({ min: 1, max: 40 }),
  killAfter: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined, freq: 3 }),
});

test("late, edited and pending calls, a list that moves, failures and kills: in the end every table is right", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(oneRun, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 30 }),
      fc.boolean(),
      async (runs, cap, hints) => {
        const chorus = fakeChorus([], START + 10 * 24 * HOUR);
        Object.assign(chorus, { cap, hints });
        let made = 0;
        const add = (ageHours: number) => {
          const startMs = chorus.clock.now() - ageHours * HOUR;
          if (startMs > START) chorus.calls.push(call(`c${++made}`, new Date(startMs).toISOString()));
        };
        for (let age = 1; age < 60; age++) add(age * 4);

        const happen = (kind: string, pick: number): [number, unknown, Record<string, string>?] | undefined => {
          const index = pick % Math.max(1, chorus.calls.length);
          const one = chorus.calls[index];
          const id = text(one?.["id"]) ?? "";
          const fresh = one !== undefined && chorus.clock.now() - Date.parse(text(one["date"]) ?? "") < 100 * HOUR;
          if (kind === "new") add(0);
          if (kind === "late") add(pick % 100);
          if (kind === "edit" && fresh)
            chorus.calls[index] = {
              ...one,
              title: `Edited ${pick}`,
              updated_at: new Date(chorus.clock.now()).toISOString(),
            };
          if (kind === "delete") chorus.calls.splice(index, 1);
          // An edit comes with the words: the API has no other sign that a transcript changed.
          if (kind === "pend" && fresh && !chorus.transcripts.has(id)) chorus.transcripts.set(id, [202, ""]);
          if (kind === "ready" && fresh) chorus.transcripts.set(id, [200, talk("grown", 3)]);
          if (kind === "ready" && fresh) chorus.calls[index] = { ...one, revision: pick };
          if (kind === "cut") return [200, '{"calls":[{"id":"c'];
          if (kind === "busy") return [429, "", { "retry-after": "2" }];
          return kind === "down" ? [503, ""] : undefined;
        };

        const warehouse = new Warehouse();
        let state: State = {};
        for (const { events, hours, killAfter } of runs) {
          chorus.before = (_request, nth) =>
            events
              .filter(({ at }) => at === nth)
              .map(({ kind, pick }) => happen(kind, pick))
              .find(Boolean);
          chorus.asked.length = 0;
          let messages = 0;
          const from = state;
          await run(chorus, {
            state: from,
            onMessage: (message) => {
              if (killAfter !== undefined && ++messages > killAfter) return; // the target does not get it any more
              warehouse.take(message);
              if (message.type === "state") ({ state } = message);
            },
          });
          chorus.clock.advance(hours * HOUR);
        }

        chorus.before = undefined;
        chorus.transcripts.forEach(
          (reply, id) => typeof reply !== "function" && reply[0] === 202 && chorus.transcripts.delete(id),
        );
        for (let last = 0; last < 2; last++) {
          const outcome = await run(chorus, { state, onMessage: (message) => warehouse.take(message) });
          expect([outcome.failures, outcome.error]).toEqual([[], undefined]);
          ({ state } = outcome);
          chorus.clock.advance(7 * HOUR);
        }
        const truth = new Warehouse();
        await run(chorus, { onMessage: (message) => truth.take(message) });
        for (const table of ["calls", "transcripts", "utterances", "participants"]) {
          const alive = new Set(truth.ids("calls"));
          const loaded = warehouse.rows(table).filter((row) => alive.has(text(row["call_id"]) ?? ""));
          expect(loaded.map((row) => JSON.stringify(row)).sort()).toEqual(
            truth
              .rows(table)
              .map((row) => JSON.stringify(row))
              .sort(),
          );
        }
        const again = await run(chorus, { state });
        expect(again.of("calls")).toEqual([]);
      },
    ),
    { numRuns: 30 },
  );
});
