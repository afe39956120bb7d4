import type { JsonObject } from "../../../src/core/json.ts";

/** A column in the form of the REST API. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly description?: string | null;
  readonly fields?: readonly Field[];
}

type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
export type Row = Record<string, Value>;

/** A cell as the REST API has it: `v` around text, around more cells of an array, or around `f` with the cells of a record. */
interface Cell {
  readonly v: null | string | readonly Cell[] | { readonly f: readonly Cell[] };
}

interface Page {
  readonly jobReference: { readonly jobId: string };
  readonly schema?: { readonly fields: readonly Field[] };
  readonly rows?: readonly { readonly f: readonly Cell[] }[];
  readonly pageToken?: string | null;
  readonly jobComplete: boolean;
}

type Request = (method: string, path: string, body?: JsonObject) => Promise<JsonObject>;

/** All rows that a statement gives. */
export async function readRows(request: Request, sql: string): Promise<Row[]> {
  const formatOptions = { useInt64Timestamp: true };
  const first = await request("POST", "queries", { query: sql, useLegacySql: false, formatOptions, timeoutMs: 60_000 });
  let page = first as unknown as Page;
  if (!page.jobComplete) throw new Error(`no answer within a minute: ${sql}`);
  const rows: Row[] = [];
  for (;;) {
    const fields = page.schema?.fields ?? [];
    for (const { f } of page.rows ?? []) rows.push(recordOf(fields, f));
    if (page.pageToken == null) return rows;
    const query = `formatOptions.useInt64Timestamp=true&pageToken=${encodeURIComponent(page.pageToken)}`;
    page = (await request("GET", `queries/${page.jobReference.jobId}?${query}`)) as unknown as Page;
  }
}

function recordOf(fields: readonly Field[], cells: readonly Cell[]): Row {
  return Object.fromEntries(
    fields.map((field, i) => [field.name, valueOf(field, cells[i]!.v, field.mode === "REPEATED")]),
  );
}

function valueOf(field: Field, value: Cell["v"], isRepeated: boolean): Value {
  if (value === null) return null;
  if (isRepeated) return (value as readonly Cell[]).map(({ v }) => valueOf(field, v, false));
  if (typeof value !== "string") return recordOf(field.fields ?? [], (value as { f: readonly Cell[] }).f);
  if (field.type === "BOOLEAN" || field.type === "BOOL") return value === "true";
  if (field.type === "FLOAT" || field.type === "FLOAT64") return Number(value);
  return field.type === "TIMESTAMP" ? isoOf(BigInt(value)) : value;
}

/** Microseconds since 1970 as `2026-01-31T12:00:00.123456Z`. */
function isoOf(micros: bigint): string {
  const second = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const whole = new Date(Number((micros - second) / 1_000n)).toISOString().slice(0, -5);
  return `${whole}.${String(second).padStart(6, "0")}Z`;
}
