import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { pipe, place, query, run, sampleApi, type Place } from "./pipe.ts";

const CALLS = ["--calls", "25"];

/** The settings that docs/privacy.md shows. */
async function documented(): Promise<{ privacy_key: string; privacy: Record<string, string> }> {
  const page = await readFile("docs/privacy.md", "utf8");
  return JSON.parse(/```json\n(\{\n {2}"privacy_key"[^]*?)```/.exec(page)?.[1] ?? "") as never;
}

/** Addresses, names and words of the people in a database, too long to be anything else. */
async function personalIn({ database }: Place): Promise<string[]> {
  const found = new Set<string>();
  for (const [table, columns] of [
    ["participants", ["email", "name"]],
    ["users", ["email", "name"]],
    ["calls", ["owner_email", "owner_name"]],
    ["utterances", ["email", "speaker", "text"]],
  ] as const) {
    for (const column of columns) {
      const sql = `SELECT DISTINCT ${column} AS value FROM ${table} WHERE length(${column}) > 10`;
      for (const { value } of await query(database, sql)) found.add(String(value));
    }
  }
  return [...found];
}

/** All that is in a database, as JSON. */
async function everythingIn({ database }: Place): Promise<string> {
  const parts: string[] = [];
  for (const { name } of await query(database, "SELECT table_name AS name FROM duckdb_tables()")) {
    parts.push(JSON.stringify(await query(database, `SELECT * FROM "${String(name)}"`)));
  }
  return parts.join("\n");
}

/** Those of the canaries that occur in a text, as they are or as JSON in JSON writes them. */
function seenIn(text: string, canaries: readonly string[]): string[] {
  const forms = (canary: string) => [canary, JSON.stringify(canary).slice(1, -1)];
  return canaries.filter((canary) => forms(canary).some((form) => text.includes(form)));
}

describe("what the config masks", () => {
  test("is in no line, no log, no state and no table, in both protocols", async () => {
    await using api = await sampleApi(...CALLS);
    await using open = await place(api);
    await pipe(open);
    const canaries = await personalIn(open);
    expect(canaries.length).toBeGreaterThan(500);
    expect(seenIn(await everythingIn(open), canaries)).toEqual(canaries); // they can be found

    const settings = await documented();
    await using masked = await place(api, settings);
    const env = { LOGLEVEL: "debug" };
    const { tap, target, lines, state } = await pipe(masked, { env });
    expect([tap.code, target.code]).toEqual([0, 0]);
    const logs = tap.stderr + target.stderr;
    expect(logs).toContain("http_request_duration");
    for (const text of [lines.join("\n"), logs, state ?? "", await everythingIn(masked)]) {
      expect(seenIn(text, canaries)).toEqual([]);
      expect(text).not.toContain(settings.privacy_key);
    }
    // One address has one hash, so that rows still join; the whole call keeps its name.
    const [joined] = await query(
      masked.database,
      `SELECT count(*)::INT AS n, count(*) FILTER (length(email) = 64)::INT AS hashed,
         (SELECT count(*)::INT FROM engagement_metrics WHERE participant_id = 'call') > 0 AS whole
       FROM utterances JOIN participants USING (call_id, participant_id, email)`,
    );
    expect(joined?.["n"]).toBeGreaterThan(500);
    expect(joined).toMatchObject({ hashed: joined?.["n"], whole: true });

    const discovered = await run("tap-chorus", ["discover", "--config", masked.tap]);
    const { catalog } = JSON.parse(discovered.stdout.trim().split("\n").at(-1) ?? "") as {
      catalog: { streams: { name: string; json_schema: { properties: object } }[] };
    };
    expect(
      Object.keys(catalog.streams.find(({ name }) => name === "calls")?.json_schema.properties ?? {}),
    ).not.toContain("extra");
    const configured = catalog.streams.map((stream) => ({
      stream,
      sync_mode: "full_refresh",
      destination_sync_mode: "append",
    }));
    const file = await masked.file("configured.json", { streams: configured });
    const read = await run("tap-chorus", ["read", "--config", masked.tap, "--catalog", file], "", env);
    expect(read.code).toBe(0);
    expect(read.stdout).toContain('"type":"RECORD"');
    expect(seenIn(read.stdout + read.stderr, canaries)).toEqual([]);
  });

  test("is a mistake before anything is read when there is no such field", async () => {
    await using where = await place({ url: "http://127.0.0.1:9" }, { privacy: { "utterances.txt": "redact" } });
    for (const args of [[], ["--test"]]) {
      const { code, stderr, stdout } = await run("tap-chorus", ["--config", where.tap, ...args]);
      expect([code, stdout]).toEqual([11, ""]);
      expect(stderr).toContain('utterances has no field \\"txt\\"; did you mean \\"text\\"?');
    }
    const env = { TAP_CHORUS_PRIVACY: '{"users.email":"hash"}', TAP_CHORUS_PRIVACY_KEY: "too short" };
    const { code, stderr } = await run("tap-chorus", ["--config", where.tap], "", env);
    expect([code, stderr.includes("too short")]).toEqual([11, false]);
    expect(stderr).toContain("privacy_key");
  });
});

