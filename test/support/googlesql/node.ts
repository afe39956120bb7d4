/**
 * A part of a syntax tree, as the analyzer's protocol buffers have it: what a kind of node has in common with others lies in
 * its `parent`, and where several kinds are possible there is a wrapper whose `node` names the property with the one it is.
 */
export type Node = Readonly<Record<string, unknown>>;

const asNode = (value: unknown): Node | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Node) : undefined;

/** The node inside of its wrappers, and the name of its kind, such as `astIfStatementNode`. */
export function unwrap(value: unknown): { node: Node; kind: string } {
  let node = asNode(value) ?? {};
  let kind = "";
  while (typeof node["node"] === "string") {
    kind = node["node"];
    node = asNode(node[kind]) ?? {};
  }
  return { node, kind };
}

/** A property of a node, whether its own or of what it has in common with others. Undefined when there is no value. */
export function property(value: unknown, name: string): unknown {
  for (let at: Node | undefined = unwrap(value).node; at !== undefined; at = asNode(at["parent"])) {
    if (name in at) return at[name] ?? undefined;
  }
  return undefined;
}

export const list = (value: unknown, name: string): readonly unknown[] => {
  const found = property(value, name);
  return Array.isArray(found) ? (found as unknown[]) : [];
};

export const text = (value: unknown, name: string): string => {
  const found = property(value, name);
  return typeof found === "string" ? found : "";
};

/** Where a node stands, in bytes of the SQL in UTF-8. */
export const rangeOf = (value: unknown) => property(value, "parseLocationRange") as { start: number; end: number };

/** From the first to the last byte of a node and all below it: the range of some is a part of them, such as `BETWEEN`. */
export function spanOf(value: unknown): { start: number; end: number } {
  const ranges: { start: number; end: number }[] = [];
  some(value, (node) => {
    if ("parseLocationRange" in node && node["parseLocationRange"] !== null) ranges.push(rangeOf(node));
    return false;
  });
  return { start: Math.min(...ranges.map(({ start }) => start)), end: Math.max(...ranges.map(({ end }) => end)) };
}

/** Whether there is a node below for which this holds, itself included. */
export function some(value: unknown, holds: (node: Node) => boolean): boolean {
  if (Array.isArray(value)) return value.some((one) => some(one, holds));
  const node = asNode(value);
  return node !== undefined && (holds(node) || Object.values(node).some((one) => some(one, holds)));
}
