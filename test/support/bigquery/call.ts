import type { IncomingHttpHeaders } from "node:http";
import { gunzipSync } from "node:zlib";
import { isObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";

export type JobKind = "query" | "load" | "copy" | "extract";

/** One request of a client, as the proxy has read it. */
export interface Call {
  /** In the discovery document: `jobs.insert`, `tables.get`, … */
  readonly method: string;
  readonly httpMethod: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Parts of the path by their names in the document: projectId, datasetId, tableId, jobId. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The JSON sent; of an upload its metadata, also with each chunk. */
  readonly body: JsonObject | undefined;
  /** Which part of an upload this is: all of it, or the start, a chunk, or the last chunk of a resumable one. */
  readonly upload: "multipart" | "start" | "chunk" | "end" | undefined;
  readonly mediaBytes: number;
  /** The kind of the job that this asks for, whether by jobs.insert or by jobs.query. */
  readonly job: JobKind | undefined;
  /** What a query job or jobs.query is to run. */
  readonly sql: string | undefined;
  /** Of the job asked for, or of the one that jobs.query answered with; undefined before the answer when none was named. */
  readonly jobId: string | undefined;
  /** Of the answer that the client was given; undefined before, and for a connection that was reset. */
  readonly status: number | undefined;
}

/** Whether a job begins once this call is carried out. */
export function startsJob({ method, upload, body }: Call): boolean {
  if (method === "jobs.query") return body?.["dryRun"] !== true;
  const configuration = body?.["configuration"];
  const isDry = isObject(configuration) && configuration["dryRun"] === true;
  return method === "jobs.insert" && upload !== "start" && upload !== "chunk" && !isDry;
}

const KINDS: readonly JobKind[] = ["query", "load", "copy", "extract"];

export function jobOf(
  method: string,
  body: JsonObject | undefined,
): { job: JobKind | undefined; sql: string | undefined } {
  if (method === "jobs.query") return { job: "query", sql: textOf(body?.["query"]) };
  const configuration = body?.["configuration"];
  if (method !== "jobs.insert" || !isObject(configuration)) return { job: undefined, sql: undefined };
  const query = configuration["query"];
  return {
    job: KINDS.find((kind) => kind in configuration),
    sql: isObject(query) ? textOf(query["query"]) : undefined,
  };
}

const textOf = (value: JsonValue | undefined) => (typeof value === "string" ? value : undefined);

/** The bytes of a request: its JSON, and what is uploaded with it. */
export interface Content {
  readonly json: Buffer;
  readonly media: Buffer;
  /** For the emulator, which does not read compressed media: the same with plain media. */
  readonly forwarded: Buffer;
}

/** Takes a body apart. Throws an Error for one that is no multipart upload although it should be one. */
export function contentOf(headers: IncomingHttpHeaders, url: URL, httpMethod: string, sent: Buffer): Content {
  const none = Buffer.alloc(0);
  const body = headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
  if (httpMethod === "PUT" && url.searchParams.has("upload_id")) return { json: none, media: sent, forwarded: sent };
  if (url.searchParams.get("uploadType") !== "multipart") return { json: body, media: none, forwarded: body };
  const boundary = /boundary="?([^";]+)"?/.exec(headers["content-type"] ?? "")?.[1];
  if (boundary === undefined) throw new Error("a multipart upload without a boundary");
  const [first, second] = parts(body, boundary);
  if (first === undefined || second === undefined) throw new Error("a multipart upload without two parts");
  const media = body.subarray(...second);
  const plain = isGzip(media)
    ? Buffer.concat([body.subarray(0, second[0]), gunzipSync(media), body.subarray(second[1])])
    : body;
  return { json: body.subarray(...first), media, forwarded: plain };
}

const isGzip = (bytes: Buffer) => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Where the contents of the parts begin and end. */
function parts(body: Buffer, boundary: string): [number, number][] {
  const found: [number, number][] = [];
  const line = `--${boundary}`;
  for (let at = body.indexOf(line); at >= 0;) {
    const next = body.indexOf(`\n${line}`, at);
    if (next < 0) break;
    const blank = /\r?\n\r?\n/.exec(body.toString("latin1", at, Math.min(next, at + 1_000)));
    if (blank !== null) found.push([at + blank.index + blank[0].length, next - (body[next - 1] === 13 ? 1 : 0)]);
    at = next + 1;
  }
  return found;
}
