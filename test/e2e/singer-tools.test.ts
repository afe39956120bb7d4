import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { pythonWith } from "../support/python.ts";
import { ended, place, run, sampleApi } from "./pipe.ts";

const python = await pythonWith("singer-tools");

test.skipIf(python === undefined)(
  "singer-check-tap finds nothing wrong, with a state and without; singer-python reads every line",
  async () => {
    await using api = await sampleApi("--calls", "20");
    await using where = await place(api);
    const first = await run("tap-chorus", ["--config", where.tap]);
    const lines = first.stdout.trim().split("\n");
    const state = (JSON.parse(lines.at(-1) ?? "") as { value: unknown }).value;
    await api.change({ late: 2 });
    const second = await run("tap-chorus", ["--config", where.tap, "--state", await where.file("state.json", state)]);

    const given = async (command: string, args: readonly string[], input: string) => {
      const child = spawn(command, args);
      child.stdin.on("error", () => undefined); // it may end before it has read everything
      child.stdin.end(input);
      return ended(child);
    };
    // With `--tap` it now and then forgets to wait for the thread that reads; through a pipe it does not have one.
    const program = join(dirname(python ?? ""), "singer-check-tap");
    for (const { code, stdout } of [first, second]) {
      expect(code).toBe(0);
      const checked = await given(program, [], stdout);
      expect(checked.code, checked.stdout + checked.stderr).toBe(0);
      expect(checked.stdout).toContain("The output is valid.");
    }
    const broken = await given(program, [], first.stdout.replaceAll(/"call_id":"[^"]*"/g, '"call_id":7'));
    expect(broken.code).not.toBe(0);

    const read = await given(python ?? "", ["test/support/python/parse_singer.py"], first.stdout);
    expect(read.code, read.stderr).toBe(0);
    const counted = JSON.parse(read.stdout) as Record<string, number>;
    expect(Object.values(counted).reduce((sum, n) => sum + n, 0)).toBe(lines.length);
    expect(counted["RecordMessage"]).toBe(lines.filter((line) => line.includes('"type":"RECORD"')).length);
  },
  120_000,
);
