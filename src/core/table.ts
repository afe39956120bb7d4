import { createHash } from "node:crypto";
import { columnType, resolve, sameType, widen, type Column, type ColumnType } from "./column.ts";
import type { LoadMethod } from "./destination.ts";
import { EltError } from "./errors.ts";
import { isObject, type JsonObject, type JsonSchema } from "./json.ts";
import type { SchemaMessage } from "./message.ts";

/** The table that a stream's rows go to. Keys, sets and versions are given as column names. */
export interface TablePlan {
  readonly stream: string;
  readonly table: string;
  readonly columns: readonly Column[];
  readonly keys: readonly string[];
  readonly replaces?: readonly string[];
  /** Decides only while its column `saysWhatIsNewer`. */
  readonly newestBy?: string;
  /** See `SchemaMessage.method`. */
  readonly method?: LoadMethod;
}

/** How a database treats names. */
export interface Traits {
  /** Longest identifier, in bytes. */
  readonly maxIdentifier: number;
  /** What two names that differ only by case are to it: one name, whatever case it shows. */
  readonly caseInsensitive: boolean;
  quote(name: string): string;
  /** A name as the database can have it, different for different names. Without it every name can be had as it is. */
  spell?(name: string): string;
}

export interface PlanOptions {
  readonly traits: Traits;
  /** How many levels of objects become columns `a__b` of their own; 0 keeps objects as JSON. */
  readonly flattenDepth: number;
  readonly table: string;
  /** Names of the table's columns that exist already. They keep what they stand for. */
  readonly columns: readonly string[];
}

/** Plans the table of a stream. Throws SCHEMA_INVALID when the schema has no way to become a table. */
export function planTable(message: SchemaMessage, options: PlanOptions): TablePlan {
  const { schema, stream } = message;
  if (!isObject(schema["properties"]))
    throw new EltError("SCHEMA_INVALID", `stream "${stream}": the schema has no properties`, { stream });
  const found = properties(schema, schema, [], options.flattenDepth);
  const names = claimNames(wantedNames(found.map(({ path }) => path)), options.columns, options.traits);
  const columns = found.map((one, index) => ({ ...one, name: names[index] ?? one.path.join("__") }));
  const columnOf = (property: string) => {
    const column = columns.find((one) => one.path.length === 1 && one.path[0] === property);
    if (column !== undefined) return column.name;
    throw new EltError(
      "SCHEMA_INVALID",
      `stream "${stream}": property "${property}" is a key or a set but not in the schema`,
      {
        stream,
      },
    );
  };
  const newestProperty = message.newestBy ?? message.bookmarks?.[0];
  const newestBy = columns.find(({ path }) => path.length === 1 && path[0] === newestProperty)?.name;
  return {
    stream,
    table: options.table,
    columns,
    keys: message.keys.map(columnOf),
    ...(message.replaces === undefined ? {} : { replaces: message.replaces.map(columnOf) }),
    ...(newestBy === undefined ? {} : { newestBy }),
    ...(message.method === undefined ? {} : { method: message.method }),
  };
}

/** The plan that fits both: all columns, each of the type that holds the values of both. Names come from `old`. */
export function mergePlans(old: TablePlan, next: TablePlan): TablePlan {
  const columns = [...old.columns];
  for (const column of next.columns) {
    const index = columns.findIndex((one) => samePath(one, column));
    const known = columns[index];
    if (known === undefined) columns.push(column);
    else columns[index] = { ...known, type: widen(known.type, column.type) };
  }
  return { ...next, table: old.table, columns };
}

export function samePlan(a: TablePlan, b: TablePlan): boolean {
  return (
    a.columns.length === b.columns.length &&
    a.columns.every((column, index) => {
      const other = b.columns[index];
      return other !== undefined && column.name === other.name && sameType(column.type, other.type);
    }) &&
    sameKeys(a, b)
  );
}

export function sameKeys(a: TablePlan, b: TablePlan): boolean {
  const identity = (plan: TablePlan) => JSON.stringify([plan.keys, plan.replaces, plan.newestBy]);
  return identity(a) === identity(b);
}

/** A point in time or a number says which of two rows is the newer one; a text does not. */
export function saysWhatIsNewer({ kind }: ColumnType): boolean {
  return kind === "timestamp" || kind === "date" || kind === "integer" || kind === "number" || kind === "decimal";
}

/** Columns of a table that neither the plan nor Singer names: those that no schema of the run speaks of. */
export function columnsBeyond(plan: TablePlan, existing: Iterable<string>): string[] {
  const singers = metadataColumns(plan, true, true).map(([name]) => name);
  const known = new Set([...plan.columns.map(({ name }) => name), ...singers]);
  return [...existing].filter((name) => !known.has(name));
}

