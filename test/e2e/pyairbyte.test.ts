import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { pythonWith } from "../support/python.ts";
import { place, query, sampleApi } from "./pipe.ts";

const python = await pythonWith("pyairbyte");

test.skipIf(python === undefined)(
  "PyAirbyte reads us into its DuckDB cache; a second read brings what is new and nothing else",
  async () => {
    await using api = await sampleApi("--calls", "60");
    await using where = await place(api);
    const executable = await where.file(
      "source-chorus",
      `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/bin/tap-chorus.js")}" "$@"\n`,
    );
    await chmod(executable, 0o755);
    const cache = join(where.folder, "cache.duckdb");
    const child = spawn(python ?? "", ["test/support/python/read_twice.py", executable, where.tap, cache], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, AIRBYTE_LOGGING_ROOT: join(where.folder, "logs") },
    });
    const read = reader(child);

    const first = await read("incremental");
    expect(first).toBeGreaterThan(1_000);
    expect(await read("incremental")).toBe(0);
    const { late = [] } = await api.change({ late: 2 });
    const third = await read("incremental");
    expect(late).toHaveLength(2);
    child.stdin.end();
    expect((await once(child, "exit"))[0]).toBe(0);

    const truth = await api.truth();
    const [found] = await query(cache, "SELECT count(*) AS n, count(DISTINCT call_id) AS ids FROM main.calls");
    expect(found).toEqual({ n: String(Object.keys(truth.calls).length), ids: String(Object.keys(truth.calls).length) });
    const utterances = Object.values(truth.calls).reduce((sum, { utterances: turns }) => sum + (turns ?? 0), 0);
    const [turns] = await query(cache, "SELECT count(*) AS n FROM main.utterances");
    expect(Number(turns?.["n"])).toBe(utterances);
    // Two calls with all that hangs on them, out of 62.
    expect(third).toBeGreaterThan(2);
    expect(third).toBeLessThan(first / 5);
  },
  180_000,
);

/** Asks for reads one after the other; each gives the number of records that came. */
function reader(child: ChildProcess): (mode: string) => Promise<number> {
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-5_000)));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async (mode) => {
    child.stdin?.write(`${mode}\n`);
    for (;;) {
      const next = await lines.next();
      if (next.done === true) throw new Error(`PyAirbyte ended: ${stderr}`);
      const [, records] = /^@(\d+)$/.exec(next.value) ?? [];
      if (records !== undefined) return Number(records);
    }
  };
}
