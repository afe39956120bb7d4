/** A message of interest in a chunk: from `start` up to `end`, as far as they are in this chunk. */
export interface ClientMessage {
  readonly kind: "copy" | "commit";
  readonly start: number;
  readonly end: number;
}

const COPY_DATA = "d";
const STATEMENTS = ["Q", "P"]; // Query and Parse; a COMMIT is sent as either
/** No COMMIT is longer; longer statements are not looked at. */
const SHORT_BYTES = 64;

/**
 * Finds COPY data and COMMITs in what a Postgres client sends. A message is a letter, its length in four bytes and its
 * body; the first ones have no letter. https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class ClientMessages {
  #isStarting = true;
  #header = Buffer.alloc(0);
  #type = "";
  #left = 0; // bytes of the body that have not come yet
  #isShortStatement = false;
  #body = Buffer.alloc(0); // of a short statement

  *read(chunk: Buffer): Generator<ClientMessage> {
    let start = 0; // of the message that is being read
    for (let at = 0; at < chunk.length;) {
      if (this.#left === 0) {
        const size = this.#isStarting ? 4 : 5;
        const missing = size - this.#header.length;
        this.#header = Buffer.concat([this.#header, chunk.subarray(at, at + missing)]);
        at += missing;
        if (this.#header.length < size) return;
        this.#begin();
        if (this.#type === COPY_DATA) yield { kind: "copy", start, end: Math.min(chunk.length, at + this.#left) };
      }
      const body = chunk.subarray(at, at + this.#left);
      if (this.#isShortStatement) this.#body = Buffer.concat([this.#body, body]);
      at += body.length;
      this.#left -= body.length;
      if (this.#left > 0) return;
      if (isCommit(this.#body)) yield { kind: "commit", start, end: at };
      this.#body = Buffer.alloc(0);
      start = at;
    }
  }

  #begin(): void {
    const lengthAt = this.#header.length - 4;
    this.#type = lengthAt === 0 ? "start" : String.fromCharCode(this.#header[0] ?? 0);
    this.#left = Math.max(0, this.#header.readUInt32BE(lengthAt) - 4);
    // A request for TLS is eight bytes long, and the start comes after it.
    if (this.#isStarting) this.#isStarting = this.#left === 4;
    this.#isShortStatement = STATEMENTS.includes(this.#type) && this.#left <= SHORT_BYTES;
    this.#header = Buffer.alloc(0);
  }
}

/** A Query is its text; a Parse has a name before it and types after it. */
const isCommit = (body: Buffer) => /^(?:[^\0]*\0)?\s*commit\s*;?\s*\0/i.test(body.toString("latin1"));
