import { spawn } from "node:child_process";
import { chmod } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { pythonWith } from "../support/python.ts";
import { ended, place, run, sampleApi } from "./pipe.ts";

const python = await pythonWith("singer-tools");

test.skipIf(python === undefined)(
  "singer-check-tap finds nothing wrong, with a state and without; singer-python reads every line",
  async () => {
    await using api = await sampleApi("--calls", "20");
    await using where = await place(api);
    const tap = await where.file(
      "tap-chorus",
      `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/bin/tap-chorus.js")}" "$@"\n`,
    );
    await chmod(tap, 0o755);
    // It runs the tap twice, the second time with the state of the first.
    const program = join(dirname(python ?? ""), "singer-check-tap");
    const checked = await ended(spawn(program, ["--tap", tap, "--config", where.tap], { cwd: where.folder }));
    expect(checked.code, checked.stdout + checked.stderr).toBe(0);
    expect(checked.stdout).toContain("The output is valid.");

    const { stdout } = await run("tap-chorus", ["--config", where.tap]);
    const reader = spawn(python ?? "", ["test/support/python/parse_singer.py"]);
    reader.stdin.end(stdout);
    const read = await ended(reader);
    expect(read.code, read.stderr).toBe(0);
    const types = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { type: string }).type);
    const counted = JSON.parse(read.stdout) as Record<string, number>;
    expect(Object.values(counted).reduce((sum, n) => sum + n, 0)).toBe(types.length);
    expect(counted["RecordMessage"]).toBe(types.filter((type) => type === "RECORD").length);
  },
  120_000,
);
