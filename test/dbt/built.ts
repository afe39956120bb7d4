import { expect } from "vitest";
import { builtTables, dbt, dump, troubles, type Place } from "../support/dbt.ts";

/** A build that is repeated takes the same moment for now. */
const VARS = { run_started_at: "2026-06-30 12:00:00" };

/** Of a build whose models alone matter. */
export const WITHOUT_TESTS = ["--exclude-resource-type", "test", "unit_test"];

/** Columns that tell when rows were loaded, which is another moment in each database. */
export const OF_THE_LOAD = /^(last_)?loaded_at$|^transcript_ready_at$|^transcript_to_evaluation/;

/** Every table that dbt has built, but the snapshots: their versions begin when they are seen. */
export async function everything(
  place: Place,
  { without = /^$/, shortened = false } = {},
): Promise<Record<string, string[]>> {
  const tables: Record<string, string[]> = {};
  for (const table of await builtTables(place)) {
    if (table.startsWith("snap_")) continue;
    const columns = (await place.columns(table)).filter((name) => !without.test(name));
    tables[table] = await dump(place, table, columns, { shortened });
  }
  return tables;
}

/** The first line in which two sets of tables differ; undefined when they are the same. */
export function firstDifference(a: Record<string, string[]>, b: Record<string, string[]>): string | undefined {
  for (const table of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    const [left = [], right = []] = [a[table], b[table]];
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      if (left[i] !== right[i]) return `${table}, line ${i}:\n  ${String(left[i])}\n  ${String(right[i])}`;
    }
  }
  return undefined;
}

export const rowsOf = (tables: Record<string, string[]>) =>
  Object.values(tables).reduce((sum, lines) => sum + lines.length - 1, 0);

/** Builds on a place; only warnings may be left. */
export async function build(place: Place, folder: string, args: readonly string[] = []): Promise<void> {
  const built = await dbt(place, ["build", ...args], { folder, vars: VARS });
  expect(troubles(built).filter((line) => !/^(warn|no-op) /i.test(line))).toEqual([]);
  expect(built.code, built.output.slice(-2_000)).toBe(0);
}
