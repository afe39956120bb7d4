import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DAY_MS,
  type Interval,
  WindowLength,
  contains,
  intersect,
  merge,
  needed,
  subtract,
} from "../../src/sources/chorus/windows.ts";

const interval = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 12 }))
  .map(([from, length]) => ({ from, to: from + length }));
const intervals = fc.array(interval, { maxLength: 8 });
const instants = Array.from({ length: 75 }, (_, instant) => instant);
const held = (list: readonly Interval[]) => instants.filter((instant) => contains(list, instant));

describe("intervals", () => {
  test("merging neither loses nor adds an instant, and leaves no two that touch", () => {
    fc.assert(
      fc.property(intervals, (list) => {
        const merged = merge(list);
        expect(held(merged)).toEqual(held(list));
        for (const [index, { from, to }] of merged.entries()) {
          expect(from).toBeLessThan(to);
          expect(from).toBeGreaterThan(merged[index - 1]?.to ?? -1);
        }
      }),
    );
  });

  test("merging does not depend on the order", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
        fc.array(interval, { minLength: 8, maxLength: 8 }),
        (order, list) => {
          expect(merge(order.map((index) => list[index] ?? { from: 0, to: 0 }))).toEqual(merge(list));
        },
      ),
    );
  });

  test("what is taken away and what is left make up the whole", () => {
    fc.assert(
      fc.property(intervals, intervals, (whole, taken) => {
        const left = subtract(whole, taken);
        expect(held(left)).toEqual(held(whole).filter((instant) => !contains(taken, instant)));
        expect(merge([...left, ...intersect(whole, taken)])).toEqual(merge(whole));
      }),
    );
  });

  test("what is needed is all that is not covered, and all that is not settled", () => {
    fc.assert(
      fc.property(interval, intervals, fc.integer({ min: 0, max: 72 }), (range, covered, settledTo) => {
        const expected = held([range]).filter((instant) => !contains(covered, instant) || instant >= settledTo);
        expect(held(needed(range, covered, settledTo))).toEqual(expected);
      }),
    );
  });
});

describe("window lengths", () => {
  const year = { from: 0, to: 365 * DAY_MS };
  const days = ({ from, to }: Interval) => (to - from) / DAY_MS;

  test("grow from a day to a week while there is little, and shrink to a day when there is much", () => {
    const length = new WindowLength(undefined);
    const grown = [10, 10, 10, 10].map((rows) => (length.learn(rows), days(length.last(year))));
    expect(grown).toEqual([2, 4, 7, 7]);
    const shrunk = [2000, 2000, 2000, 2000].map((rows) => (length.learn(rows), days(length.last(year))));
    expect(shrunk).toEqual([4, 2, 1, 1]); // from the beginning of a day
  });

  test("start as long as the last run's calls allow, so that a quiet look-back is one window", () => {
    expect(days(new WindowLength(undefined, 3).last({ from: 0, to: 7.5 * DAY_MS }))).toBe(7.5);
    expect(days(new WindowLength(undefined, 5000).last(year))).toBe(1);
  });

  test("never exceed `window_days`", () => {
    const length = new WindowLength(2, 1);
    length.learn(0);
    expect(days(length.last(year))).toBe(2);
  });

  test("after a timeout go down to an hour, and grow again only after some that went well", () => {
    const length = new WindowLength(undefined);
    let window = length.last(year);
    let halved = 0;
    while (length.halve(window)) {
      halved++;
      window = length.last(year);
    }
    expect(halved).toBe(5);
    expect(days(window)).toBeCloseTo(1 / 24);
    const hours = [0, 0, 0, 0, 0].map((rows) => (length.learn(rows), Math.round(days(length.last(year)) * 24)));
    expect(hours).toEqual([1, 1, 1, 1, 2]);
  });
});
