import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import type { Log } from "../../src/core/log.ts";
import { silentLog } from "../../src/core/log.ts";
import { loadable } from "../support/bigquery-runs.ts";
import { testEnv } from "../support/loading.ts";
import { describeBigQuery } from "../support/own-bigquery.ts";
import { record, schema, state } from "../support/singer.ts";

const calls = schema("calls", { call_id: "string", started_at: "date-time", title: "string" }, { keys: ["call_id"] });
const call = (call_id: string, started_at: string | null, title = "") =>
  record("calls", { call_id, started_at, title });
const utterances = schema(
  "utterances",
  { call_id: "string", utterance_index: "integer", call_started_at: "date-time", text: "string" },
  { keys: ["call_id", "utterance_index"], replaces: ["call_id"] },
);
const utterance = (call_id: string, utterance_index: number, call_started_at: string | null, text: string) =>
  record("utterances", { call_id, utterance_index, call_started_at, text });

await describeBigQuery("tables of BigQuery", (server) => {
  const layout = (metadata: JsonObject) => {
    const { timePartitioning: time, clustering } = metadata as {
      timePartitioning?: { type: string; field: string } | null;
      clustering?: { fields: string[] } | null;
    };
    return [time ? `${time.type} ${time.field}` : "none", clustering?.fields ?? []];
  };

  describe("are laid out", () => {
    test("by day of the start and by the keys; streams without a start or keys are not", async () => {
      await using db = await loadable(server);
      const teams = schema("teams", { team_id: "string", created_at: "date-time" }, { keys: ["team_id"] });
      const log = schema("log", { started_at: "date", n: "integer" });
      await db.load([
        calls,
        call("c1", "2026-01-01T10:00:00Z"),
        utterances,
        utterance("c1", 0, "2026-01-01T10:00:00Z", "hi"),
        teams,
        record("teams", { team_id: "t", created_at: "2026-01-01T10:00:00Z" }),
        log,
        record("log", { started_at: "2026-01-01", n: 1 }),
      ]);
      const found = await Promise.all(
        ["calls", "utterances", "teams", "log"].map(async (one) => layout(await db.table(one))),
      );
      expect(found).toEqual([
        ["DAY started_at", ["call_id"]],
        ["DAY call_started_at", ["call_id", "utterance_index"]],
        ["none", ["team_id"]],
        ["DAY started_at", []],
      ]);
    });

    test("as the config says, for a stream or for all others, with labels", async () => {
      await using db = await loadable(server);
      const parts = { id: "string", day: "date", seen_at: "date-time", title: "string", score: "number" };
      const streams = ["one", "two", "three"].map((stream) => schema(stream, parts, { keys: ["id"] }));
      const rows = ["one", "two", "three"].map((stream) => record(stream, { id: "1", day: "2026-01-01" }));
      await db.load([...streams, ...rows], {
        partition_type: "MONTH",
        partition_by: { one: "day", two: "", "*": "seen_at" },
        cluster_by: { two: ["title", "day"], "*": ["day"] },
        labels: { team: "sales" },
      });
      const tables = await Promise.all(["one", "two", "three"].map((one) => db.table(one)));
      expect(tables.map(layout)).toEqual([
        ["MONTH day", ["day"]],
        ["none", ["title", "day"]],
        ["MONTH seen_at", ["day"]],
      ]);
      expect(tables.map(({ labels }) => labels)).toEqual(Array(3).fill({ team: "sales" }));
      const jobs = server.proxy.calls.filter(({ job }) => job === "query");
      expect(jobs.length).toBe(3); // the claim, a look at other pipelines, and the commit
      for (const { body } of jobs) {
        expect(((body?.["configuration"] ?? body) as JsonObject)["labels"]).toEqual({ team: "sales" });
      }
    });

    test.each([
      { partition_type: "NONE", expected: "none" },
      { partition_type: "YEAR", expected: "YEAR started_at" },
      { partition_type: "HOUR", expected: "HOUR started_at" },
    ])("by $partition_type, and rows are found again", async ({ partition_type, expected }) => {
      await using db = await loadable(server);
      await db.load([calls, call("c1", "2025-12-31T23:59:59.999999Z", "old")], { partition_type });
      await db.load([calls, call("c1", "2026-01-01T00:00:00Z", "new")], { partition_type });
      expect(layout(await db.table("calls"))[0]).toBe(expected);
      expect(await db.rows("SELECT call_id, title FROM $.calls")).toEqual([{ call_id: "c1", title: "new" }]);
    });

    test.each([
      { settings: { partition_by: { calls: "title" } }, says: /"partition_by".*"title".*"calls"/ },
      { settings: { partition_by: { calls: "nothing" } }, says: /"partition_by".*"nothing".*"calls"/ },
      { settings: { cluster_by: { calls: ["call_id", "nothing"] } }, says: /"cluster_by".*"nothing".*"calls"/ },
      { settings: { cluster_by: { calls: ["score"] } }, says: /"cluster_by".*"score".*"calls"/ },
    ])("not by a column that cannot be: $settings", async ({ settings, says }) => {
      await using db = await loadable(server);
      const scored = schema("calls", { call_id: "string", title: "string", score: "number" }, { keys: ["call_id"] });
      const loading = db.load([scored, record("calls", { call_id: "1" })], settings);
      await expect(loading).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringMatching(says) as string,
      });
      expect((await db.tables()).filter((name) => name === "calls")).toEqual([]);
    });

    test("and `*` leaves streams alone that have no such column", async () => {
      await using db = await loadable(server);
      const settings = { partition_by: { "*": "nothing" }, cluster_by: { "*": ["score", "nothing", "title"] } };
      const scored = schema("calls", { call_id: "string", title: "string", score: "number" }, { keys: ["call_id"] });
      await db.load([scored, record("calls", { call_id: "1" })], settings);
      expect(layout(await db.table("calls"))).toEqual(["none", ["title"]]);
    });
  });

  describe("money", () => {
    test("`maximum_bytes_billed` is in every query; a statement that would bill more ends the run", async () => {
      await using db = await loadable(server);
      const settings = { maximum_bytes_billed: 10_485_760 };
      const env = testEnv();
      await db.load([calls, call("c1", "2026-01-01T10:00:00Z")], settings);
      await db.load([calls, call("c1", "2026-01-02T10:00:00Z"), state({ n: 1 })], settings, env);
      const queries = server.proxy.calls.flatMap(({ method, body }) =>
        method === "jobs.query"
          ? [body]
          : [((body?.["configuration"] as JsonObject | undefined) ?? {})["query"] ?? []].flat(),
      );
      expect(queries.length).toBe(7); // two claims, two looks at other pipelines, two commits, one look at the days
      for (const query of queries) expect(query).toMatchObject({ maximumBytesBilled: "10485760" });

      server.proxy.fault(
        { method: "jobs.insert", sql: /MERGE/, job: "query" },
        { kind: "job", reason: "bytesBilledLimitExceeded" },
        { skip: 1 },
      );
      const before = await db.rows("SELECT * FROM $.calls");
      await expect(db.load([calls, call("c1", "2026-01-03T10:00:00Z")], settings)).rejects.toMatchObject({
        code: "WAREHOUSE_BILL_LIMIT",
      });
      expect(await db.rows("SELECT * FROM $.calls")).toEqual(before);
    });

    test("`dry_run_cost` asks about each merge, and logs what it would read", async () => {
      await using db = await loadable(server);
      const said: string[] = [];
      const log: Log = { ...silentLog, info: (message) => said.push(message) };
      await db.load([calls, call("c1", "2026-01-01T10:00:00Z")]);
      await db.load([calls, call("c1", "2026-01-01T10:00:00Z")], { dry_run_cost: true }, { ...testEnv(), log });
      expect(said.filter((one) => one.includes("will read"))).toEqual([
        expect.stringMatching(new RegExp(`^MERGE \`${db.name}\\.calls\` will read (?:\\?|[\\d.]+) MB$`)),
      ]);
    });

    test("an hourly flush takes four requests and one load job a stream, and few more", async () => {
      await using db = await loadable(server);
      // Cut by the start of the call or not; the other streams of the tap are like one of these.
      const tags = schema("tags", { call_id: "string", tag: "string" }, { keys: ["call_id", "tag"] });
      const users = schema("users", { user_id: "string" }, { keys: ["user_id"] });
      const flush = (at: string) => [
        ...[calls, utterances, tags, users],
        ...[call("c1", at), utterance("c1", 0, at, "hi")],
        ...[record("tags", { call_id: "c1", tag: "won" }), record("users", { user_id: "u1" })],
        state({ at }),
      ];
      await db.load(flush("2026-01-01T10:00:00Z"));
      server.proxy.reset();
      await db.load(flush("2026-01-01T11:00:00Z"));
      const counts = new Map<string, number>();
      for (const { method, job, upload } of server.proxy.calls) {
        const name = upload === undefined ? [method, job].filter((one) => one !== undefined).join(" ") : "upload";
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      const streams = 4;
      const polls = counts.get("jobs.get") ?? 0;
      counts.delete("jobs.get"); // how often a job is asked about goes by its time
      expect(Object.fromEntries(counts)).toEqual({
        "datasets.get": 1,
        "tables.list": 1,
        "jobs.insert query": 2, // the claim and the commit
        "jobs.query query": 2, // other pipelines, and the days
        "tables.get": streams + 1, // and whether anything was forgotten
        "tables.insert": streams,
        upload: streams,
        "tables.delete": streams,
      });
      expect(polls).toBeLessThanOrEqual(4 * (streams + 2));
    });
  });

  describe("a late call in a table of 400 days", () => {
    const DAYS = 400;
    const start = (day: number) => new Date(Date.UTC(2025, 0, 1 + day, 10)).toISOString();
    const dayOf = (day: number) => start(day).slice(0, 10);
    const all = Array.from({ length: DAYS }, (_, day) => day);
    const history = [
      calls,
      utterances,
      ...all.map((day) => call(`c${day}`, start(day), "old")),
      ...all.flatMap((day) => [0, 1].map((index) => utterance(`c${day}`, index, start(day), "old"))),
      call("none", null, "old"),
      utterance("none", 0, null, "old"),
    ];
    const onDay = (column: string, day: string) =>
      `t.\`${column}\` BETWEEN TIMESTAMP '${day} 00:00:00+00' AND TIMESTAMP '${day} 23:59:59.999999+00'`;
    /** What the statements on tables that are partitioned hold the partitions against. */
    const restrictions = async () =>
      (await server.dml()).flatMap(({ kind, table, partitionedBy, conditions }) =>
        partitionedBy === undefined ? [] : [[kind, table.split(".").at(-1), conditions]],
      );

    test("reads the partition of its day alone, or of both days when it was moved", async () => {
      await using db = await loadable(server);
      await db.load(history);
      const both = async (id: string) => [
        await db.rows(
          `SELECT title AS text, FORMAT_DATE('%F', DATE(started_at)) AS day FROM $.calls WHERE call_id = '${id}'`,
        ),
        await db.rows(
          `SELECT text, FORMAT_DATE('%F', DATE(call_started_at)) AS day FROM $.utterances WHERE call_id = '${id}'`,
        ),
      ];
      const loadOne = async (id: string, at: string | null, text: string) => {
        const before = (await restrictions()).length;
        await db.load([calls, utterances, call(id, at, text), utterance(id, 0, at, text)]);
        return (await restrictions()).slice(before);
      };
      /** A set is taken away whole and put there anew, so that nothing has to be merged. */
      const expected = (condition: (column: string) => string) => [
        ["MERGE", "calls", [condition("started_at")]],
        ["DELETE", "utterances", [condition("call_started_at")]],
      ];
      const within = (...days: number[]) =>
        expected((column) => days.map((day) => onDay(column, dayOf(day))).join(" OR "));

      expect(await loadOne("c7", start(7), "again")).toEqual(within(7));
      expect(await both("c7")).toEqual(Array(2).fill([{ text: "again", day: dayOf(7) }]));

      expect(await loadOne("c7", start(300), "moved")).toEqual(within(7, 300));
      expect(await both("c7")).toEqual(Array(2).fill([{ text: "moved", day: dayOf(300) }]));

      // Once it has had no start it is looked for there too.
      const orNone = (column: string) => `${onDay(column, dayOf(9))} OR t.\`${column}\` IS NULL`;
      await loadOne("none", start(9), "dated");
      expect(await both("none")).toEqual(Array(2).fill([{ text: "dated", day: dayOf(9) }]));
      const [merge] = server.proxy.calls.filter(({ sql }) => sql?.includes(`MERGE \`${db.name}.calls\``)).slice(-1);
      expect(merge?.sql).toContain(`ON (${orNone("started_at")})`);
    });

    test("is there once when the table was there before there were days", async () => {
      await using db = await loadable(server);
      await db.load(history);
      await db.rows("DROP TABLE $._chorus_elt_days");
      await db.load([calls, call("c7", start(300), "moved")]);
      await db.load([calls, call("c8", start(301), "moved")]);
      const covering = server.proxy.calls.filter(
        ({ method, jobId }) => method === "jobs.insert" && jobId?.endsWith("_cover"),
      );
      expect(covering.length).toBe(1);
      expect(await db.rows("SELECT call_id FROM $.calls WHERE title = 'moved' ORDER BY 1")).toEqual([
        { call_id: "c7" },
        { call_id: "c8" },
      ]);
      expect(await db.rows("SELECT count(*) AS n FROM $.calls")).toEqual([{ n: String(DAYS + 1) }]);
    });

    test("is there once when the rows before came by `append-only`", async () => {
      await using db = await loadable(server);
      await db.load([calls, call("c1", start(1), "old")]);
      await db.load([calls, call("c2", start(2), "old")], { load_method: "append-only" });
      await db.load([calls, call("c2", start(3), "moved")]);
      expect(await db.rows("SELECT call_id, title FROM $.calls ORDER BY 1")).toEqual([
        { call_id: "c1", title: "old" },
        { call_id: "c2", title: "moved" },
      ]);
    });
  });

  describe("where", () => {
    test("a dataset is made where the config says, and jobs run where the dataset is", async () => {
      await using made = await loadable(server);
      await server.client({ direct: true }).dataset(made.name).delete({ force: true });
      await made.load([calls, call("c1", "2026-01-01T10:00:00Z")], { location: "EU" });
      expect(await made.location()).toBe("EU");
      server.proxy.reset();

      await made.load([calls, call("c1", "2026-01-01T10:00:00Z")], { location: "europe-west3" });
      const jobs = server.proxy.calls.filter(({ method, upload }) => method === "jobs.insert" && upload !== "chunk");
      expect(jobs.length).toBeGreaterThan(2);
      const locations = jobs.map(({ body }) => (body?.["jobReference"] as JsonObject | undefined)?.["location"]);
      expect(new Set(locations)).toEqual(new Set(["EU"]));
    });
  });

  describe("lists", () => {
    const list = (type: string) => ({ type: ["array", "null"], items: { type: [type, "null"] } }) as JsonObject;
    const lists = schema(
      "s",
      { id: "integer", texts: list("string"), whole: list("integer"), real: list("number"), flags: list("boolean") },
      { keys: ["id"] },
    );

    test("are REPEATED when asked for; null is an empty list, an item that is null puts the record aside", async () => {
      await using db = await loadable(server);
      const settings = { array_columns: "repeated", max_rejected: 1 };
      const rows = [
        record("s", '{"id":1,"texts":["b","a"],"whole":[9007199254740993,2],"real":[0.5,1],"flags":[true,false]}'),
        record("s", { id: 2, texts: null, whole: [], real: null, flags: null }),
        record("s", { id: 3, texts: ["a", null] }),
      ];
      const { summary } = await db.load([lists, ...rows], settings);
      expect(summary.rejected).toBe(1);
      const columns = await server.columns(db.name, "s");
      expect(columns.slice(1, 5).map(({ type, mode }) => `${mode} ${type}`)).toEqual([
        "REPEATED STRING",
        "REPEATED INTEGER",
        "REPEATED FLOAT",
        "REPEATED BOOLEAN",
      ]);
      const select = "SELECT id, texts, whole, real, flags FROM $.s ORDER BY id";
      const empty = { texts: [], whole: [], real: [], flags: [] };
      expect(await db.rows(select)).toEqual([
        { id: "1", texts: ["b", "a"], whole: ["9007199254740993", "2"], real: [0.5, 1], flags: [true, false] },
        { id: "2", ...empty },
      ]);
      // A list column is what it was made as, whatever the config says later; absent is absent, and null empties it.
      await db.load([lists, record("s", { id: 1, whole: null }), record("s", { id: 2, texts: ["x"] })]);
      const [first, second] = await db.rows(select);
      expect([first, second]).toMatchObject([{ texts: ["b", "a"], whole: [] }, { texts: ["x"] }]);
    });

    test("that hold another kind of item than their column are put aside, not lost", async () => {
      await using db = await loadable(server);
      await db.load([lists, record("s", { id: 1, whole: [1] })], { array_columns: "repeated" });
      const wider = schema("s", { id: "integer", whole: list("number") }, { keys: ["id"] });
      const { summary } = await db.load([
        wider,
        record("s", { id: 1, whole: [2] }),
        record("s", { id: 2, whole: [0.5] }),
      ]);
      expect(summary.rejected).toBe(1);
      expect(await db.rows("SELECT id, whole FROM $.s")).toEqual([{ id: "1", whole: ["2"] }]);
      expect(await db.rows("SELECT payload FROM $._rejected")).toEqual([{ payload: '{"id":2,"whole":[0.5]}' }]);
    });
  });

  describe("names", () => {
    const long = "n".repeat(300);
    const odd = [
      "a b",
      "a.b",
      "a_b",
      "A_B",
      "grüße",
      "☃",
      "_TABLE_x",
      "_PARTITIONTIME",
      "_file_name",
      "1st",
      `${long}1`,
      `${long}2`,
      "select",
      "back`tick",
    ];
    const named = (stream: string) =>
      schema(stream, Object.fromEntries(["id", ...odd].map((name) => [name, "string"])), { keys: ["id"] });
    const values = (id: string, of: (name: string) => string) => ({
      id,
      ...Object.fromEntries(odd.map((name) => [name, of(name)])),
    });

    test("of columns are mapped without clash, run after run, and descriptions say what they were", async () => {
      await using db = await loadable(server);
      await db.load([
        named("s"),
        record(
          "s",
          values("1", (name) => `one ${name}`),
        ),
      ]);
      const all = await server.columns(db.name, "s");
      await db.load([
        named("s"),
        record(
          "s",
          values("1", (name) => `two ${name}`),
        ),
      ]);
      expect(await server.columns(db.name, "s")).toEqual(all);
      const columns = all.filter(({ name }) => !name.startsWith("_sdc_"));

      const names = columns.map(({ name }) => name);
      expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(odd.length + 1);
      for (const name of names) expect(name).toMatch(/^[A-Za-z_]\w{0,127}$/);
      const [row] = await db.rows("SELECT * FROM $.s");
      for (const { name, description } of columns) {
        const original = /^Property (.*)$/s.exec(description ?? "")?.[1];
        const property = original === undefined ? name : (JSON.parse(original) as string);
        expect(row?.[name]).toBe(property === "id" ? "1" : `two ${property}`);
      }
    });

    test("of tables are too", async () => {
      await using db = await loadable(server);
      const streams = ["crm/calls", "crm.calls", "crm_calls", "CRM_calls", "_chorus_elt_days", "_rejected", "1", long];
      const lines = [
        ...streams.map((stream) => schema(stream, { id: "string" }, { keys: ["id"] })),
        ...streams.map((stream) => record(stream, { id: stream })),
      ];
      await db.load(lines);
      const tables = await db.tables();
      await db.load(lines);
      expect(await db.tables()).toEqual(tables);
      const ours = tables.filter((name) => !["_chorus_elt_state", "_chorus_elt_days", "_rejected"].includes(name));
      const found = await Promise.all(
        ours.map(async (name) => (await db.rows(`SELECT id FROM $.\`${name}\``))[0]?.["id"]),
      );
      expect(found.sort()).toEqual([...streams].sort());
    });
  });

  describe("types", () => {
    const column = async (db: { name: string }, name: string) =>
      (await server.columns(db.name, "s")).find((one) => one.name === name)?.type;

    test.each([
      { digits: ["1", "2.5"], type: "FLOAT" },
      { digits: ["12345678901234567890123456789.123456789", "-0.000000001"], type: "NUMERIC" },
      { digits: ["12345678901234567890.123456789012345678", "0.1"], type: "BIGNUMERIC" },
      { digits: ["123456789012345678901234567890", "0.1"], type: "STRING" },
      { digits: ["0.1234567890123456789012345", "1"], type: "STRING" },
      { digits: ["12345678901234567890123456789.5", "0.123456789012345678"], type: "STRING" },
    ])("a number with $digits becomes $type and keeps every digit", async ({ digits, type }) => {
      await using db = await loadable(server);
      const s = schema("s", { id: "integer", n: "number" }, { keys: ["id"] });
      // In one batch and in two runs.
      const rows = digits.map((text, id) => record("s", `{"id":${id},"n":${text}}`));
      await db.load([s, rows[0]!]);
      await db.load([s, ...rows]);
      expect(await column(db, "n")).toBe(type);
      const found = await db.rows("SELECT CAST(n AS STRING) AS n FROM $.s ORDER BY id");
      expect(found.map(({ n }) => withoutZeros(n))).toEqual(digits);
    });

    test("many changes in a batch are one change of the table's metadata, with what was there kept", async () => {
      await using db = await loadable(server);
      const first = { id: "string", started_at: "date-time", n: "integer", "odd name": "string", gone: "string" };
      const s = (more: Record<string, string>) => schema("s", { ...first, ...more }, { keys: ["id"] });
      const settings = { labels: { team: "sales" } };
      const row = { id: "1", started_at: "2026-01-01T10:00:00Z", n: 1, "odd name": "x" };
      await db.load([s({}), record("s", row)], settings);
      await server.client({ direct: true }).dataset(db.name).table("s").setMetadata({ description: "of ours" });
      const kept = async () => {
        const { timePartitioning, clustering, labels, description } = await db.table("s");
        const described = (await server.columns(db.name, "s")).flatMap(({ description: one }) => one ?? []);
        return { timePartitioning, clustering, labels, description, described };
      };
      const before = await kept();
      expect(before).toMatchObject({
        timePartitioning: { type: "DAY", field: "started_at" },
        clustering: { fields: ["id"] },
        labels: { team: "sales" },
        description: "of ours",
        described: ['Property "odd name"'],
      });

      const added = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}`, i % 2 === 0 ? "string" : "any"]));
      await db.load([s(added), record("s", { ...row, c0: "a", c1: { b: [1] } })], settings);
      expect(server.proxy.calls.filter(({ method }) => method === "tables.patch").length).toBe(1);
      expect(await kept()).toEqual(before);

      // In place: a whole number becomes a number.
      await db.load([s({ n: "number" }), record("s", { ...row, id: "2", n: 0.5 })], settings);
      expect(await column(db, "n")).toBe("FLOAT");
      const anew = () => server.proxy.calls.filter(({ sql }) => sql?.startsWith("CREATE OR REPLACE")).length;
      expect([anew(), await kept()]).toEqual([0, before]);

      // By writing the table anew: a number becomes a text.
      await db.load([s({ n: "string" }), record("s", { ...row, id: "3", n: "three" })], settings);
      expect(await column(db, "n")).toBe("STRING");
      expect([anew(), await kept()]).toEqual([1, before]);
      const rows = await db.rows("SELECT id, n, c0 FROM $.s ORDER BY id");
      expect(rows).toEqual([
        { id: "1", n: "1", c0: "a" },
        { id: "2", n: "0.5", c0: null },
        { id: "3", n: "three", c0: null },
      ]);
    });
  });

  describe("a table that another program has made", () => {
    const s = schema("s", { id: "string", at: "date-time", title: "string" }, { keys: ["id"] });
    const row = (id: string, title: string) => record("s", { id, at: "2026-01-01T10:00:00Z", title });

    test.each([
      ["with columns of its own", "CREATE TABLE $.s (id STRING NOT NULL, at TIMESTAMP, title STRING, theirs INT64)"],
      ["with a column that is called alike", "CREATE TABLE $.s (id STRING, at TIMESTAMP, Title INT64)"],
      [
        "partitioned by the time of loading",
        "CREATE TABLE $.s (id STRING, at TIMESTAMP, title STRING) PARTITION BY _PARTITIONDATE",
      ],
      [
        "partitioned by another column",
        "CREATE TABLE $.s (id STRING, at TIMESTAMP, title STRING, day DATE) PARTITION BY day",
      ],
      [
        "clustered and partitioned by month",
        "CREATE TABLE $.s (id STRING, at TIMESTAMP, title STRING) PARTITION BY TIMESTAMP_TRUNC(at, MONTH) CLUSTER BY title",
      ],
    ])("%s is loaded into", async (_, create) => {
      await using db = await loadable(server);
      await db.rows(create);
      await db.load([s, row("1", "a"), row("2", "a")]);
      await db.load([s, row("2", "b")]);
      const columns = await server.columns(db.name, "s");
      const title = columns.find(({ name, description }) => name === "title" || description?.includes("title"))?.name;
      expect(await db.rows(`SELECT id, \`${title}\` AS title FROM $.s ORDER BY id`)).toEqual([
        { id: "1", title: "a" },
        { id: "2", title: "b" },
      ]);
    });

    test.each([
      ["a view", "CREATE VIEW $.s AS SELECT '1' AS id", /VIEW/],
      [
        "with a column of a type that nothing is loaded into",
        "CREATE TABLE $.s (id STRING, at DATETIME, title STRING)",
        /"at".*DATETIME/,
      ],
      ["with a record", "CREATE TABLE $.s (id STRING, title STRUCT<de STRING>)", /"title".*STRUCT/],
      ["with bytes", "CREATE TABLE $.s (id STRING, title BYTES)", /"title".*BYTES/],
      [
        "with a list of records",
        "CREATE TABLE $.s (id STRING, title ARRAY<STRUCT<de STRING>>)",
        /"title".*ARRAY<STRUCT>/,
      ],
      [
        "with a required column that the stream lacks",
        "CREATE TABLE $.s (id STRING, theirs INT64 NOT NULL)",
        /"theirs".*REQUIRED/,
      ],
      [
        "partitioned by a column that has to become wider",
        "CREATE TABLE $.s (id STRING, at DATE) PARTITION BY at",
        /partitioning/,
      ],
    ])("%s is refused", async (_, create, says) => {
      await using db = await loadable(server);
      await db.rows(create);
      await expect(db.load([s, row("1", "a")])).rejects.toMatchObject({
        code: "WAREHOUSE_REFUSED",
        message: expect.stringMatching(says) as string,
      });
      expect((await db.tables()).filter((name) => name.includes("new"))).toEqual([]);
    });
  });

  describe("`storage_write`", () => {
    const types = {
      id: "integer",
      day: "date",
      at: "date-time",
      n: "number",
      flag: "boolean",
      any: "any",
      text: "string",
    };
    const s = schema("s", types, { keys: ["id"] });
    const values =
      '{"id":9007199254740993,"day":"1969-12-31","at":"2026-01-01T10:00:00.123456Z","n":12345678901234567.25,"flag":false,"any":{"a":[1,null,"☃"]},"text":"a\\nb☃"}';

    test("appends every row exactly, twice when it comes twice, and the state with them", async () => {
      await using db = await loadable(server);
      const settings = { load_method: "storage_write", max_rejected: 1 };
      for (const n of [1, 2]) {
        const lines = [s, record("s", values), record("s", { id: n, day: "no day" }), state({ n })];
        const { states, summary } = await db.load(lines, settings);
        expect([states, summary.rejected]).toEqual([[`{"n":${n}}`], 1]);
      }
      expect(server.proxy.calls.filter(({ job }) => job === "load")).toEqual([]);
      const select = `SELECT id, CAST(day AS STRING) AS day, at, CAST(n AS STRING) AS n, flag, TO_JSON_STRING(\`any\`) AS j, text FROM $.s`;
      const row = {
        id: "9007199254740993",
        day: "1969-12-31",
        at: "2026-01-01T10:00:00.123456Z",
        n: "12345678901234567.25",
        flag: false,
        j: '{"a":[1,null,"☃"]}',
        text: "a\nb☃",
      };
      const found = await db.rows(select);
      expect(found.map((one) => ({ ...one, n: withoutZeros(one["n"]) }))).toEqual([row, row]);
      expect(await db.rows("SELECT count(*) AS n FROM $._rejected")).toEqual([{ n: "2" }]);
      expect(await db.rows("SELECT state FROM $._chorus_elt_state")).toEqual([{ state: '{"n":2}' }]);
    });

    test("leaves neither rows nor a state when the commit fails", async () => {
      await using db = await loadable(server);
      const settings = { load_method: "storage_write" };
      await db.load([s, record("s", values), state({ n: 1 })], settings);
      server.proxy.fault({ method: "jobs.insert", sql: /BEGIN TRANSACTION/ }, { kind: "job", reason: "invalid" });
      await using run = await db.run(settings);
      await run.lines([s, record("s", values), state({ n: 2 })]);
      await expect(run.loader.finish()).rejects.toMatchObject({ code: "WAREHOUSE_REFUSED" });
      expect(run.states).toEqual([]);
      expect(await db.rows("SELECT id FROM $.s")).toEqual([{ id: "9007199254740993" }]);
      expect(await db.rows("SELECT state FROM $._chorus_elt_state")).toEqual([{ state: '{"n":1}' }]);
    });
  });
});

/** The emulator writes decimals with all places of their type. */
const withoutZeros = (digits: unknown) =>
  String(digits)
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
