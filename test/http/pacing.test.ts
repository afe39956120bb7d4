import { expect, test } from "vitest";
import { withPacing } from "../../src/http/pacing.ts";
import { type Send, stack } from "../../src/http/send.ts";
import { withVerdict } from "../../src/http/verdict.ts";
import { GET, answers, fakeClock } from "./fakes.ts";

test("after a burst of one second's worth, requests keep to the rate", async () => {
  const clock = fakeClock();
  const send = stack(answers([200]), withPacing({ maxRequestsPerSecond: 4, concurrency: 1 }, clock));
  for (let request = 0; request < 6; request++) await send(GET);
  expect(clock.waits).toEqual([250, 250]);
});

test("no more than `concurrency` requests are under way at a time", async () => {
  let running = 0;
  let most = 0;
  const slow: Send = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return { status: 200, headers: {}, body: Buffer.alloc(0) };
  };
  const send = stack(slow, withPacing({ maxRequestsPerSecond: 1000, concurrency: 3 }, fakeClock()));
  await Promise.all(Array.from({ length: 10 }, () => send(GET)));
  expect(most).toBe(3);
});

test("a 429 holds every request back as long as it says", async () => {
  const clock = fakeClock();
  const network = answers([429, { "retry-after": "30" }], [200]);
  const send = stack(network, withPacing({ maxRequestsPerSecond: 10, concurrency: 2 }, clock), withVerdict);
  await expect(send(GET)).rejects.toThrow("429");
  await send(GET);
  await send(GET);
  expect(clock.waits).toEqual([30_000, 100]); // and takes the burst away
});

test("a 429 right after another halves the rate; one now and then does not", async () => {
  const clock = fakeClock();
  const pacing = withPacing({ maxRequestsPerSecond: 10, concurrency: 2 }, clock);
  const now = stack(answers([429], [200], [200], [429], [200], [200]), pacing, withVerdict);
  for (let request = 0; request < 6; request++) await now(GET).catch(() => undefined);
  expect(Math.max(...clock.waits)).toBe(100);
  const again = stack(answers([429], [429], [200]), pacing, withVerdict);
  for (let request = 0; request < 4; request++) await again(GET).catch(() => undefined);
  expect(clock.waits.at(-1)).toBe(200);
});

test("a patience that is not ours is left to the caller to give up on", async () => {
  const clock = fakeClock();
  const send = stack(
    answers([429, { "retry-after": "86400" }], [200]),
    withPacing({ maxRequestsPerSecond: 10, concurrency: 2 }, clock),
    withVerdict,
  );
  await expect(send(GET)).rejects.toThrow("429");
  await send(GET);
  expect(Math.max(0, ...clock.waits)).toBeLessThan(1_000);
});

test("the pace comes back slowly with good answers", async () => {
  const clock = fakeClock();
  const send = stack(
    answers([429], [429], [200]),
    withPacing({ maxRequestsPerSecond: 10, concurrency: 2 }, clock),
    withVerdict,
  );
  for (let request = 0; request < 2; request++) await expect(send(GET)).rejects.toThrow("429");
  for (let request = 0; request < 100; request++) await send(GET);
  expect(clock.waits[5]).toBe(200);
  expect(clock.waits.at(-1)).toBeLessThanOrEqual(110);
});
