import type { Field } from "../bigquery/rows.ts";

/** A type in the analyzer's protocol; read from its answers and sent back. */
export type Type = Readonly<Record<string, unknown>>;

/** A query parameter's type in the form of the REST API. */
export interface ParameterType {
  readonly type: string;
  readonly arrayType?: ParameterType;
  readonly structTypes?: readonly { readonly name?: string; readonly type: ParameterType }[];
}

export interface Column {
  readonly name: string;
  readonly type: Type;
  /** Such as _PARTITIONTIME: not among those of `SELECT *`. */
  readonly isPseudo?: boolean;
}

/** A table as a script sees it. */
export interface Known {
  /** Project, dataset and table, as many of them as the SQL may name it by. */
  readonly path: readonly string[];
  readonly columns: readonly Column[];
  readonly partitionedBy?: string | undefined;
}

/** Names of the REST API and of GoogleSQL. */
const KINDS: Readonly<Record<string, string>> = {
  ...{ INTEGER: "TYPE_INT64", INT64: "TYPE_INT64", FLOAT: "TYPE_DOUBLE", FLOAT64: "TYPE_DOUBLE" },
  ...{ BOOLEAN: "TYPE_BOOL", BOOL: "TYPE_BOOL", NUMERIC: "TYPE_NUMERIC", BIGNUMERIC: "TYPE_BIGNUMERIC" },
  ...{ STRING: "TYPE_STRING", BYTES: "TYPE_BYTES", JSON: "TYPE_JSON", GEOGRAPHY: "TYPE_GEOGRAPHY" },
  ...{ DATE: "TYPE_DATE", TIME: "TYPE_TIME", DATETIME: "TYPE_DATETIME", TIMESTAMP: "TYPE_TIMESTAMP" },
  INTERVAL: "TYPE_INTERVAL",
};

export function scalar(name: string): Type {
  const typeKind = KINDS[name];
  if (typeKind === undefined) throw new Error(`${name} is no type that the analyzer is told of`);
  return { typeKind };
}

const arrayOf = (elementType: Type): Type => ({ typeKind: "TYPE_ARRAY", arrayType: { elementType } });

const structOf = (fields: readonly { readonly name: string; readonly type: Type }[]): Type => ({
  typeKind: "TYPE_STRUCT",
  structType: { field: fields.map(({ name, type }) => ({ fieldName: name, fieldType: type })) },
});

export function columnType({ type, mode, fields = [] }: Field): Type {
  const isRecord = type === "RECORD" || type === "STRUCT";
  const one = isRecord
    ? structOf(fields.map((field) => ({ name: field.name, type: columnType(field) })))
    : scalar(type);
  return mode === "REPEATED" ? arrayOf(one) : one;
}

export function parameterType({ type, arrayType, structTypes = [] }: ParameterType): Type {
  if (arrayType !== undefined) return arrayOf(parameterType(arrayType));
  if (type !== "STRUCT") return scalar(type);
  return structOf(structTypes.map((field) => ({ name: field.name ?? "", type: parameterType(field.type) })));
}

/** A folder of names: a project, a dataset, or all of them. */
interface Folder {
  readonly tables: Map<string, Known>;
  readonly folders: Map<string, Folder>;
}

/** The analyzer's form of these tables. A full name of each says which of them a part of the tree is about. */
export function catalogOf(
  tables: Iterable<Known>,
  variables: ReadonlyMap<string, Type>,
  languageOptions: unknown,
): Record<string, unknown> {
  const root = newFolder();
  for (const table of tables) for (const path of spellings(table.path)) put(root, path, table);
  let serial = 1;
  const proto = (name: string, { tables, folders }: Folder): Record<string, unknown> => ({
    name,
    table: [...tables].map(([called, { path, columns }]) => ({
      name: called,
      fullName: path.join("."),
      serializationId: serial++,
      column: columns.map(({ name, type, isPseudo = false }) => ({ name, type, isPseudoColumn: isPseudo })),
    })),
    catalog: [...folders].map(([called, folder]) => proto(called, folder)),
  });
  return {
    ...proto("BigQuery", root),
    builtinFunctionOptions: { languageOptions },
    customFunction: ["max_by", "min_by"].map(pickedBy),
    namedType: INT64_TOO.map((name) => ({ name, type: scalar("INT64") })),
    constant: [...variables].map(([name, type]) => ({ namePath: [name], type, value: {} })),
  };
}

/** https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#integer_types */
const INT64_TOO = ["INT", "SMALLINT", "INTEGER", "BIGINT", "TINYINT", "BYTEINT"];

/** MAX_BY and MIN_BY are younger than the analyzer: the first argument where the second is greatest or least. */
const pickedBy = (name: string) => ({
  namePath: [name],
  group: "BigQuery",
  mode: "AGGREGATE",
  signature: [
    {
      argument: ["ARG_TYPE_ANY_1", "ARG_TYPE_ANY_2"].map((kind) => ({ kind, numOccurrences: -1, options: {} })),
      returnType: { kind: "ARG_TYPE_ANY_1", numOccurrences: -1 },
      options: {},
    },
  ],
});

const newFolder = (): Folder => ({ tables: new Map(), folders: new Map() });

/**
 * The ways to write a path: the project may be left out, and backticks may stand around several names at once, which the
 * analyzer takes for one name with dots.
 */
function spellings(path: readonly string[]): string[][] {
  const whole = groupings(path);
  return path.length > 2 ? [...whole, ...groupings(path.slice(1))] : whole;
}

function groupings(path: readonly string[]): string[][] {
  const [first, ...rest] = path;
  if (first === undefined || rest.length === 0) return [[...path]];
  return groupings(rest).flatMap(([next = "", ...others]) => [
    [first, next, ...others],
    [`${first}.${next}`, ...others],
  ]);
}

function put(root: Folder, path: readonly string[], table: Known): void {
  let at = root;
  for (const name of path.slice(0, -1)) {
    const next = at.folders.get(name) ?? newFolder();
    at.folders.set(name, next);
    at = next;
  }
  at.tables.set(path.at(-1) ?? "", table);
}
