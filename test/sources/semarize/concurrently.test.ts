import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { concurrently } from "../../../src/sources/semarize/concurrently.ts";

async function all<Said>(said: AsyncIterable<Said>): Promise<Said[]> {
  const list: Said[] = [];
  for await (const one of said) list.push(one);
  return list;
}

test("so many at a time, and everything that is said is given", async () => {
  let running = 0;
  let most = 0;
  const said = await all(
    concurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item, say: (text: string) => Promise<void>) => {
      most = Math.max(most, ++running);
      await setTimeout(2);
      await say(`${item}a`);
      await say(`${item}b`);
      running--;
    }),
  );
  expect(most).toBe(3);
  expect(said.sort()).toEqual([1, 2, 3, 4, 5, 6, 7].flatMap((item) => [`${item}a`, `${item}b`]));
});

test("whoever says something goes on when it was taken", async () => {
  let finished = 0;
  const said = concurrently([1, 2, 3, 4], 1, async (item, say: (item: number) => Promise<void>) => {
    await say(item);
    finished++;
  });
  await said.next();
  await setTimeout(2);
  expect(finished).toBe(0);
  await said.next();
  expect(finished).toBe(1);
  await said.return(undefined);
});

test("after an error nothing new is begun, and what is on its way is still said", async () => {
  const begun: number[] = [];
  const said: number[] = [];
  const failing = concurrently([1, 2, 3, 4], 2, async (item, say: (item: number) => Promise<void>) => {
    begun.push(item);
    if (item === 1) throw new Error("no");
    await setTimeout(5);
    await say(item);
  });
  await expect(
    (async () => {
      for await (const one of failing) said.push(one);
    })(),
  ).rejects.toThrow("no");
  expect([begun, said]).toEqual([[1, 2], [2]]);
});

test("a caller that stops leaves nobody waiting", async () => {
  const begun: number[] = [];
  for await (const one of concurrently([1, 2, 3], 1, async (item, say: (item: number) => Promise<void>) => {
    begun.push(item);
    await say(item);
  })) {
    expect(one).toBe(1);
    break;
  }
  await setTimeout(2);
  expect(begun).toEqual([1]);
});

test("no items, nothing said", async () => {
  expect(await all(concurrently([], 4, async () => undefined))).toEqual([]);
});
