import { expect, test } from "vitest";
import { withRetry } from "../../src/http/retry.ts";
import { stack } from "../../src/http/send.ts";
import { withVerdict } from "../../src/http/verdict.ts";
import { GET, answers, fakeClock } from "./fakes.ts";

const highest = () => 1;

test("waits double from 1 s, and the sixth failure is thrown", async () => {
  const clock = fakeClock();
  const network = answers([503]);
  const send = stack(network, withRetry({ clock, random: highest }), withVerdict);
  await expect(send(GET)).rejects.toMatchObject({ code: "API_UNAVAILABLE", status: 503 });
  expect(clock.waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
  expect(network.seen).toHaveLength(6);
});

test("waits are a random part of that, up to a minute", async () => {
  const clock = fakeClock();
  const send = stack(answers([503]), withRetry({ clock, tries: 10, random: () => 0.5 }), withVerdict);
  await expect(send(GET)).rejects.toThrow();
  expect(clock.waits.slice(0, 2)).toEqual([500, 1_000]);
  expect(Math.max(...clock.waits)).toBe(30_000);
});

test("Retry-After is a floor under the backoff", async () => {
  const clock = fakeClock();
  const network = answers([429, { "retry-after": "7" }], [503], [200]);
  await stack(network, withRetry({ clock, random: highest }), withVerdict)(GET);
  expect(clock.waits).toEqual([7_000, 2_000]);
});

test("Retry-After of 0 or in the past still backs off", async () => {
  const clock = fakeClock();
  const network = answers([429, { "retry-after": "0" }], [429, { "retry-after": "-3" }], [200]);
  await stack(network, withRetry({ clock, random: highest }), withVerdict)(GET);
  expect(clock.waits).toEqual([1_000, 2_000]);
});

test("ten minutes are waited for, sixteen are API_BUSY at once", async () => {
  const clock = fakeClock();
  await stack(answers([429, { "retry-after": "600" }], [200]), withRetry({ clock }), withVerdict)(GET);
  expect(clock.waits).toEqual([600_000]);
  const busy = stack(answers([429, { "retry-after": "960" }]), withRetry({ clock }), withVerdict)(GET);
  await expect(busy).rejects.toMatchObject({ code: "API_BUSY", message: expect.stringContaining("960 s") as string });
  expect(clock.waits).toHaveLength(1);
});

test("a limit without Retry-After is waited out for longer than six tries, but not for ever", async () => {
  const clock = fakeClock();
  const eight = Array.from({ length: 8 }, () => [429] as const);
  await stack(answers(...eight, [200]), withRetry({ clock, random: highest }), withVerdict)(GET);
  expect(clock.waits).toHaveLength(8);
  const never = stack(answers([429]), withRetry({ clock, random: highest }), withVerdict)(GET);
  await expect(never).rejects.toMatchObject({ code: "API_BUSY" });
});

test("a conflict is tried three times, a refusal once", async () => {
  const conflict = answers([409]);
  await expect(stack(conflict, withRetry({ clock: fakeClock() }), withVerdict)(GET)).rejects.toThrow("409");
  expect(conflict.seen).toHaveLength(3);
  const refusal = answers([400]);
  await expect(stack(refusal, withRetry({ clock: fakeClock() }), withVerdict)(GET)).rejects.toThrow("400");
  expect(refusal.seen).toHaveLength(1);
});

test("resets, cut bodies and web pages are tried again", async () => {
  const network = answers(new Error("socket hang up"), [200, {}, '{"a":'], [200, {}, "<html>"], [200, {}, "[]"]);
  const send = stack(network, withRetry({ clock: fakeClock() }), withVerdict);
  expect((await send(GET)).json).toEqual([]);
});

test("an error of our own is not tried again", async () => {
  const network = answers([200]);
  const broken = stack(network, withRetry({ clock: fakeClock() }), () => async () => {
    throw new TypeError("x is undefined");
  });
  await expect(broken(GET)).rejects.toThrow("x is undefined");
  expect(network.seen).toHaveLength(0);
});

test("a signal ends the waiting", async () => {
  const stop = new AbortController();
  const clock = {
    now: () => 0,
    sleep: async (_ms: number, signal?: AbortSignal) => (stop.abort(new Error("stopped")), signal?.throwIfAborted()),
  };
  const send = stack(answers([503]), withRetry({ clock }), withVerdict);
  await expect(send({ ...GET, signal: stop.signal })).rejects.toThrow("stopped");
});
