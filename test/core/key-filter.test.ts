import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyFilter } from "../../src/core/key-filter.ts";

describe("KeyFilter", () => {
  test("never misses a key that came before", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 6 }), { maxLength: 200 }), (keys) => {
        const filter = new KeyFilter();
        const seen = new Set<string>();
        for (const key of keys) {
          if (seen.has(key)) expect(filter.add(key)).toBe(true);
          else filter.add(key);
          seen.add(key);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("tells 200,000 keys like those of calls and turns from each other, while it grows", () => {
    const filter = new KeyFilter();
    let wrong = 0;
    for (let call = 0; call < 2_000; call++)
      for (let turn = 0; turn < 100; turn++) if (filter.add(`${call}\0${turn}\0`)) wrong++;
    expect(wrong).toBeLessThanOrEqual(20);
    expect(filter.add("1999\x0099\0")).toBe(true);
  });

  test("forgets everything when it is cleared", () => {
    const filter = new KeyFilter();
    for (let key = 0; key < 5_000; key++) filter.add(String(key));
    filter.clear();
    expect(filter.add("7")).toBe(false);
    expect(filter.add("7")).toBe(true);
  });
});
