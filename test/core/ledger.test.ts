import { describe, expect, test } from "vitest";
import { Ledger } from "../../src/core/ledger.ts";
import type { StateMessage } from "../../src/core/message.ts";

const state = (n: number, stream?: string): StateMessage => ({
  type: "state",
  state: { n },
  ...(stream === undefined ? {} : { stream }),
});
const numbers = (states: readonly StateMessage[]) => states.map((one) => one.state["n"]);

describe("Ledger", () => {
  test("releases what was sealed, in order, and nothing that came later", () => {
    const ledger = new Ledger();
    ledger.note(state(1));
    ledger.note(state(2));
    const { mark, states } = ledger.seal();
    ledger.note(state(3));
    expect(numbers(states)).toEqual([1, 2]);
    expect(numbers(ledger.release(mark))).toEqual([1, 2]);
    expect(numbers(ledger.release(ledger.seal().mark))).toEqual([3]);
  });

  test("a batch without a state has none to release", () => {
    const ledger = new Ledger();
    ledger.note(state(1));
    const first = ledger.seal();
    const second = ledger.seal();
    expect(second).toEqual({ mark: 0, states: [] });
    expect(numbers(ledger.release(first.mark))).toEqual([1]);
    expect(ledger.release(second.mark)).toEqual([]);
  });

  test("a long run of states is shortened to the newest of each stream, in the order they came", () => {
    const ledger = new Ledger();
    ledger.note(state(-1));
    const sealed = ledger.seal();
    for (let n = 0; n < 10_000; n++) ledger.note(state(n, n % 3 === 0 && n < 9_000 ? "calls" : "users"));
    expect(ledger.unsealed).toBeLessThanOrEqual(1_001);
    const { mark, states } = ledger.seal();
    expect(states.at(-1)?.state).toEqual({ n: 9_999 });
    expect(numbers(ledger.release(sealed.mark))).toEqual([-1]);
    const released = numbers(ledger.release(mark));
    expect(released.at(-1)).toBe(9_999);
    expect(released).toContain(8_997);
    expect(released).toEqual([...released].sort((a, b) => Number(a) - Number(b)));
  });

  test("who wants each state back gets each one, however many there are", () => {
    const ledger = new Ledger(true);
    for (let n = 0; n < 3_000; n++) ledger.note(state(n, "calls"));
    expect(ledger.release(ledger.seal().mark)).toHaveLength(3_000);
  });
});
