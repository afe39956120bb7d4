import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { parsedByModels, speak, type Spoken } from "../support/airbyte.ts";
import { temporaryFolder } from "../support/folder.ts";
import { pythonWith } from "../support/python.ts";
import { query } from "./pipe.ts";

const python = await pythonWith("airbyte-protocol");

interface Entry {
  readonly mode?: "append" | "overwrite" | "append_dedup";
  readonly generation?: number;
  readonly least?: number;
  readonly namespace?: string;
  readonly schema?: JsonObject;
  readonly cursor?: string;
}

interface Place extends AsyncDisposable {
  write(entries: Record<string, Entry>, lines: readonly string[], settings?: JsonObject): Promise<Spoken>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** `v` of the rows of a table. */
  values(table: string): Promise<unknown[]>;
}

async function place(): Promise<Place> {
  const folder = await temporaryFolder();
  const database = join(folder.path, "test.duckdb");
  const file = async (name: string, content: JsonObject) => {
    await writeFile(join(folder.path, name), JSON.stringify(content));
    return join(folder.path, name);
  };
  const rows = (sql: string) => query(database, sql);
  return {
    async write(entries, lines, settings = {}) {
      const config = await file("config.json", { path: database, ...settings });
      const catalog = await file("catalog.json", {
        streams: Object.entries(entries).map(([name, one]) => entry(name, one)),
      });
      return speak("target-warehouse", ["write", "--config", config, "--catalog", catalog], lines.join("\n"));
    },
    rows,
    values: async (table) => (await rows(`SELECT v FROM "${table}" ORDER BY id, _sdc_sequence`)).map(({ v }) => v),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function entry(
  name: string,
  { mode = "append_dedup", generation, least, namespace, schema, cursor }: Entry,
): JsonObject {
  return {
    stream: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      json_schema: { type: "object", properties: { id: { type: "integer" }, v: { type: "string" } }, ...schema },
      supported_sync_modes: ["full_refresh", "incremental"],
    },
    sync_mode: "incremental",
    destination_sync_mode: mode,
    primary_key: [["id"]],
    cursor_field: cursor === undefined ? [] : [cursor],
    generation_id: generation ?? null,
    minimum_generation_id: least ?? null,
    sync_id: generation ?? null,
  };
}

const record = (stream: string, id: number, v: string, extra: JsonObject = {}) =>
  JSON.stringify({ type: "RECORD", record: { stream, data: { id, v }, emitted_at: 1_767_225_600_000, ...extra } });
const state = (stream: string, n: number, count = 1) =>
  `{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"${stream}"},"stream_state":{"n":${n}}},"sourceStats":{"recordCount":${count}.0},"id":${n}}}`;
const status = (stream: string, word: string) =>
  JSON.stringify({
    type: "TRACE",
    trace: {
      type: "STREAM_STATUS",
      emitted_at: 1,
      stream_status: { stream_descriptor: { name: stream }, status: word },
    },
  });
const done = (...streams: string[]) => streams.map((stream) => status(stream, "COMPLETE"));
const numbers = ({ states }: Spoken) => states.map(({ stream }) => stream.stream_state["n"]);

describe("modes", () => {
  test("append adds, append_dedup keeps one row a key, overwrite replaces: streams of all modes in one run, interleaved", async () => {
    await using db = await place();
    const streams = { a: { mode: "append" }, d: { mode: "append_dedup" }, o: { mode: "overwrite" } } as const;
    const run = (v: string) =>
      db.write(streams, [
        ...["a", "d", "o"].map((stream) => record(stream, 1, v)),
        ...["o", "a", "d"].map((stream) => record(stream, 2, v)),
        ...done("a", "d", "o"),
      ]);
    expect((await run("old")).code).toBe(0);
    const { code, stderr } = await run("new");
    expect([code, stderr]).toEqual([0, ""]);
    expect(await db.values("a")).toEqual(["old", "new", "old", "new"]);
    expect(await db.values("d")).toEqual(["new", "new"]);
    expect(await db.values("o")).toEqual(["new", "new"]);
  });

  test("an overwrite that is INCOMPLETE, or cut off, leaves the old table; what came of others is loaded", async () => {
    await using db = await place();
    const streams = { a: { mode: "append" }, o: { mode: "overwrite" } } as const;
    await db.write(streams, [record("o", 1, "old"), ...done("a", "o")]);
    for (const end of [[status("o", "INCOMPLETE")], []]) {
      const run = await db.write(streams, [
        record("a", 1, "new"),
        state("a", 1),
        record("o", 2, "new"),
        state("o", 2),
        ...done("a"),
        ...end,
      ]);
      expect(run.code).toBe(27);
      expect(run.errors).toMatchObject([{ failure_type: "transient_error" }]);
      expect(numbers(run)).toEqual([1]); // the state of what nobody sees stays here
      expect(await db.values("o")).toEqual(["old"]);
    }
    expect(await db.values("a")).toEqual(["new", "new"]);
  });

  test("an overwrite without any record empties the table", async () => {
    await using db = await place();
    await db.write({ o: { mode: "overwrite" } }, [record("o", 1, "old"), ...done("o")]);
    expect((await db.write({ o: { mode: "overwrite" } }, done("o"))).code).toBe(0);
    expect(await db.values("o")).toEqual([]);
  });

  test.each([
    ["a key that is nested", { primary_key: [["a", "b"]] }],
    ["a mode that is unknown", { destination_sync_mode: "update" }],
    ["append_dedup without a key", { primary_key: [] }],
    ["a generation in between", { generation_id: 5, minimum_generation_id: 3 }],
  ])("%s is refused before anything is opened", async (_, wrong) => {
    await using folder = await temporaryFolder();
    const catalog = join(folder.path, "catalog.json");
    await writeFile(catalog, JSON.stringify({ streams: [{ ...entry("s", {}), ...wrong }] }));
    const { code, errors } = await speak("target-warehouse", ["write", "--catalog", catalog], "");
    expect([code, errors[0]?.failure_type]).toEqual([12, "config_error"]);
  });

  test("append_dedup: of two rows with a key the one with the higher cursor counts; `x-newest-by` wins over the cursor", async () => {
    await using db = await place();
    const properties = { id: { type: "integer" }, v: { type: "string" }, at: { type: "integer" } };
    const row = (stream: string, v: string, at: number) =>
      JSON.stringify({ type: "RECORD", record: { stream, data: { id: 1, v, at }, emitted_at: 1 } });
    await db.write(
      {
        cursor: { schema: { properties }, cursor: "at" },
        arrival: { schema: { properties, "x-newest-by": "" }, cursor: "at" },
      },
      [
        ...["cursor", "arrival"].flatMap((stream) => [row(stream, "higher", 2), row(stream, "lower", 1)]),
        ...done("cursor", "arrival"),
      ],
    );
    expect([await db.values("cursor"), await db.values("arrival")]).toEqual([["higher"], ["lower"]]);
  });
});

describe("generations", () => {
  test("minimum 0 keeps all; minimum = generation replaces, once the stream is complete; rows carry their generation", async () => {
    await using db = await place();
    await db.write({ s: { generation: 1, least: 0 } }, [record("s", 1, "g1"), record("s", 2, "g1"), ...done("s")]);
    await db.write({ s: { generation: 2, least: 0 } }, [record("s", 2, "g2"), ...done("s")]);
    expect(await db.values("s")).toEqual(["g1", "g2"]);
    await db.write({ s: { generation: 3, least: 3 } }, [record("s", 3, "g3"), ...done("s")]);
    expect(await db.rows("SELECT id, v, _sdc_table_version AS g FROM s")).toEqual([{ id: "3", v: "g3", g: "3" }]);
  });

  test("a refresh that truncates and is interrupted leaves the old rows, and says no state; the next attempt is whole", async () => {
    await using db = await place();
    await db.write({ s: { generation: 1, least: 0 } }, [record("s", 1, "g1"), state("s", 1), ...done("s")]);
    const cut = await db.write({ s: { generation: 2, least: 2 } }, [record("s", 2, "g2"), state("s", 2)]);
    expect([cut.code, cut.states]).toEqual([27, []]);
    expect(await db.values("s")).toEqual(["g1"]);
    const whole = await db.write({ s: { generation: 2, least: 2 } }, [
      record("s", 1, "g2"),
      state("s", 1),
      record("s", 2, "g2"),
      state("s", 2),
      ...done("s"),
    ]);
    expect([whole.code, numbers(whole)]).toEqual([0, [1, 2]]);
    expect(await db.values("s")).toEqual(["g2", "g2"]);
  });

  test("another attempt with a generation that is in place already adds to it", async () => {
    await using db = await place();
    const again = { s: { generation: 2, least: 2 } } as const;
    await db.write({ s: { generation: 1, least: 0 } }, [record("s", 1, "g1"), ...done("s")]);
    // Another stream of that sync failed, so the platform comes again with what this one has left.
    await db.write(again, [record("s", 2, "g2"), state("s", 1), ...done("s")]);
    await db.write(again, [record("s", 3, "g2"), ...done("s")]);
    expect(await db.values("s")).toEqual(["g2", "g2"]);
  });

  test("a truncating refresh that was given up: the next sync goes on with what there was", async () => {
    await using db = await place();
    await db.write({ s: { generation: 1, least: 0 } }, [record("s", 1, "g1"), ...done("s")]);
    await db.write({ s: { generation: 2, least: 2 } }, [record("s", 2, "cut")]);
    await db.write({ s: { generation: 2, least: 0 } }, [record("s", 3, "g2"), ...done("s")]);
    expect(await db.values("s")).toEqual(["g1", "g2"]);
  });
});

describe("states", () => {
  test("all come back, in their order and untouched, with how many records each covers", async () => {
    await using db = await place();
    const lines = [
      record("s", 1, "a"),
      state("s", 1),
      state("t", 2, 0),
      record("t", 1, "a"),
      record("s", 2, "b"),
      record("s", 3, "c"),
      state("s", 3, 2),
      state("s", 3, 0), // the same again
      state("t", 4),
    ];
    const { stdout, messages, code } = await db.write({ s: {}, t: {} }, [...lines, ...done("s", "t")], {
      batch_size_rows: 1,
    });
    expect(code).toBe(0);
    const back = stdout.split("\n").filter((line) => line.includes('"STATE"'));
    const stats = (n: number) => `,"destinationStats":{"recordCount":${n}.0,"rejectedRecordCount":0.0}}}`;
    const sent = lines.filter((line) => line.includes('"STATE"'));
    expect(back).toEqual(sent.map((line, i) => line.slice(0, -2) + stats([1, 0, 2, 0, 1][i] ?? -1)));
    expect(messages.filter(({ log }) => log?.level === "WARN")).toEqual([]);
  });

  test("of all streams, and of the old kind, also about streams that are not in the catalog", async () => {
    await using db = await place();
    const global = `{"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{"lsn":12345678901234567890},"stream_states":[{"stream_descriptor":{"name":"elsewhere"},"stream_state":{}}]}}}`;
    const legacy = `{"type":"STATE","state":{"data":{"cursor":"x"}}}`;
    const { stdout } = await db.write({ s: {} }, [record("s", 1, "a"), global, legacy, ...done("s")]);
    const back = stdout.split("\n").filter((line) => line.includes('"STATE"'));
    expect(back).toEqual([
      `${global.slice(0, -2)},"destinationStats":{"recordCount":1.0,"rejectedRecordCount":0.0}}}`,
      `${legacy.slice(0, -2)},"destinationStats":{"recordCount":0.0,"rejectedRecordCount":0.0}}}`,
    ]);
  });

  test("a count that differs from the source's is warned of; what was put aside is counted", async () => {
    await using db = await place();
    const bad = JSON.stringify({ type: "RECORD", record: { stream: "s", data: { id: "x" }, emitted_at: 1 } });
    const run = await db.write({ s: {} }, [record("s", 1, "a"), bad, state("s", 1, 5), ...done("s")]);
    expect(run.code).toBe(36);
    expect(run.states[0]?.destinationStats).toEqual({ recordCount: 1, rejectedRecordCount: 1 });
    expect(run.messages.filter(({ log }) => log?.level === "WARN").map(({ log }) => log?.message)).toContain(
      'stream "s": the source counted 5 records up to this state, 2 came',
    );
  });
});

describe("streams", () => {
  test("of one name in two namespaces are two tables; the schema's own namespace is the default one", async () => {
    await using db = await place();
    const eu = { s: { namespace: "eu" } } as const;
    const trace = done("s")[0]?.replace('"name":"s"', '"name":"s","namespace":"eu"') ?? "";
    expect((await db.write(eu, [record("s", 1, "eu", { namespace: "eu" }), trace])).code).toBe(0);
    expect((await db.write({ s: { namespace: "main" } }, [record("s", 1, "main"), ...done("s")])).code).toBe(0);
    expect([await db.values("eu__s"), await db.values("s")]).toEqual([["eu"], ["main"]]);
  });

  test("a record of a stream that is not in the catalog ends the run, what came before it is kept", async () => {
    await using db = await place();
    const { code, errors } = await db.write({ s: {} }, [record("s", 1, "a"), state("s", 1), record("x", 1, "a")]);
    expect([code, errors[0]?.message]).toEqual([32, expect.stringMatching(/"x" is not in the configured catalog/)]);
    expect(await db.values("s")).toEqual(["a"]);
  });

  test("sets of our own sources start anew, also those that have become empty", async () => {
    await using db = await place();
    const child = { "x-replaces": ["v"], "x-newest-by": "" };
    const streams = { calls: {}, turns: { schema: child } } as const;
    const all = done("calls", "turns");
    await db.write(streams, [1, 2, 3].map((id) => record("turns", id, "call-1")).concat(all));
    await db.write(streams, [record("turns", 1, "call-1"), ...all]);
    expect(await db.values("turns")).toEqual(["call-1"]);
    await db.write(streams, [record("calls", 1, "call-1", { clears: ["turns"] }), ...all]);
    expect(await db.values("turns")).toEqual([]);
  });
});

test.skipIf(python === undefined)("the models of the protocol parse what a destination says", async () => {
  await using db = await place();
  const run = await db.write({ s: {} }, [record("s", 1, "a"), state("s", 1), status("s", "INCOMPLETE")]);
  const checked = await speak("target-warehouse", ["check"], "", { TARGET_WAREHOUSE_PATH: "/nowhere/at.duckdb" });
  const counts = await parsedByModels(python ?? "", run.stdout + checked.stdout);
  expect(counts).toMatchObject({ STATE: 1, TRACE: 1, CONNECTION_STATUS: 1 });
});

test("check: a database that can be written, and one that cannot", async () => {
  await using folder = await temporaryFolder();
  const said = async (path: string) => {
    const { code, messages } = await speak("target-warehouse", ["check"], "", { TARGET_WAREHOUSE_PATH: path });
    return [code, messages.find(({ type }) => type === "CONNECTION_STATUS")?.connectionStatus?.status];
  };
  expect(await said(join(folder.path, "x.duckdb"))).toEqual([0, "SUCCEEDED"]);
  expect(await said(join(folder.path, "missing", "x.duckdb"))).toEqual([0, "FAILED"]);
});
