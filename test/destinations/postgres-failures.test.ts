import { spawnSync } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Server } from "../../scripts/postgres.mjs";
import { startProxy, type Proxy, type Trap } from "../../src/cli/crash-matrix/proxy.ts";
import { postgresWire } from "../../src/cli/crash-matrix/postgres-wire.ts";
import type { Step } from "../../src/core/env.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeOwnPostgres, startPostgres } from "../support/own-postgres.ts";
import { config, connected, envWith, errorOf, loadable, terminate, type Loadable } from "../support/postgres-runs.ts";
import { record, schema, state } from "../support/singer.ts";

const keyed = schema("s", { id: "integer", v: "string" }, { keys: ["id"] });
const keyless = schema("log", { n: "integer" });
const row = (values: JsonObject, stream = "s") => record(stream, values);

const COUNT = 60;
/** A stream with a key, whose rows change in every batch, and one without, where nothing may come twice; 12 batches. */
const lines = [
  keyed,
  keyless,
  ...Array.from({ length: COUNT }, (_, n) => [
    row({ id: n % 25, v: String(n) }),
    row({ n }, "log"),
    ...(n % 10 === 9 ? [state({ n })] : []),
  ]).flat(),
];
const settings = { batch_size_rows: 10 };

/** A server that goes away in the middle of a run. */
await describeOwnPostgres("a run into Postgres", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startPostgres({ settings: { max_connections: "30", deadlock_timeout: "100ms" } });
  });
  afterAll(async () => {
    await server.stop("immediate");
  });

  /** What a clean run leaves. */
  async function expectWhole(db: Loadable, states: readonly string[]): Promise<void> {
    expect(await db.query("SELECT array_agg(n ORDER BY n)::text AS all FROM main.log")).toEqual([
      { all: `{${Array.from({ length: COUNT }, (_, n) => n).join(",")}}` },
    ]);
    const newest = Array.from({ length: 25 }, (_, id) => [String(id), String(id < COUNT - 50 ? id + 50 : id + 25)]);
    expect((await db.rows("id, v")).sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(newest);
    expect(states).toEqual([9, 19, 29, 39, 49, 59].map((n) => `{"n":${n}}`));
    expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: '{"n":59}' }]);
  }

  /** A run through a proxy that does something at a certain moment. */
  async function loadThrough(
    db: Loadable,
    trap: Trap,
    onStep: (step: Step, cut: () => void) => void = () => undefined,
    all = lines,
    batch_size_rows = settings.batch_size_rows,
  ) {
    await using folder = await temporaryFolder();
    const wire = postgresWire(config(db.url));
    const file = join(folder.path, wire.socketFile);
    let proxy: Proxy = await startProxy(file, () => wire.connect(), trap);
    const cut = async () => {
      await proxy[Symbol.asyncDispose]();
      proxy = await startProxy(file, () => wire.connect());
    };
    try {
      const env = envWith({ step: (step) => onStep(step, () => void cut()) });
      const loaded = await db.load(all, { batch_size_rows }, { host: folder.path, port: 5432 }, env);
      return { ...loaded, sprung: proxy.sprung, failure: proxy.failure };
    } finally {
      await proxy[Symbol.asyncDispose]();
    }
  }

  describe("goes on by itself and leaves what a clean run leaves, when", () => {
    const moments = (at: Trap["at"], ...nths: number[]) => nths.map((nth) => ({ at, nth }));

    test.each([...moments("copy", 1, 2, 5, 20), ...moments("commit", 1, 2, 12)])(
      "all its connections are ended before $at $nth",
      async (moment) => {
        await using db = await loadable(server);
        const { states, sprung, failure } = await loadThrough(db, { ...moment, then: () => terminate(db) });
        expect([sprung, failure]).toEqual([true, undefined]);
        await expectWhole(db, states);
      },
    );

    test.each([...moments("bytes", 1_000, 3_000, 9_000), ...moments("copy", 4, 9), ...moments("commit", 1, 7)])(
      "the network is cut at $at $nth",
      async (moment) => {
        await using db = await loadable(server);
        const { states, sprung } = await loadThrough(db, { ...moment, then: "cut-arrival" });
        expect(sprung).toBe(true);
        await expectWhole(db, states);
      },
    );

    test.each([1, 2, 12])("the network is cut when COMMIT %i is done but its answer has not come", async (nth) => {
      await using db = await loadable(server);
      const { states, sprung } = await loadThrough(db, { at: "commit", nth, then: "cut-answer" });
      expect(sprung).toBe(true);
      await expectWhole(db, states);
    });

    test.each([1, 2, 3])("the network is cut while the server is busy with COMMIT %i", async (nth) => {
      await using db = await loadable(server);
      await slowCommit(db);
      let commits = 0;
      const { states } = await loadThrough(db, { at: "commit", nth: 1_000, then: "cut-answer" }, (step, cut) => {
        if (step === "commit" && ++commits === nth) setTimeout(cut, 100);
      });
      await expectWhole(db, states);
    });

    test.each([
      ["fast", "commit", 2],
      ["immediate", "copy", 5],
      ["kill", "copy", 6],
      ["kill", "commit", 4],
    ] as const)("the server is restarted (%s) before %s %i", async (how, at, nth) => {
      await using db = await loadable(server);
      const { states, sprung, failure } = await loadThrough(db, { at, nth, then: () => server.restart(how) });
      expect([sprung, failure]).toEqual([true, undefined]);
      await expectWhole(db, states);
    });

    test("the network is cut in the middle of two batches at once", async () => {
      await using db = await loadable(server);
      await db.load([keyed, row({ id: 0, v: "old" })]);
      await trigger(db, "IF NEW.v = 'slow' THEN PERFORM pg_sleep(0.6); END IF");
      // The second batch is being merged while the third is being copied.
      const large = "x".repeat(2_000_000);
      const three = [keyed, ...["new", "slow", large].map((v, n) => row({ id: n >> 1, v })), state({ n: 1 })];
      const started = performance.now();
      const { states, sprung } = await loadThrough(
        db,
        { at: "bytes", nth: 1_000_000, then: "cut-arrival" },
        undefined,
        three,
        1,
      );
      expect([sprung, states]).toEqual([true, ['{"n":1}']]);
      expect(await db.rows("id, length(v)")).toEqual([
        ["0", "4"],
        ["1", "2000000"],
      ]);
      expect(performance.now() - started).toBeLessThan(8_000);
    });

    test("its connections are ended again and again, one at a time", async () => {
      await using db = await loadable(server);
      const over = new AbortController();
      const assassin = (async () => {
        while (!over.signal.aborted) {
          await db.query(
            `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'target-warehouse' ORDER BY random() LIMIT 1) one`,
          );
          await sleep(200);
        }
      })();
      try {
        const { states } = await db.load(lines, { batch_size_rows: 2 });
        await expectWhole(db, states);
      } finally {
        over.abort();
        await assassin;
      }
    });

    test.each(["fast", "kill"] as const)("the server restarts (%s) while nothing is under way", async (how) => {
      await using db = await loadable(server);
      await using run = await connected(db, settings);
      await run.lines(lines.slice(0, 40));
      await run.loader.flush();
      await server.restart(how);
      await run.lines([schema("more", { id: "integer" }), ...lines.slice(40)]); // the first thing it does is to look at a table
      await run.loader.finish();
      await expectWhole(db, run.states);
    });

    test("the server restarts as overwrite puts its tables in place", async () => {
      for (const then of ["cut-answer", "cut-arrival"] as const) {
        await using db = await loadable(server);
        await db.load([keyed, row({ id: 1, v: "old" })]);
        await using folder = await temporaryFolder();
        const wire = postgresWire(config(db.url));
        // The first COMMIT is that of the table in the making, the second that of the batch.
        await using proxy = await startProxy(join(folder.path, wire.socketFile), () => wire.connect(), {
          at: "commit",
          nth: 3,
          then,
        });
        const { states } = await db.load(
          [keyed, row({ id: 2, v: "new" }), state({ n: 1 })],
          { load_method: "overwrite" },
          { host: folder.path, port: 5432 },
        );
        expect(proxy.sprung).toBe(true);
        expect(states).toEqual(['{"n":1}']);
        expect(await db.rows("id, v")).toEqual([["2", "new"]]);
        expect(await db.tables()).toEqual(["s"]);
      }
    });
  });

  test("no state is said before the rows before it are durable, and each batch survives or is done again in order", async () => {
    for (const nth of [1, 2, 3, 4]) {
      await using db = await loadable(server);
      await using run = await connected(db, settings);
      let commits = 0;
      const seen: Promise<void>[] = [];
      const watch = async (said: number) => {
        const [found] = await db.query("SELECT count(*)::int AS n, max(n)::int AS last FROM main.log");
        expect(Number(found?.["n"])).toBeGreaterThanOrEqual(said);
        expect(Number(found?.["n"])).toBe(Number(found?.["last"]) + 1); // no gap
      };
      const push = run.states.push.bind(run.states);
      run.states.push = (...states: string[]) => {
        for (const one of states) seen.push(watch((JSON.parse(one) as { n: number }).n + 1));
        return push(...states);
      };
      for (const one of lines) {
        await run.line(one);
        if (one.includes('"STATE"') && ++commits === nth) void terminate(db);
      }
      await run.loader.finish();
      await Promise.all(seen);
      await expectWhole(db, [...run.states]);
    }
  });

  test("rows that the database refused are counted, though the answer to the COMMIT was lost", async () => {
    await using db = await loadable(server);
    await db.load([keyed, row({ id: 0, v: "old" })]);
    await db.query("ALTER TABLE main.s ADD CHECK (v <> 'bad')");
    const three = [keyed, ...["good", "bad", "good"].map((v, id) => row({ id, v })), state({ n: 1 })];
    const { summary, sprung } = await loadThrough(db, { at: "commit", nth: 1, then: "cut-answer" }, undefined, three);
    expect(sprung).toBe(true);
    expect(summary).toMatchObject({ rejected: 1, rows: { s: 2 } });
    expect(await db.query("SELECT 1 FROM main._rejected")).toHaveLength(1);
  });

  describe("gives up", () => {
    test("with WAREHOUSE_UNREACHABLE when the server stays away, after as long as it was told to try", async () => {
      await using db = await loadable(server);
      await using run = await connected(db, settings, { connect_timeout_seconds: 0.8 });
      await run.lines(lines.slice(0, 44));
      await run.loader.flush();
      const said = [...run.states];
      await server.halt("immediate");
      try {
        const started = performance.now();
        const error = await errorOf(run.lines(lines.slice(44)).then(() => run.loader.finish()));
        expect(error.code).toBe("WAREHOUSE_UNREACHABLE");
        expect(performance.now() - started).toBeGreaterThan(500);
        expect(performance.now() - started).toBeLessThan(8_000);
        expect(run.states).toEqual(said);
      } finally {
        await server.start();
      }
      // The next run brings what this one could not.
      const { states } = await db.load([keyed, keyless, ...lines.slice(44)], settings);
      await expectWhole(db, [...said, ...states]);
    });

    test("after a bounded number of times when every commit fails", async () => {
      await using db = await loadable(server);
      await db.load([keyed, row({ id: 0, v: "old" })]);
      await db.query(
        `CREATE FUNCTION main.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NEW; END $$;
         CREATE TRIGGER die AFTER INSERT OR UPDATE ON main.s FOR EACH ROW EXECUTE FUNCTION main.die()`,
      );
      const error = await errorOf(db.load([keyed, row({ id: 1, v: "new" }), state({ n: 1 })]));
      expect(error.code).toBe("WAREHOUSE_UNREACHABLE");
      expect(await db.rows("id, v")).toEqual([["0", "old"]]);
      expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: null }]);
    });
  });

  describe("ends with an error that says what to do", () => {
    /** A run of which the first batch is written, then something happens, and the second is not written. */
    async function failing(
      db: Loadable,
      happens: () => Promise<unknown>,
      more: Parameters<typeof connected>[2] = {},
      table = "s",
    ): Promise<{ code: string; message: string }> {
      await using run = await connected(db, { batch_size_rows: 1_000 }, more);
      await run.lines([keyed, row({ id: 1, v: "first" }), state({ n: 1 })]);
      await run.loader.flush();
      await happens();
      const second =
        table === "s"
          ? [row({ id: 1, v: "second" })]
          : [schema(table, { id: "integer" }, { keys: ["id"] }), record(table, { id: 1 }), row({ id: 1, v: "second" })];
      const error = await errorOf(run.lines([...second, state({ n: 2 })]).then(() => run.loader.finish()));
      expect(run.states).toEqual(['{"n":1}']);
      return error;
    }
    const untouched = async (db: Loadable) => {
      expect(await db.rows("id, v")).toEqual([["1", "first"]]);
      expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: '{"n":1}' }]);
      expect(await db.query("SELECT 1 FROM pg_class WHERE relname = 'other'")).toEqual([]);
    };

    test("WAREHOUSE_LOCKED: another session holds the table", async () => {
      await using db = await loadable(server);
      await using other = await session(db);
      const error = await failing(db, () => other.query("BEGIN; LOCK TABLE main.s"), { lock_timeout_seconds: 0.3 });
      expect(error.code).toBe("WAREHOUSE_LOCKED");
      await other.query("ROLLBACK");
      await untouched(db);
    });

    test.each([
      ["says that it is full", "53100"],
      ["says that it is full, in a trigger", "disk_full"],
    ])("WAREHOUSE_FULL: the server %s", async (_, code) => {
      await using db = await loadable(server);
      const error = await failing(db, () => raise(db, code), {}, "other");
      expect(error.code).toBe("WAREHOUSE_FULL");
      await untouched(db);
    });

    test("WAREHOUSE_READ_ONLY: the database takes no writes, from the start or from now on", async () => {
      await using db = await loadable(server);
      const error = await failing(db, async () => {
        await db.query(`ALTER DATABASE ${await nameOf(db)} SET default_transaction_read_only TO on`);
        await terminate(db);
      });
      expect(error.code).toBe("WAREHOUSE_READ_ONLY");
      expect((await errorOf(db.load([keyed, row({ id: 1, v: "second" })]))).code).toBe("WAREHOUSE_READ_ONLY");
      await untouched(db);
    });

    test("WAREHOUSE_FORBIDDEN: the role loses a privilege", async () => {
      await using db = await loadable(server);
      await db.query(
        "DO $$ BEGIN CREATE ROLE loader; EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT ALL ON SCHEMA main TO loader",
      );
      const onTable = await failing(
        db,
        () => db.query("REVOKE ALL ON main.s FROM loader"),
        { role: "loader" },
        "other",
      );
      expect(onTable.code).toBe("WAREHOUSE_FORBIDDEN");
      await untouched(db);
      await db.query("GRANT ALL ON main.s TO loader; DELETE FROM main.s");
      const onSchema = await failing(
        db,
        () => db.query("REVOKE CREATE ON SCHEMA main FROM loader"),
        { role: "loader" },
        "other",
      );
      expect(onSchema.code).toBe("WAREHOUSE_FORBIDDEN");
      await untouched(db);
    });

    test("WAREHOUSE_REFUSED: a statement takes longer than it may", async () => {
      await using db = await loadable(server);
      const error = await failing(db, () => trigger(db, "PERFORM pg_sleep(30)"), { statement_timeout_seconds: 0.3 });
      expect(error.code).toBe("WAREHOUSE_REFUSED");
      expect(error.message).toContain("statement timeout");
      await untouched(db);
    });

    test("WAREHOUSE_UNREACHABLE: the database is gone", async () => {
      const name = await server.createDatabase();
      const query = (sql: string) => server.query(sql, name);
      await query("CREATE SCHEMA main");
      const error = await failing({ url: server.url(name), query } as Loadable, () => server.dropDatabase(name));
      expect(error.code).toBe("WAREHOUSE_UNREACHABLE");
      expect(error.message).toContain(name);
    });

    test("WAREHOUSE_UNREACHABLE: the server has no room for a connection", async () => {
      await using db = await loadable(server);
      await limited(db, 0);
      const error = await errorOf(db.load(lines, settings, { user: "limited", connect_timeout_seconds: 0.3 }));
      expect(error.code).toBe("WAREHOUSE_UNREACHABLE");
      expect(error.message).toContain("too many connections");
    });
  });

  test("one connection is enough where there is no room for a second", async () => {
    await using db = await loadable(server);
    await limited(db, 1);
    const started = performance.now();
    const { states } = await db.load(lines, settings, { user: "limited" });
    await expectWhole(db, states);
    expect(performance.now() - started).toBeLessThan(8_000);
  });

  test("a deadlock with another session is tried again", async () => {
    await using db = await loadable(server);
    await db.load([
      keyed,
      schema("t", { id: "integer", v: "string" }, { keys: ["id"] }),
      ...["s", "t"].map((stream) => row({ id: 1, v: "old" }, stream)),
    ]);
    await using other = await session(db);
    await other.query("BEGIN; LOCK TABLE main.t");
    const run = db.load([
      keyed,
      schema("t", { id: "integer", v: "string" }, { keys: ["id"] }),
      ...["s", "t"].map((stream) => row({ id: 1, v: "new" }, stream)),
    ]);
    while ((await server.query("SELECT 1 FROM pg_locks WHERE NOT granted")).length === 0) await sleep(5);
    await other.query("LOCK TABLE main.s");
    await other.query("COMMIT");
    await run;
    expect(server.log()).toContain("deadlock detected");
    for (const table of ["s", "t"]) expect(await db.rows("id, v", table)).toEqual([["1", "new"]]);
  });

  test("a real disk that is full: WAREHOUSE_FULL, and when there is room again the next run brings everything", async (context) => {
    await using disk = await smallDisk(server);
    if (disk === undefined) return context.skip("this machine lets us mount nothing");
    await using db = await loadable(server);
    await db.load([keyed, row({ id: 1, v: "old" }), state({ n: 1 })]);
    await db.query("ALTER TABLE main.s SET TABLESPACE small");
    let seed = 1;
    const noise = () =>
      Array.from({ length: 30_000 }, () =>
        String.fromCharCode(33 + ((seed = (seed * 48_271) % 2_147_483_647) % 90)),
      ).join("");
    const large = [keyed, ...Array.from({ length: 80 }, (_, id) => row({ id, v: noise() })), state({ n: 2 })];
    const error = await errorOf(db.load(large));
    expect(error.code).toBe("WAREHOUSE_FULL");
    expect(await db.rows("id, v")).toEqual([["1", "old"]]);
    expect(await db.query("SELECT state FROM main._chorus_elt_state")).toEqual([{ state: '{"n":1}' }]);
    await db.query("ALTER TABLE main.s SET TABLESPACE pg_default");
    expect((await db.load(large)).states).toEqual(['{"n":2}']);
    expect(await db.query("SELECT count(*)::int AS n FROM main.s")).toEqual([{ n: 80 }]);
  });
});

