import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdir, readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { asEltError } from "../../src/core/errors.ts";
import type { Fault, FaultOptions, Match } from "../support/bigquery/faults.ts";
import { loadable, type Loadable } from "../support/bigquery-runs.ts";
import { describeBigQuery } from "../support/own-bigquery.ts";
import { record, schema, state } from "../support/singer.ts";

const CANARY = "kanarienvogel";
const keyed = schema("s", { id: "integer", v: "string", started_at: "date-time" }, { keys: ["id"] });
const wider = schema("s", { id: "integer", v: "string", started_at: "date-time", more: "string" }, { keys: ["id"] });
const keyless = schema("log", { n: "integer" });
const row = (id: number, v: string, more: object = {}) =>
  record("s", { id, v, started_at: `2026-01-0${id}T10:00:00Z`, ...more });
const log = (n: number) => record("log", { n });

/** What is there before; then a run that brings a new row, a changed one, one without a key, and a new column. */
const before = [keyed, keyless, row(1, "old"), row(2, "old"), log(1), state({ n: 1 })];
const lines = [wider, keyless, row(2, `${CANARY} new`, { more: "m" }), row(3, CANARY), log(2), state({ n: 2 })];

/** Each kind of request that a run makes. */
const REQUESTS: Record<string, Match> = {
  "tables.insert": { method: "tables.insert" },
  upload: (call) => call.upload !== undefined,
  "jobs.insert of the claim": { method: "jobs.insert", sql: /^MERGE/ },
  "jobs.insert of the commit": { method: "jobs.insert", sql: /BEGIN TRANSACTION/ },
  "jobs.get": { method: "jobs.get" },
  "jobs.query": { method: "jobs.query" },
  "tables.get": { method: "tables.get" },
  "tables.list": { method: "tables.list" },
  "tables.patch": { method: "tables.patch" },
  "tables.delete": { method: "tables.delete" },
};

const PASSING: Record<string, Fault> = {
  429: { kind: "answer", status: 429 },
  500: { kind: "answer", status: 500, reason: "internalError" },
  503: { kind: "answer", status: 503 },
  "403 rateLimitExceeded": { kind: "answer", status: 403, reason: "rateLimitExceeded" },
  "a reset": { kind: "reset" },
  "a lost answer": { kind: "lost" },
  "a slow answer": { kind: "slow", ms: 300 },
};

/** https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency */
const CONFLICT: Fault = {
  kind: "job",
  reason: "invalidQuery",
  message: "Transaction is aborted due to concurrent update against table p:d.s. Transaction ID: 1",
};

