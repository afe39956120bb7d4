import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { expectTruth, pipe, place, query, sampleApi } from "./pipe.ts";

const CORPUS = "../shared/data/earnings21.jsonl.gz";

interface RealCall {
  readonly id: string;
  readonly utterances: readonly { readonly text: string }[];
}

describe.runIf(existsSync(CORPUS))(`real calls (only where ${CORPUS} is)`, () => {
  test("44 calls and 14,773 utterances are in the table, their text equal to the source byte by byte", async () => {
    const source = gunzipSync(readFileSync(CORPUS)).toString("utf8").trim().split("\n");
    const calls = source.map((line) => JSON.parse(line) as RealCall);
    await using api = await sampleApi("--corpus", CORPUS);
    await using where = await place(api, { start_date: "2025-01-01" });
    const { tap, target } = await pipe(where);
    expect([tap.code, target.code]).toEqual([0, 0]);
    const rows = await query(where.database, "SELECT call_id, text FROM utterances ORDER BY call_id, utterance_index");
    expect(rows).toHaveLength(14_773);
    const wanted = [...calls]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .flatMap(({ id, utterances }) => utterances.map(({ text }) => ({ call_id: id, text })));
    expect(wanted).toHaveLength(14_773);
    expect(rows).toEqual(wanted);
    await expectTruth(where.database, await api.truth());
  });
});
