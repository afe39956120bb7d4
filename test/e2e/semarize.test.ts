import { once } from "node:events";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import type { SemarizeTruth } from "../../src/sample/semarize/api.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { bin, ended, pipe, place, query, run, sampleApi, type Api, type Place, type PipeOptions } from "./pipe.ts";

const LONG_MS = 120_000;
const KITS = ["FRMWRK01", "BATTLE01"];
const SECRET = "smz_test_canary_77";

/** A sample account of a dozen calls that is loaded, and what evaluates it. */
async function loaded(...options: readonly string[]): Promise<{ api: Api; where: Place } & AsyncDisposable> {
  const api = await sampleApi("--calls", "12", "--semarize-token", SECRET, ...options);
  const where = await place(api);
  const { tap, target } = await pipe(where);
  expect([tap.code, target.code]).toEqual([0, 0]);
  return {
    api,
    where,
    async [Symbol.asyncDispose]() {
      await where[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

/** The config of tap-semarize for a place; the warehouse is that of its target. */
async function configFor(api: Api, where: Place, settings: object = {}): Promise<string> {
  return where.file("semarize.json", {
    api_url: api.url,
    api_token: SECRET,
    warehouse_config: where.target,
    kits: KITS,
    max_requests_per_second: 1_000,
    ...settings,
  });
}

async function evaluate(api: Api, where: Place, settings: object = {}, options: Pick<PipeOptions, "onLine"> = {}) {
  const config = await configFor(api, where, settings);
  return pipe(where, { tap: { program: "tap-semarize", config }, ...options });
}

async function truth(api: Api): Promise<SemarizeTruth> {
  return (await (await fetch(`${api.url}/_sample/semarize/truth`)).json()) as SemarizeTruth;
}

async function settings(api: Api, what: object): Promise<void> {
  await fetch(`${api.url}/_sample/semarize/settings`, { method: "POST", body: JSON.stringify(what) });
}

/** Every run at the server is a row, no (call, kit, text) was run twice, and every transcript has its runs. */
async function expectEachOnce(api: Api, where: Place, kits = KITS): Promise<void> {
  const { runs } = await truth(api);
  const distinct = new Set(runs.map((one) => `${one.key} ${one.kit_code} ${one.transcript_hash}`));
  expect(distinct.size, "runs that were paid twice").toBe(runs.length);
  const rows = await query(
    where.database,
    "SELECT run_id, idempotency_key AS key, transcript_hash, status FROM semarize_runs ORDER BY run_id",
  );
  const wanted = runs.map((one) => ({
    run_id: one.run_id,
    key: one.key,
    transcript_hash: one.transcript_hash,
    status: one.status,
  }));
  expect(rows).toEqual(wanted.sort((a, b) => (a.run_id < b.run_id ? -1 : 1)));
  const bare = await query(
    where.database,
    `SELECT run_id FROM semarize_runs r WHERE status = 'succeeded' AND
       (SELECT count(*) FROM semarize_bricks b WHERE b.run_id = r.run_id) < 3`,
  );
  expect(bare, "runs that succeeded and have no results").toEqual([]);
  const [counts] = await query(
    where.database,
    `SELECT (SELECT count(*) FROM transcripts WHERE status = 'ready' AND word_count > 0) * ${kits.length} AS due,
            (SELECT count(*) FROM (SELECT DISTINCT call_id, kit, source_hash FROM semarize_runs)) AS done`,
  );
  expect(Number(counts?.["done"])).toBe(Number(counts?.["due"]));
}

describe("tap-semarize | target-warehouse", () => {
  test.each(["async", "sync"])(
    "%s: every transcript is evaluated once, and the second run sends nothing",
    async (mode) => {
      await using it = await loaded();
      const { api, where } = it;
      const first = await evaluate(api, where, { mode });
      expect([first.tap.code, first.target.code], first.tap.stderr + first.target.stderr).toEqual([0, 0]);
      await expectEachOnce(api, where);
      const before = await truth(api);
      const second = await evaluate(api, where, { mode });
      expect([second.tap.code, second.target.code]).toEqual([0, 0]);
      expect(second.lines.filter((line) => line.includes('"RECORD"'))).toEqual([]);
      expect((await truth(api)).requests).toEqual(before.requests);
      const kinds = await query(
        where.database,
        `SELECT DISTINCT b.brick_key, b.value_kind FROM semarize_bricks b JOIN semarize_runs USING (run_id)
       WHERE kit = 'BATTLE01' AND b.brick_key IN ('battlecard_used', 'claims_checked', 'competitors_mentioned') ORDER BY 1`,
      );
      expect(kinds.map((row) => Object.values(row))).toEqual([
        ["battlecard_used", "boolean"],
        ["claims_checked", "number"],
        ["competitors_mentioned", "list"],
      ]);
      const [items] = await query(
        where.database,
        `SELECT count(*) FILTER (item_count <> n) AS off, count(*) AS lists FROM (
         SELECT b.item_count, (SELECT count(*) FROM semarize_brick_items i WHERE i.run_id = b.run_id AND i.brick_key = b.brick_key) AS n
         FROM semarize_bricks b WHERE value_kind = 'list')`,
      );
      expect([Number(items?.["off"]), Number(items?.["lists"]) > 10]).toEqual([0, true]);
      expect(first.tap.stderr + first.target.stderr).not.toContain(SECRET);
    },
  );

  test("a changed transcript and another version of the kit are new runs; the old ones stay", async () => {
    await using it = await loaded();
    const { api, where } = it;
    await evaluate(api, where, { kits: ["CALLEVAL"] });
    const [one] = await query(where.database, "SELECT call_id FROM semarize_runs ORDER BY 1 LIMIT 1");
    const call = String(one?.["call_id"]);
    const db = await DuckDBInstance.create(where.database);
    const connection = await db.connect();
    await connection.run(`UPDATE utterances SET text = text || ' Really.' WHERE call_id = '${call}'`);
    await connection.run(
      `UPDATE transcripts SET transcript_hash = 'another', full_text = (
         SELECT string_agg(CASE WHEN trim(coalesce(speaker, '')) = '' THEN text ELSE speaker || ': ' || text END, chr(10) ORDER BY utterance_index)
         FROM utterances u WHERE u.call_id = '${call}') WHERE call_id = '${call}'`,
    );
    connection.closeSync();
    db.closeSync();
    const before = (await truth(api)).runs.length;
    const { tap } = await evaluate(api, where, { kits: ["CALLEVAL"] });
    expect(tap.code, tap.stderr).toBe(0);
    const sql = `SELECT source_hash = 'another' AS changed, status FROM semarize_runs WHERE call_id = '${call}' ORDER BY 1`;
    expect((await query(where.database, sql)).map((row) => Object.values(row))).toEqual([
      [false, "succeeded"],
      [true, "succeeded"],
    ]);
    expect((await truth(api)).runs.length).toBe(before + 1);
    const pinned = { kit_version_id: "0e7a1c3b-5d6f-4a7b-8c9d-5e5e5e5e0001" };
    await evaluate(api, where, { kits: ["CALLEVAL", pinned] });
    expect((await truth(api)).runs.length).toBe(2 * before + 1);
  });

  test("--dry-run says what would be sent, and sends nothing; max_runs bounds what is", async () => {
    await using it = await loaded();
    const { api, where } = it;
    const config = await configFor(api, where, { max_runs: 5 });
    const planned = await run("tap-semarize", ["--config", config, "--dry-run"]);
    expect(planned.code, planned.stderr).toBe(0);
    const lines = planned.stdout.trim().split("\n");
    expect(lines.at(-1)).toBe("5 runs would be sent and paid for (max_runs is 5); 0 sent earlier would be asked for");
    expect(lines.filter((line) => line.endsWith("characters"))).toHaveLength(5 + KITS.length);
    expect((await truth(api)).requests).toEqual({});
    await evaluate(api, where, { max_runs: 5 });
    expect((await truth(api)).runs).toHaveLength(5);
    await evaluate(api, where);
    await expectEachOnce(api, where);
  });

  test("a kit that nobody knows, a key that is refused: each has its exit code, and nothing is lost", async () => {
    await using it = await loaded();
    const { api, where } = it;
    const unknown = await evaluate(api, where, { kits: ["NOTTHERE", "CALLEVAL"] });
    expect([unknown.tap.code, unknown.target.code]).toEqual([11, 0]);
    expect(unknown.tap.stderr).toContain('does not know the kit \\"NOTTHERE\\"');
    await expectEachOnce(api, where, ["CALLEVAL"]);
    const refused = await evaluate(api, where, { api_token: "smz_test_wrong" });
    expect(refused.tap.code).toBe(20);
    expect(refused.tap.stderr).not.toContain("smz_test_wrong");
  });

  test.each([
    ["bricks elsewhere, evidence as a text", ["S01", "S02"]],
    ["nothing but values", ["S03"]],
    ["fields and forms that nobody named", ["S05"]],
    ["429 in both forms, and sync that is not ready", ["S06", "S07"]],
  ])(
    "%s: the values are the same",
    async (_, quirks) => {
      await using it = await loaded();
      const { api, where } = it;
      await settings(api, { quirks });
      const { tap, target } = await evaluate(api, where, { mode: "sync", kits: ["BATTLE01"] });
      expect([tap.code, target.code], tap.stderr).toEqual([0, 0]);
      await expectEachOnce(api, where, ["BATTLE01"]);
      const [sum] = await query(
        where.database,
        `SELECT sum(value_number)::INT AS claims FROM semarize_bricks WHERE brick_key = 'claims_checked'`,
      );
      const [mentions] = await query(
        where.database,
        "SELECT sum(n)::INT AS claims FROM (SELECT unnest([contains(lower(text), 'gongline'), contains(lower(text), 'talkdesk one'), contains(lower(text), 'callsense'), contains(lower(text), 'revoice')])::INT AS n FROM utterances)",
      );
      expect(sum).toEqual(mentions);
      const odd = await query(
        where.database,
        "SELECT DISTINCT brick_key, value_kind FROM semarize_bricks WHERE brick_key IN ('mystery', 'shape', 'nothing') ORDER BY 1",
      );
      expect(odd.map((row) => Object.values(row))).toEqual(
        quirks.includes("S05")
          ? [
              ["mystery", "string"],
              ["nothing", null],
              ["shape", "other"],
            ]
          : [],
      );
    },
    LONG_MS,
  );

  test(
    "runs that fail or are cancelled are rows, and are sent again only when `max_attempts` says so",
    async () => {
      await using it = await loaded("--semarize-quirks", "S04");
      const { api, where } = it;
      const { tap } = await evaluate(api, where);
      expect(tap.code).toBe(0);
      await expectEachOnce(api, where);
      const failed = (await truth(api)).runs.filter(({ status }) => status !== "succeeded").length;
      expect(failed).toBeGreaterThan(1);
      const before = (await truth(api)).runs.length;
      await evaluate(api, where);
      expect((await truth(api)).runs.length).toBe(before);
      await evaluate(api, where, { max_attempts: 2 });
      expect((await truth(api)).runs.length).toBe(before + failed);
      const [rows] = await query(where.database, "SELECT count(*) AS n FROM semarize_runs WHERE attempt = 2");
      expect(Number(rows?.["n"])).toBe(failed);
    },
    LONG_MS,
  );

  test("a run that takes too long is left, and asked for by the next execution", async () => {
    await using it = await loaded("--semarize-latency", "60000");
    const { api, where } = it;
    const { tap } = await evaluate(api, where, { run_timeout_seconds: 0.2, kits: ["CALLEVAL"], concurrency: 16 });
    expect(tap.code, tap.stderr).toBe(0);
    const before = await truth(api);
    const [left] = await query(where.database, "SELECT count(*) AS n FROM semarize_runs WHERE finished_at IS NULL");
    expect(Number(left?.["n"])).toBe(before.runs.length);
    await evaluate(api, where, { run_timeout_seconds: 0.2, kits: ["CALLEVAL"], concurrency: 16 });
    expect((await truth(api)).runs.length).toBe(before.runs.length);
  });

  test(
    "answers that are lost after the run was accepted cost nothing",
    async () => {
      await using it = await loaded("--semarize-quirks", "S08");
      const { api, where } = it;
      const { tap } = await evaluate(api, where);
      expect(tap.code, tap.stderr).toBe(0);
      await expectEachOnce(api, where);
      expect((await truth(api)).runs.some(({ posts }) => posts > 1)).toBe(true);
    },
    LONG_MS,
  );

  test("the mode may change between an execution that was killed and the next", async () => {
    await using it = await loaded();
    const { api, where } = it;
    await evaluate(
      api,
      where,
      { kits: ["CALLEVAL"] },
      { onLine: (_line, count, kill) => count === 4 && kill.target() },
    );
    const before = (await truth(api)).runs.length;
    expect(before).toBeGreaterThan(0);
    const { tap } = await evaluate(api, where, { kits: ["CALLEVAL"], mode: "sync" });
    expect(tap.code, tap.stderr).toBe(0);
    await expectEachOnce(api, where, ["CALLEVAL"]);
  });
});

describe("killed with -9 at any point and started again, each transcript is paid for once", () => {
  test.each([
    ["tap", 1],
    ["tap", 4],
    ["tap", 9],
    ["tap", 40],
    ["target", 1],
    ["target", 5],
    ["target", 60],
    ["target", 200],
    ["both", 30],
  ] as const)(
    "%s after line %i",
    async (victim, line) => {
      await using it = await loaded("--semarize-quirks", "S08");
      const { api, where } = it;
      await evaluate(
        api,
        where,
        {},
        {
          onLine(_line, count, kill) {
            if (count !== line) return;
            if (victim !== "target") kill.tap();
            if (victim !== "tap") kill.target();
          },
        },
      );
      const { tap, target } = await evaluate(api, where);
      expect([tap.code, target.code], tap.stderr).toEqual([0, 0]);
      await expectEachOnce(api, where);
    },
    LONG_MS,
  );

  test(
    "again and again, at moments of no choosing",
    async () => {
      await using it = await loaded("--semarize-latency", "30");
      const { api, where } = it;
      const config = await configFor(api, where, { concurrency: 2 });
      for (let waitMs = 150; waitMs <= 900; waitMs += 150) {
        const tap = bin("tap-semarize", ["--config", config]);
        const target = bin("target-warehouse", ["--config", where.target]);
        target.stdin?.on("error", () => undefined);
        tap.stdout?.pipe(target.stdin!);
        const over = [ended(tap), ended(target)];
        setTimeout(() => tap.kill("SIGKILL"), waitMs);
        setTimeout(() => target.kill("SIGKILL"), waitMs + 40);
        await Promise.all(over);
      }
      const { tap, target } = await evaluate(api, where);
      expect([tap.code, target.code], tap.stderr).toEqual([0, 0]);
      await expectEachOnce(api, where);
    },
    LONG_MS,
  );

  test("SIGTERM ends it soon, and what was sent is asked for by the next execution", async () => {
    await using it = await loaded("--semarize-latency", "3000");
    const { api, where } = it;
    const config = await configFor(api, where, { concurrency: 3 });
    const tap = bin("tap-semarize", ["--config", config]);
    const target = bin("target-warehouse", ["--config", where.target]);
    tap.stdout?.pipe(target.stdin!);
    const over = [ended(tap), ended(target)] as const;
    await once(tap.stdout!, "data");
    while ((await truth(api)).runs.length < 3);
    const asked = Date.now();
    tap.kill("SIGTERM");
    const [tapEnd, targetEnd] = await Promise.all(over);
    expect([tapEnd.signal, targetEnd.code]).toEqual(["SIGTERM", 0]);
    expect(Date.now() - asked).toBeLessThan(2_500);
    await settings(api, { latency_ms: 10 });
    const last = await evaluate(api, where);
    expect(last.tap.code, last.tap.stderr).toBe(0);
    await expectEachOnce(api, where);
  });
});

await describePostgres("out of Postgres and into it", (server) => {
  test(
    "every transcript is evaluated once, also when the target is killed",
    async () => {
      await using api = await sampleApi("--calls", "12", "--semarize-token", SECRET);
      await using db = await server.database();
      await using where = await place(api, {}, { destination: "postgres", url: db.url });
      expect((await pipe(where)).target.code).toBe(0);
      await evaluate(api, where, {}, { onLine: (_line, count, kill) => count === 30 && kill.target() });
      const { tap, target } = await evaluate(api, where);
      expect([tap.code, target.code], tap.stderr + target.stderr).toEqual([0, 0]);
      const { runs } = await truth(api);
      const rows = await db.query("SELECT run_id, status FROM semarize_runs ORDER BY run_id");
      expect(rows.map(({ run_id: id }) => id)).toEqual(runs.map((one) => one.run_id).sort());
      expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(["succeeded"]));
      expect(new Set(runs.map(({ key }) => key)).size).toBe(runs.length);
    },
    LONG_MS,
  );
});
