/**
 * Rows as a Parquet file: the form in which DuckDB takes them in fastest, on its own threads, while the next batch is
 * being read. Only what that needs is here: flat optional columns, plain encoding, no compression, one row group, one
 * page a column. Format: https://github.com/apache/parquet-format (parquet.thrift, Encodings.md).
 */

export type Physical = "boolean" | "date" | "bigint" | "double" | "text" | "timestamp";

/** One column of a file being built. Rows are added by exactly one `add…` call each; `clear` starts the next file. */
export class ParquetColumn {
  readonly name: string;
  readonly physical: Physical;
  rows = 0;
  /** Bytes of values so far. */
  bytes = 0;
  #values = Buffer.allocUnsafeSlow(1024);
  #defined = new Uint8Array(128); // a bit a row, 1 = not null
  #bit = 0; // of booleans: values are packed too
  #before = 0; // bytes before the last row

  constructor(name: string, physical: Physical) {
    this.name = name;
    this.physical = physical;
  }

  clear(): void {
    this.rows = 0;
    this.bytes = 0;
    this.#bit = 0;
    this.#defined.fill(0);
  }

  /** Takes the last row back. Only one can be. */
  undo(): void {
    const wasDefined = this.#defined[(this.rows - 1) >> 3]! & (1 << ((this.rows - 1) & 7));
    this.rows--;
    this.#defined[this.rows >> 3]! &= ~(1 << (this.rows & 7));
    if (!wasDefined) return;
    this.bytes = this.#before;
    if (this.physical !== "boolean") return;
    this.#bit = (this.#bit + 7) & 7;
    if (this.#bit !== 0) this.#values[this.bytes - 1]! &= (1 << this.#bit) - 1;
  }

  addNull(): void {
    if (this.rows >> 3 >= this.#defined.length) this.#growDefined();
    this.rows++;
  }

  addText(value: string): void {
    const most = this.bytes + 4 + value.length * 3;
    if (most > this.#values.length) this.#grow(most);
    const written = writeUtf8(this.#values, value, this.bytes + 4);
    this.#int32(this.bytes, written);
    this.#before = this.bytes;
    this.bytes += 4 + written;
    this.#define();
  }

  addDouble(value: number): void {
    if (this.bytes + 8 > this.#values.length) this.#grow(this.bytes + 8);
    this.#values.writeDoubleLE(value, this.bytes);
    this.#before = this.bytes;
    this.bytes += 8;
    this.#define();
  }

  /** A whole number that a double holds exactly. */
  addInt64(value: number): void {
    if (this.bytes + 8 > this.#values.length) this.#grow(this.bytes + 8);
    const high = Math.floor(value / 4294967296);
    this.#int32(this.bytes, value - high * 4294967296);
    this.#int32(this.bytes + 4, high);
    this.#before = this.bytes;
    this.bytes += 8;
    this.#define();
  }

  addBigInt(value: bigint): void {
    if (this.bytes + 8 > this.#values.length) this.#grow(this.bytes + 8);
    this.#values.writeBigInt64LE(value, this.bytes);
    this.#before = this.bytes;
    this.bytes += 8;
    this.#define();
  }

  addInt32(value: number): void {
    if (this.bytes + 4 > this.#values.length) this.#grow(this.bytes + 4);
    this.#int32(this.bytes, value);
    this.#before = this.bytes;
    this.bytes += 4;
    this.#define();
  }

  addBoolean(value: boolean): void {
    this.#before = this.bytes;
    if (this.#bit === 0) {
      if (this.bytes + 1 > this.#values.length) this.#grow(this.bytes + 1);
      this.#values[this.bytes++] = 0;
    }
    if (value) this.#values[this.bytes - 1]! |= 1 << this.#bit;
    this.#bit = (this.#bit + 1) & 7;
    this.#define();
  }

  /** The column's page: levels (which rows have a value), then the values. Valid until the next `add` or `clear`. */
  page(): Buffer[] {
    const groups = (this.rows + 7) >> 3;
    const levels = [...varint((groups << 1) | 1)];
    const length = Buffer.alloc(4);
    length.writeInt32LE(levels.length + groups);
    return [
      length,
      Buffer.from(levels),
      Buffer.from(this.#defined.buffer, 0, groups),
      this.#values.subarray(0, this.bytes),
    ];
  }

  #define(): void {
    const byte = this.rows >> 3;
    if (byte >= this.#defined.length) this.#growDefined();
    this.#defined[byte]! |= 1 << (this.rows & 7);
    this.rows++;
  }

  #int32(at: number, value: number): void {
    const to = this.#values;
    to[at] = value;
    to[at + 1] = value >>> 8;
    to[at + 2] = value >>> 16;
    to[at + 3] = value >>> 24;
  }

  #grow(least: number): void {
    const values = Buffer.allocUnsafeSlow(Math.max(least, this.#values.length * 2));
    this.#values.copy(values, 0, 0, this.bytes);
    this.#values = values;
  }

  #growDefined(): void {
    const defined = new Uint8Array(this.#defined.length * 2);
    defined.set(this.#defined);
    this.#defined = defined;
  }
}

/** Short ASCII is cheaper to write here than to hand to the native encoder. */
function writeUtf8(to: Buffer, value: string, at: number): number {
  const length = value.length;
  if (length > 24) return to.write(value, at, "utf8");
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code > 127) return to.write(value, at, "utf8");
    to[at + i] = code;
  }
  return length;
}

/** The pieces of a whole file with these columns, to be written one after another. All columns have the same rows. */
export function parquetFile(columns: readonly ParquetColumn[]): Buffer[] {
  const rows = columns[0]?.rows ?? 0;
  const pieces: Buffer[] = [MAGIC];
  let offset = MAGIC.length;
  const chunks: Chunk[] = [];
  for (const column of columns) {
    const page = column.page();
    const size = page.reduce((sum, piece) => sum + piece.length, 0);
    const header = pageHeader(size, rows);
    chunks.push({ column, offset, size: header.length + size });
    pieces.push(header, ...page);
    offset += header.length + size;
  }
  const footer = fileMetadata(rows, chunks);
  const length = Buffer.alloc(4);
  length.writeInt32LE(footer.length);
  pieces.push(footer, length, MAGIC);
  return pieces;
}

const MAGIC = Buffer.from("PAR1");

interface Chunk {
  readonly column: ParquetColumn;
  readonly offset: number;
  readonly size: number;
}

// The numbers below are enum values and field ids of parquet.thrift.
const TYPES: Record<Physical, number> = { boolean: 0, date: 1, bigint: 2, double: 5, text: 6, timestamp: 2 };
const CONVERTED: Record<Physical, number | undefined> = {
  boolean: undefined,
  bigint: undefined,
  double: undefined,
  text: 0,
  date: 6,
  timestamp: 10,
};
const PLAIN = 0;
const RLE = 3;

function pageHeader(size: number, rows: number): Buffer {
  const dataPage = struct([i32(1, rows), i32(2, PLAIN), i32(3, RLE), i32(4, RLE)]);
  return Buffer.from(struct([i32(1, 0), i32(2, size), i32(3, size), field(5, STRUCT, dataPage)]));
}

function fileMetadata(rows: number, chunks: readonly Chunk[]): Buffer {
  const root = struct([text(4, "rows"), i32(5, chunks.length)]);
  const leaves = chunks.map(({ column }) => {
    const converted = CONVERTED[column.physical];
    return struct([
      i32(1, TYPES[column.physical]),
      i32(3, 1), // optional
      text(4, column.name),
      ...(converted === undefined ? [] : [i32(6, converted)]),
      ...(column.physical === "timestamp" ? [field(10, STRUCT, UTC_MICROSECONDS)] : []),
    ]);
  });
  const columns = chunks.map(({ column, offset, size }) =>
    struct([
      i64(2, offset),
      field(
        3,
        STRUCT,
        struct([
          i32(1, TYPES[column.physical]),
          field(2, LIST, list(I32, [zigzag(PLAIN), zigzag(RLE)])),
          field(3, LIST, list(BINARY, [binary(column.name)])),
          i32(4, 0), // uncompressed
          i64(5, rows),
          i64(6, size),
          i64(7, size),
          i64(9, offset),
        ]),
      ),
    ]),
  );
  const total = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const group = struct([field(1, LIST, list(STRUCT, columns)), i64(2, total), i64(3, rows)]);
  return Buffer.from(
    struct([
      i32(1, 1),
      field(2, LIST, list(STRUCT, [root, ...leaves])),
      i64(3, rows),
      field(4, LIST, list(STRUCT, [group])),
    ]),
  );
}

// Thrift's compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

interface Field {
  readonly id: number;
  readonly type: number;
  readonly bytes: readonly number[];
}

const field = (id: number, type: number, bytes: readonly number[]): Field => ({ id, type, bytes });
const i32 = (id: number, value: number): Field => field(id, I32, zigzag(value));
const i64 = (id: number, value: number): Field => field(id, I64, zigzag(value));
const text = (id: number, value: string): Field => field(id, BINARY, binary(value));

function struct(fields: readonly Field[]): number[] {
  const bytes: number[] = [];
  let last = 0;
  for (const { id, type, bytes: value } of fields) {
    bytes.push(((id - last) << 4) | type, ...value);
    last = id;
  }
  bytes.push(0);
  return bytes;
}

function list(type: number, items: readonly (readonly number[])[]): number[] {
  const head = items.length < 15 ? [(items.length << 4) | type] : [0xf0 | type, ...varint(items.length)];
  return [...head, ...items.flat()];
}

function binary(value: string): number[] {
  const bytes = Buffer.from(value);
  return [...varint(bytes.length), ...bytes];
}

/** Sizes and counts only, so never negative: zigzag is a doubling. */
function zigzag(value: number): number[] {
  return varint(value * 2);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

/** LogicalType.TIMESTAMP { isAdjustedToUTC: true, unit: MICROS } */
const UTC_MICROSECONDS = struct([
  field(8, STRUCT, struct([field(1, 1, []), field(2, STRUCT, struct([field(2, STRUCT, struct([]))]))])),
]);