await describeBigQuery("a run into BigQuery", (server) => {
  /** Everything that matters, as one value. */
  async function content(db: Loadable) {
    const rows = await db.rows(
      `SELECT (SELECT STRING_AGG(CONCAT(CAST(id AS STRING), '=', v), ', ' ORDER BY id) FROM $.s) AS s,
        (SELECT STRING_AGG(CAST(n AS STRING), ', ' ORDER BY n) FROM $.log) AS log,
        (SELECT STRING_AGG(state) FROM $._chorus_elt_state) AS state`,
    );
    return rows[0];
  }
  const OLD = { s: "1=old, 2=old", log: "1", state: '{"n":1}' };
  const NEW = { s: `1=old, 2=${CANARY} new, 3=${CANARY}`, log: "1, 2", state: '{"n":2}' };

  async function withOldRows(): Promise<Loadable> {
    const db = await loadable(server);
    await db.load(before);
    server.proxy.reset();
    return db;
  }

  async function staging(db: Loadable): Promise<string[]> {
    return (await db.tables()).filter((name) => name.includes("staging"));
  }

  /** A run that goes wrong: its error, and that it says no value and no token. */
  async function failure(db: Loadable, settings = {}) {
    await using run = await db.run(settings);
    const error = await run
      .lines(lines)
      .then(() => run.loader.finish())
      .then(() => undefined, asEltError);
    expect(`${error?.message} ${error?.hint}`).not.toMatch(new RegExp(`${CANARY}|made-up`));
    expect(run.states).toEqual([]);
    return error;
  }

  describe("goes on and leaves what a clean run leaves, when", () => {
    test.each(Object.keys(PASSING))("each kind of request meets %s once", async (name) => {
      await using db = await withOldRows();
      const faults = Object.entries(REQUESTS).map(([request, match]) => ({
        request,
        handle: server.proxy.fault(match, PASSING[name]!),
      }));
      server.proxy.fault(REQUESTS["upload"]!, { kind: "lost" }); // so that a job has to be asked about
      const { states } = await db.load(lines);
      expect(states).toEqual(['{"n":2}']);
      expect(await content(db)).toEqual(NEW);
      expect(faults.filter(({ handle }) => handle.hits === 0).map(({ request }) => request)).toEqual([]);
    });

    const jobs: [string, Match, Fault, FaultOptions?][] = [
      ["a load job ends with backendError", { job: "load" }, { kind: "job", reason: "backendError" }],
      ["a load job ends with quotaExceeded", { job: "load" }, { kind: "job", reason: "quotaExceeded" }],
      ["the commit ends with backendError", { sql: /BEGIN TRANS/ }, { kind: "job", reason: "backendError" }],
      ["the commit ends with quotaExceeded", { sql: /BEGIN TRANS/ }, { kind: "job", reason: "quotaExceeded" }],
      ["the commit fails three times", { sql: /BEGIN TRANS/ }, { kind: "job", reason: "internalError" }, { times: 3 }],
      ["the claim ends with rateLimitExceeded", { sql: /^MERGE/ }, { kind: "job", reason: "rateLimitExceeded" }],
      ["the commit meets another transaction", { sql: /BEGIN TRANS/ }, CONFLICT],
      ["the commit's request fails five times", { sql: /BEGIN TRANS/ }, { kind: "reset" }, { times: 5 }],
      ["five uploads fail", (call) => call.upload !== undefined, { kind: "answer", status: 503 }, { times: 5 }],
    ];
    test.each(jobs)("%s", async (_, match, fault, options) => {
      await using db = await withOldRows();
      const handle = server.proxy.fault(match, fault, options);
      expect((await db.load(lines)).states).toEqual(['{"n":2}']);
      expect(await content(db)).toEqual(NEW);
      expect(handle.hits).toBe(options?.times ?? 1);
    });
  });

  describe("ends with the old rows, and the next run brings the new ones, when", () => {
    const ends: [string, Match, Fault, string, FaultOptions?][] = [
      [
        "a quota never ends",
        { job: "load" },
        { kind: "job", reason: "quotaExceeded" },
        "WAREHOUSE_QUOTA",
        { times: 99 },
      ],
      [
        "a rate limit never ends",
        { method: "jobs.insert" },
        { kind: "answer", status: 403, reason: "rateLimitExceeded" },
        "WAREHOUSE_QUOTA",
        { times: 99 },
      ],
      [
        "writing is forbidden",
        { method: "tables.insert" },
        { kind: "answer", status: 403, reason: "accessDenied" },
        "WAREHOUSE_FORBIDDEN",
      ],
      [
        "the commit is forbidden",
        { sql: /BEGIN TRANS/ },
        { kind: "job", reason: "accessDenied" },
        "WAREHOUSE_FORBIDDEN",
      ],
      [
        "the token is refused",
        { method: "tables.insert" },
        { kind: "answer", status: 401, reason: "authError" },
        "CONFIG_INVALID",
      ],
      [
        "there is no such project",
        { method: "tables.list" },
        { kind: "answer", status: 404, reason: "notFound" },
        "WAREHOUSE_UNREACHABLE",
      ],
      [
        "the commit would cost too much",
        { sql: /BEGIN TRANS/ },
        { kind: "job", reason: "bytesBilledLimitExceeded" },
        "WAREHOUSE_BILL_LIMIT",
      ],
      [
        "the commit trips over a value",
        { sql: /BEGIN TRANS/ },
        { kind: "job", reason: "invalidQuery", message: `Bad int64 value: ${CANARY}` },
        "WAREHOUSE_REFUSED",
      ],
      ["a load job is invalid", { job: "load" }, { kind: "job", reason: "invalid" }, "WAREHOUSE_REFUSED"],
      [
        "the server never answers",
        { method: "tables.list" },
        { kind: "reset" },
        "WAREHOUSE_UNREACHABLE",
        { times: 99 },
      ],
    ];
    test.each(ends)("%s", async (_, match, fault, code, options) => {
      await using db = await withOldRows();
      const handle = server.proxy.fault(match, fault, options);
      expect((await failure(db))?.code).toBe(code);
      expect(handle.hits).toBeGreaterThan(0);
      handle.end();
      expect(await content(db)).toEqual(OLD);
      await db.load(lines);
      expect(await content(db)).toEqual(NEW);
      expect(await staging(db)).toEqual([]);
    });
  });

  describe("that another run overtakes", () => {
    test("ends with WAREHOUSE_FENCED, and nothing of its batch is there", async () => {
      await using db = await withOldRows();
      await using slow = await db.run();
      await slow.lines(lines);
      await db.load([keyed, row(1, "other"), state({ n: 7 })]);
      await expect(slow.loader.finish()).rejects.toMatchObject({ code: "WAREHOUSE_FENCED" });
      expect(slow.states).toEqual([]);
      expect(await content(db)).toEqual({ s: "1=other, 2=old", log: "1", state: '{"n":7}' });
    });

    test.each(["release", "drop"] as const)(
      "while its commit is on its way, which then %ss: all of it or nothing",
      async (end) => {
        await using db = await withOldRows();
        const pause = server.proxy.fault({ method: "jobs.insert", sql: /BEGIN TRANS/ }, { kind: "pause" });
        await using slow = await db.run();
        await slow.lines(lines);
        const finished = slow.loader.finish().then(() => undefined, asEltError);
        await pause.reached;
        await db.load([keyed, row(1, "other"), state({ n: 7 })]);
        pause[end]();
        expect((await finished)?.code).toBe("WAREHOUSE_FENCED");
        expect(slow.states).toEqual([]);
        expect(await content(db)).toEqual({ s: "1=other, 2=old", log: "1", state: '{"n":7}' });
      },
    );

    test("after its commit was carried out, and before it heard so: all of it, and then the other's", async () => {
      await using db = await withOldRows();
      const pause = server.proxy.fault({ method: "jobs.insert", sql: /BEGIN TRANS/ }, { kind: "pause", at: "answer" });
      await using slow = await db.run();
      await slow.lines(lines);
      const finished = slow.loader.finish();
      await pause.reached;
      await expect.poll(async () => (await content(db))?.["state"], { timeout: 20_000 }).toBe('{"n":2}');
      await db.load([keyed, row(1, "other"), state({ n: 7 })]);
      pause.drop();
      await finished;
      expect(slow.states).toEqual(['{"n":2}']);
      expect(await content(db)).toEqual({ ...NEW, s: NEW.s.replace("1=old", "1=other"), state: '{"n":7}' });
    });
  });

  test("two pipelines that both find a table empty, or a call on one day and then on another, leave each key once", async () => {
    await using db = await loadable(server);
    const commitOf = (settings: object, of: readonly string[]) => {
      const pause = server.proxy.fault({ method: "jobs.insert", sql: /BEGIN TRANS/ }, { kind: "pause" });
      const run = db.load(of, settings);
      return { run, reached: pause.reached, release: () => pause.release() };
    };
    const [other, ours] = [{ state_id: "other" }, { state_id: "ours" }];
    const first = commitOf(ours, [keyed, row(1, "ours"), row(3, "ours"), state({ n: 2 })]);
    await first.reached;
    await db.load([keyed, keyless, row(1, "other"), row(2, "other"), log(1), state({ n: 1 })], other);
    first.release();
    await first.run;
    expect((await content(db))?.["s"]).toBe("1=ours, 2=other, 3=ours");
    const second = commitOf(ours, [keyed, row(1, "again"), state({ n: 3 })]);
    await second.reached;
    await db.load([keyed, row(1, "moved", { started_at: "2025-05-05T10:00:00Z" }), state({ n: 2 })], other);
    second.release();
    await second.run;
    expect((await content(db))?.["s"]).toBe("1=again, 2=other, 3=ours");
  });

  test("drops what a killed run has left: staging tables in the dataset, rows in temporary files", async () => {
    await using db = await withOldRows();
    const dead = join(tmpdir(), "chorus-elt-bigquery-999999999-killed");
    await mkdir(dead);
    const drops = server.proxy.fault(
      { method: "tables.delete" },
      { kind: "answer", status: 403, reason: "accessDenied" },
      { times: 99 },
    );
    await db.load(lines);
    drops.end();
    expect((await staging(db)).length).toBe(2);
    await db.load(lines);
    expect(await staging(db)).toEqual([]);
    const ours = (name: string) => name.startsWith(`chorus-elt-bigquery-${process.pid}-`) || name.endsWith("-killed");
    expect((await readdir(tmpdir())).filter(ours)).toEqual([]);
  });
});
