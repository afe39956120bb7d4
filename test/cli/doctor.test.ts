import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { pipe, place, run, sampleApi, TOKEN, type Api, type Ended, type Place } from "../e2e/pipe.ts";
import { describePostgres } from "../support/own-postgres.ts";

/** The verdict of each check. */
function verdicts({ stdout }: Ended): Record<string, string> {
  const found = stdout.matchAll(/^(ok|warn|FAIL|skipped) +([a-z ]+): /gm);
  return Object.fromEntries([...found].map(([, verdict = "", name = ""]) => [name, verdict]));
}

const textOf = ({ stdout }: Ended, name: string) =>
  stdout.split("\n").find((line) => line.slice(9).startsWith(`${name}: `)) ?? "";

async function doctor({ tap, target }: Pick<Place, "tap" | "target">): Promise<Ended> {
  const ended = await run("chorus-elt", ["doctor", "--tap", tap, "--config", target]);
  expect(ended.stdout + ended.stderr).not.toContain(TOKEN);
  return ended;
}

const post = (api: Api, path: string, body: object) =>
  fetch(`${api.url}/_sample/${path}`, { method: "POST", body: JSON.stringify(body) });

describe("chorus-elt doctor", () => {
  test.each(["calls", "v3"])("%s: before the first load, after it, and with a column gone", async (flavour) => {
    await using api = await sampleApi("--calls", "40", "--flavours", flavour);
    await using where = await place(api);
    const before = await doctor(where);
    const warned = Object.entries(verdicts(before)).filter(([, verdict]) => verdict !== "ok");
    expect([before.code, warned], before.stdout).toEqual([
      0,
      [
        ["state", "warn"],
        ["tables", "warn"],
      ],
    ]);
    expect(textOf(before, "flavour")).toContain(flavour);
    await pipe(where);
    const after = await doctor(where);
    expect([after.code, new Set(Object.values(verdicts(after)))], after.stdout).toEqual([0, new Set(["ok"])]);
    expect(textOf(after, "transcript")).toMatch(/is readable, with \d+ turns?$/);
    const instance = await DuckDBInstance.create(where.database);
    const connection = await instance.connect();
    await connection.run("ALTER TABLE calls DROP COLUMN content_hash");
    connection.closeSync();
    instance.closeSync();
    const gone = await doctor(where);
    expect([gone.code, textOf(gone, "tables")]).toEqual([0, expect.stringContaining("calls.content_hash") as string]);
  });

  test("a state of another flavour than the config insists on fails", async () => {
    await using api = await sampleApi("--calls", "10");
    await using where = await place(api);
    await pipe(where);
    const insisting = { api_url: api.url, api_token: TOKEN, start_date: "2026-01-01", api_flavour: "v3" };
    const ended = await doctor({ ...where, tap: await where.file("v3.json", insisting) });
    expect([ended.code, textOf(ended, "state")]).toEqual([
      55,
      expect.stringContaining('Set `api_flavour` to "calls"') as string,
    ]);
  });

  test.each([
    ["raw", "auto", "ok", "let in as raw; bearer and zoominfo refused; the tap sends it as raw"],
    ["zoominfo", "auto", "FAIL", 'Set `auth_scheme` to "zoominfo"'],
    ["zoominfo", "zoominfo", "ok", "let in as zoominfo"],
    ["raw", "bearer", "FAIL", "refused as bearer"],
  ])("a token that must come as %s, with auth_scheme %s: %s", async (auth, set, verdict, text) => {
    await using api = await sampleApi("--calls", "10", "--auth", auth);
    await using where = await place(api, { auth_scheme: set });
    const ended = await doctor(where);
    expect([ended.code, verdicts(ended)["token"]], ended.stdout).toEqual([verdict === "ok" ? 0 : 55, verdict]);
    expect(textOf(ended, "token")).toContain(text);
  });

  test("no access: 403 is explained, and what depends on it is skipped", async () => {
    await using api = await sampleApi("--calls", "10");
    await using where = await place(api);
    await post(api, "access", { mode: "forbidden" });
    const ended = await doctor(where);
    const found = verdicts(ended);
    expect([ended.code, found["token"], found["access"], found["transcript"], found["warehouse"]]).toEqual([
      55, "ok", "FAIL", "skipped", "ok",
    ]); // prettier-ignore
    expect(textOf(ended, "access")).toContain("depends on the Chorus plan and on the user's role");
  });

  test("a clock that is off, and limits that are shown", async () => {
    await using api = await sampleApi("--calls", "10", "--rate", "100", "--rate-headers");
    await using where = await place(api);
    await api.later(2);
    const ended = await doctor(where);
    expect(textOf(ended, "clock")).toMatch(/^warn +clock: 7,\d+ seconds behind the API's/);
    expect(textOf(ended, "rate limit")).toMatch(/x-ratelimit-limit \d+/);
  });

  test("all checks run, whatever fails: configs, an API and a warehouse that are not there", async () => {
    await using where = await place({ url: "http://127.0.0.1:9" });
    const target = await where.file("nowhere.json", { path: `${where.folder}/no/such/folder/w.duckdb` });
    const ended = await doctor({ tap: where.tap, target });
    const found = verdicts(ended);
    expect([ended.code, found["api"], found["token"], found["warehouse"], found["tables"]]).toEqual([
      55, "FAIL", "skipped", "FAIL", "skipped",
    ]); // prettier-ignore
    const faulty = await where.file("faulty.json", { api_token: TOKEN, start_date: "soon" });
    const invalid = await doctor({ tap: faulty, target: faulty });
    expect([verdicts(invalid)["tap config"], verdicts(invalid)["api"]]).toEqual(["FAIL", "skipped"]);
  });
});

await describePostgres("chorus-elt doctor on Postgres", (postgres) => {
  test("all is well after a load", async () => {
    await using api = await sampleApi("--calls", "20");
    await using db = await postgres.database();
    await using where = await place(api, {}, { destination: "postgres", url: db.url });
    await pipe(where);
    const ended = await doctor(where);
    expect([ended.code, new Set(Object.values(verdicts(ended)))], ended.stdout).toEqual([0, new Set(["ok"])]);
  });
});
