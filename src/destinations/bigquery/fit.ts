import { EltError } from "../../core/errors.ts";
import type { TablePlan } from "../../core/table.ts";
import type { Field } from "./client.ts";
import type { Table } from "./ddl.ts";

/** What rows can be written into, whoever made the column. */
const SCALARS = ["BOOL", "INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "STRING", "TIMESTAMP", "DATE", "JSON"];
const LISTS = ["BOOL", "INT64", "FLOAT64", "STRING", "TIMESTAMP", "DATE"].map((item) => `ARRAY<${item}>`);

/** Throws WAREHOUSE_REFUSED, before anything is loaded, when a table that exists cannot take the rows of this plan. */
export function refuseUnfit(table: Table, { stream, table: name, columns }: TablePlan): void {
  const refuse = (what: string) => {
    throw new EltError(
      "WAREHOUSE_REFUSED",
      `stream "${stream}": in its table "${name}" ${what}; change the table, or give it another name`,
      { stream },
    );
  };
  for (const { name: column } of columns) {
    const native = table.columns.get(column)?.native;
    if (native === undefined || SCALARS.includes(native) || LISTS.includes(native)) continue;
    refuse(`the column "${column}" is ${native}, which nothing is loaded into`);
  }
  const { fields = [] } = (table.metadata["schema"] ?? {}) as { fields?: readonly (Field & WithDefault)[] };
  const lacks = ({ name: column }: Field) => columns.every((one) => one.name !== column);
  const needed = fields.find((field) => field.mode === "REQUIRED" && !field.defaultValueExpression && lacks(field));
  if (needed !== undefined) refuse(`the column "${needed.name}" is REQUIRED, and the stream has no such property`);
}

interface WithDefault {
  readonly defaultValueExpression?: string | null;
}
