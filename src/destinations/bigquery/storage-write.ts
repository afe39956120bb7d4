import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { managedwriter } from "@google-cloud/bigquery-storage";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import type { Client } from "./client.ts";
import type { BigqueryConfig } from "./config.ts";
import { storageOptions } from "./credentials.ts";
import type { NewColumn } from "./ddl.ts";
import type { Load } from "./loading.ts";
import { ApiFailure, isPassing } from "./refusal.ts";
import { typeName } from "./types.ts";

/** An append is at most 10 MB. https://cloud.google.com/bigquery/quotas#write-api-limits */
const APPEND_CHARS = 2_000_000;
/** Appends that are under way at the same time. */
const WINDOW = 4;
const TRIES = 5;

/**
 * Loads by the Storage Write API: the rows go into a pending stream, each append with its offset, so that one that is sent
 * again is there once; they become visible all together when the stream is committed. The driver is loaded only here.
 */
export async function storageWrites(client: Client, dataset: string, config: BigqueryConfig, env: Env): Promise<Load> {
  const { adapt, managedwriter: writing } = await import("@google-cloud/bigquery-storage").catch((cause: unknown) => {
    const message =
      '"load_method": "storage_write" needs the package @google-cloud/bigquery-storage; install it where chorus-elt is installed: npm install @google-cloud/bigquery-storage@5';
    throw new EltError("CONFIG_INVALID", message, { cause });
  });
  const options = await storageOptions(config);
  return async (file, table, columns) => {
    const parent = `projects/${client.project}/datasets/${dataset}/tables/${table}`;
    const schema = adapt.convertBigQuerySchemaToStorageTableSchema({ fields: columns.map(storageField) });
    const protoDescriptor = adapt.convertStorageSchemaToProto2Descriptor(schema, "root");
    await again(env, async () => {
      const writer = new writing.WriterClient({ projectId: client.project, ...options });
      try {
        await writeFile(writer, { file, parent, protoDescriptor, JSONWriter: writing.JSONWriter });
      } finally {
        writer.close();
      }
    });
  };
}

const storageField = ({ name, type, items }: NewColumn) => ({
  name,
  type: items === undefined ? typeName(type) : typeName({ kind: items as "integer" }),
  mode: items === undefined ? "NULLABLE" : "REPEATED",
});

type Descriptor = ConstructorParameters<typeof managedwriter.JSONWriter>[0]["protoDescriptor"];

/** One pending stream for the file, so that nothing of it is there before all of it is. */
async function writeFile(
  client: managedwriter.WriterClient,
  about: {
    readonly file: string;
    readonly parent: string;
    readonly protoDescriptor: Descriptor;
    readonly JSONWriter: typeof managedwriter.JSONWriter;
  },
): Promise<void> {
  const { file, parent, protoDescriptor, JSONWriter } = about;
  const streamId = await client.createWriteStream({ streamType: "PENDING", destinationTable: parent });
  const connection = await client.createStreamConnection({ streamId });
  const writer = new JSONWriter({ connection, protoDescriptor });
  try {
    const pending: Promise<void>[] = [];
    let offset = 0;
    for await (const rows of chunksOf(file)) {
      pending.push(appended(writer.appendRows(rows, offset).getResult()));
      offset += rows.length;
      if (pending.length >= WINDOW) await pending.shift();
    }
    await Promise.all(pending);
    await connection.finalize();
    const { streamErrors = [] } = await client.batchCommitWriteStream({ parent, writeStreams: [streamId] });
    const [error] = streamErrors ?? [];
    if (error !== undefined) throw failure(String(error.code), error.errorMessage ?? "commit failed");
  } finally {
    writer.close();
    connection.close();
  }
}

/** What was appended before, and its answer lost, is there: its offset says so. */
async function appended(
  answer: Promise<{ error?: { code?: number | null; message?: string | null } | null; rowErrors?: unknown[] | null }>,
): Promise<void> {
  const { error, rowErrors } = await answer;
  if (error?.code === ALREADY_EXISTS) return;
  if (error !== undefined && error !== null) throw failure(String(error.code), error.message ?? "append failed");
  if ((rowErrors?.length ?? 0) > 0) throw failure("invalid", `${rowErrors?.length} rows were refused`);
}

/** https://grpc.io/docs/guides/status-codes/ */
const ALREADY_EXISTS = 6;
const PASSING_CODES = ["4", "8", "10", "13", "14"];

const failure = (code: string, message: string) =>
  new ApiFailure(
    { status: PASSING_CODES.includes(code) ? 503 : 400, reason: `grpc ${code}`, message },
    "Storage Write",
  );

type Rows = Parameters<managedwriter.JSONWriter["appendRows"]>[0];

async function* chunksOf(file: string): AsyncIterable<Rows> {
  let rows: Rows = [];
  let chars = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    rows.push(JSON.parse(line) as Rows[number]);
    chars += line.length;
    if (chars < APPEND_CHARS) continue;
    yield rows;
    rows = [];
    chars = 0;
  }
  if (rows.length > 0) yield rows;
}

/** From the beginning, with a stream of its own: what an abandoned pending stream has is never seen. */
async function again(env: Env, write: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await write();
      return;
    } catch (cause) {
      const { code = "", message } = cause as { code?: number | string; message: string };
      const error = cause instanceof ApiFailure ? cause : failure(String(code), message);
      if (tries >= TRIES || !isPassing(error)) throw error;
      env.log.warn(`${error.message}; trying again`);
      await env.clock.sleep(500 * 2 ** tries, env.signal);
    }
  }
}
