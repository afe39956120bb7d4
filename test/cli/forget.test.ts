import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { keyedHash } from "../../src/core/masks.ts";
import { bigqueryConfig } from "../support/bigquery-opened.ts";
import { describeBigQuery } from "../support/own-bigquery.ts";
import { describePostgres } from "../support/own-postgres.ts";
import { bin, ended, query, run, type Ended } from "../e2e/pipe.ts";
import { temporaryFolder } from "../support/folder.ts";
import { record, schema, state } from "../support/singer.ts";

const schemas = {
  calls: schema(
    "calls",
    { call_id: "string", started_at: "date-time", title: "string", owner_user_id: "string", owner_name: "string", owner_email: "string", action_items: { type: ["null", "array"], items: { type: "string" } } },
    { keys: ["call_id"], newestBy: "" },
  ),
  participants: schema(
    "participants",
    { call_id: "string", participant_id: "string", person_id: "string", user_id: "string", name: "string", email: "string", role: "string" },
    { keys: ["call_id", "participant_id"], replaces: ["call_id"] },
  ),
  users: schema("users", { user_id: "string", name: "string", email: "string" }, { keys: ["user_id"], replaces: [] }),
  transcripts: schema(
    "transcripts",
    { call_id: "string", full_text: "string", n: "integer" },
    { keys: ["call_id"], replaces: ["call_id"] },
  ),
  utterances: schema(
    "utterances",
    { call_id: "string", utterance_index: "integer", speaker: "string", participant_id: "string", email: "string", text: { type: "string" } },
    { keys: ["call_id", "utterance_index"], replaces: ["call_id"] },
  ),
  engagement_metrics: schema(
    "engagement_metrics",
    { call_id: "string", metric: "string", participant_id: "string", value: "number" },
    { keys: ["call_id", "metric", "participant_id"], replaces: ["call_id"] },
  ),
  semarize_bricks: schema(
    "semarize_bricks",
    { run_id: "string", brick_key: "string", call_id: "string", evidence: "string", value_number: "number" },
    { keys: ["run_id", "brick_key"], replaces: ["run_id"] },
  ),
}; // prettier-ignore

/** Ann was in c1 and c2, the second time without a turn that names her; c3 is without her. Bob is a rep, and in all. */
const ANN = { person_id: "p1", name: "Ann Canary", email: "Ann.Canary@Buyer.example" };
const BOB = { person_id: "p9", user_id: "u9", name: "Bob Rep", email: "bob@sales.example" };
function callLines(id: string, day: string, people: readonly object[]): string[] {
  const started_at = `2026-03-${day}T10:00:00Z`;
  const turn = (utterance_index: number, values: object) =>
    record("utterances", {
      call_id: id,
      utterance_index,
      speaker: null,
      participant_id: null,
      email: null,
      ...values,
    });
  return [
    record("calls", { call_id: id, started_at, title: `Ann Canary and us, ${id}`, owner_user_id: "u9", owner_name: "Bob Rep", owner_email: BOB.email, action_items: ["call Ann Canary"] }),
    ...people.map((one) => record("participants", { call_id: id, participant_id: (one as typeof ANN).person_id, role: "r", ...one })),
    record("transcripts", { call_id: id, full_text: `Ann Canary: words-of-ann\nBob Rep: words-of-bob`, n: 2 }),
    turn(0, { speaker: ANN.name, participant_id: "p1", email: id === "c1" ? ANN.email : null, text: "words-of-ann by mail" }),
    turn(1, { speaker: "ann canary ", text: "words-of-ann by name" }),
    turn(2, { participant_id: "p1", text: "words-of-ann by id" }),
    turn(3, { speaker: BOB.name, participant_id: "p9", email: BOB.email, text: "words-of-bob" }),
    record("engagement_metrics", { call_id: id, metric: "talk", participant_id: "call", value: 1 }),
    record("engagement_metrics", { call_id: id, metric: "talk", participant_id: "speaker:Ann Canary", value: 1 }),
    record("semarize_bricks", { run_id: `r-${id}`, brick_key: "b", call_id: id, evidence: "words-of-ann", value_number: 3 }),
  ]; // prettier-ignore
}
const everything = [
  ...Object.values(schemas),
  ...callLines("c1", "01", [ANN, BOB]),
  ...callLines("c2", "02", [ANN, BOB]),
  record("users", { user_id: "u9", name: BOB.name, email: BOB.email }),
  // Dead letters: a value that does not fit.
  record("transcripts", { call_id: "c1", full_text: "words-of-ann", n: "many" }),
  record("users", { user_id: 7, name: "x", email: "ANN.canary@buyer.example" }),
  record("transcripts", { call_id: "c11", full_text: "of another call", n: "many" }),
  state({ version: 1, bookmarks: { calls: { flavour: "calls", pending: { c1: {}, c2: {} }, known: { "2026-03-01": ["c1"] }, unsettled: { "2026-03-02": ["c2", "c1"] } } } }),
]; // prettier-ignore
const CANARIES = /ann.canary|words-of-ann/i;

