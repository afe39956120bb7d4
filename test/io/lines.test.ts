import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineCutter } from "../../src/io/lines.ts";

function cut(bytes: Buffer, sizes: readonly number[]): string[] {
  const cutter = new LineCutter();
  const lines: string[] = [];
  let from = 0;
  for (let i = 0; from < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    lines.push(...cutter.push(Buffer.from(bytes.subarray(from, from + size))));
    from += size;
  }
  return [...lines, ...cutter.end()];
}

describe("LineCutter", () => {
  test("the same lines wherever the chunks are cut, also inside a character", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "ß", "€", "😀", "\u2028", "\r", "\\"), maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        (lines, sizes) => {
          expect(cut(Buffer.from(lines.map((line) => `${line}\n`).join("")), sizes)).toEqual(lines);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  test("a last line without a line feed is a line; after a line feed there is none", () => {
    expect(cut(Buffer.from("a\nb"), [1])).toEqual(["a", "b"]);
    expect(cut(Buffer.from("a\nb\n"), [2])).toEqual(["a", "b"]);
    expect(cut(Buffer.from("\n\n"), [1])).toEqual(["", ""]);
  });

  test("a line of 50 MB in chunks of a pipe", () => {
    const line = "x".repeat(50_000_000);
    const started = performance.now();
    const lines = cut(Buffer.from(`${line}\nend\n`), [65_536]);
    expect(lines.map((one) => one.length)).toEqual([line.length, 3]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
