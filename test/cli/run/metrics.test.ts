import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exposition, writeMetrics, type RunFacts } from "../../../src/cli/run/metrics.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { samplesIn } from "./exposition.ts";

const good: RunFacts = {
  pipeline: "default",
  outcome: "success",
  code: undefined,
  startedMs: 100_000,
  endedMs: 107_500,
  records: { calls: 3, users: 0 },
  rejected: 1,
  requests: new Map([
    ["200", 12],
    ["0", 2],
  ]),
  coveredUntilMs: 101_250,
};
const failed: RunFacts = {
  ...good,
  outcome: "failure",
  code: "API_BUSY",
  startedMs: 200_000,
  endedMs: 201_000,
  records: {},
  rejected: 0,
  requests: new Map([["429", 5]]),
  coveredUntilMs: undefined,
};

test("a run that went well", () => {
  expect(samplesIn(exposition(good, ""))).toEqual({
    'chorus_elt_last_run_timestamp_seconds{pipeline="default"}': 107.5,
    'chorus_elt_last_success_timestamp_seconds{pipeline="default"}': 107.5,
    'chorus_elt_run_duration_seconds{pipeline="default"}': 7.5,
    'chorus_elt_covered_until_timestamp_seconds{pipeline="default"}': 101.25,
    'chorus_elt_lag_seconds{pipeline="default"}': 6.25,
    'chorus_elt_runs_total{pipeline="default",outcome="success"}': 1,
    'chorus_elt_runs_total{pipeline="default",outcome="failure"}': 0,
    'chorus_elt_runs_total{pipeline="default",outcome="aborted"}': 0,
    'chorus_elt_records_total{pipeline="default",stream="calls"}': 3,
    'chorus_elt_records_total{pipeline="default",stream="users"}': 0,
    'chorus_elt_rejected_records_total{pipeline="default"}': 1,
    'chorus_elt_http_requests_total{pipeline="default",code="200"}': 12,
    'chorus_elt_http_requests_total{pipeline="default",code="0"}': 2,
  });
});

test("counters go on from the file; a run that failed leaves the last success, and the lag grows", () => {
  const samples = samplesIn(exposition(failed, exposition(good, exposition(good, ""))));
  expect(samples).toMatchObject({
    'chorus_elt_last_run_timestamp_seconds{pipeline="default"}': 201,
    'chorus_elt_last_success_timestamp_seconds{pipeline="default"}': 107.5,
    'chorus_elt_lag_seconds{pipeline="default"}': 99.75,
    'chorus_elt_runs_total{pipeline="default",outcome="success"}': 2,
    'chorus_elt_runs_total{pipeline="default",outcome="failure"}': 1,
    'chorus_elt_failures_total{pipeline="default",code="API_BUSY"}': 1,
    'chorus_elt_records_total{pipeline="default",stream="calls"}': 6,
    'chorus_elt_rejected_records_total{pipeline="default"}': 2,
    'chorus_elt_http_requests_total{pipeline="default",code="200"}': 24,
    'chorus_elt_http_requests_total{pipeline="default",code="429"}': 5,
  });
});

test("labels are escaped, and found again; another pipeline's series and a broken file are not carried on", () => {
  const odd = { ...good, pipeline: 'a"b\\c\nd} 1', records: { 'x"y': 2 } };
  const twice = samplesIn(exposition(odd, exposition(odd, "")));
  const label = String.raw`pipeline="a\"b\\c\nd} 1"`;
  expect(twice[`chorus_elt_runs_total{${label},outcome="success"}`]).toBe(2);
  expect(twice[`chorus_elt_records_total{${label},stream="x\\"y"}`]).toBe(4);
  const anew = exposition(good, "");
  expect(exposition(good, exposition(odd, ""))).toBe(anew);
  expect(exposition(good, `\0garbage{pipeline="default"} NaN\nchorus_elt_runs_total{pipeline="default"`)).toBe(anew);
});

test("the file is put in place whole, and others may read it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "chorus-elt.prom");
  await writeFile(path, "");
  await chmod(path, 0o600);
  await writeMetrics(path, good);
  expect(await readFile(path, "utf8")).toBe(exposition(good, ""));
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  expect(await readdir(folder.path)).toEqual(["chorus-elt.prom"]);
  await expect(writeMetrics(join(folder.path, "missing", "m.prom"), good)).rejects.toThrow("ENOENT");
});
