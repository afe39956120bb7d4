import { createHash } from "node:crypto";

/** Three thirds, and a cell in each for every id. Two sets that differ in up to some 25 ids can be told apart. */
const THIRD = 14;
const CELLS = 3 * THIRD;
const CHECK_BYTES = 4;
/** Ids of up to 19 bytes, 32 hexadecimal digits and UUIDs fit the first; what fits neither is not put into a sketch. */
const WIDTHS = [20, 65] as const;

/**
 * A set of ids in a fixed size, whatever the number of ids: an invertible Bloom lookup table (Goodrich and
 * Mitzenmacher, 2011). Two of them taken from each other give the ids that only one has, as long as these are few. So the
 * state can tell which calls of a day have gone or were added without holding their ids.
 */
export class Sketch {
  readonly width: number;
  readonly #counts = new Int32Array(CELLS);
  readonly #sums: Buffer;

  private constructor(width: number, sums: Buffer = Buffer.alloc(CELLS * (width + CHECK_BYTES))) {
    this.width = width;
    this.#sums = sums;
  }

  /** The sketch of these ids; undefined when one of them is too long for `width`, or for any width without one. */
  static of(ids: Iterable<string>, width?: number): Sketch | undefined {
    const keys = [...ids].map(pack);
    const longest = keys.reduce((most, { length }) => Math.max(most, length), 0);
    const fitting = width ?? WIDTHS.find((bytes) => longest <= bytes);
    if (fitting === undefined || longest > fitting) return undefined;
    const sketch = new Sketch(fitting);
    for (const key of keys) sketch.#add(padded(key, fitting), 1);
    return sketch;
  }

  /** What `toText` gave; undefined for anything else. */
  static from(text: string): Sketch | undefined {
    const [width = 0, counts = [], sums = Buffer.alloc(0)] = parse(text);
    if (!WIDTHS.some((known) => known === width) || counts.length !== CELLS) return undefined;
    if (sums.length !== CELLS * (width + CHECK_BYTES)) return undefined;
    const sketch = new Sketch(width, sums);
    sketch.#counts.set(counts);
    return sketch;
  }

  toText(): string {
    return `${this.width}.${[...this.#counts].join(",")}.${this.#sums.toString("base64url")}`;
  }

  /** The sketch of all ids but this one, which is one of them. */
  without(id: string): Sketch {
    const rest = new Sketch(this.width, Buffer.from(this.#sums));
    rest.#counts.set(this.#counts);
    rest.#add(padded(pack(id), this.width), -1);
    return rest;
  }

  /** The ids that only this one has, and those that only `other` has; undefined when they are too many to be told. */
  minus(other: Sketch): { readonly here: string[]; readonly there: string[] } | undefined {
    if (other.width !== this.width) return undefined;
    const rest = new Sketch(this.width, Buffer.from(this.#sums));
    for (let cell = 0; cell < CELLS; cell++) {
      rest.#counts[cell] = (this.#counts[cell] ?? 0) - (other.#counts[cell] ?? 0);
    }
    for (let at = 0; at < rest.#sums.length; at++) {
      rest.#sums[at] = (rest.#sums[at] ?? 0) ^ (other.#sums[at] ?? 0);
    }
    return rest.#peel();
  }

  /** Takes out ids that are alone in a cell, which leaves others alone, until nothing is left. */
  #peel() {
    const found = { here: [] as string[], there: [] as string[] };
    const open = Array.from({ length: CELLS }, (_, cell) => cell);
    for (let cell = open.pop(); cell !== undefined; cell = open.pop()) {
      const count = this.#counts[cell] ?? 0;
      if (count !== 1 && count !== -1) continue;
      const key = Buffer.from(this.#keyOf(cell));
      if (!this.#isWhole(cell, key)) continue;
      (count === 1 ? found.here : found.there).push(unpack(key));
      open.push(...this.#add(key, -count));
    }
    const isEmpty = this.#counts.every((count) => count === 0) && this.#sums.every((byte) => byte === 0);
    return isEmpty ? found : undefined;
  }

  #add(key: Buffer, sign: number): number[] {
    const { cells, check } = placesOf(key);
    for (const cell of cells) {
      this.#counts[cell] = (this.#counts[cell] ?? 0) + sign;
      const at = cell * (this.width + CHECK_BYTES);
      for (const [i, byte] of key.entries()) this.#sums[at + i] = (this.#sums[at + i] ?? 0) ^ byte;
      for (const [i, byte] of check.entries()) {
        this.#sums[at + this.width + i] = (this.#sums[at + this.width + i] ?? 0) ^ byte;
      }
    }
    return cells;
  }

  #keyOf(cell: number): Buffer {
    const at = cell * (this.width + CHECK_BYTES);
    return this.#sums.subarray(at, at + this.width);
  }

  #isWhole(cell: number, key: Buffer): boolean {
    const at = cell * (this.width + CHECK_BYTES) + this.width;
    const { cells, check } = placesOf(key);
    return check.equals(this.#sums.subarray(at, at + CHECK_BYTES)) && cells.includes(cell);
  }
}

function placesOf(key: Buffer): { cells: number[]; check: Buffer } {
  const hash = createHash("sha256").update(key).digest();
  const cells = [0, 1, 2].map((third) => third * THIRD + (hash.readUInt32LE(4 * third) % THIRD));
  return { cells, check: hash.subarray(12, 12 + CHECK_BYTES) };
}

const PLAIN = 0;
const HEX = 1;
const UUID = 2;

/** A byte for the form, then the id; the two common forms in half their digits. */
function pack(id: string): Buffer {
  if (/^[0-9a-f]{32}$/.test(id)) return Buffer.concat([Buffer.from([HEX]), Buffer.from(id, "hex")]);
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    return Buffer.concat([Buffer.from([UUID]), Buffer.from(id.replaceAll("-", ""), "hex")]);
  }
  // The length is told by the padding: an id has no NUL at its end.
  return Buffer.concat([Buffer.from([PLAIN]), Buffer.from(id, "utf8")]);
}

function unpack(key: Buffer): string {
  if (key[0] === PLAIN) return key.subarray(1).toString("utf8").replace(/\0+$/, "");
  const hex = key.subarray(1, 17).toString("hex");
  return key[0] === HEX ? hex : hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function padded(key: Buffer, width: number): Buffer {
  return Buffer.concat([key, Buffer.alloc(width - key.length)]);
}

function parse(text: string): [width?: number, counts?: number[], sums?: Buffer] {
  const [width, counts, sums] = text.split(".");
  if (width === undefined || counts === undefined || sums === undefined) return [];
  const read = counts.split(",").map(Number);
  return [Number(width), read.every(Number.isInteger) ? read : [], Buffer.from(sums, "base64url")];
}
