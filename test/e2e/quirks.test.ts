import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { contents, expectTruth, inV3, pipe, place, query, sampleApi, type Place, type Truth } from "./pipe.ts";

// Those for which bytes, processes, sockets or the database matter; all of them, in both flavours, are in
// test/sources/quirks.test.ts.

async function runs(where: Place, state?: string, env: Record<string, string> = {}): Promise<string | undefined> {
  const result = await pipe(where, { state, env });
  expect([result.tap.code, result.target.code], result.tap.stderr + result.target.stderr).toEqual([0, 0]);
  return result.state;
}

const FLAVOURS = ["calls", "v3"] as const;
const told = (truth: Truth, flavour: (typeof FLAVOURS)[number]) => (flavour === "v3" ? inV3(truth) : truth);

describe.each(FLAVOURS)("one run leaves the account's truth, flavour %s", (flavour) => {
  test.each([
    ["Q18", "429 with Retry-After as seconds, as a date, absent, 0 and past"],
    ["Q19", "500, 502, 503, 504, resets, slow bodies, cut JSON, HTML"],
  ])("%s: %s", async (quirk) => {
    await using api = await sampleApi("--calls", "45", "--seed", "17", "--quirks", quirk, "--flavours", flavour);
    await using where = await place(api);
    await runs(where);
    await expectTruth(where.database, told(await api.truth(), flavour));
  });
});

test("Q15: odd characters are in the table as they were said; what no database takes is replaced, and counted", async () => {
  await using api = await sampleApi("--calls", "20", "--seed", "17", "--quirks", "Q15");
  await using where = await place(api);
  const { target } = await pipe(where);
  expect(target.code).toBe(0);
  expect(target.stderr).toMatch(/[1-9]\d* NUL or lone surrogate characters were replaced/);
  const said = "SELECT count(*) AS n FROM utterances WHERE text LIKE";
  const count = async (pattern: string) => Number((await query(where.database, `${said} '%${pattern}%'`))[0]?.["n"]);
  expect(await count("nul\ufffdbyte")).toBeGreaterThan(0);
  expect(await count("lone \ufffd high")).toBeGreaterThan(0);
  expect(await count("👩‍👩‍👧‍👦🏳️‍🌈")).toBeGreaterThan(0);
  await expectTruth(where.database, await api.truth());
});

test("Q16: a transcript of 20 MB passes through, and tap and target stay below 400 MB", async () => {
  await using api = await sampleApi("--calls", "5", "--seed", "17", "--quirks", "Q16");
  await using where = await place(api);
  const most = new Map<number, number>();
  let pids: number[] = [];
  const look = () => {
    for (const pid of pids) {
      try {
        const [, kilobytes = "0"] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
        most.set(pid, Math.max(most.get(pid) ?? 0, Number(kilobytes) / 1024));
      } catch {
        // it has ended
      }
    }
  };
  const timer = setInterval(look, 20);
  const result = await pipe(where, { onStart: (tap, target) => (pids = [tap, target]) });
  clearInterval(timer);
  expect([result.tap.code, result.target.code]).toEqual([0, 0]);
  await expectTruth(where.database, await api.truth());
  expect(most.size).toBe(2);
  for (const megabytes of most.values()) expect(megabytes).toBeLessThan(400);
});

test("Q20: a token that expires ends the run with code 20; with a valid one and the state the next run completes it", async () => {
  await using api = await sampleApi("--calls", "60", "--seed", "17", "--quirks", "Q20");
  await using where = await place(api);
  const stopped = await pipe(where);
  expect([stopped.tap.code, stopped.target.code]).toEqual([20, 0]);
  expect(stopped.tap.stderr).toContain("API_UNAUTHORIZED");
  expect(stopped.state).toBeDefined();
  await api.renewToken();
  await runs(where, stopped.state);
  await expectTruth(where.database, await api.truth());
});

test("Q21: ids beyond 2^53 are in the table with every digit", async () => {
  await using api = await sampleApi("--calls", "20", "--seed", "17", "--quirks", "Q21");
  await using where = await place(api);
  await runs(where);
  const rows = await query(where.database, "SELECT call_id, typeof(call_id) AS type, extra FROM calls");
  expect(rows.map((row) => row["call_id"]).sort()).toEqual(Object.keys((await api.truth()).calls).sort());
  for (const row of rows)
    expect([row["type"], String(row["extra"])]).toEqual(["VARCHAR", expect.stringContaining("eu-1")]);
  await expectTruth(where.database, await api.truth());
});

// For flavour `calls`: kill.test.ts.
test("Q24: tap and target of flavour v3 killed with -9 at several points, run after run, leave what one calm run leaves", async () => {
  await using api = await sampleApi("--calls", "12", "--seed", "11", "--flavours", "v3");
  await using calm = await place(api);
  const { lines } = await pipe(calm);
  await using where = await place(api, {}, { batch_size_rows: 100 });
  let state: string | undefined;
  for (const [share, victim] of [
    [0.1, "tap"],
    [0.4, "target"],
    [0.8, "tap"],
    [0.3, "target"],
  ] as const) {
    const at = Math.floor(share * lines.length);
    const onLine = (_: string, count: number, kill: { tap(): void; target(): void }) => {
      if (count === at) kill[victim]();
    };
    ({ state } = await pipe(where, { state, onLine }));
    expect(state ?? "").not.toMatch(/offset|continuation/);
  }
  await runs(where, state);
  expect(await contents(where.database)).toEqual(await contents(calm.database));
  await expectTruth(where.database, inV3(await api.truth()));
});

