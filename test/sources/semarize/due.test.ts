import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Reader, Warehouse } from "../../../src/core/destination.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { silentLog } from "../../../src/core/log.ts";
import duckdb from "../../../src/destinations/duckdb/index.ts";
import postgres from "../../../src/destinations/postgres/index.ts";
import type { Config } from "../../../src/sources/semarize/config.ts";
import { findWork, type Work } from "../../../src/sources/semarize/due.ts";
import { Spool } from "../../../src/sources/semarize/spool.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { load, testEnv } from "../../support/loading.ts";
import { describePostgres } from "../../support/own-postgres.ts";
import { config as pgConfig, envWith } from "../../support/postgres-runs.ts";
import { record } from "../../support/singer.ts";

interface Database extends AsyncDisposable {
  connect(): Promise<Warehouse>;
  reader(): Promise<Reader>;
}

async function onDuckdb(): Promise<Database> {
  const folder = await temporaryFolder();
  const config = { path: join(folder.path, "w.duckdb"), lock_timeout_seconds: 5, memory_limit: "96MB" };
  return {
    connect: () => duckdb.connect(config, testEnv()),
    reader: () => duckdb.connectReader(config, testEnv()),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

type Fields = Record<string, unknown>;

const text = { type: ["null", "string"] };
const number = { type: ["null", "number"] };
const integer = { type: ["null", "integer"] };
const instant = { type: ["null", "string"], format: "date-time" };

/** Streams as far as the tap looks into them. */
const STREAMS: Record<string, { keys: string[]; properties: JsonObject }> = {
  calls: {
    keys: ["call_id"],
    properties: {
      call_id: text,
      started_at: instant,
      duration_seconds: number,
      call_type: text,
      owner_team_id: text,
      _deleted_at: instant,
    },
  },
  teams: { keys: ["team_id"], properties: { team_id: text, name: text } },
  transcripts: {
    keys: ["call_id"],
    properties: {
      call_id: text,
      status: text,
      full_text: text,
      transcript_hash: text,
      word_count: integer,
      utterance_count: integer,
    },
  },
  utterances: {
    keys: ["call_id", "utterance_index"],
    properties: { call_id: text, utterance_index: integer, speaker: text, role: text, text },
  },
  meetings: {
    keys: ["meeting_id"],
    properties: { meeting_id: text, platform: text, started_at: instant, duration_seconds: number, call_type: text },
  },
  meeting_transcripts: {
    keys: ["meeting_id"],
    properties: { meeting_id: text, status: text, full_text: text, transcript_hash: text, word_count: integer },
  },
  meeting_utterances: {
    keys: ["meeting_id", "utterance_index"],
    properties: { meeting_id: text, utterance_index: integer, speaker: text, role: text, text },
  },
  semarize_runs: {
    keys: ["run_id"],
    properties: {
      run_id: text,
      call_id: text,
      kit: text,
      run_type: text,
      status: text,
      attempt: integer,
      source_hash: text,
      call_started_at: instant,
    },
  },
};

/** Singer lines of these rows. */
function lines(rows: Record<string, readonly Fields[]>): string[] {
  return Object.entries(rows).flatMap(([stream, all]) => {
    const { keys, properties } = STREAMS[stream]!;
    const schema = { type: "object", properties };
    return [
      JSON.stringify({ type: "SCHEMA", stream, schema, key_properties: keys }),
      ...all.map((row) => record(stream, row as JsonObject)),
    ];
  });
}

/** A call with a transcript of two turns. */
function call(id: string, fields: Fields = {}, { words = 4, hash = `hash of ${id}` } = {}) {
  return {
    calls: [{ call_id: id, started_at: "2026-03-01T10:00:00Z", ...fields }],
    transcripts: [
      {
        call_id: id,
        status: "ready",
        full_text: `Ann: hello ${id}\nyes`,
        transcript_hash: hash,
        word_count: words,
        utterance_count: 2,
      },
    ],
    utterances: [
      { call_id: id, utterance_index: 0, speaker: "Ann", role: "rep", text: `hello ${id}` },
      { call_id: id, utterance_index: 1, speaker: null, role: "prospect", text: "yes" },
    ],
  };
}

function together(...parts: Record<string, readonly Fields[]>[]): Record<string, Fields[]> {
  const all: Record<string, Fields[]> = {};
  for (const part of parts)
    for (const [stream, rows] of Object.entries(part)) all[stream] = [...(all[stream] ?? []), ...rows];
  return all;
}

const run = (id: string, callId: string, fields: Fields = {}) => ({
  semarize_runs: [
    {
      run_id: id,
      call_id: callId,
      kit: "K",
      run_type: "api",
      status: "succeeded",
      attempt: 1,
      source_hash: `hash of ${callId}`,
      call_started_at: "2026-03-01T10:00:00Z",
      ...fields,
    },
  ],
});

async function find(
  database: Database,
  rows: Record<string, readonly Fields[]>,
  settings: Partial<Config> = {},
): Promise<Work & { texts: string[] }> {
  {
    await using warehouse = await database.connect();
    const { error } = await load(warehouse, lines(rows));
    expect(error).toBeUndefined();
  }
  await using reader = await database.reader();
  await using spool = await Spool.open();
  const config = { kits: ["K"], max_runs: 100, max_attempts: 1, run_type: "api", ...settings } as Config;
  const work = await findWork(reader, "main", config, { spool, log: silentLog });
  return { ...work, texts: await Promise.all(work.due.map(({ text: place }) => spool.text(place))) };
}

const ids = ({ due }: Work) => due.map(({ callId }) => callId);

function claims(open: () => Promise<Database>): void {
  test("a transcript without a run is due; its text is rendered and hashed", async () => {
    await using database = await open();
    const { due, texts, shares } = await find(database, call("a"));
    const wanted = "Ann (rep): hello a\nProspect: yes";
    expect(texts).toEqual([wanted]);
    expect(due).toMatchObject([
      {
        callId: "a",
        platform: "chorus",
        startedMs: Date.UTC(2026, 2, 1, 10),
        sourceHash: "hash of a",
        transcriptHash: createHash("sha256").update(wanted).digest("hex"),
        characters: wanted.length,
        attempt: 1,
      },
    ]);
    expect(shares).toMatchObject([{ kit: { id: "K" }, waiting: 1, runs: 1 }]);
  });

  test("what has a run of this transcript, kit and type is not due; what changed is", async () => {
    await using database = await open();
    const rows = together(
      ...["done", "queued", "changed", "other-kit", "sandbox"].map((id) => call(id)),
      run("1", "done"),
      run("2", "queued", { status: "queued" }),
      run("3", "changed", { source_hash: "an older one" }),
      run("4", "other-kit", { kit: "L" }),
      run("5", "sandbox", { run_type: "sandbox" }),
    );
    const work = await find(database, rows);
    expect(ids(work)).toEqual(["changed", "other-kit", "sandbox"]);
    expect(work.unfinished).toMatchObject([
      { run_id: "2", call_id: "queued", kit: "K", attempt: 1, call_started_at: "2026-03-01T10:00:00.000Z" },
    ]);
    expect(work.unfinished).toHaveLength(1);
  });

  test("a failed or cancelled run is sent again as often as `max_attempts` says", async () => {
    await using database = await open();
    const rows = together(
      ...["once", "twice", "well"].map((id) => call(id)),
      run("1", "once", { status: "failed" }),
      run("2", "twice", { status: "failed" }),
      run("3", "twice", { status: "cancelled", attempt: 2 }),
      run("4", "well", { status: "failed" }),
      run("5", "well", { attempt: 2 }),
    );
    expect(ids(await find(database, rows))).toEqual([]);
    const again = await find(database, {}, { max_attempts: 2 });
    expect(again.due.map(({ callId, attempt }) => [callId, attempt])).toEqual([["once", 2]]);
    expect(ids(await find(database, {}, { max_attempts: 3 }))).toEqual(["once", "twice"]);
  });

  test("only whole, ready transcripts of calls that are there", async () => {
    await using database = await open();
    const pending = call("pending");
    const rows = together(
      call("good"),
      { ...pending, transcripts: [{ ...pending.transcripts[0], status: "pending" }] },
      call("gone", { _deleted_at: "2026-03-02T00:00:00Z" }),
      call("silent", {}, { words: 0 }),
      { ...call("cut"), utterances: call("cut").utterances.slice(0, 1) },
      { ...call("stale"), utterances: call("stale").utterances.map((one) => ({ ...one, text: "older words" })) },
    );
    expect(ids(await find(database, rows))).toEqual(["good"]);
  });

  test("the newest come first, `max_runs` of them over all kits", async () => {
    await using database = await open();
    const at = (day: string) => ({ started_at: `2026-03-${day}T00:00:00Z` });
    const rows = together(
      call("a", at("01")),
      call("b", at("03")),
      call("c", at("02")),
      call("d", { started_at: null }),
    );
    const work = await find(database, rows, { kits: ["K", "L"], max_runs: 3 });
    expect(work.due.map(({ callId, kit }) => [callId, kit.id])).toEqual([
      ["b", "K"],
      ["b", "L"],
      ["c", "K"],
    ]);
    expect(work.shares.map(({ waiting, runs }) => [waiting, runs])).toEqual([
      [4, 2],
      [4, 1],
    ]);
    expect(ids(await find(database, {}, { max_runs: 0 }))).toEqual([]);
  });

  test.each<[string, Fields, string[]]>([
    ["call types", { call_types: ["Meeting"] }, ["a", "zoom:1"]],
    ["a team by id", { teams: ["t1"] }, ["a"]],
    ["a team by name", { teams: ["emea"] }, ["b"]],
    ["the shortest call", { min_duration_seconds: 600 }, ["b", "unknown", "zoom:1"]],
    ["the fewest words", { min_words: 50 }, ["b"]],
    ["since", { since: "2026-03-02" }, ["b"]],
    ["a platform", { platforms: ["zoom"] }, ["zoom:1"]],
    ["several", { platforms: ["chorus"], call_types: ["meeting", "dialer"], min_words: 50 }, ["b"]],
  ])("kits may be for some conversations only: %s", async (_, filter, wanted) => {
    await using database = await open();
    const rows = together(
      { teams: [{ team_id: "t2", name: "EMEA" }] },
      call("a", { call_type: "meeting", owner_team_id: "T1", duration_seconds: 599.5 }, { words: 4 }),
      call(
        "b",
        { call_type: "dialer", owner_team_id: "t2", duration_seconds: 600, started_at: "2026-03-02T00:00:00Z" },
        { words: 50 },
      ),
      call("unknown"),
      meeting("zoom:1", "zoom"),
    );
    const work = await find(database, rows, { kits: [{ kit_code: "K", ...filter }] });
    expect(ids(work).sort()).toEqual(wanted);
  });

  test("meetings of other platforms are conversations too", async () => {
    await using database = await open();
    const work = await find(database, together(call("a"), meeting("teams:1", "teams")));
    expect(work.due.map(({ callId, platform }) => [callId, platform])).toEqual([
      ["a", "chorus"],
      ["teams:1", "teams"],
    ]);
    expect(work.texts[1]).toBe("Bo (rep): good day");
  });

  test("a warehouse without any of it is a wrong setting", async () => {
    await using database = await open();
    await expect(find(database, { teams: [{ team_id: "t", name: "n" }] })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });
}

function meeting(id: string, platform: string) {
  return {
    meetings: [{ meeting_id: id, platform, started_at: "2026-02-01T00:00:00Z", call_type: "meeting" }],
    meeting_transcripts: [
      { meeting_id: id, status: "ready", full_text: "Bo: good day", transcript_hash: "m", word_count: 2 },
    ],
    meeting_utterances: [{ meeting_id: id, utterance_index: 0, speaker: "Bo", role: "rep", text: "good day" }],
  };
}

describe("in DuckDB", () => claims(onDuckdb));

await describePostgres("in Postgres", (server) =>
  claims(async () => {
    const db = await server.database();
    await db.query("CREATE SCHEMA main");
    const env = envWith();
    return {
      connect: () => postgres.connect(pgConfig(db.url), env),
      reader: () => postgres.connectReader(pgConfig(db.url), env),
      [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
    };
  }),
);

test("a DuckDB file that is not there is not made", async () => {
  await using folder = await temporaryFolder();
  const config = { path: join(folder.path, "none.duckdb"), lock_timeout_seconds: 1, memory_limit: "96MB" };
  await expect(duckdb.connectReader(config, testEnv())).rejects.toMatchObject({ code: "WAREHOUSE_UNREACHABLE" });
});
