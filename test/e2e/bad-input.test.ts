import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { CODES, type ErrorCode } from "../../src/core/errors.ts";
import { pipe, place, run, sampleApi, TOKEN, type Ended } from "./pipe.ts";

/** The exit code is the error's own, the last line says it, and the token is nowhere. */
function expectError(ended: Ended, code: ErrorCode, ...parts: readonly string[]): void {
  const last = ended.stderr.trim().split("\n").at(-1) ?? "";
  expect([ended.code, last.includes(`${code}: `)], ended.stderr).toEqual([CODES[code].exit, true]);
  for (const part of parts) expect(last).toContain(part);
  expect(ended.stderr + ended.stdout).not.toContain(TOKEN);
}

/** An API that gives every request the same answer. */
async function answering(status: number, body: unknown): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((_request, response) => response.writeHead(status).end(JSON.stringify(body)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("every error has an exit code of its own", () => {
  const exits = Object.values(CODES).map(({ exit }) => exit);
  expect(new Set(exits).size).toBe(exits.length);
});

test("a config without its required settings names them", async () => {
  await using where = await place({ url: "http://127.0.0.1:9" });
  const ended = await run("tap-chorus", ["--config", await where.file("bad.json", { look_back_days: 7 })]);
  expectError(ended, "CONFIG_INVALID", "api_token", "start_date");
});

test("a config value of the wrong form is named, without the value", async () => {
  await using where = await place({ url: "http://127.0.0.1:9" }, { start_date: "soon-canary" });
  const ended = await run("tap-chorus", ["--config", where.tap]);
  expectError(ended, "CONFIG_INVALID", "start_date");
  expect(ended.stderr).not.toContain("soon-canary");
});

test("a config file that is not there, or no JSON", async () => {
  expectError(await run("tap-chorus", ["--config", "no-such-file.json"]), "CONFIG_UNREADABLE", "no-such-file.json");
  await using where = await place({ url: "http://127.0.0.1:9" });
  expectError(await run("tap-chorus", ["--config", await where.file("bad.json", "{")]), "CONFIG_UNREADABLE");
});

test("settings come from the environment too", async () => {
  await using api = await sampleApi("--calls", "3");
  const env = { TAP_CHORUS_API_TOKEN: TOKEN, TAP_CHORUS_API_URL: api.url, TAP_CHORUS_START_DATE: "2026-01-01" };
  const ended = await run("tap-chorus", ["--config", "ENV", "--test"], "", env);
  expect(ended.code, ended.stderr).toBe(0);
});

test("a wrong token is told at once", async () => {
  await using api = await sampleApi("--calls", "3");
  await using where = await place(api, { api_token: "wrong-canary-token" });
  const ended = await run("tap-chorus", ["--config", where.tap]);
  expectError(ended, "API_UNAUTHORIZED");
  expect(ended.stderr + ended.stdout).not.toContain("wrong-canary-token");
  expectError(await run("tap-chorus", ["--config", where.tap, "--test"]), "API_UNAUTHORIZED");
});

test("403 on a route: its streams fail with a word about the plan", async () => {
  await using api = await answering(403, { errors: [{ status: "403", code: "forbidden" }] });
  await using where = await place(api);
  expectError(await run("tap-chorus", ["--config", where.tap]), "API_FORBIDDEN", "plan");
});

test("400 from the API is told with its detail", async () => {
  await using api = await answering(400, { errors: [{ status: "400", code: "bad", detail: "no such filter" }] });
  await using where = await place(api);
  expectError(await run("tap-chorus", ["--config", where.tap]), "API_REFUSED", "no such filter");
});

test("a state that is none, one of another version, and one that is empty", async () => {
  await using api = await sampleApi("--calls", "3");
  await using where = await place(api);
  const tap = async (state: unknown) =>
    run("tap-chorus", ["--config", where.tap, "--state", await where.file("s.json", state)]);
  expectError(await tap("not json"), "STATE_UNREADABLE");
  expectError(await tap([1]), "STATE_UNREADABLE");
  expectError(await tap({ bookmarks: { calls: { covered: "all" } } }), "STATE_UNREADABLE", "calls");
  expectError(await tap({ version: 99, bookmarks: {} }), "STATE_VERSION", "99");
  expect((await tap("")).code).toBe(0);
});

test("a catalog that is none", async () => {
  await using where = await place({ url: "http://127.0.0.1:9" });
  const ended = await run("tap-chorus", [
    "--config",
    where.tap,
    "--catalog",
    await where.file("c.json", { stream: [] }),
  ]);
  expectError(ended, "CATALOG_INVALID", "streams");
});

test("an option that does not exist", async () => {
  expectError(await run("tap-chorus", ["--colour"]), "USAGE", "colour");
});

test("an unknown quirk, and a corpus line that is no call, are told by name and line", async () => {
  expectError(await run("chorus-elt", ["sample-api", "--quirks", "Q99"]), "CONFIG_INVALID", "Q99", "Q04");
  await using where = await place({ url: "http://127.0.0.1:9" });
  const corpus = await where.file("corpus.jsonl", '{"id":"1"}\n');
  expectError(await run("chorus-elt", ["sample-api", "--corpus", corpus]), "CONFIG_INVALID", "line 1");
});

test("a malformed line in the middle of a real run: what was whole before it is loaded, its state said, nothing after", async () => {
  await using api = await sampleApi("--calls", "12");
  await using where = await place(api);
  const { stdout } = await run("tap-chorus", ["--config", where.tap]);
  const lines = stdout.trim().split("\n");
  const state = lines.findIndex((line) => line.startsWith('{"type":"STATE"'));
  const broken = [
    ...lines.slice(0, state + 1),
    '{"type":"RECORD","stream":"calls","record":{"call',
    ...lines.slice(state + 1),
  ].join("\n");
  const ended = await run("target-warehouse", ["--config", where.target], broken);
  expectError(ended, "LINE_NOT_JSON", `line ${state + 2} `);
  expect(ended.stdout.trim().split("\n")).toHaveLength(1);
  const rest = await pipe(where, { state: ended.stdout.trim() });
  expect([rest.tap.code, rest.target.code]).toEqual([0, 0]);
});
