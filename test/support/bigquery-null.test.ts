import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BigQuery } from "@google-cloud/bigquery";
import { OAuth2Client } from "google-auth-library";
import { afterAll, expect, test } from "vitest";
import { startNullBigQuery } from "../../bench/bigquery-null.mjs";
import { temporaryFolder } from "./folder.ts";

const server = await startNullBigQuery({
  answers: [{ sql: /state/, fields: [{ name: "value", type: "STRING" }], rows: [["kept"], [null]] }],
});
afterAll(() => server.close());

const authClient = new OAuth2Client();
authClient.setCredentials({ access_token: "made-up", expiry_date: Date.now() + 86_400_000 });
const client = new BigQuery({ projectId: "p", apiEndpoint: server.url, authClient });

test("remembers tables, as far as they were made by the REST API", async () => {
  const [dataset] = await client.createDataset("d");
  await dataset.createTable("t", { schema: [{ name: "id", type: "INT64" }] });
  await expect(dataset.createTable("t", {})).rejects.toMatchObject({ code: 409 });
  const [metadata] = (await dataset.table("t").getMetadata()) as unknown as [{ schema: unknown }];
  expect(metadata.schema).toEqual({ fields: [{ name: "id", type: "INT64" }] });
  expect((await dataset.getTables())[0].map(({ id }) => id)).toEqual(["t"]);
  await dataset.table("t").delete();
  await expect(dataset.table("t").getMetadata()).rejects.toMatchObject({ code: 404 });
});

test("answers queries with the rows it was given, and others with none", async () => {
  expect((await client.query("SELECT value FROM state"))[0]).toEqual([{ value: "kept" }, { value: null }]);
  const [job] = await client.createQueryJob("MERGE t USING s ON FALSE WHEN NOT MATCHED THEN INSERT ROW");
  expect((await job.getQueryResults())[0]).toEqual([]);
  expect(server.counts.statements.at(-1)).toContain("MERGE");
});

test("counts what is uploaded, in one request and in chunks", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "rows.json");
  await writeFile(file, "x".repeat(3_000_000));
  const before = server.counts.mediaBytes;
  const [job] = await client.dataset("d").table("t").load(file, { format: "JSON" });
  expect(job.status?.state).toBe("DONE");
  expect(Math.abs(server.counts.mediaBytes - before - 3_000_000)).toBeLessThanOrEqual(2);

  const started = await fetch(`${server.url}/upload/bigquery/v2/projects/p/jobs?uploadType=resumable`, {
    method: "POST",
    body: JSON.stringify({ configuration: { load: {} } }),
  });
  const put = async (range: string, bytes: number) =>
    fetch(started.headers.get("location")!, {
      method: "PUT",
      headers: { "content-range": `bytes ${range}` },
      body: "x".repeat(bytes),
    });
  const chunk = await put("0-9/15", 10);
  expect([chunk.status, chunk.headers.get("range")]).toEqual([308, "bytes=0-9"]);
  expect(await (await put("10-14/15", 5)).json()).toMatchObject({ statistics: { load: { inputFileBytes: "15" } } });
});
