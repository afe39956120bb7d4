import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bin, contents, ended, expectTruth, pipe, place, run, sampleApi, type Api, type Truth } from "./pipe.ts";

let api: Api;
let truth: Truth;
let clean: Record<string, string[]>;
let messages: number;

beforeAll(async () => {
  api = await sampleApi("--calls", "6", "--seed", "11");
  await using where = await place(api);
  const { lines } = await pipe(where);
  truth = await api.truth();
  clean = await contents(where.database);
  messages = lines.length;
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

/** Points spread over the whole run, its first and last lines among them. */
const points = (n: number) => Array.from({ length: n }, (_, i) => i / (n - 1));

describe.each(["tap", "target"] as const)("Q24: %s killed with -9", (victim) => {
  test.each(points(9))("after %f of all lines: the next run leaves what an uninterrupted run leaves", async (share) => {
    // Small batches, so that commits lie between the kills.
    await using where = await place(api, {}, { batch_size_rows: 150 });
    const at = Math.max(1, Math.floor(share * messages));
    const broken = await pipe(where, {
      onLine: (_line, count, kill) => {
        if (count === at) kill[victim]();
      },
    });
    if (victim === "target") expect(broken.target.signal).toBe("SIGKILL");
    const whole = await pipe(where, { state: broken.state });
    expect([whole.tap.code, whole.target.code]).toEqual([0, 0]);
    expect(await contents(where.database)).toEqual(clean);
    await expectTruth(where.database, truth);
  });
});

test("Q24: a target killed again and again still ends up with every row once", async () => {
  await using where = await place(api, {}, { batch_size_rows: 100 });
  let state: string | undefined;
  for (let at = 30; at < messages; at += Math.ceil(messages / 6)) {
    ({ state } = await pipe(where, {
      state,
      onLine: (_line, count, kill) => {
        if (count === at) kill.target();
      },
    }));
  }
  await pipe(where, { state });
  expect(await contents(where.database)).toEqual(clean);
});

test("| head -1 ends the tap quietly", async () => {
  await using where = await place(api);
  const tap = bin("tap-chorus", ["--config", where.tap]);
  tap.stdout?.once("data", () => tap.stdout?.destroy());
  const { code, signal, stderr } = await ended(tap);
  expect([code, signal]).toEqual([0, null]);
  expect(stderr).not.toContain("CRITICAL");
});

test("SIGTERM to the tap: it says a valid state and dies by the signal; the next run completes the rest", async () => {
  await using slow = await sampleApi("--calls", "40", "--seed", "11", "--rate", "30");
  await using where = await place(slow);
  const tap = bin("tap-chorus", ["--config", where.tap]);
  const done = ended(tap);
  let lines = 0;
  tap.stdout?.on("data", (chunk: string) => {
    const before = lines;
    lines += chunk.split("\n").length - 1;
    if (before <= 500 && lines > 500) tap.kill("SIGTERM"); // a second one would end it at once
  });
  const stopped = await done;
  expect(stopped.signal).toBe("SIGTERM");
  const last = JSON.parse(stopped.stdout.trim().split("\n").at(-1) ?? "") as { type: string };
  expect(last.type).toBe("STATE");
  const loaded = await run("target-warehouse", ["--config", where.target], stopped.stdout);
  const rest = await pipe(where, { state: loaded.stdout.trim().split("\n").at(-1) });
  expect([rest.tap.code, rest.target.code]).toEqual([0, 0]);
  await expectTruth(where.database, await slow.truth());
});

test("SIGTERM to the target: what arrived is committed, its state said, and it dies by the signal", async () => {
  await using where = await place(api);
  const { stdout: lines } = await run("tap-chorus", ["--config", where.tap]);
  const upToLastState = lines.slice(0, lines.lastIndexOf("\n", lines.length - 2) + 1);
  const target = bin("target-warehouse", ["--config", where.target]);
  const done = ended(target);
  target.stdin?.write(lines);
  await delay(1_500); // it has started and read something, and waits for more
  target.kill("SIGTERM");
  const stopped = await done;
  expect(stopped.signal).toBe("SIGTERM");
  expect(upToLastState).not.toBe("");
  const states = stopped.stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "");
  for (const state of states) expect(JSON.parse(state)).toHaveProperty("bookmarks");
  const rest = await pipe(where, { state: states.at(-1) });
  expect([rest.tap.code, rest.target.code]).toEqual([0, 0]);
  expect(await contents(where.database)).toEqual(clean);
});
