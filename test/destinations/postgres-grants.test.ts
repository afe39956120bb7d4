import { readFileSync } from "node:fs";
import { Client } from "pg";
import { expect, test } from "vitest";
import { targetSchema } from "../../src/cli/target-config.ts";
import { asEltError } from "../../src/core/errors.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { checkConfig } from "../../src/core/validate.ts";
import { addressOf, configSchema, type PostgresConfig } from "../../src/destinations/postgres/config.ts";
import postgres from "../../src/destinations/postgres/index.ts";
import { Session } from "../../src/destinations/postgres/session.ts";
import { load, type Settings } from "../support/loading.ts";
import { describeOwnPostgres, startPostgres } from "../support/own-postgres.ts";
import { configFor, realEnv } from "../support/postgres-connecting.ts";
import { activate, record, schema, state } from "../support/singer.ts";

/** The first block of this language under a heading of docs/postgres.md: what is tested is what people copy. */
function fromDocs(heading: string, language: string): string {
  const text = readFileSync(new URL("../../docs/postgres.md", import.meta.url), "utf8");
  const [, section = ""] = `\n${text}`.split(`\n${heading}\n`);
  const [, block] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(section) ?? [];
  if (block === undefined) throw new Error(`no ${language} under ${heading}`);
  return block;
}

const EXISTING = fromDocs("### Into a schema that is there", "sql");
const OWN = fromDocs("### Into a schema that the target makes", "sql");
const AS_ROLE = fromDocs("### Tables that belong to another role", "sql");
const READERS = fromDocs("### Readers", "sql");