/** A session of somebody else. */
async function session(db: Loadable): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: db.url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** Makes rows of `main.s` do this when they come, in PL/pgSQL. */
async function trigger(db: Loadable, body: string): Promise<void> {
  await db.query(
    `CREATE FUNCTION main.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NEW; END $$;
     CREATE TRIGGER t BEFORE INSERT OR UPDATE ON main.s FOR EACH ROW EXECUTE FUNCTION main.f()`,
  );
}

const raise = (db: Loadable, code: string) =>
  trigger(db, /^\d/.test(code) ? `RAISE 'no' USING ERRCODE = '${code}'` : `RAISE ${code}`);

/** Every fifth row of the first batches makes its commit take a while. */
async function slowCommit(db: Loadable): Promise<void> {
  await db.query(
    `CREATE TABLE main.log (n bigint);
     CREATE FUNCTION main.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
     CREATE CONSTRAINT TRIGGER t AFTER INSERT ON main.log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
       WHEN (NEW.n % 5 = 0 AND NEW.n < 20) EXECUTE FUNCTION main.f()`,
  );
}

async function nameOf(db: Loadable): Promise<string> {
  const [found] = await db.query("SELECT current_database() AS name");
  return String(found?.["name"]);
}

/** The role "limited" can have so many connections. */
async function limited(db: Loadable, connections: number): Promise<void> {
  await db.query(
    `DO $$ BEGIN CREATE ROLE limited LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
     ALTER ROLE limited CONNECTION LIMIT ${connections}; GRANT ALL ON SCHEMA main TO limited`,
  );
}

/** A tablespace "small" of a megabyte; undefined where we may not mount a file system. */
async function smallDisk(server: Server): Promise<AsyncDisposable | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const path = join(server.dataDirectory, "..", "small");
  await mkdir(path);
  const { uid, gid } = await stat(server.dataDirectory);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=1m,uid=${uid},gid=${gid},mode=700`, "tmpfs", path]);
  if (mounted.status !== 0) return undefined;
  await server.query(`CREATE TABLESPACE small LOCATION '${path}'`);
  return {
    async [Symbol.asyncDispose]() {
      await server.query("DROP TABLESPACE small");
      spawnSync("umount", [path]);
    },
  };
}
