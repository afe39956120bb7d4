import type { ColumnKind, ColumnType } from "../../core/column.ts";
import { EltError } from "../../core/errors.ts";
import type { Client, Field, Json } from "./client.ts";
import type { PartitionType } from "./config.ts";
import { isThereAlready } from "./refusal.ts";
import { quote, typeName, typeOf } from "./types.ts";

interface TableColumn {
  readonly type: ColumnType;
  /** BigQuery's own name for the type, in GoogleSQL. */
  readonly native: string;
  /** The kind of the items of a REPEATED column. */
  readonly items: ColumnKind | undefined;
}

/** How a table is cut into partitions; `field` is absent where they go by the time of loading. */
export interface Partitioning {
  readonly type: PartitionType;
  readonly field?: string;
}

/** A table as it is now. */
export interface Table {
  readonly columns: ReadonlyMap<string, TableColumn>;
  readonly partitioning: Partitioning | undefined;
  readonly clustering: readonly string[];
  readonly isEmpty: boolean;
  /** As the API gives it. */
  readonly metadata: Json;
}

/** A column to make. */
export interface NewColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly items?: ColumnKind | undefined;
  /** What it stands for, where its name cannot say it. */
  readonly description?: string | undefined;
}

export interface NewTable {
  readonly name: string;
  readonly columns: readonly NewColumn[];
  readonly partitioning?: Partitioning | undefined;
  readonly clustering?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly description?: string | undefined;
  /** Milliseconds since 1970; the table goes away by itself then. */
  readonly expiresAt?: number;
}