/** A server with the database of the docs, where nobody may do anything yet, and its schema of somebody else's. */
async function analytics({ schema = true } = {}) {
  const server = await startPostgres();
  await server.createDatabase("analytics");
  await server.query("REVOKE ALL ON DATABASE analytics FROM PUBLIC; CREATE ROLE analysts NOLOGIN");
  if (schema) await server.query("CREATE SCHEMA chorus AUTHORIZATION analysts", "analytics");
  const query = (sql: string) => server.query(sql, "analytics");
  const config = configFor(
    { tcpPort: server.port },
    {
      host: server.host,
      user: "chorus_loader",
      database: "analytics",
      default_target_schema: "chorus",
      lock_timeout_seconds: 5,
      connect_timeout_seconds: 5,
    },
  );
  return {
    server,
    query,
    config,
    /** A run of the target. */
    async load(lines: readonly string[], settings: Settings = {}, more: Partial<PostgresConfig> = {}) {
      try {
        await using warehouse = await postgres.connect({ ...config, ...more }, realEnv());
        const all = { default_target_schema: "chorus", batch_size_rows: 3, ...settings };
        return await load(warehouse, lines, all, realEnv());
      } catch (error) {
        return { states: [], summary: undefined, error: asEltError(error) };
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type Analytics = Awaited<ReturnType<typeof analytics>>;

const CALLS = { id: "integer", n: "integer", at: "date-time", tags: "array" } as const;
const calls = schema("calls", CALLS, { keys: ["id"], newestBy: "at" });
const tags = schema("tags", { call: "integer", tag: "string" }, { replaces: ["call"] });
const call = (id: number, n: number | null = id) => record("calls", { id, n, at: "2026-01-01T00:00:00Z", tags: [n] });
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Everything that the target does with tables; throws when a part of it fails. */
async function everything({ load, query }: Pick<Analytics, "load" | "query">): Promise<void> {
  const expectLoaded = async (lines: readonly string[], settings: Settings = {}) => {
    const { error, summary } = await load(lines, settings);
    expect(error).toBeUndefined();
    return summary!;
  };
  const lines = [
    calls,
    tags,
    ...ids(1, 8).map((id) => call(id)),
    record("tags", { call: 1, tag: "a" }),
    state({ n: 1 }),
  ];
  await expectLoaded(lines);
  await expectLoaded([calls, ...ids(5, 12).map((id) => call(id, 100)), state({ n: 2 })]); // by key, from staging tables
  const wider = schema("calls", { ...CALLS, n: "number" }, { keys: ["id"] });
  await expectLoaded([wider, record("calls", { id: 1, n: 0.5 }), record("calls", '{"id":2,"n":12345678901234567890}')]);
  const more = schema("calls", { ...CALLS, who: "string", n: "string" }, { keys: ["id"] });
  await expectLoaded([more, record("calls", { id: 3, who: "Ada" }), record("calls", { id: 3, n: "three" })]);
  await expectLoaded([tags, record("tags", { call: 1, tag: "b" }), state({ n: 3 })]); // the set starts anew
  const { rejected } = await expectLoaded([calls, record("calls", { id: "none" }), call(13)], { max_rejected: 9 });
  expect(rejected).toBe(1);
  const deleted = schema("calls", { ...CALLS, _sdc_deleted_at: "date-time" }, { keys: ["id"] });
  await expectLoaded([deleted, record("calls", { id: 13, _sdc_deleted_at: "2026-01-01T00:00:00Z" })], {
    hard_delete: true,
  });
  const users = schema("users", { id: "integer" }, { keys: ["id"] });
  const overwrite = (to: number) =>
    expectLoaded([users, ...ids(1, to).map((id) => record("users", { id })), state({ n: 4 })], {
      load_method: "overwrite",
      state_id: "users",
    });
  await overwrite(4);
  await overwrite(5); // in place of the table
  await query("CREATE VIEW chorus.view_of_users AS SELECT id FROM chorus.users");
  await overwrite(6); // into the table, as the view needs it
  expect(await query("SELECT count(*)::int AS n FROM chorus.view_of_users")).toEqual([{ n: 6 }]);
  await expectLoaded([users, ...ids(1, 5).map((id) => record("users", { id })), activate("users", 1)], {
    load_method: "append-only",
  });
}

const contents = ({ query }: Analytics) => query("SELECT id, n, who FROM chorus.calls ORDER BY id");

await describeOwnPostgres("the grants in docs/postgres.md", () => {
  test("are enough for a schema of somebody else's, with tables that the role owns", async () => {
    await using db = await analytics();
    await db.query(EXISTING);
    await everything(db);
    const owners = await db.query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'chorus'");
    expect(owners).toEqual([{ tableowner: "chorus_loader" }]);
    await using warehouse = await postgres.connect(db.config, realEnv());
    await warehouse.check();
    const left = await db.query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'chorus' ORDER BY 1");
    expect(left.map(({ name }) => name)).toEqual([
      "_chorus_elt_schemas",
      "_chorus_elt_state",
      "_rejected",
      "calls",
      "tags",
      "users",
    ]);
  });

  test.each([
    ["CONNECT ON DATABASE analytics", /CONNECT/],
    ["TEMPORARY ON DATABASE analytics", /TEMPORARY/],
    ["USAGE ON SCHEMA chorus", /schema chorus.*USAGE/],
    ["CREATE ON SCHEMA chorus", /schema chorus.*CREATE/],
  ])("are all needed: %s", async (grant, named) => {
    await using db = await analytics();
    await db.query(EXISTING);
    await everything(db);
    const before = await contents(db);
    await db.query(`REVOKE ${grant} FROM chorus_loader`);
    const { states, error } = await db.load([calls, ...ids(1, 20).map((id) => call(id, 7)), state({ n: 9 })]);
    expect([error?.code, states]).toEqual(["WAREHOUSE_FORBIDDEN", []]);
    expect(error?.message).toMatch(named);
    expect(await contents(db)).toEqual(before);
    const [kept] = await db.query("SELECT state FROM chorus._chorus_elt_state WHERE id = 'default'");
    expect(kept).toEqual({ state: '{"n":3}' });
  });

  test("let the target make its schema", async () => {
    await using db = await analytics({ schema: false });
    await db.query(OWN);
    await everything(db);
    expect(
      await db.query("SELECT nspowner::regrole::text AS owner FROM pg_namespace WHERE nspname = 'chorus'"),
    ).toEqual([{ owner: "chorus_loader" }]);
  });

  test("are all needed to make a schema: CREATE ON DATABASE", async () => {
    await using db = await analytics({ schema: false });
    await db.query(`${OWN}; REVOKE CREATE ON DATABASE analytics FROM chorus_loader`);
    const { error } = await db.load([calls, call(1)]);
    expect(error?.code).toBe("WAREHOUSE_FORBIDDEN");
    expect(error?.message).toMatch(/database analytics.*needs CREATE/);
  });

  test("let the tables belong to another role", async () => {
    await using db = await analytics();
    await db.query(AS_ROLE);
    const load: typeof db.load = (lines, settings) => db.load(lines, settings, { role: "chorus_owner" });
    await everything({ load, query: db.query });
    const owners = await db.query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'chorus'");
    expect(owners).toEqual([{ tableowner: "chorus_owner" }]);
    await db.query("REVOKE chorus_owner FROM chorus_loader");
    const { error } = await load([calls, call(1)]);
    expect([error?.code, error?.message]).toEqual([
      "WAREHOUSE_FORBIDDEN",
      expect.stringContaining(
        'permission denied to set role "chorus_owner" (42501); the user has to be a member of that role',
      ),
    ]);
  });

  test("let readers read what is there and what comes, and nothing else", async () => {
    await using db = await analytics();
    await db.query(EXISTING);
    await db.load([calls, call(1)]);
    await db.query(READERS);
    await db.load([tags, record("tags", { call: 1, tag: "new" })]);
    await db.load([calls, call(1), call(2)], { load_method: "overwrite" });
    const as = (sql: string) => db.query(`SET ROLE chorus_reader; ${sql}`);
    expect(await as("SELECT id FROM chorus.calls ORDER BY id")).toEqual([{ id: "1" }, { id: "2" }]);
    expect(await as("SELECT tag FROM chorus.tags")).toEqual([{ tag: "new" }]);
    for (const sql of [
      "DELETE FROM chorus.calls",
      "CREATE TABLE chorus.mine (n INT)",
      "CREATE TEMP TABLE mine (n INT)",
    ])
      await expect(as(sql)).rejects.toThrow(/permission denied/);
  });

  test("do not help with a table that belongs to somebody else, which then stays as it is", async () => {
    await using db = await analytics();
    await db.query(
      `${EXISTING}; CREATE TABLE chorus.calls (id bigint PRIMARY KEY); INSERT INTO chorus.calls VALUES (1)`,
    );
    for (const more of ["", "ALTER TABLE chorus.calls ADD n bigint, ADD at timestamptz, ADD tags jsonb"]) {
      await db.query(more);
      const { error } = await db.load([calls, call(1), call(2)], { add_record_metadata: false });
      expect(error?.code).toBe("WAREHOUSE_FORBIDDEN");
      expect(error?.message).toMatch(
        /^Postgres: (must be owner of|permission denied for) table calls \(42501\); the role has to own it/,
      );
    }
    expect(await db.query("SELECT id FROM chorus.calls")).toEqual([{ id: "1" }]);
  });
});

test("the config in docs/postgres.md is one", () => {
  const config = JSON.parse(fromDocs("# Postgres", "json")) as JsonObject;
  expect(checkConfig(targetSchema({ ...configSchema, additionalProperties: false }), config)).toEqual([]);
  expect(addressOf(config as unknown as PostgresConfig, {}).address).toMatchObject({ database: "analytics" });
});

await describeOwnPostgres("a search path that somebody set a trap in", () => {
  test("changes nothing", async () => {
    await using db = await analytics();
    await db.query(EXISTING);
    await db.query(TRAPS);
    await db.query("ALTER ROLE chorus_loader SET search_path = hostile, pg_catalog, chorus");
    await everything(db);
    await using warehouse = await postgres.connect(db.config, realEnv());
    await warehouse.check();
    expect(await warehouse.state("chorus", "default")).toEqual({ n: 3 });
    for await (const { stream } of warehouse.rejected("chorus")) expect(stream).toBe("calls");
    for (const table of ["calls", "_chorus_elt_state", "_rejected"])
      expect(await db.query(`SELECT * FROM hostile.${table}`)).toEqual([]);
    const setting = "SELECT unnest(rolconfig) AS setting FROM pg_roles WHERE rolname = 'chorus_loader'";
    expect(await db.query(setting)).toEqual([{ setting: "search_path=hostile, pg_catalog, chorus" }]);
  });
});

/** Functions, operators, types and tables that take the place of those we mean, for who looks into this schema. */
const TRAPS = `
  CREATE SCHEMA hostile;
  GRANT USAGE ON SCHEMA hostile TO PUBLIC;
  ALTER DEFAULT PRIVILEGES IN SCHEMA hostile GRANT ALL ON TABLES TO PUBLIC;
  CREATE TABLE hostile.calls (id bigint PRIMARY KEY, n bigint);
  CREATE TABLE hostile.pg_class (relname name, relnamespace oid, relkind "char");
  CREATE TABLE hostile._chorus_elt_state (id text PRIMARY KEY, state text, committed_at timestamptz, fence bigint, batch bigint);
  CREATE TABLE hostile._rejected (id text);
  CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (false);
  CREATE DOMAIN hostile.jsonb AS pg_catalog.jsonb CHECK (false);
  DO $$
  DECLARE signature text;
  BEGIN
    FOREACH signature IN ARRAY ARRAY[
      'now() RETURNS timestamptz',
      'hashtextextended(pg_catalog.text, int) RETURNS bigint',
      'hashtextextended(pg_catalog.text, bigint) RETURNS bigint',
      'pg_try_advisory_lock(bigint) RETURNS bool',
      'unnest(pg_catalog.text[]) RETURNS SETOF pg_catalog.text',
      'unnest(int2[]) RETURNS SETOF int2',
      'to_regclass(pg_catalog.text) RETURNS regclass',
      'format_type(oid, int) RETURNS pg_catalog.text',
      'quote_ident(name) RETURNS pg_catalog.text',
      'pg_get_userbyid(oid) RETURNS name',
      'aclexplode(aclitem[]) RETURNS SETOF record',
      'trim_scale(numeric) RETURNS numeric',
      'to_char(timestamp, pg_catalog.text) RETURNS pg_catalog.text',
      'to_jsonb(bigint) RETURNS pg_catalog.jsonb',
      'set_config(pg_catalog.text, pg_catalog.text, bool) RETURNS pg_catalog.text'
    ] LOOP
      EXECUTE pg_catalog.format(
        'CREATE FUNCTION hostile.%s LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION ''''hijacked''''; END''', signature);
    END LOOP;
  END $$;
  CREATE FUNCTION hostile.never(bigint, bigint) RETURNS bool LANGUAGE sql AS 'SELECT false';
  CREATE OPERATOR hostile.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = hostile.never);
  CREATE FUNCTION hostile.never(pg_catalog.text, pg_catalog.text) RETURNS bool LANGUAGE sql AS 'SELECT false';
  CREATE OPERATOR hostile.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = hostile.never);
`;

await describeOwnPostgres("a run", () => {
  const many = [calls, ...ids(1, 300).map((id) => call(id)), ...ids(1, 300).map((id) => call(id, 1)), state({ n: 1 })];

  test("has two connections at the most, under the application's name", async () => {
    await using db = await analytics();
    await db.query(EXISTING);
    const seen = new Set<number>();
    const loading = { ended: false };
    const watching = (async () => {
      const client = new Client(db.server.url("analytics"));
      await client.connect();
      while (!loading.ended) {
        const sql = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'nightly'";
        seen.add((await client.query<{ n: number }>(sql)).rows[0]!.n);
      }
      await client.end();
    })();
    const { error } = await db.load(many, {}, { application_name: "nightly" });
    loading.ended = true;
    await watching;
    expect(error).toBeUndefined();
    expect(Math.max(...seen)).toBe(2);
  });

  test("is called target-warehouse when nobody names it", async () => {
    await using db = await analytics();
    await db.query(EXISTING);
    await using session = await Session.open(db.config, realEnv());
    expect(await session.rows("SHOW application_name")).toEqual([["target-warehouse"]]);
  });

  test("ends when a statement takes longer than it may, by our setting or by the role's", async () => {
    await using db = await analytics();
    await db.query(EXISTING);
    await db.load([calls, call(1)]);
    await db.query(`CREATE FUNCTION chorus.slow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON chorus.calls FOR EACH ROW EXECUTE FUNCTION chorus.slow()`);
    const { error } = await db.load([calls, call(1, 9), call(2)], {}, { statement_timeout_seconds: 0.1 });
    expect([error?.code, error?.message]).toEqual([
      "WAREHOUSE_REFUSED",
      "Postgres: canceling statement due to statement timeout (57014); `statement_timeout_seconds` sets how long it may take",
    ]);
    await db.query("ALTER ROLE chorus_loader SET statement_timeout = 100");
    expect((await db.load([calls, call(2)])).error?.code).toBe("WAREHOUSE_REFUSED");
    expect(await db.query("SELECT id, n FROM chorus.calls")).toEqual([{ id: "1", n: "1" }]);
    expect((await db.load([calls, call(2)], {}, { statement_timeout_seconds: 60 })).error).toBeUndefined();
  });

  test.each([0, 0.5])("waits %d seconds for a table that somebody has locked", async (seconds) => {
    await using db = await analytics();
    await db.query(EXISTING);
    await db.load([calls, call(1)]);
    const other = new Client(db.server.url("analytics"));
    await other.connect();
    await other.query("BEGIN; LOCK TABLE chorus.calls");
    const started = performance.now();
    const { error } = await db.load([calls, call(1, 9)], {}, { lock_timeout_seconds: seconds });
    await other.end();
    expect([error?.code, error?.message]).toEqual([
      "WAREHOUSE_LOCKED",
      "Postgres: canceling statement due to lock timeout (55P03)",
    ]);
    expect(performance.now() - started).toBeGreaterThan(seconds * 1_000);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("says which view keeps a column from being widened", async () => {
    await using db = await analytics();
    await db.query(EXISTING);
    await db.load([calls, call(1)]);
    await db.query("CREATE VIEW chorus.numbers AS SELECT n FROM chorus.calls");
    const wider = schema("calls", { ...CALLS, n: "number" }, { keys: ["id"] });
    const { error } = await db.load([wider, record("calls", { id: 2, n: 0.5 })]);
    expect(error?.message).toBe(
      'Postgres: cannot alter type of a column used by a view or rule (0A000); rule _RETURN on view chorus.numbers depends on column "n"',
    );
  });

  test("does the same whatever is set for the role", async () => {
    const result = async (settings: string) => {
      await using db = await analytics();
      await db.query(EXISTING);
      for (const setting of settings.split("\n").filter((line) => line.trim() !== ""))
        await db.query(`ALTER ROLE chorus_loader SET ${setting}`);
      await everything(db);
      return await db.query("SELECT id, n, at::text, tags::text, who FROM chorus.calls ORDER BY id");
    };
    const odd = `
      datestyle = 'German, DMY'
      timezone = 'Asia/Kathmandu'
      intervalstyle = 'sql_standard'
      extra_float_digits = -15
      client_encoding = 'LATIN1'
      standard_conforming_strings = off
      array_nulls = off
      quote_all_identifiers = on
      transform_null_equals = on
      default_transaction_isolation = 'serializable'
      idle_in_transaction_session_timeout = 1
      synchronous_commit = off
      lock_timeout = 1
      enable_hashjoin = off
    `;
    expect(await result(odd)).toEqual(await result(""));
  });

  test("commits for good, is not ended for being slow, and lets go of its locks when its machine is gone", async () => {
    const careless = { synchronous_commit: "off", idle_in_transaction_session_timeout: "1s" };
    await using server = await startPostgres({ tcp: true, settings: careless });
    await using session = await Session.open(configFor(server), realEnv());
    const settings = `SELECT name, setting FROM pg_settings WHERE name ~ 'synchronous_commit|idle_.*session_timeout|tcp_keep' ORDER BY 1`;
    expect(Object.fromEntries(await session.rows(settings))).toEqual({
      idle_in_transaction_session_timeout: "0",
      ...(server.major < 14 ? {} : { idle_session_timeout: "0" }),
      synchronous_commit: "on",
      tcp_keepalives_count: "6",
      tcp_keepalives_idle: "60",
      tcp_keepalives_interval: "10",
    });
  });
});