test.each(["ahead", "behind"])(
  "Q25: with our own clock five hours %s the state ends at the server's time",
  async (way) => {
    await using api = await sampleApi("--calls", "30", "--seed", "17");
    await using where = await place(api);
    // A program that runs before the tap and shifts what its clock shows.
    const byMs = (way === "ahead" ? 5 : -5) * 3_600_000;
    const shift = await where.file("shift.cjs", `const now = Date.now; Date.now = () => now() + ${byMs};`);
    const env = { NODE_OPTIONS: `--require ${shift}` };
    const state = await runs(where, undefined, env);
    const { bookmarks } = JSON.parse(state ?? "{}") as { bookmarks: { calls: { replication_key_value: string } } };
    expect(Math.abs(Date.parse(bookmarks.calls.replication_key_value) - Date.now())).toBeLessThan(120_000);
    await api.change({ late: 3 });
    await runs(where, state, env);
    await expectTruth(where.database, await api.truth());
  },
);

test("Q26: a link to media that points to another host is not followed with the token", async () => {
  await using api = await sampleApi("--calls", "20", "--seed", "17", "--quirks", "Q26", "--flavours", "v3");
  const origin = new URL(api.url);
  let redirects = 0;
  // An API that does not know `info=true`: it redirects to where the recording is.
  const proxy = createServer((incoming, outgoing) => {
    const path = (incoming.url ?? "").replace(/[?&]info=true/, "");
    const { method, headers } = incoming;
    const asked = request({ host: origin.hostname, port: origin.port, path, method, headers }, (answer) => {
      if (answer.statusCode === 302) redirects++;
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    asked.end();
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  try {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await using where = await place({ url }, { media_links: true });
    await runs(where);
    expect(redirects).toBeGreaterThan(5);
    await expectTruth(where.database, inV3(await api.truth()));
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
  expect(await api.violations()).toEqual({ force_regeneration: 0, without_skip_summary: 0, token_leaked: 0 });
});

test("Q26: links that have expired in the account are good ones in the table", async () => {
  await using api = await sampleApi("--calls", "20", "--seed", "17", "--quirks", "Q26", "--flavours", "v3");
  await using where = await place(api, { media_links: true });
  await runs(where);
  const sql = "SELECT count(*) AS n, count(*) FILTER (media_url_expires_at > now()) AS good FROM recordings";
  const [{ n, good } = { n: 0, good: -1 }] = await query(where.database, sql);
  expect(Number(n)).toBeGreaterThan(5);
  expect(Number(good)).toBe(Number(n));
  expect((await api.violations())["token_leaked"]).toBe(0);
});

test("Q09: a transcript that is not ready is filled in later, without reading anything else again", async () => {
  await using api = await sampleApi("--calls", "40", "--seed", "8", "--quirks", "Q09");
  await using where = await place(api);
  const state = await runs(where);
  const before = await api.truth();
  const pending = Object.values(before.calls).filter((call) => call.transcript_status === "pending").length;
  expect(pending).toBeGreaterThan(3);
  const [{ n } = { n: -1 }] = await query(where.database, "SELECT count(*) AS n FROM calls");
  expect(Number(n)).toBe(Object.keys(before.calls).length); // the calls themselves load at once
  await api.change({ transcripts_ready: 100 });
  await api.later(12);
  await runs(where, state);
  const after = await api.truth();
  expect(Object.values(after.calls).filter((call) => call.transcript_status === "pending")).toEqual([]);
  await expectTruth(where.database, after);
});

test("all of them at once, with a round of changes", async () => {
  const quirks = "Q01,Q03,Q06,Q07,Q08,Q11,Q14,Q15,Q18,Q19,Q21,Q22";
  await using api = await sampleApi("--calls", "40", "--seed", "12", "--quirks", quirks);
  await using where = await place(api);
  const state = await runs(where);
  await api.change({ late: 3, edit: 5 });
  await runs(where, state);
  await expectTruth(where.database, await api.truth());
});

test.each(["mark", "remove"])("Q12: a deleted call is marked in the table, `deleted_rows: %s`", async (deletedRows) => {
  await using api = await sampleApi("--calls", "40", "--seed", "21");
  await using where = await place(api, { deleted_rows: deletedRows });
  let state = await runs(where);
  const { delete: gone = [] } = await api.change({ delete: 1 });
  for (const hours of [24, 1]) {
    await api.later(hours);
    state = await runs(where, state);
  }
  const rows = await query(where.database, "SELECT * FROM calls WHERE _deleted_at IS NOT NULL");
  expect(rows.map((row) => row["call_id"])).toEqual(gone);
  expect(rows[0]?.["title"]).toEqual(expect.any(String)); // what is not said again stays
  const [left] = await query(where.database, `SELECT count(*) AS n FROM participants WHERE call_id = '${gone[0]}'`);
  expect(Number(left?.["n"]) > 0).toBe(deletedRows === "mark");
});
