import { readdir } from "node:fs/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, test } from "vitest";
import { pipe, place, run, sampleApi, TOKEN, type Api, type Ended, type Place } from "../e2e/pipe.ts";
import { describePostgres } from "../support/own-postgres.ts";

const LONG_MS = 120_000;

interface Loaded extends AsyncDisposable {
  readonly api: Api;
  readonly where: Place;
  readonly verify: (...options: readonly string[]) => Promise<Ended>;
  readonly state: () => Promise<string>;
}

/** A sample account that is loaded. */
async function loaded({ tap = {}, target = {}, serve = [] as readonly string[] } = {}): Promise<Loaded> {
  const api = await sampleApi("--calls", "60", ...serve);
  const where = await place(api, tap, target);
  const first = await pipe(where);
  expect([first.tap.code, first.target.code], first.tap.stderr + first.target.stderr).toEqual([0, 0]);
  return {
    api,
    where,
    verify: (...options) =>
      run("chorus-elt", ["verify", "--tap", where.tap, "--config", where.target, ...options], "", {
        TMPDIR: where.folder,
      }),
    state: async () => (await run("chorus-elt", ["state", "show", "--config", where.target])).stdout,
    async [Symbol.asyncDispose]() {
      await where[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

async function change(database: string, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  for (const sql of statements) await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

const last = ({ stdout }: Ended) => stdout.trim().split("\n").at(-1);

interface Report {
  readonly equal: boolean;
  readonly missing: number;
  readonly extra: number;
  readonly differing: number;
  readonly turns_wrong: number;
  readonly days: readonly { readonly missing: string[]; readonly extra: string[]; readonly differing: string[] }[];
  readonly notes: readonly string[];
}

const ids = (report: Report, of: "missing" | "extra" | "differing") => report.days.flatMap((day) => day[of]).sort();

describe("chorus-elt verify", () => {
  test(
    "what has just been loaded is equal, by lists and with every transcript, in both flavours",
    async () => {
      for (const flavour of ["calls", "v3"]) {
        await using it = await loaded({ tap: { api_flavour: flavour } });
        for (const options of [[], ["--deep"]]) {
          const ended = await it.verify(...options);
          expect([ended.code, last(ended)], ended.stderr).toEqual([
            0,
            expect.stringMatching(/^verified \S+ to \S+: \d+ calls, all equal$/) as string,
          ]);
          const isCompared = flavour === "calls" || options.length > 0;
          expect(ended.stdout.includes("content: not compared (flavour v3 needs --deep)")).toBe(!isCompared);
          expect(ended.stdout + ended.stderr).not.toContain(TOKEN);
        }
      }
    },
    LONG_MS,
  );

  test(
    "names each call that is missing, extra or differs; --repair reads them again and leaves the state as it is",
    async () => {
      await using it = await loaded();
      const { verify, api, state } = it;
      const changes = await api.change({ late: 2, edit: 3, delete: 1 });
      const found = await verify("--format", "json");
      expect(found.code).toBe(54);
      const report = JSON.parse(found.stdout) as Report;
      expect(ids(report, "missing")).toEqual(changes["late"]?.sort());
      expect(ids(report, "extra")).toEqual(changes["delete"]?.sort());
      expect(ids(report, "differing")).toEqual(changes["edit"]?.sort());
      const before = await state();
      const repaired = await verify("--repair");
      expect([repaired.code, last(repaired)]).toEqual([54, "NOT EQUAL: 1 day differs (1 extra)"]);
      expect(repaired.stdout).toContain("(2 calls missing, 1 extra, 3 differ");
      expect(repaired.stderr).toContain("_deleted_at");
      expect(await state()).toBe(before);
      const left = (await readdir(it.where.folder)).filter((name) => name.startsWith("chorus-elt-verify"));
      expect(left).toEqual([]);
    },
    LONG_MS,
  );

  test(
    "a deletion mark that is wrong, lost turns and a call on another day are found and repaired",
    async () => {
      await using it = await loaded();
      const { where, verify, state } = it;
      await change(
        where.database,
        "UPDATE calls SET _deleted_at = now() WHERE call_id = (SELECT min(call_id) FROM calls)",
        "DELETE FROM utterances WHERE utterance_index = 3 AND call_id = (SELECT DISTINCT call_id FROM utterances ORDER BY 1 LIMIT 1 OFFSET 9)",
        "UPDATE calls SET started_at = started_at - INTERVAL 3 DAY WHERE call_id = (SELECT max(call_id) FROM utterances)",
      );
      const found = await verify("--format", "json");
      const report = JSON.parse(found.stdout) as Report;
      expect([report.missing, report.extra, report.differing, report.turns_wrong]).toEqual([1, 0, 1, 1]);
      const before = await state();
      const repaired = await verify("--repair");
      expect([repaired.code, last(repaired)], repaired.stderr).toEqual([
        0,
        expect.stringMatching(/^verified .* all equal$/) as string,
      ]);
      expect(await state()).toBe(before);
    },
    LONG_MS,
  );

  test(
    "--deep finds words that were changed in the warehouse, which no list tells of",
    async () => {
      await using it = await loaded();
      await change(
        it.where.database,
        "UPDATE transcripts SET transcript_hash = 'other' WHERE call_id = (SELECT max(call_id) FROM utterances)",
      );
      expect((await it.verify()).code).toBe(0);
      const deep = await it.verify("--deep");
      expect([deep.code, last(deep)]).toEqual([54, "NOT EQUAL: 1 day differs (1 with wrong turns)"]);
    },
    LONG_MS,
  );

  test(
    "the filters of the config count; missing columns and tables are told of; the range can be narrowed",
    async () => {
      await using it = await loaded({ tap: { call_types: ["meeting"] } });
      expect((await it.verify()).code).toBe(0);
      await change(it.where.database, "ALTER TABLE calls DROP COLUMN content_hash", "DROP TABLE utterances");
      const ended = await it.verify(
        "--since",
        "2020-01-01",
        "--until",
        new Date(Date.now() - 5 * 86_400_000).toISOString().slice(0, 10),
      );
      expect(ended.code).toBe(0);
      expect(ended.stdout).toContain("content: not compared (the table calls has no column content_hash)");
      expect(ended.stdout).toContain("turns: not compared");
      const none = await it.verify("--until", "2001-01-01");
      expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("the range is empty") as string]);
      await change(it.where.database, "DROP TABLE calls");
      expect((await it.verify()).code).toBe(11);
    },
    LONG_MS,
  );
});

await describePostgres("chorus-elt verify on Postgres", (postgres) => {
  test(
    "finds and repairs; the state stays",
    async () => {
      await using db = await postgres.database();
      await using it = await loaded({ target: { destination: "postgres", url: db.url } });
      expect((await it.verify("--deep")).code).toBe(0);
      await db.query("DELETE FROM calls WHERE call_id = (SELECT min(call_id) FROM calls)");
      await db.query("UPDATE calls SET content_hash = 'x' WHERE call_id = (SELECT max(call_id) FROM calls)");
      const before = await it.state();
      const found = await it.verify();
      expect([found.code, found.stdout]).toEqual([54, expect.stringContaining("(1 call missing, 1 differ)") as string]);
      const repaired = await it.verify("--repair");
      expect([repaired.code, last(repaired)], repaired.stderr).toEqual([
        0,
        expect.stringMatching(/^verified .* all equal$/) as string,
      ]);
      expect(await it.state()).toBe(before);
    },
    LONG_MS,
  );
});
