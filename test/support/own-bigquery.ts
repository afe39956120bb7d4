import { randomBytes } from "node:crypto";
import { BigQuery } from "@google-cloud/bigquery";
import { OAuth2Client } from "google-auth-library";
import { afterAll, afterEach, describe, expect, inject } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { startProxy, type BigQueryProxy } from "./bigquery-proxy.ts";
import type { Answer } from "./bigquery-setup.ts";
import { readRows, type Field, type Row } from "./bigquery/rows.ts";
import { Statements } from "./bigquery/statements.ts";
import { openGoogleSql, type GoogleSql } from "./googlesql.ts";
import type { Dml } from "./googlesql/partitions.ts";
import { ask } from "./on-demand.ts";

type Present = Extract<Answer, { url: string }>;

/** The emulator of BigQuery that all test files of a run share, behind a proxy of this file's own. */
export interface BigQueryServer {
  readonly project: string;
  /** Of the REST API, without a path. It leads through the proxy, for child processes too. */
  readonly url: string;
  /** Of the Storage APIs, on 127.0.0.1, past the proxy. */
  readonly grpcPort: number;
  readonly proxy: BigQueryProxy;
  /** Google's client, signed in with a made-up token; `direct` leads past the proxy, its checks and its faults. */
  client(options?: { readonly direct?: boolean }): BigQuery;
  /** The same server, seen from a project that nobody else uses: names of datasets are free there, but `main` is there, empty. */
  ownProject(): BigQueryServer;
  /** A dataset of its own for one test; it goes away with what is in it. */
  dataset(): Promise<AsyncDisposable & { readonly name: string }>;
  /** Whether there is an analyzer here; without it `dml` rejects. */
  readonly analyzes: boolean;
  /** What the statements sent since the test began change, and which partitions they are held to. */
  dml(): Promise<Dml[]>;
  /**
   * Runs GoogleSQL past the proxy and reads the answer: booleans and FLOAT64 as such, TIMESTAMP as ISO text with microseconds,
   * all else as text. A statement that fails rejects with BigQuery's message.
   */
  rows(sql: string): Promise<Row[]>;
  /** The columns of a table in their order, as tables.get has them. Rejects when there is no such table. */
  columns(dataset: string, table: string): Promise<Field[]>;
}

/**
 * `describe` for claims about BigQuery. After each test, what it sent must have been right by Google's discovery document, and its
 * SQL by Google's analyzer, unless `analyze` is false. Without `strict` the document is not asked: it lacks some of what Google's
 * client for Python sends. Where there is no emulator the claims are reported as skipped, and the name says why.
 *
 *     await describeBigQuery("with BigQuery", (server) => {
 *       test("…", async () => {
 *         await using dataset = await server.dataset();
 *         await server.client().query(`CREATE TABLE ${dataset.name}.t …`);
 *         server.proxy.fault({ method: "jobs.insert", job: "load" }, { kind: "lost" });
 */
export async function describeBigQuery(
  name: string,
  claims: (server: BigQueryServer) => void,
  { analyze = true, strict = true } = {},
): Promise<void> {
  const answer = await ask<Answer>(inject("bigqueryPort"));
  if ("failed" in answer) throw new Error(answer.failed);
  if ("absent" in answer) {
    console.warn(`Skipped: ${name}. No BigQuery: ${answer.absent}.`);
    // A skipped `describe` is still read, so that its tests are counted; none of them runs.
    describe.skip(`${name} (skipped, no BigQuery: ${answer.absent})`, () => claims({} as BigQueryServer));
    return;
  }
  const analyzer = analyze ? await openAnalyzer(name) : undefined;
  const statements =
    analyzer === undefined ? undefined : new Statements(analyzer, (project) => requestOf({ ...answer, project }));
  const proxy = await startProxy(answer.url, (call) => statements?.note(call) ?? Promise.resolve(), { strict });
  describe(name, () => {
    afterEach(async () => {
      const { violations } = proxy;
      const problems = await statements?.problems();
      proxy.reset();
      statements?.clear();
      expect(violations, "requests that are not in the discovery document").toEqual([]);
      expect(problems ?? [], "SQL that Google's analyzer refuses").toEqual([]);
    });
    afterAll(async () => {
      analyzer?.[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
    });
    claims(serverOf(answer, proxy, statements));
  });
}

async function openAnalyzer(name: string): Promise<GoogleSql | undefined> {
  const analyzer = await openGoogleSql();
  if (!("absent" in analyzer)) return analyzer;
  console.warn(`Skipped: Google's analyzer on the SQL of: ${name}. ${analyzer.absent}.`);
  return undefined;
}

type Request = (method: string, path: string, body?: JsonObject) => Promise<JsonObject>;

/** Asks the emulator, past the proxy, below the project. Rejects with the message of an error. */
function requestOf({ url, project }: Present): Request {
  return async (method, path, body) => {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await fetch(`${url}/bigquery/v2/projects/${project}/${path}`, { method, ...init });
    const text = await response.text();
    const answer = (text === "" ? {} : JSON.parse(text)) as { error?: { message: string } } & JsonObject;
    if (!response.ok) throw new Error(`${method} ${path}: ${answer.error?.message ?? response.status}`);
    return answer;
  };
}

function serverOf(present: Present, proxy: BigQueryProxy, statements: Statements | undefined): BigQueryServer {
  const { project, url, grpcPort } = present;
  const request = requestOf(present);
  return {
    project,
    url: proxy.url,
    grpcPort,
    proxy,
    client({ direct = false } = {}) {
      const authClient = new OAuth2Client();
      authClient.setCredentials({ access_token: "made-up", expiry_date: Date.now() + 86_400_000 });
      return new BigQuery({ projectId: project, apiEndpoint: direct ? url : proxy.url, authClient });
    },
    async dataset() {
      const name = `test_${randomBytes(6).toString("hex")}`;
      await request("POST", "datasets", { datasetReference: { projectId: project, datasetId: name }, location: "US" });
      return {
        name,
        async [Symbol.asyncDispose]() {
          await request("DELETE", `datasets/${name}?deleteContents=true`);
        },
      };
    },
    ownProject: () => serverOf({ ...present, project: `p${randomBytes(6).toString("hex")}` }, proxy, statements),
    analyzes: statements !== undefined,
    async dml() {
      if (statements === undefined) throw new Error("there is no analyzer; ask `analyzes` first");
      return statements.dml();
    },
    rows: (sql) => readRows(request, sql),
    async columns(dataset, table) {
      const { schema } = await request("GET", `datasets/${dataset}/tables/${table}`);
      return (schema as unknown as { fields: Field[] }).fields;
    },
  };
}
