import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { NoBigQuery, setupBigQuery } from "../../scripts/bigquery.mjs";
import type { JsonObject } from "../../src/core/json.ts";
import { ENUMS, type DiscoveryDocument } from "./bigquery/discovery.ts";
import { temporaryFolder } from "./folder.ts";
import { describeBigQuery } from "./own-bigquery.ts";

const LAUNCHER = new URL("../../scripts/bigquery.mjs", import.meta.url).href;

await describeBigQuery("the BigQuery of a run", (server) => {
  const { proxy } = server;
  const root = () => `${server.url}/bigquery/v2/projects/${server.project}`;
  const post = async (url: string, body: JsonObject) => {
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    return { status: response.status, body: (await response.json()) as { error?: JsonObject } & JsonObject };
  };
  const load = (dataset: string, jobId?: string): JsonObject => ({
    ...(jobId === undefined ? {} : { jobReference: { projectId: server.project, jobId } }),
    configuration: {
      load: {
        destinationTable: { projectId: server.project, datasetId: dataset, tableId: "t" },
        schema: { fields: [{ name: "id", type: "INT64" }] },
        sourceFormat: "NEWLINE_DELIMITED_JSON",
      },
    },
  });
  const upload = async (metadata: JsonObject, media: Buffer | string) => {
    const part = (type: string, content: Buffer | string) =>
      Buffer.concat([Buffer.from(`--b\r\ncontent-type: ${type}\r\n\r\n`), Buffer.from(content), Buffer.from("\r\n")]);
    const response = await fetch(root().replace("/bigquery", "/upload/bigquery") + "/jobs?uploadType=multipart", {
      method: "POST",
      headers: { "content-type": "multipart/related; boundary=b" },
      body: Buffer.concat([
        part("application/json", JSON.stringify(metadata)),
        part("application/octet-stream", media),
        Buffer.from("--b--\r\n"),
      ]),
    });
    return { status: response.status, body: (await response.json()) as JsonObject };
  };
  /** A test that sends what is wrong takes back what was noted of it. */
  const takeViolations = () => {
    const found = [...proxy.violations];
    proxy.reset();
    return found;
  };

  test("rows go in by Google's client and come back, in a dataset that goes away with the test", async () => {
    let name: string;
    {
      await using dataset = await server.dataset();
      name = dataset.name;
      const client = server.client();
      await client.query(
        `CREATE TABLE ${name}.t (id INT64 NOT NULL, n NUMERIC, seen_at TIMESTAMP, ok BOOL, x FLOAT64, tags ARRAY<STRING>, o STRUCT<a INT64>)`,
      );
      await client.query(
        `INSERT ${name}.t VALUES (9007199254740993, 1.5, TIMESTAMP '1969-12-31 23:59:59.000001+00', TRUE, 0.5, ['a'], STRUCT(1))`,
      );
      expect(await server.rows(`SELECT * FROM ${name}.t`)).toEqual([
        {
          id: "9007199254740993",
          n: "1.5",
          seen_at: "1969-12-31T23:59:59.000001Z",
          ok: true,
          x: 0.5,
          tags: ["a"],
          o: { a: "1" },
        },
      ]);
      expect((await server.columns(name, "t")).map(({ name, type, mode }) => [name, type, mode]).slice(0, 2)).toEqual([
        ["id", "INTEGER", "REQUIRED"],
        ["n", "NUMERIC", "NULLABLE"],
      ]);
    }
    await expect(server.rows(`SELECT * FROM ${name}.t`)).rejects.toThrow(/not found/i);
  });

  test("a project of one's own has datasets of its own", async () => {
    const other = server.ownProject();
    await other.client().createDataset("sales");
    await other.client().query("CREATE TABLE sales.t AS SELECT 1 AS id");
    await other.client().query("UPDATE sales.t SET id = 2 WHERE TRUE"); // known to the analyzer there
    expect(await other.rows("SELECT id FROM sales.t")).toEqual([{ id: "2" }]);
    await expect(server.ownProject().columns("sales", "t")).rejects.toThrow(/not found/i);
  });

  test("all pages of an answer are read", async () => {
    const rows = await server.rows("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 120000)) AS n ORDER BY n");
    expect([rows.length, rows.at(-1)]).toEqual([120_000, { n: "120000" }]);
  });

  test("what the discovery document does not know is refused and noted", async () => {
    await using dataset = await server.dataset();
    const table = { tableReference: { projectId: server.project, datasetId: dataset.name, tableId: "t" } };
    const tables = `${root()}/datasets/${dataset.name}/tables`;
    const typo = await post(tables, { ...table, timePartitoning: { type: "DAY" } });
    expect(typo).toMatchObject({
      status: 400,
      body: { error: { message: "not in the discovery document: no property timePartitoning (tables.insert)" } },
    });
    await post(tables, { ...table, timePartitioning: { type: "WEEK" } });
    await post(`${root()}/queries`, { query: "SELECT 1", useLegacySQL: false });
    await post(`${root()}/queries?timeout=1`, { query: "SELECT 1", useLegacySql: false });
    await post(`${root()}/querys`, {});
    const job = load(dataset.name);
    const configuration = {
      load: { ...((job["configuration"] as JsonObject)["load"] as JsonObject), maxBadRecords: "1" },
    };
    await upload({ configuration }, '{"id":1}\n');
    expect(takeViolations()).toEqual([
      "no property timePartitoning (tables.insert)",
      "timePartitioning.type must be equal to one of the allowed values: DAY, HOUR, MONTH, YEAR (tables.insert)",
      "no property useLegacySQL (jobs.query)",
      "no query parameter timeout (jobs.query)",
      `no method POST /bigquery/v2/projects/${server.project}/querys`,
      "configuration.load.maxBadRecords must be integer (jobs.insert)",
    ]);
    expect(proxy.calls).toEqual([]);
  });

  test.fails("a test that sent such a thing fails, also when it does not look at the answer", async () => {
    await post(`${root()}/queries`, { query: "SELECT 1", useLegacySQL: false });
  });

  test("each value of our own table of enums is in the document's description", async () => {
    const response = await fetch(
      `${server.client({ direct: true }).baseUrl.replace(/\/bigquery\/v2.*/, "")}/discovery/v1/apis/bigquery/v2/rest`,
    );
    const { schemas } = (await response.json()) as DiscoveryDocument;
    const unknown = Object.entries(ENUMS).flatMap(([path, values]) => {
      const [schema, property] = path.split(".") as [string, string];
      const { description = "", ...rest } = schemas[schema]!.properties![property]!;
      expect(rest.enum ?? rest.items?.enum, path).toBeUndefined();
      return values
        .filter((value) => !new RegExp(`\\b${value}\\b`).test(description))
        .map((value) => `${path}: ${value}`);
    });
    expect(unknown).toEqual([]);
  });

  test("a load by one upload, plain or compressed, and by a resumable one in chunks", async () => {
    await using dataset = await server.dataset();
    const rows = Array.from({ length: 3 }, (_, i) => `{"id":${i}}\n`).join("");
    expect((await upload(load(dataset.name), rows)).status).toBe(200);
    expect((await upload(load(dataset.name), gzipSync(rows))).status).toBe(200);
    const started = await fetch(root().replace("/bigquery", "/upload/bigquery") + "/jobs?uploadType=resumable", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(load(dataset.name)),
    });
    const session = started.headers.get("location")!;
    expect(session.startsWith(server.url)).toBe(true);
    const put = async (part: string, from: number) =>
      fetch(session, {
        method: "PUT",
        headers: { "content-range": `bytes ${from}-${from + part.length - 1}/${rows.length}` },
        body: part,
      });
    expect((await put(rows.slice(0, 10), 0)).status).toBe(308);
    const last = await put(rows.slice(10), 10);
    expect(last.status).toBe(200);
    await vi.waitFor(
      async () => expect(await server.rows(`SELECT COUNT(*) AS n FROM ${dataset.name}.t`)).toEqual([{ n: "9" }]),
      { timeout: 20_000 },
    );
    expect(proxy.calls.map(({ method, job, upload, status }) => [method, job, upload, status])).toEqual([
      ["jobs.insert", "load", "multipart", 200],
      ["jobs.insert", "load", "multipart", 200],
      ["jobs.insert", "load", "start", 200],
      ["jobs.insert", "load", "chunk", 308],
      ["jobs.insert", "load", "end", 200],
    ]);
  });

  test("errors come in Google's form, as often as was said, from the call that was said", async () => {
    const query = () => post(`${root()}/queries`, { query: "SELECT 1", useLegacySql: false });
    const fault = proxy.fault(
      { sql: /SELECT 1/ },
      { kind: "answer", status: 429, reason: "rateLimitExceeded" },
      { times: 2, skip: 1 },
    );
    const answers = [await query(), await query(), await query(), await query()];
    expect(answers.map(({ status }) => status)).toEqual([200, 429, 429, 200]);
    expect(answers[1]!.body.error).toMatchObject({
      code: 429,
      status: "RESOURCE_EXHAUSTED",
      errors: [{ reason: "rateLimitExceeded", domain: "usageLimits" }],
    });
    expect(fault.hits).toBe(2);
    proxy.fault({}, { kind: "answer", status: 502 });
    const page = await fetch(`${root()}/datasets`);
    expect([page.status, page.headers.get("content-type")]).toEqual([502, "text/html; charset=UTF-8"]);
  });

  test("a call that was reset was not carried out; one whose answer was lost was", async () => {
    await using dataset = await server.dataset();
    const create = (table: string) =>
      post(`${root()}/queries`, { query: `CREATE TABLE ${dataset.name}.${table} (id INT64)`, useLegacySql: false });
    proxy.fault({ sql: /never/ }, { kind: "reset" });
    proxy.fault({ sql: /lost/ }, { kind: "lost" });
    await expect(create("never")).rejects.toThrow("fetch failed");
    await expect(create("lost")).rejects.toThrow("fetch failed");
    await expect(server.columns(dataset.name, "never")).rejects.toThrow(/not found/i);
    expect(await server.columns(dataset.name, "lost")).toHaveLength(1);
    expect(proxy.calls.map(({ status }) => status)).toEqual([undefined, undefined]);
  });

  test("a job that ends with an error did nothing, keeps its id, and says so to whoever asks", async () => {
    await using dataset = await server.dataset();
    proxy.fault({ job: "load" }, { kind: "job", reason: "backendError" });
    const jobId = `job_${dataset.name}`;
    const begun = await upload(load(dataset.name, jobId), '{"id":1}\n');
    expect(begun).toMatchObject({ status: 200, body: { status: { state: "RUNNING" }, jobReference: { jobId } } });
    const job = (await (await fetch(`${root()}/jobs/${jobId}`)).json()) as JsonObject;
    expect(job).toMatchObject({ status: { state: "DONE", errorResult: { reason: "backendError" } } });
    expect((await upload(load(dataset.name, jobId), '{"id":1}\n')).status).toBe(409);
    expect((await fetch(`${root()}/queries/${jobId}`)).status).toBe(503);
    await expect(server.columns(dataset.name, "t")).rejects.toThrow(/not found/i);
    proxy.fault({ job: "query" }, { kind: "job", reason: "quotaExceeded" });
    await expect(server.client().query("SELECT 1")).rejects.toMatchObject({
      code: 403,
      errors: [{ reason: "quotaExceeded" }],
    });
  });

  test("a call waits where it was told to, and goes on, or is dropped before it is carried out", async () => {
    await using dataset = await server.dataset();
    const create = (table: string) =>
      post(`${root()}/queries`, { query: `CREATE TABLE ${dataset.name}.${table} (id INT64)`, useLegacySql: false });
    const before = proxy.fault({ sql: /one/ }, { kind: "pause" });
    const one = create("one");
    expect((await before.reached).method).toBe("jobs.query");
    await expect(server.columns(dataset.name, "one")).rejects.toThrow(/not found/i);
    before.release();
    expect((await one).status).toBe(200);

    const after = proxy.fault({ sql: /two/ }, { kind: "pause", at: "answer" });
    const two = create("two");
    await after.reached;
    await vi.waitFor(async () => expect(await server.columns(dataset.name, "two")).toHaveLength(1), {
      timeout: 10_000,
    });
    after.release();
    expect((await two).status).toBe(200);

    const dropped = proxy.fault({ sql: /three/ }, { kind: "pause" });
    const three = create("three").catch((error: unknown) => String(error));
    await dropped.reached;
    dropped.drop();
    expect(await three).toContain("fetch failed");
    await expect(server.columns(dataset.name, "three")).rejects.toThrow(/not found/i);
  });

  test("a slow answer comes late", async () => {
    proxy.fault({ method: "datasets.list" }, { kind: "slow", ms: 300 });
    const from = Date.now();
    await fetch(`${root()}/datasets`);
    expect(Date.now() - from).toBeGreaterThanOrEqual(300);
  });

  test("the job of a CREATE TABLE AS says where its rows went, as dbt wants it", async () => {
    await using dataset = await server.dataset();
    const [job] = await server.client().createQueryJob(`CREATE TABLE ${dataset.name}.t AS SELECT 1 AS id`);
    await job.getQueryResults();
    const [metadata] = (await job.getMetadata()) as unknown as [JsonObject];
    expect(metadata).toMatchObject({ configuration: { query: { destinationTable: { tableId: "t" } } } });
  });

  test("an emulator and its folder go when its process is killed", async () => {
    await using folder = await temporaryFolder();
    const code = `import { startBigQuery } from ${JSON.stringify(LAUNCHER)};
      console.log((await startBigQuery()).pid);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      env: { ...process.env, TMPDIR: folder.path },
    });
    const pid = Number(String(((await once(child.stdout, "data")) as [Buffer])[0]));
    child.kill("SIGKILL");
    await vi.waitFor(
      async () => {
        expect(await readdir(folder.path)).toEqual([]);
        expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
      },
      { timeout: 10_000 },
    );
  });
});

describe("setting up the emulator", () => {
  test("without Python 3.13 it says so, with the exit code that skips the tests", async () => {
    await using home = await temporaryFolder();
    const uv = join(home.path, "uv");
    await writeFile(uv, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const child = spawn(process.execPath, [resolve("scripts/bigquery.mjs"), "setup"], {
      env: { ...process.env, CHORUS_ELT_HOME: home.path, UV: uv, PYTHON313: "/nowhere/python" },
    });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "close") as Promise<[number]>]);
    expect([code, said]).toEqual([
      51,
      "No emulator of BigQuery: there is no Python 3.13; install it, or name it in PYTHON313\n",
    ]);
    expect(await readdir(home.path)).toEqual(["uv"]);
  });

  test("without a registry it says what the installer said, and leaves nothing half built", async () => {
    await using home = await temporaryFolder();
    const uv = join(home.path, "uv");
    await writeFile(uv, '#!/bin/sh\n[ "$1" = venv ] || { echo "Connection refused"; exit 2; }\n', { mode: 0o755 });
    const python = join(home.path, "python");
    await writeFile(python, "#!/bin/sh\n", { mode: 0o755 });
    vi.spyOn(console, "log").mockReturnValue();
    vi.stubEnv("CHORUS_ELT_HOME", home.path);
    vi.stubEnv("UV", uv);
    vi.stubEnv("PYTHON313", python);
    expect(() => setupBigQuery()).toThrow(NoBigQuery);
    expect(() => setupBigQuery()).toThrow("pip sync ended with 2: Connection refused");
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    expect((await readdir(home.path)).sort()).toEqual(["python", "uv"]);
  });
});
