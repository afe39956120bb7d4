import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { BatchMessage } from "../../src/core/message.ts";
import { readBatchFiles } from "../../src/io/batch-files.ts";
import { temporaryFolder } from "../support/folder.ts";

const batch = (manifest: readonly string[], compression = "gzip", format = "jsonl"): BatchMessage => ({
  type: "batch",
  stream: "s",
  format,
  compression,
  manifest,
});

/** The lines that came, and what ended the reading early. */
async function read(message: BatchMessage): Promise<{ lines: string[]; error: unknown }> {
  const lines: string[] = [];
  let error: unknown;
  try {
    await readBatchFiles(message, 5, new AbortController().signal, (text) => {
      lines.push(text);
      return undefined;
    });
  } catch (thrown) {
    error = thrown;
  }
  return { lines, error };
}

/** Files in a folder of their own; `write` gives the url of one. */
async function files() {
  const folder = await temporaryFolder();
  return {
    path: folder.path,
    write: async (name: string, content: string | Buffer) => {
      await writeFile(join(folder.path, name), content);
      return `file://${join(folder.path, name)}`;
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe("what is read", () => {
  test("gzip files one after the other, in the order of the manifest", async () => {
    await using here = await files();
    const b = await here.write("b", gzipSync("1\n2\n"));
    const a = await here.write("a", gzipSync("3\n4\n"));
    expect(await read(batch([b, a]))).toEqual({ lines: ["1", "2", "3", "4"], error: undefined });
  });

  test("files without compression", async () => {
    await using here = await files();
    expect(await read(batch([await here.write("a", "1\n2\n")], "none"))).toEqual({
      lines: ["1", "2"],
      error: undefined,
    });
  });

  test("gzip that its message does not tell of: the SDK's taps write it whatever they are told", async () => {
    await using here = await files();
    const file = await here.write("a", gzipSync("1\n2\n"));
    expect(await read(batch([file], "none"))).toEqual({ lines: ["1", "2"], error: undefined });
  });

  test("several gzip members in one file", async () => {
    await using here = await files();
    const file = await here.write("a", Buffer.concat([gzipSync("1\n"), gzipSync("2\n"), gzipSync("3\n")]));
    expect(await read(batch([file]))).toEqual({ lines: ["1", "2", "3"], error: undefined });
  });

  test("no files, and files without a line", async () => {
    await using here = await files();
    expect(await read(batch([]))).toEqual({ lines: [], error: undefined });
    expect(await read(batch([await here.write("a", gzipSync(""))]))).toEqual({ lines: [], error: undefined });
    expect(await read(batch([await here.write("b", "")], "none"))).toEqual({ lines: [], error: undefined });
  });

  test("blank lines, a byte order mark in each file and a last line without a line feed do no harm", async () => {
    await using here = await files();
    const a = await here.write("a", "\ufeff1\n\n  \r\n2");
    const b = await here.write("b", "\ufeff3\n");
    expect((await read(batch([a, b], "none"))).lines).toEqual(["1", "2", "3"]);
  });

  test("lines that go over many chunks, counted by their place in the file", async () => {
    await using here = await files();
    const long = "x".repeat(1_000_000);
    const file = await here.write("a", gzipSync(`${long}\n\n${long}\nend`));
    const places: string[] = [];
    await readBatchFiles(batch([file]), 5, new AbortController().signal, (text, place) => {
      places.push(`${text.length} ${place()}`);
      return undefined;
    });
    const of = `of ${file}`;
    expect(places).toEqual([
      `1000000 stream "s": line 1 ${of}`,
      `1000000 stream "s": line 3 ${of}`,
      `3 stream "s": line 4 ${of}`,
    ]);
  });
});

describe("how a file is named", () => {
  const NAME = "a b%20é#?.jsonl";

  test.each<[string, (path: string) => string]>([
    ["a url as it is", (path) => `file://${path}`],
    ["a url with percent signs", (path) => `file://${path.split("/").map(encodeURIComponent).join("/")}`],
    ["a url with a host", (path) => `file://localhost${path.split("/").map(encodeURIComponent).join("/")}`],
    ["a url with one slash", (path) => `file:${path}`],
    ["a path", (path) => path],
    ["a url from the working directory", (path) => `file://${relative(process.cwd(), path)}`],
    ["a path from the working directory", (path) => relative(process.cwd(), path)],
  ])("%s", async (_what, named) => {
    await using here = await files();
    await here.write(NAME, "1\n");
    expect(await read(batch([named(join(here.path, NAME))], "none"))).toEqual({ lines: ["1"], error: undefined });
  });

  test("a name that could be meant both ways is taken as it is", async () => {
    await using here = await files();
    await here.write("a b", "decoded\n");
    const file = await here.write("a%20b", "as it is\n");
    expect((await read(batch([file], "none"))).lines).toEqual(["as it is"]);
  });
});

describe("what cannot be read ends with stream and file, and how far it went", () => {
  const lines = Array.from({ length: 50 }, (_, n) => `{"n":${n}}\n`).join("");
  const gzip = gzipSync(lines);

  test.each<[string, string | Buffer, string, string]>([
    ["plain text that should be gzip", lines, "gzip", "is not gzip"],
    ["an empty file that should be gzip", "", "gzip", "is not gzip"],
    ["one byte", gzip.subarray(0, 1), "gzip", "is not gzip"],
    ["a header only", gzip.subarray(0, 8), "gzip", "middle of its gzip data"],
    ["gzip without its end", gzip.subarray(0, -9), "gzip", "middle of its gzip data"],
    ["gzip without its last byte", gzip.subarray(0, -1), "gzip", "middle of its gzip data"],
    ["gzip in disguise without its end", gzip.subarray(0, -1), "none", "middle of its gzip data"],
    ["a second member without its end", Buffer.concat([gzip, gzip.subarray(0, 30)]), "gzip", "middle of its gzip data"],
    ["a wrong checksum", changed(gzip, -6), "gzip", "damaged"],
    ["something else behind the end", Buffer.concat([gzip, Buffer.from("more text")]), "gzip", "damaged"],
    ["zeros and a member behind the end", Buffer.concat([gzip, Buffer.alloc(3), gzip]), "gzip", "bytes follow the end"],
  ])("%s", async (_what, content, compression, why) => {
    await using here = await files();
    const file = await here.write("a.jsonl", content);
    const { error } = await read(batch([file], compression));
    expect(error).toMatchObject({ code: "BATCH_FILE_UNREADABLE", stream: "s" });
    for (const part of ['stream "s"', file, why]) expect(String(error)).toContain(part);
  });

  test("no cut of a gzip file, wherever it is, goes unseen", async () => {
    await using here = await files();
    for (let length = 0; length < gzip.length; length++) {
      const file = await here.write("a.jsonl", gzip.subarray(0, length));
      expect((await read(batch([file]))).error, `${length} bytes`).toMatchObject({ code: "BATCH_FILE_UNREADABLE" });
    }
  });

  test("the line that was the last to be read", async () => {
    await using here = await files();
    const many = gzipSync(Array.from({ length: 200_000 }, (_, n) => `{"n":${n}}\n`).join(""));
    const file = await here.write("a.jsonl", many.subarray(0, -10));
    const { lines, error } = await read(batch([file]));
    expect(lines.length).toBeGreaterThan(100_000);
    expect(String(error)).toContain(`past line ${lines.length}:`);
  });

  test("a file that is missing, a folder, and a name that no file can have", async () => {
    await using here = await files();
    await mkdir(join(here.path, "folder"));
    const missing = await read(batch([`file://${here.path}/missing%20file`]));
    expect(missing.error).toMatchObject({ code: "BATCH_FILE_UNREADABLE" });
    expect(String(missing.error)).toContain("there is no such file");
    expect(String((await read(batch([join(here.path, "folder")]))).error)).toContain("not a file");
    for (const name of ["file://%00", "file://%E9%", ""]) {
      expect((await read(batch([name]))).error, name).toMatchObject({ code: "BATCH_FILE_UNREADABLE" });
    }
  });

  function changed(bytes: Buffer, at: number): Buffer {
    const copy = Buffer.from(bytes);
    copy[copy.length + at]! ^= 1;
    return copy;
  }
});

describe("what is of another kind ends before the first line is read", () => {
  test.each<[string, BatchMessage, string]>([
    ["a format", batch([], "gzip", "parquet"), 'line 5: the batch of stream "s" has the format "parquet"; only jsonl'],
    ["a compression", batch([], "zstd"), 'has the compression "zstd"; only gzip and none'],
    ["a place", batch(["s3://bucket/a.gz"]), "has the file s3://bucket/a.gz; only local files"],
    ["a place in capitals", batch(["HTTPS://host/a.gz"]), "only local files"],
  ])("%s", async (_what, message, why) => {
    const { error } = await read(message);
    expect(error).toMatchObject({ code: "BATCH_UNSUPPORTED", stream: "s" });
    expect(String(error)).toContain(why);
  });

  test("also when it is only the last file", async () => {
    await using here = await files();
    const { lines, error } = await read(batch([await here.write("a", "1\n"), "gs://b/c"], "none"));
    expect(lines).toEqual([]);
    expect(error).toMatchObject({ code: "BATCH_UNSUPPORTED" });
  });

  test("what signs a url or logs in is not said", async () => {
    const { error } = await read(batch(["https://user:secret@host/a.gz?signature=secret#secret"]));
    expect(String(error)).toContain("https://host/a.gz;");
    expect(String(error)).not.toContain("secret");
  });
});

describe("flow", () => {
  test("a promise is waited for before the next line is given, and its error goes up as it is", async () => {
    await using here = await files();
    const file = await here.write("a", gzipSync("1\n2\n3\n4\n"));
    const taken: string[] = [];
    let busy = false;
    const reading = readBatchFiles(batch([file]), 5, new AbortController().signal, async (text) => {
      expect(busy).toBe(false);
      busy = true;
      taken.push(text);
      await delay(5);
      busy = false;
      if (text === "3") throw new TypeError("full");
    });
    await expect(reading).rejects.toThrow(new TypeError("full"));
    expect(taken).toEqual(["1", "2", "3"]);
  });

  test("others have their turn between chunks", async () => {
    await using here = await files();
    const file = await here.write("a", gzipSync("x\n".repeat(1_000_000)));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await read(batch([file]));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  test.each(["gzip", "none"])("stops with the signal's reason in the middle of a file (%s)", async (compression) => {
    await using here = await files();
    const text = "x\n".repeat(500_000);
    const file = await here.write("a", compression === "gzip" ? gzipSync(text) : text);
    const stop = new AbortController();
    const reason = new Error("the reader has gone");
    let count = 0;
    const reading = readBatchFiles(batch([file], compression), 5, stop.signal, () => {
      if (++count === 10) stop.abort(reason);
      return undefined;
    });
    await expect(reading).rejects.toBe(reason);
    expect(count).toBeLessThan(100_000);
  });
});