/** A warehouse of its own, and the programs that work on it. */
interface Place extends AsyncDisposable {
  load(lines: readonly string[]): Promise<Ended>;
  elt(...args: readonly string[]): Promise<Ended>;
  /** Every row of a table, as JSON. */
  rows(table: string): Promise<Record<string, unknown>[]>;
  /** The names of its tables. */
  tables(): Promise<string[]>;
  readonly folder: string;
}

type Reads = Pick<Place, "rows" | "tables"> & AsyncDisposable;

async function place(open: (folder: string) => Promise<{ settings: object } & Reads>, more = {}): Promise<Place> {
  const folder = await temporaryFolder();
  const { settings, rows, tables, ...rest } = await open(folder.path);
  const config = join(folder.path, "target.json");
  await writeFile(config, JSON.stringify({ max_rejected: 1_000, ...settings, ...more }));
  return {
    folder: folder.path,
    load: (lines) => run("target-warehouse", ["--config", config], lines.map((line) => `${line}\n`).join("")),
    elt: (...args) => run("chorus-elt", [...args, "--config", config]),
    rows,
    tables,
    async [Symbol.asyncDispose]() {
      await rest[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  }; // prettier-ignore
}

async function dump(where: Place, but: readonly string[] = []): Promise<string> {
  const texts: string[] = [];
  for (const table of await where.tables()) {
    if (!but.includes(table)) texts.push(...(await where.rows(table)).map((row) => `${table} ${JSON.stringify(row)}`));
  }
  return texts.join("\n");
}

function forgetsCall(open: (folder: string) => Promise<{ settings: object } & Reads>): void {
  test("a call goes from every table, the dead letters and the state, and stays away", async () => {
    await using where = await place(open);
    expect((await where.load(everything)).code).toBe(0);
    const dry = await where.elt("forget", "c1", "--dry-run");
    const wanted = [
      ["calls", "1"], ["participants", "2"], ["transcripts", "1"], ["utterances", "4"], ["engagement_metrics", "2"],
      ["semarize_bricks", "1"], ["_rejected", "1"],
    ]; // prettier-ignore
    for (const [table, n] of wanted) expect(dry.stdout).toMatch(new RegExp(`${table} +${n}  would be deleted`));
    expect(await where.rows("calls")).toHaveLength(2);

    const done = await where.elt("forget", "c1");
    expect([done.code, done.stdout], done.stderr).toEqual([0, dry.stdout.replaceAll("would be ", "")]);
    expect(await dump(where, ["_chorus_elt_forgotten"])).not.toMatch(/"c1"|r-c1/);
    expect(await where.rows("calls")).toHaveLength(1);
    expect((await where.elt("state", "show")).stdout).toBe(
      '{"version":1,"bookmarks":{"calls":{"flavour":"calls","pending":{"c2":{}},"known":{"2026-03-01":[]},"unsettled":{"2026-03-02":["c2"]}}}}\n',
    );
    const again = await where.load(everything);
    expect(again.stderr).toContain("forgotten: 12 records were left out, 0 were loaded without");
    expect(await dump(where, ["_chorus_elt_forgotten", "_chorus_elt_state"])).not.toMatch(/"c1"|r-c1/);
    expect((await where.elt("forget", "c1")).stdout).toBe("no row is about it\n");
  });
}

function forgetsPerson(open: (folder: string) => Promise<{ settings: object } & Reads>): void {
  test("a person goes with their words, what quotes them, and later loads", async () => {
    await using where = await place(open);
    await where.load(everything);
    const dry = await where.elt("forget", "ann.canary@buyer.example", "--dry-run");
    const wanted = [
      ["calls", "2  would be erased"], ["participants", "2  would be erased"], ["transcripts", "2  would be erased"],
      ["utterances", "6  would be erased"], ["engagement_metrics", "2  would be deleted"],
      ["semarize_bricks", "2  would be erased"], ["_rejected", "2  would be deleted"],
    ]; // prettier-ignore
    for (const [table, n] of wanted) expect(dry.stdout).toMatch(new RegExp(`${table} +${n}`));

    const done = await where.elt("forget", "ann.canary@buyer.example");
    expect([done.code, done.stderr]).toEqual([0, ""]);
    expect(await dump(where)).not.toMatch(CANARIES);
    const kept = await where.rows("utterances");
    expect(kept.map(({ text }) => text).sort()).toEqual([
      ...Array<string>(6).fill("[forgotten]"),
      "words-of-bob",
      "words-of-bob",
    ]);
    expect((await where.rows("calls")).map(({ owner_name: name }) => name)).toEqual([BOB.name, BOB.name]);
    expect((await where.rows("semarize_bricks")).map(({ value_number: n }) => Number(n))).toEqual([3, 3]);

    const again = await where.load([...everything, ...callLines("c3", "03", [BOB])]);
    expect(again.code, again.stderr).toBe(0);
    const found = (await dump(where)).split("\n").filter((line) => CANARIES.test(line) && !line.includes("c3"));
    expect(found).toEqual([]);
    expect((await where.rows("utterances")).filter(({ text }) => text === "[forgotten]")).toHaveLength(6);
  });
}

describe("chorus-elt forget with DuckDB", () => {
  const duckdb = async (folder: string) => {
    const path = join(folder, "test.duckdb");
    return {
      settings: { path },
      rows: (table: string) => query(path, `SELECT * FROM "${table}"`),
      tables: async () => (await query(path, "SELECT table_name AS n FROM duckdb_tables()")).map(({ n }) => String(n)),
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
  forgetsCall(duckdb);
  forgetsPerson(duckdb);

  test("an address that the tap hashes is found by its key", async () => {
    await using where = await place(duckdb);
    const key = "a key of sixteen bytes or more";
    const email = keyedHash(key)(ANN.email);
    await where.load([schemas.participants, record("participants", { call_id: "c1", participant_id: email, email, name: "[redacted]" }), schemas.utterances, record("utterances", { call_id: "c1", utterance_index: 0, email, speaker: "[redacted]", text: "a" }), record("utterances", { call_id: "c1", utterance_index: 1, email: "of another", speaker: "[redacted]", text: "b" })]); // prettier-ignore
    const tap = join(where.folder, "tap.json");
    await writeFile(tap, JSON.stringify({ api_token: "t", start_date: "2026-01-01", privacy_key: key }));
    expect((await where.elt("forget", ANN.email)).stdout).toBe("no row is about it\n");
    expect((await where.elt("forget", ANN.email, "--tap", tap)).code).toBe(0);
    expect(await dump(where)).not.toContain(email);
    expect((await where.rows("utterances")).map(({ text }) => text)).toEqual(["[forgotten]", "b"]);
  });

  test("somebody who comes in a later call is known by the address there", async () => {
    await using where = await place(duckdb);
    await where.load(Object.values(schemas));
    await where.elt("forget", ANN.email);
    await where.load([...Object.values(schemas), ...callLines("c1", "01", [ANN, BOB])]);
    expect(await dump(where)).not.toMatch(CANARIES); // also not the title, which came before it was known who was there
    // The transcript of another call comes in a load of its own, by who is known by now.
    const lines = callLines("c2", "02", [ANN, BOB]);
    await where.load([...Object.values(schemas), ...lines.slice(0, 3)]);
    await where.load([...Object.values(schemas), ...lines.slice(3)]);
    // A load that was killed before it could take back what came too early.
    const instance = await DuckDBInstance.create(join(where.folder, "test.duckdb"));
    const db = await instance.connect();
    await db.run(
      "UPDATE calls SET title = 'Ann Canary'; INSERT INTO _chorus_elt_forgotten VALUES ('unsettled', '', now())",
    );
    db.closeSync();
    instance.closeSync();
    await where.load([schemas.users, state({ n: 1 })]);
    expect(await dump(where)).not.toMatch(/ann.canary|unsettled/i);
    // What is put aside is put aside without it, so that a replay cannot bring it back.
    await where.load([schemas.users, record("users", { user_id: 7, name: ANN.name, email: ANN.email })]);
    expect((await where.elt("replay")).stdout).toContain("users: 0 loaded, 0 obsolete, 1 still");
    expect(await dump(where)).not.toMatch(CANARIES);
  });

  test("tables that are replaced whole, and Airbyte's streams with a namespace, come without it too", async () => {
    await using where = await place(duckdb, { load_method: "overwrite" });
    expect((await where.load(everything)).code).toBe(0);
    for (const who of ["c2", ANN.email]) expect((await where.elt("forget", who)).code).toBe(0);
    expect((await where.load(everything)).code).toBe(0);
    expect(await where.rows("calls")).toHaveLength(1);
    expect(await dump(where)).not.toMatch(CANARIES);

    const streams = [schemas.calls, schemas.participants, schemas.utterances].map((line) => {
      const { stream: name, schema: json_schema, key_properties } = JSON.parse(line) as Record<string, string[]>;
      const primary_key = key_properties?.map((key) => [key]);
      return { stream: { name, namespace: "chorus", json_schema }, sync_mode: "full_refresh", destination_sync_mode: "append_dedup", primary_key, cursor_field: [] };
    });
    const catalog = join(where.folder, "catalog.json");
    await writeFile(catalog, JSON.stringify({ streams }));
    const lines = callLines("c7", "07", [ANN, BOB]).concat(callLines("c2", "02", [ANN, BOB])).flatMap((line) => {
      const { stream, record: data } = JSON.parse(line) as { stream: string; record: object };
      if (!streams.some((one) => (one.stream.name as unknown) === stream)) return [];
      return [JSON.stringify({ type: "RECORD", record: { stream, namespace: "chorus", data, emitted_at: 1 } })];
    });
    for (const { stream: { name } } of streams) {
      lines.push(JSON.stringify({ type: "TRACE", trace: { type: "STREAM_STATUS", emitted_at: 2, stream_status: { stream_descriptor: { name, namespace: "chorus" }, status: "COMPLETE" } } }));
    }
    const written = await run("target-warehouse", ["write", "--config", join(where.folder, "target.json"), "--catalog", catalog], lines.map((line) => `${line}\n`).join(""));
    expect(written.code, written.stdout).toBe(0);
    expect((await where.rows("chorus__calls")).map(({ call_id: id, title }) => [id, title])).toEqual([["c7", null]]);
    expect(await dump(where)).not.toMatch(CANARIES);
  }); // prettier-ignore

  test("a wrong use says what is wrong, without the address", async () => {
    await using where = await place(duckdb);
    const none = await where.elt("forget");
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("say first what to forget")]);
    const empty = await where.elt("forget", ANN.email);
    expect([empty.code, empty.stderr]).toEqual([41, expect.stringContaining("there is no DuckDB file")]);
    expect(empty.stdout + empty.stderr).not.toContain(ANN.email);
  });
});

await describePostgres("chorus-elt forget with Postgres", (server) => {
  const postgres = async () => {
    const db = await server.database();
    return {
      settings: { url: db.url, default_target_schema: "main" },
      rows: async (table: string) => (await db.query(`SELECT * FROM main."${table}"`)) as Record<string, unknown>[],
      tables: async () =>
        (await db.query("SELECT tablename AS n FROM pg_tables WHERE schemaname = 'main'")).map(({ n }) => String(n)),
      [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
    };
  };
  forgetsCall(postgres);
  forgetsPerson(postgres);

  test("a load that began before is waited for, and what it brings goes too", async () => {
    await using where = await place(postgres);
    const target = bin("target-warehouse", ["--config", join(where.folder, "target.json")]);
    const loaded = ended(target);
    for (const line of everything) target.stdin?.write(`${line}\n`);
    while (!(await where.tables()).includes("_chorus_elt_state")) await setTimeout(50);
    await setTimeout(200); // it has asked what was forgotten by now
    const forgetting = where.elt("forget", "c1");
    while (!(await where.tables()).includes("_chorus_elt_forgotten")) await setTimeout(50);
    target.stdin?.end();
    expect((await loaded).code).toBe(0);
    expect((await forgetting).stdout).toMatch(/calls +1 {2}deleted/);
    expect(await dump(where, ["_chorus_elt_forgotten"])).not.toMatch(/"c1"|r-c1/);
  });

  test("all or nothing is erased, and what was cut short is done the next time; views are left alone", async () => {
    await using db = await server.database();
    const main = { url: db.url, default_target_schema: "main" };
    await using where = await place(async () => ({ ...(await postgres()), settings: main, rows: async () => [], tables: async () => [] }));
    await where.load(everything);
    const count = async () =>
      (await db.query("SELECT count(*)::int AS n FROM main.calls UNION ALL SELECT count(*)::int FROM main.utterances")).map(({ n }) => n);
    await db.query("CREATE VIEW main.of_calls AS SELECT call_id FROM main.calls");
    await db.query("CREATE FUNCTION main.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'");
    await db.query("CREATE TRIGGER no BEFORE DELETE ON main.utterances FOR EACH ROW EXECUTE FUNCTION main.no()");
    expect((await where.elt("forget", "c1")).code).toBe(42);
    expect(await count()).toEqual([2, 8]);
    await db.query("DROP TRIGGER no ON main.utterances");
    expect((await where.load(everything)).stderr).toContain("forgotten: 12 records were left out"); // it is known already
    expect((await where.elt("forget", "c1")).code).toBe(0);
    expect(await count()).toEqual([1, 4]);
  }); // prettier-ignore
});

await describeBigQuery("chorus-elt forget with BigQuery", (server) => {
  // The statements for a person are those for a call, and more.
  forgetsPerson(async () => {
    const dataset = await server.dataset();
    const client = server.client({ direct: true }).dataset(dataset.name);
    return {
      settings: { destination: "bigquery", ...bigqueryConfig(server, dataset.name, { array_columns: "repeated" }) },
      rows: async (table) =>
        (await server.rows(`SELECT TO_JSON_STRING(t) AS row FROM \`${dataset.name}\`.\`${table}\` t`)).map(
          ({ row }) => JSON.parse(row as string) as Record<string, unknown>,
        ),
      tables: async () => (await client.getTables())[0].map(({ id = "" }) => id),
      [Symbol.asyncDispose]: () => dataset[Symbol.asyncDispose](),
    };
  });
});