/** Makes the dataset unless it is there, and finds out where it is, as jobs have to run there. */
export async function ensureDataset(
  client: Client,
  dataset: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const found = await locateDataset(client, dataset);
  if (found) return;
  const body = {
    datasetReference: { projectId: client.project, datasetId: dataset },
    location: client.location,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
  try {
    await client.request({ method: "POST", path: "/datasets", body });
  } catch (error) {
    if (!isThereAlready(error)) throw error;
    await locateDataset(client, dataset);
  }
}

/** False when there is no such dataset. */
export async function locateDataset(client: Client, dataset: string): Promise<boolean> {
  const found = await client.find(`/datasets/${dataset}`);
  if (typeof found?.["location"] === "string") client.location = found["location"];
  return found !== undefined;
}

export async function tablesIn(client: Client, dataset: string): Promise<string[]> {
  const names: string[] = [];
  for await (const table of client.list(`/datasets/${dataset}/tables`, "tables")) {
    names.push((table["tableReference"] as { tableId: string }).tableId);
  }
  return names;
}

const pathOf = (dataset: string, table: string) => `/datasets/${dataset}/tables/${encodeURIComponent(table)}`;

/** The table, or undefined when there is none. Throws WAREHOUSE_REFUSED when it is a view or the like. */
export async function describeTable(client: Client, dataset: string, table: string): Promise<Table | undefined> {
  const metadata = await client.find(pathOf(dataset, table));
  return metadata === undefined ? undefined : tableOf(metadata, dataset, table);
}

function tableOf(metadata: Json, dataset: string, table: string): Table {
  const { type = "TABLE", numRows } = metadata as { type?: string; numRows?: string };
  if (type !== "TABLE") {
    const message = `in the dataset "${dataset}" "${table}" is a ${type}, where a table would have to be`;
    throw new EltError("WAREHOUSE_REFUSED", message);
  }
  const fields = ((metadata["schema"] as Json | undefined)?.["fields"] ?? []) as readonly Field[];
  const time = metadata["timePartitioning"] as { type?: PartitionType; field?: string } | undefined;
  return {
    columns: new Map(fields.map((field) => [field.name, columnOf(field)])),
    partitioning: time?.type === undefined ? undefined : { type: time.type, ...(time.field && { field: time.field }) },
    clustering: (metadata["clustering"] as { fields?: string[] } | undefined)?.fields ?? [],
    isEmpty: numRows === "0" && metadata["streamingBuffer"] === undefined,
    metadata,
  };
}

/** The legacy names that the API still gives. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables */
const GOOGLE_SQL: Record<string, string> = { INTEGER: "INT64", FLOAT: "FLOAT64", BOOLEAN: "BOOL", RECORD: "STRUCT" };

function columnOf({ type, mode }: Field): TableColumn {
  const native = GOOGLE_SQL[type.toUpperCase()] ?? type.toUpperCase();
  const isList = mode?.toUpperCase() === "REPEATED";
  const items = isList && native !== "STRUCT" ? typeOf(native).kind : undefined;
  return { type: isList ? { kind: "json" } : typeOf(native), native: isList ? `ARRAY<${native}>` : native, items };
}

const fieldOf = ({ name, type, items, description }: NewColumn) => ({
  name,
  type: items === undefined ? typeName(type) : typeName({ kind: items as "text" }),
  mode: items === undefined ? "NULLABLE" : "REPEATED",
  ...(description === undefined ? {} : { description }),
});

/** Makes a table, or finds the one that is there. */
export async function createTable(client: Client, dataset: string, table: NewTable): Promise<Table> {
  const { name, columns, partitioning, clustering = [], labels = {}, description, expiresAt } = table;
  const body = {
    tableReference: { projectId: client.project, datasetId: dataset, tableId: name },
    schema: { fields: columns.map(fieldOf) },
    ...(partitioning === undefined ? {} : { timePartitioning: partitioning }),
    ...(clustering.length === 0 ? {} : { clustering: { fields: clustering } }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(description === undefined ? {} : { description }),
    ...(expiresAt === undefined ? {} : { expirationTime: String(expiresAt) }),
  };
  try {
    const made = await client.request({ method: "POST", path: `/datasets/${dataset}/tables`, body });
    return { ...tableOf(made, dataset, name), isEmpty: true };
  } catch (error) {
    const found = isThereAlready(error) ? await describeTable(client, dataset, name) : undefined;
    if (found === undefined) throw error;
    return found;
  }
}

export async function dropTable(client: Client, dataset: string, table: string): Promise<void> {
  try {
    await client.request({ method: "DELETE", path: pathOf(dataset, table) });
  } catch (error) {
    if ((error as { status?: number }).status !== 404) throw error;
  }
}

/** Adds columns, all in one request: a table's metadata can be changed five times in ten seconds. */
export async function addColumns(
  client: Client,
  dataset: string,
  table: string,
  { metadata }: Table,
  columns: readonly NewColumn[],
): Promise<Table> {
  const schema = metadata["schema"] as { fields?: readonly Field[] } | undefined;
  const fields = [...(schema?.fields ?? []), ...columns.map(fieldOf)];
  const body = { schema: { fields } };
  return tableOf(await client.request({ method: "PATCH", path: pathOf(dataset, table), body }), dataset, table);
}

/** How a table of this name is made from its own rows, with other values in some columns. */
export function rewriteTable(
  dataset: string,
  name: string,
  { partitioning, clustering, columns }: Table,
  changes: ReadonlyMap<string, string>,
): string {
  const table = quote(`${dataset}.${name}`);
  const by = partitionExpression(partitioning, columns);
  const replaced = [...changes].map(([column, sql]) => `${sql} AS ${quote(column)}`);
  return [
    `CREATE OR REPLACE TABLE ${table}`,
    by === undefined ? "" : `PARTITION BY ${by}`,
    clustering.length === 0 ? "" : `CLUSTER BY ${clustering.map(quote).join(", ")}`,
    `AS SELECT * REPLACE (${replaced.join(", ")}) FROM ${table}`,
  ].join(" ");
}

function partitionExpression(partitioning: Partitioning | undefined, columns: Table["columns"]): string | undefined {
  if (partitioning === undefined) return undefined;
  const { type, field } = partitioning;
  if (field === undefined) return undefined; // by the time of loading, which a table that is written anew has lost
  const column = quote(field);
  const isDate = columns.get(field)?.native === "DATE";
  if (isDate) return type === "DAY" ? column : `DATE_TRUNC(${column}, ${type})`;
  return type === "DAY" ? `DATE(${column})` : `TIMESTAMP_TRUNC(${column}, ${type})`;
}
