import { widen, type Column, type ColumnKind, type ColumnType } from "../../core/column.ts";
import type { LoadOptions } from "../../core/destination.ts";
import { EltError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { SchemaMessage } from "../../core/message.ts";
import { metadataColumns, type TablePlan } from "../../core/table.ts";
import type { BigqueryConfig } from "./config.ts";
import {
  addColumns,
  createTable,
  describeTable,
  rewriteTable,
  type NewColumn,
  type Partitioning,
  type Table,
} from "./ddl.ts";
import type { Queries } from "./query.ts";
import type { Staged } from "./staged.ts";
import type { BigqueryRows } from "./stage.ts";
import { cast, quote, roomOf, typeName, widensInPlace } from "./types.ts";

/** What is known of a stream's table. */
export interface Target {
  table: Table | undefined;
  /** How it is made when there is none. */
  readonly partitioning: Partitioning | undefined;
  readonly clustering: readonly string[];
  readonly description: string | undefined;
  /** The plan that the table was made to fit, and the same with the types that the table really has. */
  ready: { readonly plan: TablePlan; readonly versions: boolean; readonly real: TablePlan } | undefined;
  /** True while nothing can be in the table. */
  isEmpty: boolean;
}

/** Columns that say when a call or meeting began, as the taps of this package name them. */
const STARTS = ["call_started_at", "meeting_started_at", "started_at"];

/** How the table of a stream is laid out: as it is where it exists, otherwise as the config wants it. */
export function layoutOf(
  message: SchemaMessage,
  plan: TablePlan,
  table: Table | undefined,
  config: BigqueryConfig,
): Pick<Target, "table" | "partitioning" | "clustering"> {
  if (table !== undefined) return { table, partitioning: table.partitioning, clustering: table.clustering };
  const { stream } = message;
  const named = (property: string) => plan.columns.find(({ path }) => path.length === 1 && path[0] === property);
  const wanted = config.partition_by[stream] ?? config.partition_by["*"];
  const field = (wanted === undefined ? STARTS : [wanted]).map(named).find((column) => column !== undefined);
  const canPartition =
    field?.type.kind === "timestamp" || (field?.type.kind === "date" && config.partition_type !== "HOUR");
  if (wanted !== undefined && wanted !== "" && config.partition_by[stream] !== undefined && !canPartition) {
    const message = `"partition_by" names "${wanted}" for stream "${stream}", which is no date or date-time of it`;
    throw new EltError("CONFIG_INVALID", message, { stream });
  }
  const keys = plan.keys.filter((key) => canCluster(plan.columns.find(({ name }) => name === key)?.type));
  const chosen = config.cluster_by[stream] ?? config.cluster_by["*"];
  const clusters = (property: string) => canCluster(named(property)?.type);
  const unfit = config.cluster_by[stream]?.find((property) => !clusters(property));
  if (unfit !== undefined) {
    const message = `"cluster_by" names "${unfit}" for stream "${stream}", which is no column of it that tables can be clustered by`;
    throw new EltError("CONFIG_INVALID", message, { stream });
  }
  const clustering = chosen?.filter(clusters).flatMap((property) => named(property)?.name ?? []) ?? keys;
  return {
    table,
    partitioning:
      canPartition && config.partition_type !== "NONE" ? { type: config.partition_type, field: field.name } : undefined,
    clustering: clustering.slice(0, 4),
  };
}

/** https://cloud.google.com/bigquery/docs/clustered-tables#cluster_column_types */
const canCluster = (type: ColumnType | undefined) =>
  type !== undefined && type.kind !== "number" && type.kind !== "json";

/** Columns of the plan that are to be lists, and the kind of their items; those of the table are as they are. */
export function listsOf(
  { schema }: SchemaMessage,
  plan: TablePlan,
  table: Table | undefined,
  { array_columns: wanted }: BigqueryConfig,
): Map<string, ColumnKind> {
  const lists = new Map<string, ColumnKind>();
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  for (const { name, path, type } of plan.columns) {
    const has = table?.columns.get(name);
    if (has?.items !== undefined) lists.set(name, has.items);
    if (has !== undefined || wanted !== "repeated" || path.length > 1 || type.kind !== "json") continue;
    const items = itemsOf(properties[path[0] ?? ""]);
    if (items !== undefined) lists.set(name, items);
  }
  return lists;
}

/** The kind of the items of a list of scalars. */
function itemsOf(property: unknown): ColumnKind | undefined {
  if (!isObject(property) || !isObject(property["items"])) return undefined;
  const only = (types: unknown) => [types].flat().filter((type) => type !== "null");
  const [list, ...others] = only(property["type"]);
  const [item, ...more] = only(property["items"]["type"]);
  if (list !== "array" || others.length > 0 || more.length > 0) return undefined;
  switch (item) {
    case "string":
      return "text";
    case "integer":
    case "number":
    case "boolean":
      return item;
    default:
      return undefined;
  }
}

/**
 * Makes the table fit the rows: new columns in one request, wider ones in place where BigQuery can, otherwise by writing
 * the table anew. The plan that comes back has the types that the table really has. Nothing is undone when the batch
 * fails later: a table with room for more is as good.
 */
export async function prepareTarget(
  queries: Queries,
  rows: BigqueryRows,
  staged: Staged,
  target: Target,
  lists: ReadonlyMap<string, ColumnKind>,
  { options, labels, id }: { options: LoadOptions; labels: Readonly<Record<string, string>>; id: string },
): Promise<TablePlan> {
  const { plan } = rows;
  const versions = rows.hasVersions || rows.activate !== undefined;
  if (target.ready?.plan === plan && target.ready.versions === versions) return target.ready.real;
  const { client } = queries;
  const { schema: dataset } = options;
  const metadata = metadataColumns(plan, options.metadata, versions).map(([name, type]) => ({ name, type }));
  const wanted = await holdingAllRows(queries, staged);
  let columns: readonly Column[] = wanted;
  let found = target.table;
  if (found === undefined) {
    const { partitioning, clustering, description } = target;
    const all = [...wanted.map((column) => newColumn(column, lists)), ...metadata];
    found = await createTable(client, dataset, {
      name: plan.table,
      columns: all,
      partitioning,
      clustering,
      labels,
      description,
    });
  } else {
    const fit = await fitTable(queries, found, wanted, plan, { dataset, id });
    columns = fit.columns;
    if (fit.changed) found = (await describeTable(client, dataset, plan.table)) ?? found;
    const has = found.columns;
    const missing = [...wanted.map((column) => newColumn(column, lists)), ...metadata].filter(
      ({ name }) => !has.has(name),
    );
    if (missing.length > 0) found = await addColumns(client, dataset, plan.table, found, missing);
  }
  target.table = found;
  const real = { ...plan, columns };
  target.ready = { plan, versions, real };
  if (columns.some(({ type }, i) => typeName(type) !== typeName(plan.columns[i]!.type))) rows.writer.replan(real);
  return real;
}

function newColumn({ name, path, type }: Column, lists: ReadonlyMap<string, ColumnKind>): NewColumn {
  const property = path.join("__");
  return {
    name,
    type,
    items: lists.get(name),
    description: name === property ? undefined : `Property ${JSON.stringify(path.join("."))}`,
  };
}

/** Makes columns wider that would not hold the plan's values; says what they are then. */
async function fitTable(
  queries: Queries,
  found: Table,
  wanted: readonly Column[],
  plan: TablePlan,
  { dataset, id }: { dataset: string; id: string },
): Promise<{ columns: Column[]; changed: boolean }> {
  const inPlace: string[] = [];
  const rewritten = new Map<string, string>();
  const columns: Column[] = [];
  const table = quote(`${dataset}.${plan.table}`);
  for (const column of wanted) {
    const has = found.columns.get(column.name);
    if (has === undefined || has.items !== undefined || has.native === typeName(column.type)) {
      columns.push(column);
      continue;
    }
    const name = quote(column.name);
    const type = await safeWidening(queries, table, name, has.type, widen(has.type, column.type));
    columns.push({ ...column, type });
    const native = typeName(type);
    if (native === has.native || (type.kind === has.type.kind && type.kind !== "decimal")) continue;
    if (widensInPlace(has.native, native)) inPlace.push(`ALTER COLUMN ${name} SET DATA TYPE ${native}`);
    else rewritten.set(column.name, cast(name, has.type, type));
  }
  if (inPlace.length > 0) await queries.run(`${id}_widen`, `ALTER TABLE ${table} ${inPlace.join(", ")}`);
  if (rewritten.size > 0) await rewrite(queries, found, plan, rewritten, { dataset, id });
  return { columns, changed: inPlace.length + rewritten.size > 0 };
}

/** One statement, so that the table is at every moment the old one or the new one. */
async function rewrite(
  queries: Queries,
  found: Table,
  { stream, table }: TablePlan,
  changes: ReadonlyMap<string, string>,
  { dataset, id }: { dataset: string; id: string },
): Promise<void> {
  const { partitioning } = found;
  if (partitioning !== undefined && (partitioning.field === undefined || changes.has(partitioning.field))) {
    const message = `stream "${stream}": column ${[...changes.keys()].map((name) => `"${name}"`).join(", ")} has to become wider, which the partitioning of its table "${table}" does not allow; make the table anew`;
    throw new EltError("WAREHOUSE_REFUSED", message, { stream });
  }
  const clustering = found.clustering.filter((name) => !changes.has(name) || canCluster(found.columns.get(name)?.type));
  await queries.run(`${id}_rewrite`, rewriteTable(dataset, table, { ...found, clustering }, changes));
  await queries.restore(dataset, table, found);
}

/** The plan's columns, those made wider that would cost staged rows of an earlier layout a digit. */
async function holdingAllRows(queries: Queries, staged: Staged): Promise<Column[]> {
  const columns: Column[] = [];
  for (const [index, column] of staged.plan.columns.entries()) {
    let { type } = column;
    for (const from of staged.earlierTypes(index)) {
      type = await safeParsing(queries, staged.table, `c${index}`, from, type);
    }
    columns.push({ ...column, type });
  }
  return columns;
}

/** The type that values of a table's column can really be widened to without losing a digit. */
async function safeWidening(
  queries: Queries,
  table: string,
  column: string,
  from: ColumnType,
  to: ColumnType,
): Promise<ColumnType> {
  if (from.kind === "integer" && to.kind === "number") {
    return (await queries.any(table, `${column} NOT BETWEEN -${EXACT} AND ${EXACT}`)) ? { kind: "text" } : to;
  }
  if (to.kind !== "decimal" || typeName(from) === typeName(to)) return to;
  return (await queries.any(table, `NOT ${fits(`CAST(${column} AS STRING)`, to.scale)}`)) ? { kind: "text" } : to;
}

/** The same for staged texts. */
async function safeParsing(
  queries: Queries,
  table: string,
  column: string,
  from: ColumnType,
  to: ColumnType,
): Promise<ColumnType> {
  if (from.kind === "integer" && to.kind === "number") {
    const large = `SAFE_CAST(${column} AS INT64) NOT BETWEEN -${EXACT} AND ${EXACT}`;
    return (await queries.any(table, large)) ? { kind: "text" } : to;
  }
  if (to.kind !== "decimal" || (from.kind === "decimal" && typeName(from) === typeName(to))) return to;
  return (await queries.any(table, `NOT ${fits(column, to.scale)}`)) ? { kind: "text" } : to;
}

/** Whether a number's digits fit into a decimal column of this scale; one with an exponent does not. */
function fits(text: string, scale: number): string {
  const { whole, places } = roomOf(scale);
  return `REGEXP_CONTAINS(${text}, r'^-?\\d{1,${whole}}(\\.\\d{1,${places}})?$')`;
}

/** Whole numbers up to here a double holds. */
const EXACT = "9007199254740992";
