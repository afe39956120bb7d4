import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bin, ended, query, run, type Ended } from "../e2e/pipe.ts";
import { temporaryFolder } from "../support/folder.ts";
import { activate, record, schema, state } from "../support/singer.ts";

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly config: string;
  /** Writes a batch file and gives its url. Rows may be JSON texts, for digits that JavaScript would round. */
  file(name: string, rows: readonly (object | string)[]): Promise<string>;
  load(lines: readonly string[], env?: Record<string, string>): Promise<Ended>;
  /** Everything in `calls`, without what differs between two runs. */
  rows(): Promise<unknown[]>;
  query(sql: string): Promise<Record<string, unknown>[]>;
}

async function place(settings: object = {}): Promise<Place> {
  const folder = await temporaryFolder();
  const database = join(folder.path, "test.duckdb");
  const config = join(folder.path, "config.json");
  await writeFile(config, JSON.stringify({ path: database, ...settings }));
  return {
    folder: folder.path,
    config,
    file: async (name, rows) => {
      const path = join(folder.path, name);
      const text = rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join("");
      await writeFile(path, name.endsWith(".gz") ? gzipSync(text) : text);
      return `file://${path}`;
    },
    load: (lines, env = {}) =>
      run("target-warehouse", ["--config", config], lines.map((line) => `${line}\n`).join(""), env),
    rows: () => query(database, "SELECT COLUMNS(c -> c NOT LIKE '\\_sdc%' ESCAPE '\\') FROM calls ORDER BY ALL"),
    query: (sql) => query(database, sql),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const calls = schema("calls", { id: "integer", text: "string" }, { keys: ["id"] });
const call = (id: number, text?: string) => ({ id, ...(text === undefined ? {} : { text }) });
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => call(from + n));
const ids = (rows: readonly unknown[]) => rows.map((row) => Number((row as { id: unknown }).id));

function batch(manifest: string | readonly string[], encoding: object = {}, more: object = {}): string {
  const files = typeof manifest === "string" ? [manifest] : manifest;
  const compression = files.every((file) => file.endsWith(".gz")) ? "gzip" : "none";
  return JSON.stringify({
    type: "BATCH",
    stream: "calls",
    encoding: { format: "jsonl", compression, ...encoding },
    manifest: files,
    ...more,
  });
}

/** The last line on stderr, which says how a run ended. */
const lastWords = ({ stderr }: Ended) =>
  JSON.parse(stderr.trim().split("\n").at(-1) ?? "{}") as { level: string; message: string; extra?: { code?: string } };

describe("the rows of a batch", () => {
  test("are those that RECORD lines would have brought, to the last digit and character", async () => {
    const wide = schema(
      "calls",
      {
        id: "integer",
        big: { type: ["number", "null"] },
        text: "string",
        at: "date-time",
        nested: { type: ["object", "null"], properties: { n: { type: "integer" } } },
        list: { type: ["array", "null"] },
      },
      { keys: ["id"] },
    );
    const rows = [
      '{"id":9223372036854775807,"big":0.1000000000000000055,"nested":{"n":9007199254740993}}',
      '{"id":1,"text":"NUL \\u0000, half \\ud800, whole \\ud83d\\ude00, \\"}{\\""}',
      '{"id":2,"at":"2026-11-22T10:00:00.123456+02:00","list":[1,"a",{"b":null}]}',
      '{"id":3,"text":"old"}',
      '{"id":3,"text":"new"}',
      '{"nested":{"n":"not a number"},"id":4}',
      '{"id":null,"text":"no key"}',
    ];
    await using lines = await place({ max_rejected: 9 });
    await using files = await place({ max_rejected: 9 });
    expect(await lines.load([wide, ...rows.map((row) => record("calls", row))])).toMatchObject({ code: 0 });
    const manifest = [await files.file("a.jsonl.gz", rows.slice(0, 4)), await files.file("b.gz", rows.slice(4))];
    const loaded = await files.load([wide, batch(manifest), state({ n: 1 })]);
    expect([loaded.code, loaded.stdout]).toEqual([0, '{"n":1}\n']);
    expect(await files.rows()).toEqual(await lines.rows());
    const rejected = "SELECT stream, reason, payload FROM _rejected ORDER BY ALL";
    expect(await files.query(rejected)).toEqual(await lines.query(rejected));
    expect(await files.query("SELECT count(*) AS n FROM calls WHERE id = 9223372036854775807")).toEqual([{ n: "1" }]);
    expect(loaded.stderr).toContain("2 NUL or lone surrogate characters");
  });

  test("take their place among the RECORD lines around it", async () => {
    await using where = await place();
    const file = await where.file("a.jsonl", [call(1, "file"), call(2, "file"), call(3, "file")]);
    const { code } = await where.load([
      calls,
      record("calls", call(1, "before")),
      batch(file),
      record("calls", call(2, "after")),
    ]);
    expect(code).toBe(0);
    expect((await where.rows()).map((row) => (row as { text: string }).text)).toEqual(["file", "after", "file"]);
  });

  test("have no time of extraction; the version of the message is theirs", async () => {
    await using where = await place();
    const [old, young] = [await where.file("old", range(1, 2)), await where.file("young", range(2, 3))];
    const lines = [batch(old, {}, { version: 1 }), batch(young, {}, { version: 2 }), activate("calls", 2)];
    expect(await where.load([calls, ...lines])).toMatchObject({ code: 0 });
    const alive = "SELECT id, _sdc_extracted_at AS at FROM calls WHERE _sdc_deleted_at IS NULL ORDER BY calls.id";
    expect(await where.query(alive)).toEqual([
      { id: "2", at: null },
      { id: "3", at: null },
    ]);
  });

  test("come from files that the target leaves alone", async () => {
    await using where = await place();
    const file = await where.file("a.gz", range(1, 3));
    const before = await readFile(join(where.folder, "a.gz"));
    expect(await where.load([calls, batch(file)])).toMatchObject({ code: 0 });
    expect(await readFile(join(where.folder, "a.gz"))).toEqual(before);
  });

  test("that do not fit are put aside under the line of the BATCH message; the log names the file", async () => {
    await using where = await place({ max_rejected: 2 });
    const file = await where.file("a.gz", [call(1), { id: "secret" }, call(2), { text: "secret" }]);
    const loaded = await where.load([calls, "", batch(file), state({ n: 1 })]);
    expect([loaded.code, loaded.stdout]).toEqual([0, '{"n":1}\n']);
    expect(await where.query("SELECT stream, line FROM _rejected")).toEqual([
      { stream: "calls", line: "3" },
      { stream: "calls", line: "3" },
    ]);
    expect(loaded.stderr).toContain(`line 3: 2 records were put aside while reading ${file}`);
    expect(loaded.stderr).not.toContain("secret");
    expect(ids(await where.rows())).toEqual([1, 2]);
  });
});

describe("what ends a run", () => {
  const canary = "canary-spoken-words";
  const whole = gzipSync(`${JSON.stringify(call(2))}\n`);

  test.each<[string, (where: Place) => Promise<string>, number, string, string]>([
    ["a file that is missing", async () => batch("file:///nowhere/a.gz"), 37, "BATCH_FILE_UNREADABLE", "no such file"],
    [
      "gzip that is cut off",
      async ({ folder }) => {
        await writeFile(join(folder, "cut.gz"), whole.subarray(0, -3));
        return batch(`file://${folder}/cut.gz`);
      },
      37,
      "BATCH_FILE_UNREADABLE",
      "cut.gz cannot be read",
    ],
    [
      "a line that is not JSON",
      async (where) => batch(await where.file("a.jsonl", [call(2), `{"text":"${canary}`, call(3)])),
      37,
      "BATCH_FILE_UNREADABLE",
      'stream "calls": line 2 of file:',
    ],
    [
      "a line that is no object",
      async (where) => batch([await where.file("a", [call(2)]), await where.file("b", [`["${canary}"]`])]),
      37,
      "BATCH_FILE_UNREADABLE",
      "/b is JSON but not an object",
    ],
    [
      "Parquet",
      async () => batch("a.gz", { format: "parquet" }),
      38,
      "BATCH_UNSUPPORTED",
      'line 5: the batch of stream "calls" has the format "parquet"',
    ],
    ["zstd", async () => batch("a", { compression: "zstd" }), 38, "BATCH_UNSUPPORTED", "only gzip and none are read"],
    ["another machine", async () => batch("s3://bucket/a.gz"), 38, "BATCH_UNSUPPORTED", "s3://bucket/a.gz"],
    ["no manifest", async () => batch("a", {}, { manifest: null }), 32, "MESSAGE_INVALID", 'line 5: "manifest"'],
    [
      "a batch before its schema, even when its file is missing",
      async () => batch("file:///nowhere/a.gz", {}, { stream: "turns" }),
      34,
      "RECORD_BEFORE_SCHEMA",
      'line 5: a batch of stream "turns"',
    ],
  ])("%s", async (_what, message, exit, code, words) => {
    await using where = await place();
    const lines = [calls, record("calls", call(1)), state({ n: 1 }), calls, await message(where), state({ n: 2 })];
    const loaded = await where.load(lines);
    expect([loaded.code, loaded.stdout]).toEqual([exit, '{"n":1}\n']);
    expect(lastWords(loaded)).toMatchObject({ level: "critical", extra: { code } });
    expect(lastWords(loaded).message).toContain(words);
    expect(loaded.stderr).not.toContain(canary);
    expect(ids(await where.rows())[0]).toBe(1);
  });

  test("a broken batch with overwrite leaves the old table", async () => {
    await using where = await place({ load_method: "overwrite", batch_size_rows: 1 });
    expect(await where.load([calls, record("calls", call(7))])).toMatchObject({ code: 0 });
    const file = await where.file("a", [...range(1, 5), "{"]);
    expect(await where.load([calls, batch(file), state({ n: 1 })])).toMatchObject({ code: 37, stdout: "" });
    expect(ids(await where.rows())).toEqual([7]);
  });
});

describe("states", () => {
  /** Where a run would go on after `said`, as a tap does it. */
  const from = (lines: readonly string[], said: string) => {
    const last = said.trim().split("\n").at(-1);
    return last === "" ? lines : lines.slice(lines.indexOf(`{"type":"STATE","value":${last}}`) + 1);
  };

  const steps = [1, 2, 3, 4].flatMap((n) => [`commit:${n}`, `committed:${n}`, `said:${n}`]);
  test.each(steps)(
    "a target killed at %s: no state is ahead of its rows, and a second run makes the table of one clean run",
    async (crash) => {
      await using where = await place({ batch_size_rows: 3 });
      const [a, b, c] = [
        await where.file("a.gz", [...range(1, 4), call(1, "again")]),
        await where.file("b", range(5, 6)),
        await where.file("c.gz", [call(2, "again"), ...range(7, 9)]),
      ];
      const lines = [batch(a), state({ n: 4 }), batch(b), state({ n: 6 }), batch(c), state({ n: 9 })];
      const killed = await where.load([calls, ...lines], { CHORUS_ELT_CRASH_AT: crash });
      expect(killed.signal).toBe("SIGKILL");
      const said = killed.stdout.trim().split("\n").at(-1) ?? "";
      if (said !== "") {
        const { n } = JSON.parse(said) as { n: number };
        expect(ids(await where.rows())).toEqual(expect.arrayContaining(ids(range(1, n))));
      }
      const again = await where.load([calls, ...from(lines, killed.stdout)]);
      expect([again.code, again.stdout.trim().split("\n").at(-1)]).toEqual([0, '{"n":9}']);
      await using clean = await place();
      expect(await clean.load([calls, ...lines])).toMatchObject({ code: 0 });
      expect(await where.rows()).toEqual(await clean.rows());
    },
  );

  test("SIGTERM in the middle of a file: what was read is committed, the state behind the file is not said", async () => {
    await using where = await place({ batch_size_rows: 500 });
    const file = await where.file("a.gz", range(2, 400_000));
    const child = bin("target-warehouse", ["--config", where.config]);
    const over = ended(child);
    const said = new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
    const lines = [calls, record("calls", call(1)), state({ n: 1 }), batch(file), state({ n: 2 })];
    child.stdin?.write(lines.map((line) => `${line}\n`).join(""));
    await Promise.race([said, over]);
    await delay(50);
    child.kill("SIGTERM");
    const { signal, stdout } = await over;
    expect([signal, stdout]).toEqual(["SIGTERM", '{"n":1}\n']);
    const [found] = await where.query("SELECT count(*) AS n, max(id) AS last FROM calls");
    expect(Number(found?.["n"])).toBeGreaterThanOrEqual(500);
    expect(Number(found?.["n"])).toBeLessThan(400_000);
    expect(found?.["last"]).toBe(found?.["n"]); // in order, without a gap
  });
});

test("--about tells of it", async () => {
  const { stdout } = await run("target-warehouse", ["--about", "--format", "json"]);
  expect((JSON.parse(stdout) as { capabilities: string[] }).capabilities).toContain("batch");
});