/** The columns that a table gets beside those of the plan: Singer's own, or none. */
export function metadataColumns(plan: TablePlan, wanted: boolean, versions: boolean): [string, ColumnType][] {
  const all: [string, ColumnType][] = [
    ["_sdc_extracted_at", { kind: "timestamp" }],
    ["_sdc_received_at", { kind: "timestamp" }],
    ["_sdc_batched_at", { kind: "timestamp" }],
    ["_sdc_deleted_at", { kind: "timestamp" }],
    ["_sdc_sequence", { kind: "integer" }],
    ["_sdc_table_version", { kind: "integer" }],
    ["_sdc_sync_started_at", { kind: "integer" }],
  ];
  const own = new Set(plan.columns.map(({ name }) => name.toLowerCase()));
  // Versions are compared by their column, and a table without any column cannot be made.
  const keep = ([name]: [string, ColumnType]) =>
    wanted || plan.columns.length === 0 || (versions && /_version$|_deleted_at$/.test(name));
  return all.filter((column) => !own.has(column[0]) && keep(column));
}

const samePath = (a: Column, b: Column) => JSON.stringify(a.path) === JSON.stringify(b.path);

function properties(
  schema: JsonObject,
  root: JsonSchema,
  path: readonly string[],
  depth: number,
): Omit<Column, "name">[] {
  const listed = isObject(schema["properties"]) ? schema["properties"] : {};
  return Object.entries(listed).flatMap(([name, property]) => {
    const here = [...path, name];
    const inner = depth > 0 ? flattenable(property, root) : undefined;
    if (inner !== undefined) return properties(inner, root, here, depth - 1);
    return [{ path: here, type: columnType(property, root) }];
  });
}

/** `a__b` for each path; where two come to the same name, the longer path gets one that no other comes to. */
function wantedNames(paths: readonly (readonly string[])[]): string[] {
  const joined = paths.map((path) => path.join("__"));
  return joined.map((name, index) => {
    const length = paths[index]?.length ?? 0;
    const isTaken = joined.some((other, at) => other === name && at !== index && (paths[at]?.length ?? 0) <= length);
    return isTaken ? JSON.stringify(paths[index]) : name;
  });
}

/** An object schema with properties of its own; anything else stays one column. */
function flattenable(property: unknown, root: JsonSchema): JsonObject | undefined {
  if (!isObject(property)) return undefined;
  const schema = typeof property["$ref"] === "string" ? resolve(property["$ref"], root) : property;
  const types = [schema?.["type"]].flat().filter((type) => type !== "null");
  return types.length === 1 && types[0] === "object" && isObject(schema?.["properties"]) ? schema : undefined;
}

/**
 * A name in the database for each wanted one, all different to the database, and the same from run to run: a name that
 * exists already keeps what it stands for; a name that is too long, or that another has taken, gets a hash of itself
 * at its end.
 */
export function claimNames(names: readonly string[], existing: readonly string[], traits: Traits): string[] {
  const wanted = names.map((name) => traits.spell?.(name) ?? name);
  const fold = (name: string) => (traits.caseInsensitive ? name.toLowerCase() : name);
  const taken = new Map<string, string>(); // folded name -> wanted name that has it
  const exists = new Set(existing);
  const result = new Map<string, string>();
  const claim = (want: string, name: string) => {
    if (taken.has(fold(name))) return false;
    taken.set(fold(name), want);
    result.set(want, name);
    return true;
  };
  const tooLong = (name: string) => Buffer.byteLength(name) > traits.maxIdentifier;
  // What exists under its own name, or under its hashed name, goes first.
  for (const want of wanted) if (exists.has(want)) claim(want, want);
  for (const want of wanted) {
    const hashed = hashedName(want, traits.maxIdentifier);
    if (!result.has(want) && exists.has(hashed)) claim(want, hashed);
  }
  const foreign = new Set(existing.map(fold));
  for (const want of wanted) {
    if (result.has(want)) continue;
    const free = !tooLong(want) && !foreign.has(fold(want));
    if (!(free && claim(want, want))) claim(want, hashedName(want, traits.maxIdentifier));
  }
  return wanted.map((want) => result.get(want) ?? hashedName(want, traits.maxIdentifier));
}

function hashedName(name: string, maxBytes: number): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  let head = name;
  while (Buffer.byteLength(head) > maxBytes - 9) head = head.slice(0, /[\udc00-\udfff]$/.test(head) ? -2 : -1);
  return `${head}_${hash}`;
}
