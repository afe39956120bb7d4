import type { ColumnKind, ColumnType } from "../../core/column.ts";
import type { TablePlan } from "../../core/table.ts";
import type { NewColumn } from "./ddl.ts";
import type { BigqueryRows } from "./stage.ts";
import { parse, typeName } from "./types.ts";

/** A batch's rows of one stream in their staging table, and how SQL gets at them. */
export class Staged {
  /** Quoted, with its dataset. */
  readonly table: string;
  readonly rows: BigqueryRows;
  readonly plan: TablePlan;

  constructor(table: string, rows: BigqueryRows) {
    this.table = table;
    this.rows = rows;
    this.plan = rows.plan;
  }

  /** Where the rows of the batch begin to be counted. */
  get firstSequence(): number {
    return this.rows.segments[0]?.buffer.firstSequence ?? 0;
  }

  /** Types that a column had in earlier layouts of the batch and that are not the one it has now. */
  earlierTypes(index: number): ColumnType[] {
    const now = this.plan.columns[index]?.type;
    const types = new Map<string, ColumnType>();
    for (const { plan } of this.rows.segments) {
      const type = plan.columns[index]?.type;
      if (type !== undefined && now !== undefined && typeName(type) !== typeName(now)) types.set(typeName(type), type);
    }
    return [...types.values()];
  }

  /** A column as a value of this type; `items` is the kind of the items of a REPEATED one. */
  value(index: number, to: ColumnType, items?: ColumnKind): string {
    const column = `c${index}`;
    if (items !== undefined) return listOf(column, items);
    // Layouts, each with the rows up to the next one; mostly there is one.
    const forms: { sql: string; upTo: number }[] = [];
    for (const { plan, buffer } of this.rows.segments) {
      const from = plan.columns[index]?.type ?? to;
      const sql = parse(column, from, to);
      const last = forms.at(-1);
      if (last !== undefined && last.sql !== sql) last.upTo = buffer.firstSequence;
      if (last?.sql !== sql) forms.push({ sql, upTo: Infinity });
    }
    const [only = { sql: parse(column, this.plan.columns[index]?.type ?? to, to), upTo: Infinity }] = forms;
    if (forms.length < 2) return only.sql;
    const cases = forms.slice(0, -1).map(({ sql, upTo }) => `WHEN coalesce(r, s) < ${upTo} THEN ${sql}`);
    return `CASE ${cases.join(" ")} ELSE ${forms.at(-1)?.sql ?? only.sql} END`;
  }

  /** True when a record lacked this column, and that is to be known. */
  isAbsentSomewhere(index: number): boolean {
    return this.rows.segments.some(({ plan, buffer }) => index >= plan.columns.length || buffer.absent.has(index));
  }

  /** Whether a row's record lacked a column; one whose layout has no such column did. */
  absent(index: number): string {
    const since = this.rows.segments.find(({ plan }) => index < plan.columns.length)?.buffer.firstSequence;
    const before = since === undefined ? "TRUE" : since > this.firstSequence ? `r < ${since}` : undefined;
    const listed = this.rows.segments.some(({ buffer }) => buffer.absent.has(index))
      ? `${index} IN UNNEST(a)`
      : undefined;
    return [before, listed].filter((one) => one !== undefined).join(" OR ") || "FALSE";
  }
}

/** The columns of a staging table. */
export const stagingColumns = ({ columns }: TablePlan): readonly NewColumn[] => [
  { name: "r", type: { kind: "integer" } },
  { name: "s", type: { kind: "integer" } },
  { name: "e", type: { kind: "integer" } },
  { name: "v", type: { kind: "integer" } },
  { name: "a", type: { kind: "json" }, items: "integer" },
  ...columns.map((_, i) => ({ name: `c${i}`, type: { kind: "text" } as const })),
];

function listOf(column: string, items: ColumnKind): string {
  const texts = `JSON_VALUE_ARRAY(${column})`;
  if (items === "text") return texts;
  const type = typeName({ kind: items as "integer" });
  return `ARRAY(SELECT CAST(item AS ${type}) FROM UNNEST(${texts}) AS item WITH OFFSET AS place ORDER BY place)`;
}
