import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { bin, ended, query, run, type Ended } from "../e2e/pipe.ts";
import { temporaryFolder } from "../support/folder.ts";
import { record, schema, state } from "../support/singer.ts";

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly database: string;
  readonly config: string;
  load(lines: readonly string[], options?: readonly string[]): Promise<Ended>;
  ids(): Promise<unknown[]>;
}

async function place(settings: object = {}): Promise<Place> {
  const folder = await temporaryFolder();
  const database = join(folder.path, "test.duckdb");
  const config = join(folder.path, "config.json");
  await writeFile(config, JSON.stringify({ path: database, lock_timeout_seconds: 0.2, ...settings }));
  return {
    folder: folder.path,
    database,
    config,
    load: (lines, options = []) =>
      run("target-warehouse", ["--config", config, ...options], lines.map((line) => `${line}\n`).join("")),
    ids: async () =>
      (await query(database, "SELECT id::VARCHAR AS id FROM calls ORDER BY calls.id")).map(({ id }) => Number(id)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const calls = schema("calls", { id: "integer", text: "string" }, { keys: ["id"] });
const call = (id: number) => record("calls", { id });

/** The last line on stderr, which says how a run ended. */
const lastWords = ({ stderr }: Ended) =>
  JSON.parse(stderr.trim().split("\n").at(-1) ?? "{}") as { level: string; message: string; extra?: { code?: string } };

describe("stdout and stderr", () => {
  test("stdout has states and nothing else, the newest one last", async () => {
    await using where = await place({ batch_size_rows: 2 });
    const { code, stdout } = await where.load([
      calls,
      call(1),
      state({ n: 1 }),
      call(2),
      call(3),
      state({ n: 2 }),
      state({ n: 3 }),
    ]);
    expect(code).toBe(0);
    expect(stdout.endsWith('{"n":3}\n')).toBe(true);
    for (const line of stdout.trim().split("\n")) expect(Object.keys(JSON.parse(line) as object)).toEqual(["n"]);
    expect(await where.ids()).toEqual([1, 2, 3]);
  });

  test("without any state stdout is empty; empty lines and Windows line ends do no harm", async () => {
    await using where = await place();
    const { code, stdout } = await where.load([`${calls}\r`, "", "  ", `${call(1)}\r`]);
    expect([code, stdout]).toEqual([0, ""]);
    expect(await where.ids()).toEqual([1]);
  });

  test("a last line without a line feed is loaded", async () => {
    await using where = await place();
    const { code } = await run("target-warehouse", ["--config", where.config], `${calls}\n${call(1)}\n${call(2)}`);
    expect(code).toBe(0);
    expect(await where.ids()).toEqual([1, 2]);
  });

  test("--input reads a file instead of standard input", async () => {
    await using where = await place();
    const input = join(where.folder, "lines");
    await writeFile(input, [calls, call(7), state({ n: 7 })].join("\n"));
    const { code, stdout } = await where.load([], ["--input", input]);
    expect([code, stdout]).toEqual([0, '{"n":7}\n']);
    expect(await where.ids()).toEqual([7]);
  });

  test("a reader that leaves ends the run quietly, and what had come is committed", async () => {
    await using where = await place({ batch_size_rows: 1 });
    const child = bin("target-warehouse", ["--config", where.config]);
    const { stdout } = child;
    assert(stdout !== null);
    child.stdin?.on("error", () => undefined);
    child.stdin?.write(`${[calls, call(1), state({ n: 1 }), call(2)].join("\n")}\n`);
    for await (const line of createInterface({ input: stdout })) {
      expect(line).toBe('{"n":1}');
      break;
    }
    stdout.destroy();
    const over = ended(child);
    for (let n = 3; n < 40 && child.exitCode === null; n++) {
      child.stdin?.write(`${call(n)}\n${state({ n })}\n`);
      await delay(20);
    }
    child.stdin?.end();
    const { code, stderr } = await over;
    expect(code).toBe(0);
    expect(stderr).not.toContain("critical");
    expect((await where.ids())[0]).toBe(1);
  });
});

describe("what ends a run", () => {
  test.each<[string, string[], number, string]>([
    ["a line that is not JSON", [calls, call(1), "{not json"], 30, "LINE_NOT_JSON"],
    ["a log line of the tap", [calls, call(1), "INFO syncing"], 30, "LINE_NOT_JSON"],
    ["an unknown message type", [calls, call(1), '{"type":"DANCE"}'], 31, "MESSAGE_UNKNOWN"],
    ["a record without a stream", [calls, call(1), '{"type":"RECORD","record":{}}'], 32, "MESSAGE_INVALID"],
    ["a schema that cannot be used", [calls, call(1), schema("t", { a: { type: "nonsense" } })], 33, "SCHEMA_INVALID"],
    ["a record before its schema", [calls, call(1), record("t", {})], 34, "RECORD_BEFORE_SCHEMA"],
    ["a record without its key", [calls, call(1), record("calls", {})], 35, "RECORD_WITHOUT_KEY"],
    ["a record that does not fit", [calls, call(1), record("calls", { id: "x" })], 36, "RECORDS_REJECTED"],
  ])("%s", async (_what, lines, exit, code) => {
    await using where = await place();
    const run = await where.load(lines);
    expect([run.code, run.stdout]).toEqual([exit, ""]);
    expect(lastWords(run)).toMatchObject({
      level: "critical",
      message: expect.stringContaining(code) as unknown,
      extra: { code },
    });
    expect(await where.ids()).toEqual([1]);
  });

  test("what was whole before a malformed line is committed and its state said; nothing after it", async () => {
    await using where = await place();
    const run = await where.load([calls, call(1), state({ n: 1 }), call(2), "{", call(3), state({ n: 3 })]);
    expect([run.code, run.stdout]).toEqual([30, '{"n":1}\n']);
    expect(await where.ids()).toEqual([1, 2]);
    expect(lastWords(run).message).toContain("line 5");
  });

  test("rejected records up to max_rejected are a success, and states go on", async () => {
    await using where = await place({ max_rejected: 2 });
    const bad = record("calls", { id: "x" });
    const fine = await where.load([calls, bad, bad, call(1), state({ n: 1 })]);
    expect([fine.code, fine.stdout]).toEqual([0, '{"n":1}\n']);
    const tooMany = await where.load([calls, bad, bad, bad, call(2), state({ n: 2 })]);
    expect([tooMany.code, tooMany.stdout]).toEqual([36, '{"n":2}\n']);
    expect(await where.ids()).toEqual([1, 2]);
  });

  test.each<[string, string, number]>([
    ["a config that does not exist", "nowhere.json", 10],
    ["a config that is not JSON", "{", 10],
    ["a setting of the wrong type", '{"batch_size_rows":"many"}', 11],
    ["a setting out of bounds", '{"batch_size_rows":0}', 11],
    ["an unknown load method", '{"load_method":"replace"}', 11],
  ])("%s", async (_what, content, exit) => {
    await using where = await place();
    const path = join(where.folder, content === "nowhere.json" ? content : "other.json");
    if (content !== "nowhere.json") await writeFile(path, content);
    const result = await run("target-warehouse", ["--config", path]);
    expect([result.code, result.stdout]).toEqual([exit, ""]);
    expect(lastWords(result).level).toBe("critical");
  });

  test("an option that does not exist", async () => {
    expect(await run("target-warehouse", ["--nonsense"])).toMatchObject({ code: 2, stdout: "" });
  });

  test("a database file in a folder that does not exist", async () => {
    await using where = await place({ path: "/nonexistent/folder/test.duckdb" });
    expect(await where.load([calls])).toMatchObject({ code: 41, stdout: "" });
  });
});

describe("spoken words and secrets stay out of the log", () => {
  const canary = "canary-spoken-words";

  test.each<[string, string[]]>([
    ["a line that is not JSON", [calls, `{"type":"RECORD","record":{"text":"${canary}"`]],
    ["an unknown type", [calls, `{"type":"SOMETHING","text":"${canary}"}`]],
    ["a record that does not fit", [calls, record("calls", { id: canary, text: canary })]],
    [
      "a value that is no date",
      [
        schema("calls", { id: "integer", at: "date-time", day: "date", n: "number" }),
        record("calls", { id: 1, at: canary }),
        record("calls", { id: 1, day: canary }),
        record("calls", { id: 1, n: canary }),
      ],
    ],
    [
      "a value that an enum does not have",
      [schema("calls", { id: "integer", kind: { enum: ["a"] } }), record("calls", { id: 1, kind: canary })],
    ],
    ["an unknown property's value", [calls, record("calls", { id: 1, other: canary })]],
  ])("%s", async (_what, lines) => {
    await using where = await place();
    const { stderr, stdout } = await where.load([...lines, state({ n: 1 })]);
    expect(stderr + stdout).not.toContain(canary);
  });

  test("a value that the table itself refuses", async () => {
    await using where = await place({ load_method: "append", add_record_metadata: false });
    await statement(where.database, "CREATE TABLE calls (id BIGINT, text VARCHAR PRIMARY KEY)");
    const run = await where.load([
      calls,
      record("calls", { id: 1, text: canary }),
      record("calls", { id: 2, text: canary }),
      state({ n: 1 }),
    ]);
    expect([run.code, run.stdout]).toEqual([42, ""]);
    expect(run.stderr).not.toContain(canary);
    expect(await where.ids()).toEqual([]);
  });

  test("a setting that cannot be used", async () => {
    await using where = await place({ load_method: canary, max_rejected: canary });
    expect((await where.load([])).stderr).not.toContain(canary);
  });
});

describe("a file that another process has open", () => {
  test("WAREHOUSE_LOCKED when it stays open", async () => {
    await using where = await place({ lock_timeout_seconds: 0.3 });
    const other = await DuckDBInstance.create(where.database);
    try {
      const run = await where.load([calls, call(1), state({ n: 1 })]);
      expect([run.code, run.stdout, lastWords(run).extra?.code]).toEqual([40, "", "WAREHOUSE_LOCKED"]);
      expect(await where.load([], ["--test"])).toMatchObject({ code: 40 });
    } finally {
      other.closeSync();
    }
  });

  test("is waited for", async () => {
    await using where = await place({ lock_timeout_seconds: 30 });
    const other = await DuckDBInstance.create(where.database);
    const child = bin("target-warehouse", ["--config", where.config]);
    const over = ended(child);
    child.stdin?.end([calls, call(1), state({ n: 1 })].map((line) => `${line}\n`).join(""));
    let told = "";
    child.stderr?.on("data", (text: string) => {
      told += text;
      if (told.includes("another process has")) other.closeSync();
    });
    const run = await over;
    expect([run.code, run.stdout]).toEqual([0, '{"n":1}\n']);
    expect(await where.ids()).toEqual([1]);
  });
});

describe("a target that is stopped", () => {
  /** Starts the target and gives it lines; resolves when a state has come out. */
  async function started(where: Place, lines: readonly string[], until: string) {
    const child = bin("target-warehouse", ["--config", where.config]);
    child.stdin?.on("error", () => undefined);
    const over = ended(child);
    let text = "";
    const said = new Promise<void>((resolve) => {
      child.stdout?.on("data", (chunk: string) => {
        text += chunk;
        if (text.split("\n").includes(until)) resolve();
      });
    });
    child.stdin?.write(lines.map((line) => `${line}\n`).join(""));
    await Promise.race([said, over]);
    return { child, over };
  }

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s in mid-input: commits what arrived, says the state, dies by the signal",
    async (signal) => {
      await using where = await place({ batch_size_rows: 2 });
      const { child, over } = await started(where, [calls, call(1), state({ n: 1 }), call(2)], '{"n":1}');
      child.stdin?.write(`${call(3)}\n${state({ n: 3 })}\n${call(4).slice(0, 20)}`);
      await delay(300);
      child.kill(signal);
      const run = await over;
      expect([run.code, run.signal, run.stdout]).toEqual([null, signal, '{"n":1}\n{"n":3}\n']);
      expect(await where.ids()).toEqual([1, 2, 3]);
    },
  );

  test("SIGTERM with overwrite: the old table stays and no state is said", async () => {
    await using where = await place({ load_method: "overwrite", batch_size_rows: 2 });
    await where.load([calls, call(1)]);
    const child = bin("target-warehouse", ["--config", where.config]);
    const over = ended(child);
    child.stdin?.write(`${[calls, call(2), call(3), state({ n: 3 })].join("\n")}\n`);
    assert(child.stderr !== null);
    await once(child.stderr, "data");
    await delay(500);
    child.kill("SIGTERM");
    expect(await over).toMatchObject({ signal: "SIGTERM", stdout: "" });
    expect(await where.ids()).toEqual([1]);
    await where.load([calls, call(9)]);
    expect(await where.ids()).toEqual([9]);
  });

  const turns = schema("turns", { call: "integer", n: "integer" }, { keys: ["call", "n"], replaces: ["call"] });
  const lines = [1, 2, 3, 4, 5].flatMap((id) => [
    call(id),
    ...[1, 2, 3].map((n) => record("turns", { call: id, n })),
    record("calls", { id: 1, text: `seen ${id}` }),
    state({ n: id }),
  ]);
  const all = async (database: string) => [
    await query(database, "SELECT id, text FROM calls ORDER BY ALL"),
    await query(database, 'SELECT "call", n FROM turns ORDER BY ALL'),
  ];

  test.each([1, 2, 3, 4])(
    "kill -9 when state %i was seen, then a run from there: the same rows as one run",
    async (n) => {
      await using clean = await place();
      await clean.load([calls, turns, ...lines]);
      await using where = await place({ batch_size_rows: 3 });
      const { child, over } = await started(where, [calls, turns, ...lines], JSON.stringify({ n }));
      child.kill("SIGKILL");
      const { signal, stdout } = await over;
      expect(signal).toBe("SIGKILL");
      const said = stdout.trim().split("\n").at(-1) ?? "";
      const from = lines.findIndex((line) => line === `{"type":"STATE","value":${said}}`) + 1;
      expect(from).toBeGreaterThan(0);
      const { code } = await where.load([calls, turns, ...lines.slice(from)]);
      expect(code).toBe(0);
      expect(await all(where.database)).toEqual(await all(clean.database));
    },
  );
});

describe("what it says about itself", () => {
  test("--about --format json: settings, capabilities, version", async () => {
    const { code, stdout } = await run("target-warehouse", ["--about", "--format", "json"]);
    const about = JSON.parse(stdout) as {
      name: string;
      version: string;
      capabilities: string[];
      settings: { properties: Record<string, unknown> };
    };
    expect([code, about.name]).toEqual([0, "target-warehouse"]);
    expect(about.capabilities).toContain("activate-version");
    expect(Object.keys(about.settings.properties)).toEqual(
      expect.arrayContaining(["path", "load_method", "batch_size_rows", "max_rejected", "state_id"]),
    );
  });

  test("--about --format markdown: a row for each setting", async () => {
    const { stdout } = await run("target-warehouse", ["--about", "--format", "markdown"]);
    expect(stdout).toMatch(/^# `target-warehouse` \d/);
    expect(stdout).toMatch(/^\| `load_method` \|/m);
  });

  test("--test proves that the database can be written and leaves nothing in it", async () => {
    await using where = await place();
    expect(await where.load([], ["--test"])).toMatchObject({ code: 0, stdout: "" });
    expect(await query(where.database, "SELECT table_name FROM duckdb_tables()")).toEqual([]);
  });

  test("--version, --help and --about need no driver", async () => {
    await using folder = await temporaryFolder();
    // There are no packages beside this copy.
    await cp(resolve("dist"), join(folder.path, "dist"), { recursive: true });
    await writeFile(join(folder.path, "package.json"), '{"type":"module"}');
    await mkdir(join(folder.path, "node_modules"));
    const start = (...args: string[]) =>
      spawnSync(process.execPath, [join(folder.path, "dist/bin/target-warehouse.js"), ...args], { encoding: "utf8" });
    expect(start("--version")).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as unknown,
    });
    expect(start("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--config") as unknown });
    expect(start("--about")).toMatchObject({ status: 0, stdout: expect.stringContaining("load_method") as unknown });
    expect(start("--test").status).not.toBe(0);
  });

  test("settings come from the environment too", async () => {
    await using where = await place();
    const path = join(where.folder, "other.duckdb");
    const { code } = await run("target-warehouse", [], `${calls}\n${call(1)}\n`, {
      TARGET_WAREHOUSE_PATH: path,
      TARGET_WAREHOUSE_ADD_RECORD_METADATA: "false",
    });
    expect(code).toBe(0);
    expect(await query(path, "SELECT * FROM calls")).toEqual([{ id: "1", text: null }]);
  });
});

async function statement(database: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}
