import { type JsonObject } from "../../src/core/json.ts";
import { type SourceMessage } from "../../src/core/source.ts";
import { text } from "../../src/sources/chorus/values.ts";
import { streams } from "../../src/sources/chorus/streams.gen.ts";

/** What a target makes of a tap's messages, in a few lines: newest row per key, and sets that are replaced whole. */
export class Warehouse {
  readonly tables = new Map<string, Map<string, JsonObject>>();
  /** Keys of a table's rows by their call. */
  readonly #keys = new Map<string, Set<string>>();

  take(message: SourceMessage): void {
    if (message.type !== "record") return;
    for (const child of message.clears ?? []) this.#clear(child, message.record["call_id"]);
    const stream = streams.find(({ name }) => name === message.stream);
    if (stream === undefined) throw new Error(`no stream ${message.stream}`);
    const key = stream.keys.map((name) => text(message.record[name])).join("\n");
    this.#table(message.stream).set(key, this.#merged(message.stream, key, message.record));
    this.#keysOf(message.stream, message.record["call_id"]).add(key);
  }

  ids(table: string, property = "call_id"): string[] {
    return [...new Set(this.rows(table).map((row) => text(row[property]) ?? ""))].sort();
  }

  rows(table: string): JsonObject[] {
    return [...this.#table(table).values()];
  }

  /** All tables, sorted, to compare two warehouses by. */
  everything(): Record<string, string[]> {
    const sorted = [...this.tables].map(([name, rows]): [string, string[]] => [
      name,
      [...rows.values()].map((row) => JSON.stringify(row)).sort(),
    ]);
    return Object.fromEntries(sorted.filter(([, rows]) => rows.length > 0).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** What a record lacks stays as it was. */
  #merged(table: string, key: string, record: JsonObject): JsonObject {
    const before = this.#table(table).get(key);
    return "_deleted_at" in record && !("title" in record) ? { ...before, ...record } : record;
  }

  #clear(table: string, callId: unknown): void {
    const keys = this.#keysOf(table, callId);
    for (const key of keys) this.#table(table).delete(key);
    keys.clear();
  }

  #keysOf(table: string, callId: unknown): Set<string> {
    const name = `${table} ${String(callId)}`;
    const keys = this.#keys.get(name) ?? new Set<string>();
    this.#keys.set(name, keys);
    return keys;
  }

  #table(name: string): Map<string, JsonObject> {
    const table = this.tables.get(name) ?? new Map<string, JsonObject>();
    this.tables.set(name, table);
    return table;
  }
}
