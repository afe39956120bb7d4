import { afterAll, beforeAll, expect, test } from "vitest";
import { parseJson, type JsonObject } from "../../src/core/json.ts";
import { configured, readWith, speak, type CatalogStream } from "../support/airbyte.ts";
import { count, pipe, place, run, sampleApi, type Api, type Place } from "../e2e/pipe.ts";

let api: Api;
let where: Place;
let streams: readonly CatalogStream[];

beforeAll(async () => {
  api = await sampleApi("--calls", "40");
  where = await place(api);
  streams = (await speak("tap-chorus", ["discover"])).messages[0]?.catalog?.streams ?? [];
});

afterAll(async () => {
  await where[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const convert = (...args: readonly string[]) => run("chorus-elt", ["state", "convert", ...args]);

test("from Singer to Airbyte and back: no call is read again, and the state is the same", async () => {
  const loaded = await pipe(where);
  const singer = await where.file("singer.json", loaded.state);
  const converted = await convert("--to", "airbyte", "--state", singer);
  expect([converted.code, converted.stderr]).toEqual([0, ""]);
  const states = JSON.parse(converted.stdout) as unknown[];

  await api.requests();
  const moved = await readWith(where, configured(streams, { sync_mode: "incremental" }), states);
  expect([moved.code, moved.records.length]).toEqual([0, 0]);
  expect(count(await api.requests(), "transcript")).toBe(0);

  const airbyte = await where.file("airbyte.json", converted.stdout);
  const back = await convert("--to", "singer", "--state", airbyte);
  expect(parseJson(back.stdout)).toEqual(parseJson(loaded.state ?? ""));
});

test("from Airbyte to Singer, out of the warehouse that an Airbyte run has loaded", async () => {
  await using other = await place(api);
  const catalog = configured(streams, { sync_mode: "incremental" });
  const read = await readWith(other, catalog);
  const file = await other.file("catalog.json", catalog);
  const written = await speak("target-warehouse", ["write", "--config", other.target, "--catalog", file], read.stdout);
  expect([written.code, written.states.length]).toEqual([0, read.states.length]);
  const shown = await run("chorus-elt", ["state", "show", "--config", other.target]);
  expect((JSON.parse(shown.stdout) as JsonObject[]).length).toBe(streams.length);

  const { stdout, code } = await convert("--to", "singer", "--config", other.target);
  expect(code).toBe(0);
  await api.requests();
  const again = await run("tap-chorus", ["--config", other.tap, "--state", await other.file("state.json", stdout)]);
  expect(again.code).toBe(0);
  expect(again.stdout.split("\n").filter((line) => line.includes('"RECORD"'))).toEqual([]);
  expect(count(await api.requests(), "transcript")).toBe(0);
});

test("a state of tap-transcripts is divided among its streams and put together again", async () => {
  const files = { "a.vtt": { hash: "h", bytes: 1, changedMs: 1, about: "b", meetingId: "m" } };
  const singer = await where.file("transcripts.json", { version: 1, files });
  const { stdout } = await convert("--to", "airbyte", "--tap", "transcripts", "--state", singer);
  expect(JSON.parse(stdout)).toHaveLength(3);
  const back = await convert("--to", "singer", "--tap", "transcripts", "--state", await where.file("a.json", stdout));
  expect(JSON.parse(back.stdout)).toEqual({ version: 1, files });
});

test.each([
  ["a Singer state as Airbyte's", ["--to", "singer"], { bookmarks: {} }, 13],
  ["a list as a Singer state", ["--to", "airbyte"], [], 13],
  ["no direction", [], {}, 2],
] as const)("%s is refused", async (_, args, state, code) => {
  expect((await convert(...args, "--state", await where.file("wrong.json", state))).code).toBe(code);
});