test("who and what was forgotten is in no table, and stays away in a full sync from a fresh state", async () => {
  await using api = await sampleApi(...CALLS, "--semarize-token", "smz_test_canary");
  await using where = await place(api);
  await pipe(where);
  const semarize = await where.file("semarize.json", {
    api_url: api.url,
    api_token: "smz_test_canary",
    warehouse_config: where.target,
    kits: ["FRMWRK01", "BATTLE01"],
    max_requests_per_second: 1_000,
  });
  const evaluated = await pipe(where, { tap: { program: "tap-semarize", config: semarize } });
  expect([evaluated.tap.code, evaluated.target.code]).toEqual([0, 0]);
  // Somebody with a name of their own, and what nobody else has said.
  const [person] = await query(
    where.database,
    `WITH people AS (SELECT DISTINCT name, email FROM participants UNION SELECT name, email FROM users)
     SELECT email, any_value(name) AS name FROM utterances JOIN people USING (email)
     WHERE utterances.role = 'prospect' AND name IN (SELECT name FROM people GROUP BY name HAVING count(*) = 1)
     GROUP BY email ORDER BY count(*) DESC LIMIT 1`,
  );
  const [email, name] = [String(person?.["email"]), String(person?.["name"])];
  const said = async (condition: string) => {
    const sql = `SELECT DISTINCT text FROM utterances WHERE ${condition} '${email}' AND length(text) > 25`;
    return (await query(where.database, sql)).map(({ text }) => String(text));
  };
  const others = (await said("email IS DISTINCT FROM")).join("\n");
  const words = [email, name, ...(await said("email =")).filter((text) => !others.includes(text))];
  expect(words.length).toBeGreaterThan(5);
  const [call] = await query(where.database, `SELECT call_id FROM utterances WHERE email <> '${email}' LIMIT 1`);
  const callId = String(call?.["call_id"]);

  for (const value of [email, callId]) {
    const { code, stdout, stderr } = await run("chorus-elt", ["forget", value, "--config", where.target]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/semarize_bricks +[1-9]/);
    expect(seenIn(stdout, [email, callId])).toEqual([]);
  }
  const isGone = async () => {
    const text = await everythingIn(where);
    expect(seenIn(text, words)).toEqual([]);
    const tables = await query(
      where.database,
      "SELECT table_name AS t FROM duckdb_columns() WHERE column_name = 'call_id'",
    );
    for (const { t } of tables) {
      expect(await query(where.database, `SELECT call_id FROM "${String(t)}" WHERE call_id = '${callId}'`)).toEqual([]);
    }
  };
  await isGone();
  const again = await pipe(where);
  expect([again.tap.code, again.target.code]).toEqual([0, 0]);
  expect(seenIn(again.lines.join("\n"), words)).toEqual(words); // it came again
  expect(again.target.stderr).toMatch(/forgotten: [1-9]\d* records were left out, [1-9]\d* were loaded without/);
  await isGone();
  const verified = await run("chorus-elt", ["verify", "--tap", where.tap, "--config", where.target]);
  expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining("all equal")]);
});
