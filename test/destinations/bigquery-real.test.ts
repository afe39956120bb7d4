import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { BigQuery } from "@google-cloud/bigquery";
import { describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/core/env.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { Client } from "../../src/destinations/bigquery/client.ts";
import type { BigqueryConfig } from "../../src/destinations/bigquery/config.ts";
import { describeDestination } from "../conformance/destination.ts";
import { bigqueryConfig, openBigQuery, type Served } from "../support/bigquery-opened.ts";
import { loadable } from "../support/bigquery-runs.ts";
import { readRows, type Field } from "../support/bigquery/rows.ts";
import { testEnv } from "../support/loading.ts";
import { record, schema, state } from "../support/singer.ts";

// Against the real service, which bills it (well below one dollar), and only when asked:
//
//     BIGQUERY_TEST_PROJECT=<project> [BIGQUERY_TEST_LOCATION=EU] npx vitest run test/destinations/bigquery-real.test.ts
//
// with application default credentials (`gcloud auth application-default login`) or GOOGLE_APPLICATION_CREDENTIALS. They
// need the roles BigQuery Job User and BigQuery User on the project. Every test has a dataset of its own, which is dropped;
// what a killed run leaves goes away after a day, but for the empty dataset.
const project = process.env["BIGQUERY_TEST_PROJECT"];
const location = process.env["BIGQUERY_TEST_LOCATION"] ?? "US";

if (project === undefined) {
  console.warn("Skipped: the real BigQuery. BIGQUERY_TEST_PROJECT is not set.");
  describe.skip("the real BigQuery (skipped: BIGQUERY_TEST_PROJECT is not set)", () => claims(""));
} else {
  vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });
  describe("the real BigQuery", () => claims(project));
}

/** No address and no token of ours: the driver finds both. */
const REAL = { api_endpoint: undefined, storage_endpoint: undefined, access_token: undefined, location };
const DAY_MS = 86_400_000;

function claims(project: string): void {
  const served = serve(project);

  describeDestination("BigQuery", async () => {
    const opened = await openBigQuery(served, REAL);
    return { ...opened, connect: (env) => opened.connect(waiting(env)) };
  });

  const calls = schema("calls", { call_id: "string", started_at: "date-time", title: "string" }, { keys: ["call_id"] });
  const start = (day: number) => new Date(Date.UTC(2025, 0, 1 + day, 10)).toISOString();
  const call = (day: number, title: string) => record("calls", { call_id: `c${day}`, started_at: start(day), title });

  test("the merge of one late call in 400 days reads one day", async () => {
    await using db = await loadable(served);
    const text = "x".repeat(10_000); // 4 MB in all
    await db.load([calls, ...Array.from({ length: 400 }, (_, day) => call(day, text))], REAL, waiting());
    const since = Date.now();
    await db.load([calls, call(7, "late")], REAL, waiting());
    const [jobs] = await served.client().getJobs({ minCreationTime: String(since), maxResults: 100 });
    const merge = jobs.find(({ id, metadata }) => {
      const { query } = (metadata as { configuration: { query?: { query: string } } }).configuration;
      return id?.includes("chorus_elt_commit_") === true && query?.query.includes(`${db.name}.calls`) === true;
    });
    const { statistics } = merge?.metadata as { statistics: { totalBytesProcessed: string } };
    expect(Number(statistics.totalBytesProcessed)).toBeLessThan(400_000);
    expect(await db.rows("SELECT count(*) AS n, countif(title = 'late') AS late FROM $.calls")).toEqual([
      { n: "400", late: "1" },
    ]);
  });

  test("a job that is asked for twice runs once", async () => {
    await using db = await loadable(served);
    await db.rows("CREATE TABLE $.t (n INT64)");
    const config: BigqueryConfig = bigqueryConfig(served, db.name, REAL);
    const client = await Client.open(config, waiting());
    const id = `chorus_elt_test_${randomBytes(6).toString("hex")}`;
    const query = { query: { query: `INSERT INTO \`${db.name}\`.t VALUES (1)`, useLegacySql: false } };
    const [first, second] = [await client.job(id, query), await client.job(id, query)];
    expect([first?.jobReference.jobId, second?.jobReference.jobId]).toEqual([id, id]);
    expect(await db.rows("SELECT n FROM $.t")).toEqual([{ n: "1" }]);
  });

  test("two pipelines that write the same table at the same time both commit, and a call is there once", async () => {
    await using db = await loadable(served);
    await db.load([calls, call(1, "old")], REAL, waiting());
    const pipelines = ["one", "two"].map((state_id) =>
      db.load([calls, call(1, state_id), state({ state_id })], { ...REAL, state_id }, waiting()),
    );
    const states = (await Promise.all(pipelines)).flatMap((loaded) => loaded.states);
    expect(states).toEqual(['{"state_id":"one"}', '{"state_id":"two"}']);
    expect(await db.rows("SELECT count(*) AS n FROM $.calls")).toEqual([{ n: "1" }]);
  });

  test("`storage_write` appends every row, with the state", async () => {
    await using db = await loadable(served);
    const settings = { ...REAL, load_method: "storage_write" };
    for (const n of [1, 2]) {
      const { states } = await db.load([calls, call(1, "☃"), state({ n })], settings, waiting());
      expect(states).toEqual([`{"n":${n}}`]);
    }
    const row = { call_id: "c1", started_at: start(1).replace("Z", "000Z"), title: "☃" };
    expect(await db.rows("SELECT call_id, started_at, title FROM $.calls")).toEqual([row, row]);
  });
}

/** The service waits for nobody's fake clock; what time it is still goes by the test's. */
function waiting(env = testEnv()): Env {
  const sleep = async (ms: number, signal?: AbortSignal) => {
    await setTimeout(ms, undefined, { signal });
  };
  return { ...env, clock: { now: () => env.clock.now(), sleep } };
}

function serve(project: string): Served {
  const client = () => new BigQuery({ projectId: project, location });
  const request = async (method: string, path: string, json?: JsonObject): Promise<JsonObject> =>
    new Promise((resolve, reject) => {
      const sent = { method, uri: `/${path}`, ...(json === undefined ? {} : { json }) };
      client().request(sent, (error, answer: unknown) => (error ? reject(error) : resolve(answer as JsonObject)));
    });
  return {
    project,
    url: "",
    grpcPort: 0,
    client,
    async dataset() {
      const name = `chorus_elt_test_${randomBytes(6).toString("hex")}`;
      await client().createDataset(name, { location, defaultTableExpirationMs: String(DAY_MS) });
      return {
        name,
        async [Symbol.asyncDispose]() {
          await client().dataset(name).delete({ force: true });
        },
      };
    },
    rows: (sql) => readRows(request, sql),
    async columns(dataset, table) {
      const { schema: found } = await request("GET", `datasets/${dataset}/tables/${table}`);
      return (found as unknown as { fields: Field[] }).fields;
    },
  };
}
