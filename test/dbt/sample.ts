import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { writeSampleMeetings } from "../../src/sample/meetings.ts";
import { generate } from "../../src/sample/generator.ts";
import type { Place } from "../support/dbt.ts";
import { run, sampleApi, TOKEN, type Api } from "../e2e/pipe.ts";

/** A sample account with its meetings and evaluations, which is loaded by the real programs, and can be changed. */
export interface SampleAccount extends AsyncDisposable {
  readonly api: Api;
  /** Reads what is new, loads it, evaluates it; gives all lines that the taps wrote. */
  load(place: Place): Promise<string>;
}

export async function sampleAccount(folder: string, calls: number, ...options: string[]): Promise<SampleAccount> {
  const api = await sampleApi("--calls", String(calls), "--semarize-latency", "5", ...options);
  const file = async (name: string, content: JsonObject) => {
    const path = join(folder, name);
    await writeFile(path, JSON.stringify(content));
    return path;
  };
  const nowMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const meetings = await writeSampleMeetings(join(folder, "vtt"), { source: generate({ calls, seed: 1, nowMs }) });
  let state = "{}";
  return {
    api,
    async load(place) {
      const target = await file("target.json", { ...place.target, batch_size_rows: 4_000 });
      const tap = await file("tap.json", {
        api_url: api.url,
        api_token: TOKEN,
        start_date: "2024-01-01",
        max_requests_per_second: 1_000,
      });
      const transcripts = await file("meetings.json", { path: meetings.path, mapping: meetings.mapping });
      const semarize = await file("semarize.json", {
        api_url: api.url,
        api_token: "smz_test_sample",
        warehouse_config: target,
        kits: ["FRMWRK01", "BATTLE01", "SIGNAL01", "REPCRT01", "CALLEVAL"],
        max_runs: 100_000,
        concurrency: 16,
        max_requests_per_second: 1_000,
      });
      const before = join(folder, "state.json");
      await writeFile(before, state);
      let lines = "";
      for (const [program, config, id] of [
        ["tap-chorus", tap, "chorus"],
        ["tap-transcripts", transcripts, "meetings"],
        ["tap-semarize", semarize, "semarize"],
      ] as const) {
        const read = await run(program, ["--config", config, ...(id === "chorus" ? ["--state", before] : [])]);
        expect(read.code, read.stderr).toBe(0);
        const loaded = await run("target-warehouse", ["--config", target], read.stdout, {
          TARGET_WAREHOUSE_STATE_ID: id,
        });
        expect(loaded.code, loaded.stderr).toBe(0);
        if (id === "chorus") state = loaded.stdout.trim().split("\n").at(-1) ?? state;
        lines += read.stdout;
      }
      return lines;
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}
