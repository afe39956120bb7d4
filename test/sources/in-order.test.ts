import { expect, test } from "vitest";
import { inOrder } from "../../src/sources/chorus/in-order.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("results come in the order of the items, whichever is ready first", async () => {
  const results: number[] = [];
  for await (const result of inOrder([30, 1, 20, 2], 3, async (ms) => (await wait(ms), ms))) results.push(result);
  expect(results).toEqual([30, 1, 20, 2]);
});

test("while one result is in hand, at most `width` others exist", async () => {
  let started = 0;
  let taken = 0;
  const numbers = Array.from({ length: 20 }, (_, index) => index);
  const work = async (item: number) => {
    started++;
    return item;
  };
  for await (const result of inOrder(numbers, 3, work)) {
    expect(result).toBe(taken++);
    await wait(1); // a slow reader
    expect(started - taken).toBeLessThanOrEqual(3);
  }
  expect(taken).toBe(20);
});

test("an error comes in its turn, and nothing new is begun after it", async () => {
  let started = 0;
  const results: number[] = [];
  const reading = (async () => {
    const work = async (item: number) => {
      started++;
      if (item === 3) throw new Error("broken");
      return item;
    };
    for await (const result of inOrder([1, 2, 3, 4, 5, 6, 7, 8], 2, work)) results.push(result);
  })();
  await expect(reading).rejects.toThrow("broken");
  expect(results).toEqual([1, 2]);
  expect(started).toBeLessThanOrEqual(4);
});

test("a caller that stops early leaves no unhandled rejection behind", async () => {
  const work = async (item: number) => {
    await wait(1);
    if (item > 1) throw new Error("nobody waits for this");
    return item;
  };
  const reading = inOrder([1, 2, 3], 3, work);
  expect((await reading.next()).value).toBe(1);
  await reading.return();
  await wait(5);
});
