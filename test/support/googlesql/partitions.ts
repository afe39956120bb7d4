import { list, property, spanOf, some, text, unwrap } from "./node.ts";

/** A statement that changes rows of a table. */
export interface Dml {
  readonly kind: "MERGE" | "UPDATE" | "DELETE";
  /** With its dataset, and its project when the catalog has it. */
  readonly table: string;
  /** The column by which the table is partitioned; undefined when it is not. */
  readonly partitionedBy: string | undefined;
  /**
   * The conditions that hold this column against constants, as they are written, such as `T.day >= '2026-01-01'`: by these
   * BigQuery knows before it begins which partitions the statement touches. None: it reads all of them.
   */
  readonly conditions: readonly string[];
}

const KINDS: Readonly<Record<string, Dml["kind"]>> = {
  resolvedMergeStmtNode: "MERGE",
  resolvedUpdateStmtNode: "UPDATE",
  resolvedDeleteStmtNode: "DELETE",
};

const NOT_MATCHED_BY_SOURCE = 1;

/** What a resolved statement changes; undefined when it changes no rows, or only adds some. */
export function dmlOf(
  statement: unknown,
  partitionColumnOf: (table: string) => string | undefined,
  written: (range: { start: number; end: number }) => string,
): Dml | undefined {
  const { node, kind: nodeKind } = unwrap(statement);
  const kind = KINDS[nodeKind];
  if (kind === undefined) return undefined;
  const scan = node["tableScan"];
  const table = text(property(scan, "table"), "fullName");
  const partitionedBy = partitionColumnOf(table);
  if (partitionedBy === undefined) return { kind, table, partitionedBy, conditions: [] };
  const columns = list(scan, "columnList").filter((one) => same(text(one, "name"), partitionedBy));
  const ids = new Set(columns.map((one) => String(property(one, "columnId"))));
  const find = (expression: unknown) => conjuncts(expression).filter((one) => restricts(one, ids));
  const found = find(property(node, kind === "MERGE" ? "mergeExpr" : "whereExpr"));
  // Rows that the source lacks are looked for in all of the target, whatever ON says.
  const bySource = list(node, "whenClauseList")
    .filter((one) => property(one, "matchType") === NOT_MATCHED_BY_SOURCE)
    .map((one) => find(property(one, "matchExpr")));
  const all = bySource.some((one) => one.length === 0) ? [] : [...found, ...bySource.flat()];
  return { kind, table, partitionedBy, conditions: all.map((one) => written(spanOf(one))) };
}

const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

const COMPARISONS = new Set([
  "equal",
  "less",
  "less_or_equal",
  "greater",
  "greater_or_equal",
  "between",
  "in",
  "in_array",
]);
/** Functions of a column through which BigQuery sees its partitions. */
const TRANSPARENT = new Set(["date", "date_trunc", "datetime_trunc", "timestamp_trunc"]);

const functionOf = (expression: unknown) => text(property(expression, "function"), "name").replace(/^ZetaSQL:\$?/, "");

function conjuncts(expression: unknown): unknown[] {
  if (expression === undefined) return [];
  return functionOf(expression) === "and" ? list(expression, "argumentList").flatMap(conjuncts) : [expression];
}

/** Whether the expression holds one of these columns against constants, in all branches of an OR. */
function restricts(expression: unknown, ids: ReadonlySet<string>): boolean {
  const name = functionOf(expression);
  const given = list(expression, "argumentList");
  if (name === "or") return given.every((one) => conjuncts(one).some((part) => restricts(part, ids)));
  const others = given.filter((one) => !isColumn(one, ids));
  return COMPARISONS.has(name) && others.length < given.length && others.every(isConstant);
}

function isColumn(expression: unknown, ids: ReadonlySet<string>): boolean {
  const { node, kind } = unwrap(expression);
  if (kind === "resolvedColumnRefNode") return ids.has(String(property(property(node, "column"), "columnId")));
  if (kind === "resolvedCastNode") return isColumn(property(node, "expr"), ids);
  return TRANSPARENT.has(functionOf(expression)) && isColumn(list(expression, "argumentList")[0], ids);
}

const isConstant = (expression: unknown): boolean =>
  !some(expression, (node) => node["node"] === "resolvedColumnRefNode" || node["node"] === "resolvedSubqueryExprNode");
