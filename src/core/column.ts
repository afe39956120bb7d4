import { isObject, type JsonObject, type JsonSchema, type JsonValue } from "./json.ts";

/**
 * What a column can hold, before any database has its own word for it. `decimal` keeps every digit and has a fixed
 * number of places after the point; `json` holds anything.
 */
export type ColumnType =
  | { readonly kind: "boolean" | "integer" | "number" | "text" | "timestamp" | "date" | "json" }
  | { readonly kind: "decimal"; readonly scale: number };

export type ColumnKind = ColumnType["kind"];

/** A column and where its value lies in a record: one property, or several when objects are flattened. */
export interface Column {
  readonly name: string;
  readonly path: readonly string[];
  readonly type: ColumnType;
}

/** The type that holds all values of both: the widening lattice, with `json` on top. */
export function widen(a: ColumnType, b: ColumnType): ColumnType {
  if (a.kind === "decimal" && b.kind === "decimal") return { kind: "decimal", scale: Math.max(a.scale, b.scale) };
  if (a.kind === b.kind) return a;
  if (a.kind === "json" || b.kind === "json") return { kind: "json" };
  if (a.kind === "decimal" && isNumeric(b)) return a;
  if (b.kind === "decimal" && isNumeric(a)) return b;
  if (isNumeric(a) && isNumeric(b)) return { kind: "number" };
  if (isInstant(a) && isInstant(b)) return { kind: "timestamp" };
  return { kind: "text" };
}

export function sameType(a: ColumnType, b: ColumnType): boolean {
  return a.kind === b.kind && (a.kind !== "decimal" || b.kind !== "decimal" || a.scale === b.scale);
}

const isNumeric = (type: ColumnType) => type.kind === "integer" || type.kind === "number" || type.kind === "decimal";
const isInstant = (type: ColumnType) => type.kind === "timestamp" || type.kind === "date";

/** The column type for a property's schema: of several possible types the one that holds them all. */
export function columnType(schema: JsonValue | undefined, root: JsonSchema): ColumnType {
  const types = possibleTypes(schema, root, 0);
  return types.length === 0 ? { kind: "json" } : types.reduce(widen);
}

function possibleTypes(schema: JsonValue | undefined, root: JsonSchema, depth: number): ColumnType[] {
  if (!isObject(schema) || depth > 8) return [{ kind: "json" }];
  const target = typeof schema["$ref"] === "string" ? resolve(schema["$ref"], root) : undefined;
  if (target !== undefined) return possibleTypes(target, root, depth + 1);
  const branches = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(branches) && schema["type"] === undefined) {
    return branches.flatMap((branch) => possibleTypes(branch, root, depth + 1));
  }
  const types = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]];
  return types.filter((type) => type !== "null").map((type) => ofType(type, schema));
}

function ofType(type: JsonValue | undefined, schema: JsonObject): ColumnType {
  switch (type) {
    case "boolean":
    case "integer":
    case "number":
      return { kind: type };
    case "string":
      if (schema["format"] === "date-time") return { kind: "timestamp" };
      return { kind: schema["format"] === "date" ? "date" : "text" };
    default:
      return { kind: "json" };
  }
}

/** Where a local `$ref` such as `#/definitions/person` points. */
export function resolve(ref: string, root: JsonSchema): JsonObject | undefined {
  if (!ref.startsWith("#/")) return undefined;
  let at: JsonValue | undefined = root;
  for (const step of ref.slice(2).split("/")) {
    at = isObject(at) ? at[step.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }
  return isObject(at) ? at : undefined;
}
