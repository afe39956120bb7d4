/**
 * Lines of COPY's text format, in chunks that are allocated once and used again for every batch.
 * https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
 */
export class CopyText {
  rows = 0;
  /** Bytes of whole lines. */
  bytes = 0;
  #full: { readonly chunk: Buffer; readonly length: number }[] = [];
  #spare: Buffer[] = [];
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK);
  #at = 0;
  #line = 0; // where the open line begins

  /** The lines so far, to be sent one after another. Valid until the next line or `clear`. */
  *chunks(): Iterable<Buffer> {
    for (const { chunk, length } of this.#full) yield chunk.subarray(0, length);
    if (this.#line > 0) yield this.#chunk.subarray(0, this.#line);
  }

  endLine(): void {
    if (this.#at === this.#chunk.length) this.#grow(1);
    this.#chunk[this.#at++] = LINE_FEED;
    this.bytes += this.#at - this.#line;
    this.#line = this.#at;
    this.rows++;
  }

  /** Forgets the open line. */
  dropLine(): void {
    this.#at = this.#line;
  }

  clear(): void {
    for (const { chunk } of this.#full) if (chunk.length === CHUNK) this.#spare.push(chunk);
    this.#full = [];
    this.#at = 0;
    this.#line = 0;
    this.rows = 0;
    this.bytes = 0;
  }

  /** Ends a column. */
  tab(): void {
    if (this.#at === this.#chunk.length) this.#grow(1);
    this.#chunk[this.#at++] = TAB;
  }

  null(): void {
    this.#room(2);
    this.#chunk[this.#at++] = BACKSLASH;
    this.#chunk[this.#at++] = 78; // N
  }

  boolean(value: boolean): void {
    this.#room(1);
    this.#chunk[this.#at++] = value ? 116 : 102; // t, f
  }

  /** Text in which nothing needs escaping, ASCII only: numbers, dates. */
  ascii(text: string): void {
    const { length } = text;
    this.#room(length);
    const chunk = this.#chunk;
    let at = this.#at;
    for (let i = 0; i < length; i++) chunk[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  /** A whole number that a double holds exactly. */
  integer(value: number): void {
    if (value < 0 || value >= 1e9) {
      this.ascii(String(value)); // also -0, as 0
      return;
    }
    this.#room(9);
    this.#digits(
      value,
      value < 10
        ? 1
        : value < 1e3
          ? value < 100
            ? 2
            : 3
          : value < 1e6
            ? places(value, 1e4, 4)
            : places(value, 1e7, 7),
    );
  }

  /** A double, in a text that is read as the same double. Few places behind the point are quicker by hand. */
  number(value: number): void {
    const thousandths = Math.round(value * 1_000);
    if (thousandths / 1_000 !== value || !(Math.abs(value) < 1e6)) {
      this.ascii(String(value));
      return;
    }
    this.#room(11);
    if (value < 0) this.#chunk[this.#at++] = MINUS;
    const all = Math.abs(thousandths);
    const whole = Math.floor(all / 1_000);
    this.integer(whole);
    const rest = all - whole * 1_000;
    if (rest === 0) return;
    this.#chunk[this.#at++] = POINT;
    this.#digits(rest, 3);
  }

  /** The last `count` digits of a whole number, with leading zeros. There must be room for them. */
  #digits(value: number, count: number): void {
    let rest = value;
    for (let at = this.#at + count - 1; at >= this.#at; at--) {
      const next = Math.floor(rest / 10);
      this.#chunk[at] = 48 + rest - next * 10;
      rest = next;
    }
    this.#at += count;
  }

  text(value: string): void {
    const { length } = value;
    if (length > LONG) {
      this.#long(value);
      return;
    }
    this.#room(length * 2);
    const chunk = this.#chunk;
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.#long(value); // overwrites what was begun
        return;
      }
      const escape = code <= BACKSLASH ? ESCAPES[code]! : 0;
      if (escape === 0) {
        chunk[at++] = code;
      } else {
        chunk[at++] = BACKSLASH;
        chunk[at++] = escape;
      }
    }
    this.#at = at;
  }

  #long(value: string): void {
    const text = ESCAPABLE.test(value) ? value.replace(ESCAPABLES, (one) => ESCAPED[one]!) : value;
    this.#room(text.length * 3);
    this.#at += this.#chunk.write(text, this.#at, "utf8");
  }

  #room(bytes: number): void {
    if (this.#at + bytes > this.#chunk.length) this.#grow(bytes);
  }

  /** Goes on in another chunk, and takes the open line there. */
  #grow(bytes: number): void {
    const open = this.#at - this.#line;
    const size = open + bytes;
    const next = size > CHUNK ? Buffer.allocUnsafeSlow(size * 2) : (this.#spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK));
    this.#chunk.copy(next, 0, this.#line, this.#at);
    if (this.#line > 0) this.#full.push({ chunk: this.#chunk, length: this.#line });
    this.#chunk = next;
    this.#line = 0;
    this.#at = open;
  }
}

/** How many digits a number from `limit / 10` up has; it is known to have at least `least`, and at most two more. */
const places = (value: number, limit: number, least: number) =>
  value < limit ? least : value < limit * 10 ? least + 1 : least + 2;

const CHUNK = 262_144;
const LONG = 40; // above it, writing by the engine is quicker than letter by letter
const TAB = 9;
const LINE_FEED = 10;
const MINUS = 45;
const POINT = 46;
const BACKSLASH = 92;
const ESCAPED: Record<string, string> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };
const ESCAPABLE = /[\t\n\r\\]/;
const ESCAPABLES = /[\t\n\r\\]/g;
/** The letter after the backslash, by character code. */
const ESCAPES = new Uint8Array(BACKSLASH + 1);
for (const [from, to] of Object.entries(ESCAPED)) ESCAPES[from.charCodeAt(0)] = to.charCodeAt(1);
