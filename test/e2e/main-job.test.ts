import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { contents, count, expectTruth, pipe, place, query, run, sampleApi, TOKEN } from "./pipe.ts";

test("what is in the warehouse equals the account, and a second run costs no transcript and changes no row", async () => {
  await using api = await sampleApi("--calls", "60", "--seed", "3");
  await using where = await place(api);
  const first = await pipe(where);
  expect([first.tap.code, first.target.code]).toEqual([0, 0]);
  await expectTruth(where.database, await api.truth());
  const before = await contents(where.database);
  await api.requests();

  const second = await pipe(where, { state: first.state });
  expect([second.tap.code, second.target.code]).toEqual([0, 0]);
  expect(count(await api.requests(), "/transcript")).toBe(0);
  expect(second.lines.filter((line) => line.startsWith('{"type":"RECORD"'))).toEqual([]);
  expect(await contents(where.database)).toEqual(before);
});

test("a lost state file costs nothing: the warehouse has the state", async () => {
  await using api = await sampleApi("--calls", "20");
  await using where = await place(api);
  const first = await pipe(where);
  const kept = await run("chorus-elt", ["state", "show", "--config", where.target]);
  expect(JSON.parse(kept.stdout)).toEqual(JSON.parse(first.state ?? ""));
});

test("late and edited calls are found by the next run, again and again", async () => {
  await using api = await sampleApi("--calls", "60", "--seed", "5");
  await using where = await place(api);
  let state = (await pipe(where)).state;
  for (let round = 0; round < 3; round++) {
    await api.change({ late: 3, edit: 4 });
    const next = await pipe(where, { state });
    expect([next.tap.code, next.target.code]).toEqual([0, 0]);
    state = next.state;
    await expectTruth(where.database, await api.truth());
  }
});

test("deselected streams cost no request", async () => {
  await using api = await sampleApi("--calls", "20");
  await using where = await place(api);
  const catalog = JSON.parse((await run("tap-chorus", ["--discover"])).stdout) as {
    streams: { stream: string; metadata: { breadcrumb: string[]; metadata: Record<string, unknown> }[] }[];
  };
  const off = ["utterances", "transcripts", "users", "teams", "team_members"];
  for (const { stream, metadata } of catalog.streams) {
    for (const { breadcrumb, metadata: words } of metadata)
      if (breadcrumb.length === 0) words["selected"] = !off.includes(stream);
  }
  const result = await pipe(where, { catalog: await where.file("catalog.json", catalog) });
  expect([result.tap.code, result.target.code]).toEqual([0, 0]);
  const requests = await api.requests();
  expect([count(requests, "/transcript"), count(requests, "/users"), count(requests, "/teams")]).toEqual([0, 0, 0]);
  const tables = await query(where.database, "SELECT table_name AS name FROM duckdb_tables()");
  expect(tables.map(({ name }) => name)).not.toContain("utterances");
});

test("a property that is not selected does not leave the tap", async () => {
  await using api = await sampleApi("--calls", "5");
  await using where = await place(api);
  const catalog = JSON.parse((await run("tap-chorus", ["--discover"])).stdout) as {
    streams: { stream: string; metadata: { breadcrumb: string[]; metadata: Record<string, unknown> }[] }[];
  };
  for (const { stream, metadata } of catalog.streams) {
    for (const { breadcrumb, metadata: words } of metadata) {
      if (stream === "utterances" && breadcrumb[1] === "text") words["selected"] = false;
    }
  }
  const { lines } = await pipe(where, { catalog: await where.file("catalog.json", catalog) });
  const utterances = lines.map(
    (line) => JSON.parse(line) as { stream?: string; record?: object; schema?: { properties: object } },
  );
  expect(
    utterances.some(({ stream, record }) => stream === "utterances" && record !== undefined && "text" in record),
  ).toBe(false);
  expect(
    utterances.some(
      ({ stream, schema }) => stream === "utterances" && schema !== undefined && "text" in schema.properties,
    ),
  ).toBe(false);
});

test("stdout carries protocol lines only, and the token is in no output", async () => {
  await using api = await sampleApi("--calls", "10");
  await using where = await place(api);
  const { tap, target, lines } = await pipe(where);
  const types = new Set(lines.map((line) => (JSON.parse(line) as { type: string }).type));
  expect([...types].sort()).toEqual(["RECORD", "SCHEMA", "STATE"]);
  for (const line of target.stdout.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("bookmarks");
  expect(lines.join("\n") + tap.stderr + target.stdout + target.stderr).not.toContain(TOKEN);
});

test("the catalog in the repository is what --discover prints, without config and without network", async () => {
  const { stdout, code } = await run("tap-chorus", ["--discover"], "", {
    HTTP_PROXY: "http://127.0.0.1:1",
    HTTPS_PROXY: "http://127.0.0.1:1",
  });
  expect(code).toBe(0);
  expect(stdout).toBe(await readFile("catalog.json", "utf8"));
});

test("call_ids reads just these calls and leaves the bookmarks alone", async () => {
  await using api = await sampleApi("--calls", "20");
  const [id = ""] = Object.keys((await api.truth()).calls);
  await using all = await place(api);
  const { state } = await pipe(all);
  await using one = await place(api, { call_ids: [id] });
  const result = await pipe(one, { state });
  expect(JSON.parse(result.state ?? "")).toEqual(JSON.parse(state ?? ""));
  expect(await query(one.database, "SELECT call_id FROM calls")).toEqual([{ call_id: id }]);
});
