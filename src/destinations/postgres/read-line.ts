import type { ColumnKind } from "../../core/column.ts";
import type { TablePlan } from "../../core/table.ts";

/**
 * The JSON of the record that a line of COPY text was made of, as far as the line has it: properties that no column
 * held are gone, and what was absent is null unless `absent` has its place.
 */
export function recordOf(line: Buffer, plan: TablePlan, absent: readonly number[]): string {
  const fields = line.toString("utf8").replace(/\n$/, "").split("\t");
  const root: Branch = new Map();
  plan.columns.forEach(({ name, path, type }, i) => {
    if (absent.includes(i)) return;
    const last = path.length - 1;
    let branch = root;
    for (const step of path.slice(0, last)) {
      const next = branch.get(step);
      const inner: Branch = typeof next === "object" ? next : new Map<string, Branch | string>();
      branch.set(step, inner);
      branch = inner;
    }
    branch.set(path[last] ?? name, jsonOf(fields[i] ?? "\\N", type.kind));
  });
  return print(root);
}

type Branch = Map<string, Branch | string>;

function jsonOf(field: string, kind: ColumnKind): string {
  if (field === "\\N") return "null";
  const text = field.replace(/\\(.)/g, (_, letter: string) => UNESCAPED[letter] ?? letter);
  switch (kind) {
    case "boolean":
      return text === "t" ? "true" : "false";
    case "integer":
    case "number":
    case "decimal":
    case "json":
      return text;
    default:
      return JSON.stringify(text);
  }
}

const UNESCAPED: Record<string, string> = { t: "\t", n: "\n", r: "\r" };

function print(branch: Branch): string {
  const parts = [...branch].map(
    ([name, value]) => `${JSON.stringify(name)}:${typeof value === "string" ? value : print(value)}`,
  );
  return `{${parts.join(",")}}`;
}
