import { setImmediate } from "node:timers/promises";

/** The lines of a byte stream, those that a chunk completes at a time: a promise for each line would cost too much. */
export async function* lineChunks(input: AsyncIterable<unknown>): AsyncGenerator<string[]> {
  const cutter = new LineCutter();
  for await (const chunk of input) {
    yield cutter.push(chunk as Buffer);
    // A pipe that is always full would otherwise keep the database's answers waiting: Node reads up to 32 times on end.
    await setImmediate();
  }
  yield cutter.end();
}

/** The text of the line with this number, without a byte order mark; undefined when it is blank. */
export function lineText(line: string, number: number): string | undefined {
  const text = number === 1 && line.startsWith("\ufeff") ? line.slice(1) : line;
  return text.length === 0 || text.trim() === "" ? undefined : text;
}

/**
 * Cuts a byte stream into lines. Bytes, not text: a line feed byte never occurs inside a UTF-8 character, and U+2028
 * is no line end. A line is decoded once, when it is whole.
 */
export class LineCutter {
  #parts: Buffer[] = [];

  /** The lines that this chunk completes. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      lines.push(this.#parts.length === 0 ? chunk.toString("utf8", from, end) : this.#join(chunk.subarray(from, end)));
      from = end + 1;
    }
    if (from < chunk.length) this.#parts.push(chunk.subarray(from));
    return lines;
  }

  /** What is left at the end of the input: a last line without a line feed, or nothing. */
  end(): string[] {
    return this.#parts.length === 0 ? [] : [this.#join(Buffer.alloc(0))];
  }

  #join(last: Buffer): string {
    const line = Buffer.concat([...this.#parts, last]).toString("utf8");
    this.#parts = [];
    return line;
  }
}

const LINE_FEED = 0x0a;
