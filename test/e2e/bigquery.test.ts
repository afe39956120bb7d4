import { expect, test } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import type { SemarizeTruth } from "../../src/sample/semarize/api.ts";
import { bigqueryConfig } from "../support/bigquery-opened.ts";
import { describeBigQuery } from "../support/own-bigquery.ts";
import { record, schema, state } from "../support/singer.ts";
import { pipe, place, run, sampleApi, type Ended } from "./pipe.ts";

const LONG_MS = 480_000;
const last = ({ stdout }: Ended) => stdout.trim().split("\n").at(-1);
const records = (lines: readonly string[]) => lines.filter((line) => line.includes('"RECORD"')).length;

await describeBigQuery("the programs with BigQuery", (server) => {
  test(
    "load, evaluate, doctor, verify and its repair, the state",
    async () => {
      await using api = await sampleApi("--calls", "8");
      await using dataset = await server.dataset();
      await using local = await place(api);
      const target = await local.file("bigquery.json", bigqueryConfig(server, dataset.name));
      const where = { ...local, target };
      const elt = (...args: readonly string[]) => run("chorus-elt", [...args, "--config", target]);
      const count = async (from: string) => {
        const [row] = await server.rows(`SELECT COUNT(*) AS n FROM ${dataset.name}.${from}`);
        return Number(row?.["n"]);
      };
      const { calls } = await api.truth();
      const turns = Object.values(calls).reduce((sum, { utterances }) => sum + (utterances ?? 0), 0);

      const first = await pipe(where);
      expect([first.tap.code, first.target.code], first.tap.stderr + first.target.stderr).toEqual([0, 0]);
      expect([await count("calls"), await count("utterances")]).toEqual([Object.keys(calls).length, turns]);
      const shown = await elt("state", "show");
      expect(shown.stdout.trim()).toBe(first.state);
      const second = await pipe(where, { state: shown.stdout });
      expect([second.target.code, records(second.lines.filter((line) => line.includes('"calls"')))]).toEqual([0, 0]);

      const semarize = await local.file("semarize.json", {
        api_url: api.url,
        api_token: "smz_test_sample",
        warehouse_config: target,
        kits: ["BATTLE01"],
        max_requests_per_second: 1_000,
      });
      const evaluate = () => pipe(where, { tap: { program: "tap-semarize", config: semarize } });
      const evaluated = await evaluate();
      expect([evaluated.tap.code, evaluated.target.code], evaluated.tap.stderr).toEqual([0, 0]);
      const { runs } = (await (await fetch(`${api.url}/_sample/semarize/truth`)).json()) as SemarizeTruth;
      const ready = await count("transcripts WHERE status = 'ready' AND word_count > 0");
      expect([runs.length, await count("semarize_runs")]).toEqual([ready, ready]);
      expect(ready).toBeGreaterThan(3);
      expect(records((await evaluate()).lines)).toBe(0);

      const doctor = await elt("doctor", "--tap", where.tap);
      expect([doctor.code, doctor.stdout.includes("FAIL")], doctor.stdout).toEqual([0, false]);

      const verify = (...args: readonly string[]) => elt("verify", "--tap", where.tap, ...args);
      expect(last(await verify())).toMatch(/: \d+ calls, all equal$/);
      const [gone, cut] = Object.keys(calls).filter((id) => (calls[id]?.utterances ?? 0) > 3);
      for (const table of ["calls", "utterances", "transcripts"]) {
        await server.rows(`DELETE FROM ${dataset.name}.${table} WHERE call_id = '${gone}'`);
      }
      await server.rows(`DELETE FROM ${dataset.name}.utterances WHERE call_id = '${cut}' AND utterance_index = 2`);
      const damaged = await verify("--format", "json");
      expect([damaged.code, JSON.parse(damaged.stdout)]).toMatchObject([54, { missing: 1, extra: 0, turns_wrong: 1 }]);
      const repaired = await verify("--repair");
      expect([repaired.code, last(repaired)], repaired.stderr).toEqual([0, expect.stringMatching(/all equal$/)]);
      expect([await count("calls"), await count("utterances")]).toEqual([Object.keys(calls).length, turns]);
    },
    LONG_MS,
  );

  test(
    "replay loads what was corrected, and not what a later run has loaded",
    async () => {
      await using api = await sampleApi("--calls", "1");
      await using dataset = await server.dataset();
      await using local = await place(api);
      const target = await local.file("bigquery.json", bigqueryConfig(server, dataset.name, { max_rejected: 2 }));
      const scores = schema("scores", { id: "integer", score: "integer" }, { keys: ["id"] });
      const load = async (...rows: readonly JsonObject[]) => {
        const lines = [scores, ...rows.map((row) => record("scores", row)), state({ n: 1 })];
        const loaded = await run("target-warehouse", ["--config", target], `${lines.join("\n")}\n`);
        expect(loaded.code, loaded.stderr).toBe(0);
      };
      await load({ id: 1, score: "high" }, { id: 2, score: 2 }, { id: 3, score: "low" });
      await load({ id: 3, score: 3 });
      await server.rows(
        `UPDATE ${dataset.name}._rejected SET payload = '{"id":1,"score":10}' WHERE line = 2 AND stream = 'scores'`,
      );
      const replayed = await run("chorus-elt", ["replay", "--config", target]);
      expect([replayed.code, replayed.stdout], replayed.stderr).toEqual([
        0,
        "scores: 1 loaded, 1 obsolete, 0 still rejected\n",
      ]);
      const rows = await server.rows(`SELECT id, score FROM ${dataset.name}.scores ORDER BY id`);
      expect(rows.map(({ id, score }) => [Number(id), Number(score)])).toEqual([
        [1, 10],
        [2, 2],
        [3, 3],
      ]);
    },
    LONG_MS,
  );
});

// The matrix loads into datasets that it makes and drops, of its own client processes.
await describeBigQuery("the crash matrix with BigQuery", (server) => {
  test(
    "nothing is lost and nothing doubled, whatever is killed",
    async () => {
      await using api = await sampleApi("--calls", "1");
      await using dataset = await server.dataset();
      await using local = await place(api);
      const target = await local.file("bigquery.json", bigqueryConfig(server, dataset.name));
      const { stdout } = await run("tap-chorus", ["--config", local.tap, "--discover"]);
      const catalog = JSON.parse(stdout) as { streams: { tap_stream_id: string; metadata: object[] }[] };
      const few = catalog.streams.filter(({ tap_stream_id: id }) => ["calls", "utterances"].includes(id));
      const matrix = await run("chorus-elt", [
        "crash-matrix",
        ...["--config", target, "--catalog", await local.file("few.json", { streams: few })],
      ]);
      const lines = matrix.stdout.trim().split("\n");
      expect([matrix.code, lines.filter((line) => line.startsWith("FAILED"))], matrix.stderr).toEqual([0, []]);
      expect(lines.at(-1)).toMatch(/^crash matrix: 31 cases.*: ok, nothing was lost and nothing doubled/);
    },
    LONG_MS,
  );
});
