import { PassThrough, Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { lineWriter } from "../../src/io/out.ts";

/** A writable that takes what it is given only when it is told to. */
function slowReader(highWaterMark: number) {
  const taken: string[] = [];
  const waiting: (() => void)[] = [];
  const stream = new Writable({
    highWaterMark,
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      if (chunk === "") {
        done();
        return;
      }
      taken.push(chunk);
      waiting.push(done);
    },
  });
  return { stream, taken, take: () => waiting.shift()?.() };
}

describe("lineWriter", () => {
  test("lines come out whole, in order, gathered", async () => {
    const stream = new PassThrough();
    const out = lineWriter(stream, () => undefined);
    for (let n = 0; n < 1_000; n++) await out.line(`{"n":${n}}`);
    await out.drained();
    const text = String(stream.read());
    expect(text.split("\n")).toEqual([...Array.from({ length: 1_000 }, (_, n) => `{"n":${n}}`), ""]);
  });

  test("asks the writer to wait while the reader does not take", async () => {
    const { stream, take } = slowReader(10);
    const out = lineWriter(stream, () => undefined);
    const wait = out.line("x".repeat(20_000));
    expect(wait).toBeInstanceOf(Promise);
    let over = false;
    void wait?.then(() => (over = true));
    await setImmediate();
    expect(over).toBe(false);
    take();
    await wait;
    expect(out.line("short")).toBeUndefined();
  });

  test("drained waits for what is less than the reader's buffer too", async () => {
    const { stream, taken, take } = slowReader(1_000_000);
    const out = lineWriter(stream, () => undefined);
    void out.line("a");
    let over = false;
    const drained = out.drained().then(() => (over = true));
    await setImmediate();
    expect([taken, over]).toEqual([["a\n"], false]);
    take();
    await drained;
    expect(stream.writableLength).toBe(0);
  });

  test("a reader that leaves is told once and is no error; lines are dropped from then on", async () => {
    const stream = new PassThrough();
    let told = 0;
    const out = lineWriter(stream, () => told++);
    stream.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    await new Promise((resolve) => stream.once("close", resolve));
    await setImmediate();
    expect([told, out.closed]).toEqual([1, true]);
    await out.line("x".repeat(20_000));
    await out.drained();
  });

  test("a reader that leaves while we wait for it does not leave us waiting", async () => {
    const { stream } = slowReader(10);
    const out = lineWriter(stream, () => undefined);
    const wait = out.line("x".repeat(20_000));
    stream.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    await wait;
    await out.drained();
  });

  test("a disk that is full is an error, for who writes and for who waits for the end", async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" })),
    });
    const out = lineWriter(stream, () => undefined);
    void out.line("a");
    await setImmediate();
    await setImmediate();
    expect(() => out.line("b")).toThrow("ENOSPC");
    await expect(out.drained()).rejects.toThrow("ENOSPC");
  });
});
