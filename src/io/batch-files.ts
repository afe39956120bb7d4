import { open, type FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { EltError } from "../core/errors.ts";
import type { BatchMessage } from "../core/message.ts";
import { lineChunks, lineText } from "./lines.ts";

/**
 * Takes a line of a batch file that is not blank; `place` names it, for errors. A promise is waited for before the next
 * line is read.
 */
export type TakeLine = (text: string, place: () => string) => Promise<void> | undefined;

/**
 * Reads the files of a batch, in order, a chunk at a time, and never writes to them. `at` is the line of its message.
 * Throws BATCH_UNSUPPORTED before the first line when a part of the batch is of a kind that we do not read,
 * BATCH_FILE_UNREADABLE where a file turns out to be missing or broken, and the signal's reason when it is aborted.
 */
export async function readBatchFiles(
  batch: BatchMessage,
  at: number,
  signal: AbortSignal,
  take: TakeLine,
): Promise<void> {
  const { stream, format, compression, manifest } = batch;
  const start = `line ${at}: the batch of stream "${stream}"`;
  if (format !== "jsonl") throw unsupported(stream, `${start} has the format "${short(format)}"; only jsonl is read`);
  if (compression !== "gzip" && compression !== "none") {
    throw unsupported(stream, `${start} has the compression "${short(compression)}"; only gzip and none are read`);
  }
  for (const file of manifest) {
    const [, scheme] = /^([a-z][a-z\d+.-]*):\/\//i.exec(file) ?? [];
    if (scheme === undefined || scheme.toLowerCase() === "file") continue;
    throw unsupported(stream, `${start} has the file ${withoutSecrets(file)}; only local files (file://) are read`);
  }
  for (const file of manifest) await readFile(file, batch, signal, take);
}

async function readFile(file: string, batch: BatchMessage, signal: AbortSignal, take: TakeLine): Promise<void> {
  let number = 0;
  const place = () => `stream "${batch.stream}": line ${number} of ${file}`;
  for await (const lines of linesOf(file, batch)) {
    signal.throwIfAborted();
    for (const line of lines) {
      number++;
      const text = lineText(line, number);
      const wait = text === undefined ? undefined : take(text, place);
      if (wait !== undefined) await wait;
    }
  }
}

async function* linesOf(file: string, { stream, compression }: BatchMessage): AsyncGenerator<string[]> {
  let count = 0;
  try {
    await using handle = await openFile(file);
    for await (const lines of lineChunks(bytesOf(handle, compression))) {
      count += lines.length;
      yield lines;
    }
  } catch (error) {
    const where = count === 0 ? "cannot be read" : `cannot be read past line ${count}`;
    const text = `stream "${stream}": the batch file ${file} ${where}: ${fault(error)}`;
    throw new EltError("BATCH_FILE_UNREADABLE", text, { stream, cause: error });
  }
}

/**
 * Opens what a manifest names. The SDK writes names as they are behind `file://` or with percent signs, depending on
 * how its storage was configured, so both are tried, as they are first. Without a leading slash a name starts at the
 * working directory, as it does for the SDK.
 */
async function openFile(file: string): Promise<FileHandle> {
  const path = file.replace(/^file:(\/\/)?/i, "");
  try {
    return await open(path);
  } catch (error) {
    const other = path === file ? path : decoded(path);
    if (other === path || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return open(other);
  }
}

/** The path in a url with percent signs, with the host `localhost`, or with a drive letter of Windows. */
function decoded(path: string): string {
  const local = path.replace(/^localhost(?=\/)/i, "").replace(/^\/(?=[a-z]:[\\/])/i, "");
  try {
    return decodeURIComponent(local);
  } catch {
    return local; // a percent sign that stands for itself
  }
}

async function* bytesOf(handle: FileHandle, compression: string): AsyncGenerator {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new Fault("it is not a file"); // a named pipe might never end
  const isGzip = await startsAsGzip(handle);
  if (compression === "gzip" && !isGzip) throw new Fault("it is not gzip, as its message says it is");
  const source = handle.createReadStream({ start: 0 });
  // The SDK's taps write gzip whatever their config says; JSON cannot begin with these bytes.
  if (!isGzip) {
    yield* source;
    return;
  }
  const gunzip = createGunzip({ chunkSize: 65_536 });
  pipeline(source, gunzip, () => undefined); // its error comes out of gunzip
  yield* gunzip;
  const rest = stats.size - gunzip.bytesWritten;
  if (rest > 0) throw new Fault(`${rest.toLocaleString("en")} bytes follow the end of its gzip data`);
}

async function startsAsGzip(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  return bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b;
}

/** Something about a file that no system call complains about. */
class Fault extends Error {}

function fault(error: unknown): string {
  if (error instanceof Fault) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  if (code === "Z_BUF_ERROR") return "it ends in the middle of its gzip data";
  if (code?.startsWith("Z_") === true) return `its gzip data are damaged (${code})`;
  return code ?? "unreadable";
}

function unsupported(stream: string, text: string): EltError {
  return new EltError("BATCH_UNSUPPORTED", text, { stream });
}

/** A url without what signs it or logs in. */
const withoutSecrets = (url: string) => url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//");

const short = (text: string) => text.slice(0, 40);
