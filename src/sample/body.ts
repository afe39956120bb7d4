import { gzipSync } from "node:zlib";

/** Below this many bytes gzip costs more than it saves. */
const GZIP_MIN_BYTES = 1_000;

/** The bytes of an answer, and their gzip once somebody asked for it. */
export class Body {
  readonly plain: Buffer;
  #gzip: Buffer | undefined;

  constructor(content: string | Buffer) {
    this.plain = typeof content === "string" ? Buffer.from(content) : content;
  }

  /** The bytes to send to a client that does, or does not, take gzip. */
  encoded(takesGzip: boolean): { bytes: Buffer; isGzip: boolean } {
    if (!takesGzip || this.plain.length < GZIP_MIN_BYTES) return { bytes: this.plain, isGzip: false };
    this.#gzip ??= gzipSync(this.plain, { level: 1 });
    return { bytes: this.#gzip, isGzip: true };
  }
}

/** Keeps the bodies that were asked for last, up to about `maxBytes`; one that would fill a quarter of it is not kept. */
export class BodyCache {
  readonly #kept = new Map<string, { stamp: string; body: Body }>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The body kept under `key` if it has this stamp, else a new one from `make`. */
  get(key: string, stamp: string, make: () => Body): Body {
    const found = this.#kept.get(key);
    if (found !== undefined) this.#drop(key, found.body);
    const body = found?.stamp === stamp ? found.body : make();
    if (8 * body.plain.length > this.#maxBytes) return body;
    this.#kept.set(key, { stamp, body });
    this.#bytes += 2 * body.plain.length;
    for (const [oldest, { body: old }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes || oldest === key) break;
      this.#drop(oldest, old);
    }
    return body;
  }

  #drop(key: string, body: Body): void {
    this.#kept.delete(key);
    this.#bytes -= 2 * body.plain.length; // room for its gzip, too
  }
}
