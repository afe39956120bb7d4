// A BigQuery that does nothing, for measuring what a client costs by itself: uploads are counted and thrown away, jobs are done
// at once, tables are remembered by name and schema.
//
//     node bench/bigquery-null.mjs [port]     prints its url; Ctrl-C prints what it has counted
import { once } from "node:events";
import { createServer } from "node:http";
import { clearInterval, setInterval } from "node:timers";
import { fileURLToPath } from "node:url";

const HEAD_BYTES = 1 << 20;
const BASE = /^(\/upload)?\/bigquery\/v2\/projects\/([^/?]+)\/?/;

/**
 * Starts it on a free port of 127.0.0.1, or on the one given. `answers` gives rows to queries: the first whose regular expression
 * matches the SQL; `fields` are columns as the REST API has them, `rows` arrays of text or null. Others have no rows.
 *
 * Gives `url`, `counts` (requests, jobs by kind, mediaBytes: what was uploaded, `statements`: the SQL of each query), and `close()`.
 */
export async function startNullBigQuery({ port = 0, answers = [] } = {}) {
  const counts = { requests: 0, query: 0, load: 0, copy: 0, extract: 0, mediaBytes: 0, statements: [] };
  const service = new Service(counts, answers);
  const server = createServer((request, response) => {
    counts.requests++;
    service.handle(request, response).catch((error) => response.destroy(error));
  });
  server.keepAliveTimeout = 120_000;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  service.url = `http://127.0.0.1:${server.address().port}`;
  return {
    url: service.url,
    counts,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

class Service {
  #counts;
  #answers;
  #datasets = new Map();
  #tables = new Map();
  #jobs = new Map();
  #uploads = new Map();

  constructor(counts, answers) {
    this.#counts = counts;
    this.#answers = answers;
  }

  async handle(request, response) {
    const url = new URL(request.url, "http://null");
    const [base, upload, project] = BASE.exec(url.pathname) ?? [];
    if (base === undefined) return send(response, 404, notFound(url.pathname));
    const parts = url.pathname.slice(base.length).split("/").map(decodeURIComponent);
    if (upload !== undefined) return await this.#upload(request, response, url, project);
    const body = request.method === "GET" || request.method === "DELETE" ? undefined : await json(request);
    const [resource, name, ...rest] = parts;
    if (resource === "datasets") return this.#dataset(request.method, response, [project, name, ...rest], body);
    if (resource === "jobs") return this.#job(request.method, response, project, name, body);
    if (resource === "queries") return this.#query(response, project, name, body);
    return send(response, 404, notFound(url.pathname));
  }

  #dataset(method, response, [project, dataset, resource, table, action], body) {
    if (resource === "tables") {
      if (action === "insertAll") return send(response, 200, { kind: "bigquery#tableDataInsertAllResponse" });
      return this.#entry(method, response, this.#tables, "tables", `${project}.${dataset}`, table, body);
    }
    return this.#entry(method, response, this.#datasets, "datasets", project, dataset, body);
  }

  /** A table or a dataset by its name: made, read, changed, removed; without a name made or listed. */
  #entry(method, response, entries, kind, prefix, name, body) {
    const reference = kind === "tables" ? "tableReference" : "datasetReference";
    const id = name ?? body?.[reference]?.[kind === "tables" ? "tableId" : "datasetId"];
    const key = `${prefix}.${id}`;
    if (method === "GET" && name === undefined) {
      const found = [...entries].filter(([one]) => one.startsWith(`${prefix}.`)).map(([, entry]) => entry);
      return send(response, 200, { [kind]: found, totalItems: found.length });
    }
    if (method === "POST") {
      if (entries.has(key)) return send(response, 409, error(409, "duplicate", `Already Exists: ${key}`));
      entries.set(key, { location: "US", type: "TABLE", numRows: "0", ...body, id: key });
    }
    const entry = entries.get(key);
    if (entry === undefined) return send(response, 404, notFound(key));
    if (method === "PATCH" || method === "PUT") Object.assign(entry, body);
    if (method === "DELETE") {
      entries.delete(key);
      response.writeHead(204).end();
      return;
    }
    send(response, 200, entry);
  }

  #job(method, response, project, jobId, body) {
    if (method === "POST" && jobId === undefined) return send(response, 200, this.#start(project, body));
    const job = this.#jobs.get(jobId);
    if (job === undefined) return send(response, 404, notFound(`Job ${jobId}`));
    send(response, 200, job);
  }

  /** jobs.query, and the results of a job. */
  #query(response, project, jobId, body) {
    const { query, ...configuration } = body ?? {};
    const job =
      jobId === undefined
        ? this.#start(project, { configuration: { query: { ...configuration, query } } })
        : this.#jobs.get(jobId);
    if (job === undefined) return send(response, 404, notFound(`Job ${jobId}`));
    const sql = job.configuration.query?.query ?? "";
    const { fields = [], rows = [] } = this.#answers.find(({ sql: wanted }) => wanted.test(sql)) ?? {};
    send(response, 200, {
      kind: "bigquery#queryResponse",
      jobReference: job.jobReference,
      jobComplete: true,
      totalRows: String(rows.length),
      totalBytesProcessed: "0",
      numDmlAffectedRows: job.statistics.query?.numDmlAffectedRows,
      dmlStats: job.statistics.query?.dmlStats,
      schema: { fields },
      rows: rows.map((row) => ({ f: row.map((v) => ({ v })) })),
    });
  }

  /** A job that is done when it is answered. */
  #start(project, { jobReference = {}, configuration = {} }, mediaBytes = 0) {
    const kind = ["query", "load", "copy", "extract"].find((one) => one in configuration) ?? "query";
    const jobId = jobReference.jobId ?? `null_${this.#jobs.size}`;
    const now = String(Date.now());
    this.#counts[kind]++;
    if (kind === "query") this.#counts.statements.push(configuration.query.query);
    const dmlStats = { insertedRowCount: "0", updatedRowCount: "0", deletedRowCount: "0" };
    const bytes = String(mediaBytes);
    const job = {
      kind: "bigquery#job",
      id: `${project}:US.${jobId}`,
      jobReference: { location: "US", ...jobReference, projectId: project, jobId },
      configuration: { jobType: kind.toUpperCase(), ...configuration },
      status: { state: "DONE" },
      statistics: {
        creationTime: now,
        startTime: now,
        endTime: now,
        ...(kind === "query" && {
          query: { statementType: "SCRIPT", totalBytesBilled: "0", numDmlAffectedRows: "0", dmlStats },
        }),
        ...(kind === "load" && {
          load: { inputFileBytes: bytes, outputBytes: bytes, outputRows: "0", badRecords: "0" },
        }),
      },
    };
    this.#jobs.set(jobId, job);
    return job;
  }

  async #upload(request, response, url, project) {
    const session = url.searchParams.get("upload_id");
    if (session !== null) return await this.#chunk(request, response, session);
    if (url.searchParams.get("uploadType") === "resumable") {
      const id = String(this.#uploads.size);
      this.#uploads.set(id, { project, body: await json(request), bytes: 0 });
      url.searchParams.set("upload_id", id);
      response
        .writeHead(200, { location: `${this.url}${url.pathname}?${url.searchParams}`, "content-length": 0 })
        .end();
      return;
    }
    const { metadata, bytes } = await this.#multipart(request);
    send(response, 200, this.#start(project, metadata, bytes));
  }

  async #chunk(request, response, id) {
    const upload = this.#uploads.get(id);
    upload.bytes += await this.#discard(request);
    const [, last, total] = /^bytes (?:\d+-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers["content-range"] ?? "") ?? [];
    const isWhole = total === undefined || Number(last) + 1 === Number(total);
    if (isWhole) return send(response, 200, this.#start(upload.project, upload.body, upload.bytes));
    const range = upload.bytes > 0 ? { range: `bytes=0-${upload.bytes - 1}` } : {};
    response.writeHead(308, { ...range, "content-length": 0 }).end();
  }

  /** Only the first part, the metadata, is looked at; what follows is counted as it comes. */
  async #multipart(request) {
    const boundary = /boundary="?([^";]+)"?/.exec(request.headers["content-type"])?.[1];
    const last = boundary.length + 8; // the line after the media, with its two ends
    let head = Buffer.alloc(0);
    let metadata;
    let bytes = 0;
    for await (const part of request) {
      if (metadata !== undefined) {
        bytes += part.length;
        continue;
      }
      head = Buffer.concat([head, part]);
      const start = head.indexOf("\r\n\r\n");
      const end = head.indexOf(`--${boundary}`, start);
      const media = head.indexOf("\r\n\r\n", end);
      if (start >= 0 && end >= 0 && media >= 0) {
        metadata = JSON.parse(head.toString("utf8", start, end));
        bytes = head.length - media - 4;
      } else if (head.length > HEAD_BYTES) throw new Error("metadata of more than 1 MB");
    }
    bytes -= last;
    this.#counts.mediaBytes += bytes;
    return { metadata, bytes };
  }

  async #discard(request) {
    let bytes = 0;
    for await (const part of request) bytes += part.length;
    this.#counts.mediaBytes += bytes;
    return bytes;
  }
}

function send(response, status, body) {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

async function json(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString());
}

const error = (code, reason, message) => ({
  error: { code, message, errors: [{ reason, message, domain: "global" }] },
});
const notFound = (what) => error(404, "notFound", `Not found: ${what}`);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url, counts, close } = await startNullBigQuery({ port: Number(process.argv[2] ?? 0) });
  console.log(url);
  const awake = setInterval(() => {}, 60_000);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      clearInterval(awake);
      console.log(JSON.stringify({ ...counts, statements: counts.statements.length }));
      void close();
    });
  }
}
