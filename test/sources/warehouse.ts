import { type JsonObject } from "../../src/core/json.ts";
import { type SourceMessage } from "../../src/core/source.ts";
import { text } from "../../src/sources/chorus/values.ts";
import { streams } from "../../src/sources/chorus/streams.gen.ts";

/** What a target makes of a tap's messages, in a few lines: newest row per key, and sets that are replaced whole. */
export class Warehouse {
  readonly tables = new Map<string, Map<string, JsonObject>>();

  take(message: SourceMessage): void {
    if (message.type !== "record") return;
    for (const child of message.clears ?? []) this.#clear(child, message.record["call_id"]);
    const stream = streams.find(({ name }) => name === message.stream);
    if (stream === undefined) throw new Error(`no stream ${message.stream}`);
    const key = stream.keys.map((name) => text(message.record[name])).join("\n");
    this.#table(message.stream).set(key, message.record);
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

  #clear(table: string, callId: unknown): void {
    for (const [key, row] of this.#table(table)) if (row["call_id"] === callId) this.#table(table).delete(key);
  }

  #table(name: string): Map<string, JsonObject> {
    const table = this.tables.get(name) ?? new Map<string, JsonObject>();
    this.tables.set(name, table);
    return table;
  }
}
