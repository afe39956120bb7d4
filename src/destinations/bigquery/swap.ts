import { createHash } from "node:crypto";
import type { Client } from "./client.ts";
import { describeTable, dropTable } from "./ddl.ts";

/**
 * Puts a table in place of another, as one copy job: at every moment the table is the old one or the new one. A table
 * that is cut otherwise cannot be overwritten, and is dropped first.
 */
export async function swapTable(
  client: Client,
  dataset: string,
  { aside, table, id }: { readonly aside: string; readonly table: string; readonly id: string },
): Promise<void> {
  const [from, to] = [await describeTable(client, dataset, aside), await describeTable(client, dataset, table)];
  const cut = (one: typeof from) => JSON.stringify([one?.partitioning, one?.clustering]);
  if (to !== undefined && cut(from) !== cut(to)) await dropTable(client, dataset, table);
  const reference = (tableId: string) => ({ projectId: client.project, datasetId: dataset, tableId });
  await client.job(`chorus_elt_swap_${id}_${createHash("sha256").update(aside).digest("hex").slice(0, 8)}`, {
    copy: {
      sourceTable: reference(aside),
      destinationTable: reference(table),
      createDisposition: "CREATE_IF_NEEDED",
      writeDisposition: "WRITE_TRUNCATE",
    },
  });
  await dropTable(client, dataset, aside);
}
