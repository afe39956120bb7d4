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
