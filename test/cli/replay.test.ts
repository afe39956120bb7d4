import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { contents, query, run, type Ended } from "../e2e/pipe.ts";
import { temporaryFolder } from "../support/folder.ts";
import { record, schema, state } from "../support/singer.ts";

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly database: string;
  load(lines: readonly string[]): Promise<Ended>;
  replay(options?: readonly string[], env?: Record<string, string>): Promise<Ended>;
  /** A statement of the user's own. */
  change(sql: string): Promise<void>;
  rows(sql: string): Promise<unknown[]>;
}

async function place(settings: object = {}): Promise<Place> {
  const folder = await temporaryFolder();
  const database = join(folder.path, "test.duckdb");
  const config = join(folder.path, "config.json");
  await writeFile(config, JSON.stringify({ path: database, max_rejected: 1_000, ...settings }));
  return {
    folder: folder.path,
    database,
    load: (lines) => run("target-warehouse", ["--config", config], lines.map((line) => `${line}\n`).join("")),
    replay: (options = [], env = {}) => run("chorus-elt", ["replay", "--config", config, ...options], "", env),
    async change(sql) {
      const instance = await DuckDBInstance.create(database);
      const connection = await instance.connect();
      await connection.run(sql);
      connection.closeSync();
      instance.closeSync();
    },
    rows: async (sql) => (await query(database, sql)).map((row) => Object.values(row).join(" ")),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const calls = schema("calls", { id: "integer", score: "integer", words: "string" }, { keys: ["id"] });
const users = schema("users", { id: "integer" }, { keys: ["id"] });
const call = (id: number, score: number | string, words = "canary words") => record("calls", { id, score, words });

describe("chorus-elt replay", () => {
  test("loads a payload that was corrected, and says what is left; 36 until nothing is", async () => {
    await using where = await place();
    const lines = [calls, call(1, "high"), call(2, 2), call(3, "low"), users, record("users", { id: "x" })];
    expect((await where.load([...lines, state({ n: 1 })])).code).toBe(0);
    await where.load([calls, call(3, 3)]);
    await where.change(`UPDATE _rejected SET payload = '{"id":1,"score":10,"words":"corrected"}' WHERE line = 2`);
    const first = await where.replay();
    expect([first.code, first.stdout]).toEqual([
      36,
      "calls: 1 loaded, 1 obsolete, 0 still rejected\nusers: 0 loaded, 0 obsolete, 1 still rejected\n",
    ]);
    expect(first.stderr).toContain("RECORDS_REJECTED");
    expect(await where.rows("SELECT id, score, words FROM calls ORDER BY id")).toEqual([
      "1 10 corrected",
      "2 2 canary words",
      "3 3 canary words",
    ]);
    const calledOnly = await where.replay(["--stream", "calls"]);
    expect([calledOnly.code, calledOnly.stdout]).toEqual([0, "calls: 0 loaded, 0 obsolete, 0 still rejected\n"]);
    await where.change("DELETE FROM _rejected");
    const last = await where.replay();
    expect([last.code, last.stdout]).toEqual([0, "nothing is in _rejected\n"]);
  });

  test("--schema takes the SCHEMA lines of a tap's output; --dry-run only looks", async () => {
    await using where = await place();
    await where.load([calls, call(1, "high"), call(2, "low"), users, record("users", { id: "x" })]);
    const file = join(where.folder, "tap.singer");
    const wider = schema("calls", { id: "integer", score: "string", words: "string" }, { keys: ["id"] });
    await writeFile(file, [calls, wider, call(7, "seven"), state({ n: 1 })].map((line) => `${line}\n`).join(""));
    const dry = await where.replay(["--schema", file, "--dry-run"]);
    expect([dry.code, dry.stdout]).toEqual([
      36,
      "calls: 2 would be loaded, 0 are obsolete, 0 would stay rejected\n" +
        "users: 0 would be loaded, 0 are obsolete, 1 would stay rejected\n" +
        '  1 x "id": must be integer,null\n',
    ]);
    expect(await where.rows("SELECT count(*) FROM _rejected")).toEqual(["3"]);
    const { code, stdout } = await where.replay(["--schema", file, "--stream", "calls"]);
    expect([code, stdout]).toEqual([0, "calls: 2 loaded, 0 obsolete, 0 still rejected\n"]);
    expect(await where.rows("SELECT id, score FROM calls ORDER BY id")).toEqual(["1 high", "2 low"]);
    expect(await where.rows("SELECT stream FROM _rejected")).toEqual(["users"]);
  });

  test("no payload is ever in what it prints", async () => {
    await using where = await place();
    await where.load([calls, call(1, "canary value"), call(2, "canary value")]);
    await where.change(`UPDATE _rejected SET payload = '["canary value"]' WHERE line = 3`);
    const debug = { LOGLEVEL: "debug" };
    for (const { stdout, stderr } of [await where.replay(["--dry-run"], debug), await where.replay([], debug)]) {
      expect(stdout + stderr).not.toContain("canary");
    }
  });

  test("a --schema file that is not there, or is no Singer", async () => {
    await using where = await place();
    await where.load([calls, call(1, "high")]);
    expect((await where.replay(["--schema", join(where.folder, "nothing")])).code).toBe(10);
    await writeFile(join(where.folder, "text"), "spoken words");
    const { code, stderr } = await where.replay(["--schema", join(where.folder, "text")]);
    expect(code).toBe(30);
    expect(stderr).not.toContain("spoken");
  });
});

describe("chorus-elt replay, killed", () => {
  const lines = [
    calls,
    ...Array.from({ length: 12 }, (_, n) => call(n % 5, n % 3 === 0 ? "bad" : n, `call ${n}`)),
    users,
    ...[1, 2, 3].map((id) => record("users", { id: `x${id}` })),
  ];
  const prepared = async (settings: object) => {
    const where = await place({ ...settings, batch_size_rows: 2, validate_records: false });
    await where.load(lines);
    await where.change(
      "UPDATE _rejected SET payload = json_object('id', 7, 'score', line) WHERE stream = 'calls' AND line % 2 = 0",
    );
    await where.change(
      "UPDATE _rejected SET payload = json_object('id', line % 2) WHERE stream = 'users' AND line < 17",
    );
    return where;
  };
  const all = async (where: Place) => [
    await contents(where.database),
    await where.rows("SELECT stream, reason, line, payload FROM _rejected ORDER BY ALL"),
  ];

  for (const settings of [{}, { add_record_metadata: false }]) {
    test(
      `at any step and run again, it leaves the same tables, ${JSON.stringify(settings)}`,
      { timeout: 120_000 },
      async () => {
        await using clean = await prepared(settings);
        const { stdout } = await clean.replay();
        expect(stdout).toMatch(/calls: [1-9]\d* loaded, [1-9]\d* obsolete, /);
        expect(stdout).toContain("users: 2 loaded, 0 obsolete, 1 still rejected");
        const expected = await all(clean);
        for (const at of ["copy:1", "merge:1", "commit:1", "committed:1", "commit:2", "committed:2"]) {
          await using where = await prepared(settings);
          const killed = await where.replay([], { CHORUS_ELT_CRASH_AT: at });
          const isReached = !("add_record_metadata" in settings) || at.endsWith(":1");
          expect([at, killed.signal]).toEqual([at, isReached ? "SIGKILL" : null]);
          await where.replay();
          expect([at, await all(where)]).toEqual([at, expected]);
        }
      },
    );
  }
});
