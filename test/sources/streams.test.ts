import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { type JsonObject, isObject, parseJson } from "../../src/core/json.ts";
import { type Call, type Transcript } from "../../src/sources/chorus/call.ts";
import { type ChorusStream } from "../../src/sources/chorus/define.ts";
import { readCall } from "../../src/sources/chorus/flavours/calls.ts";
import { readTeam, readUser } from "../../src/sources/chorus/flavours/people.ts";
import { readScorecard } from "../../src/sources/chorus/flavours/scorecards.ts";
import { streams } from "../../src/sources/chorus/streams.gen.ts";
import { timeReader } from "../../src/sources/chorus/time.ts";
import { readTranscript } from "../../src/sources/chorus/transcripts.ts";
import { objects, text } from "../../src/sources/chorus/values.ts";

const time = await timeReader("UTC");
const ajv = new Ajv({
  strict: true,
  allowUnionTypes: true,
  allErrors: true,
  keywords: ["x-selected-by-default", "x-unmasked"],
});
addFormats.default(ajv);

/** The rows that a stream makes of its fixture, from the API's bytes; `fields` take the place of the call's own. */
function rowsOf(stream: ChorusStream, fields: Partial<Call> = {}): readonly JsonObject[] {
  const text = readFileSync(new URL(`../fixtures/api/${stream.name}.json`, import.meta.url), "utf8");
  const fixture = parseJson(text) as JsonObject;
  if (stream.kind === "root") {
    const users = objects(fixture["users"]).map((user) => readUser(user, time));
    const teams = objects(fixture["teams"]).map(readTeam);
    const scorecards = objects(fixture["scorecards"]).map((scorecard) => readScorecard(scorecard, time));
    return stream.rows({
      users: users.filter((user) => user !== null),
      teams: teams.filter((team) => team !== null),
      scorecards: scorecards.filter((scorecard) => scorecard !== null),
    });
  }
  const call = readCall(fixture["call"] as JsonObject, time) as Call;
  const transcript: Transcript | undefined = isObject(fixture["transcript"])
    ? readTranscript(fixture["transcript"], call, time)
    : undefined;
  return stream.rows({ ...call, ...fields }, transcript);
}

function rows(name: string): readonly JsonObject[] {
  const stream = streams.find((one) => one.name === name);
  if (stream === undefined) throw new Error(`no stream ${name}`);
  return rowsOf(stream);
}

describe.each(streams.map((stream) => [stream.name, stream] as const))("stream %s", (_name, stream) => {
  const properties = stream.schema["properties"] as Record<string, JsonObject>;

  test("every row fits the schema, and every property of the schema is in it", () => {
    const validate = ajv.compile(stream.schema);
    expect(rowsOf(stream).length).toBeGreaterThan(0);
    for (const row of rowsOf(stream)) {
      expect(validate(row), JSON.stringify(validate.errors)).toBe(true);
      expect(Object.keys(row).sort()).toEqual(Object.keys(properties).sort());
    }
  });

  test("keys are in the schema, never null or empty, and no two rows share them", () => {
    const keys = rowsOf(stream).map((row) => stream.keys.map((key) => row[key]));
    for (const key of stream.keys) expect(properties[key]?.["type"]).not.toContain("null");
    expect(keys.flat().every((value) => value !== null && value !== undefined && value !== "")).toBe(true);
    expect(new Set(keys.map((key) => JSON.stringify(key))).size).toBe(keys.length);
  });

  test("two reads give the same rows", () => {
    expect(rowsOf(stream)).toEqual(rowsOf(stream));
  });

  test("every property says what it is", () => {
    for (const property of Object.values(properties)) expect(property["description"]).toMatch(/\w{3}.*\.$/);
  });

  test("replaces, newestBy and replicationKey name properties of it", () => {
    const named = [...stream.keys, ...(stream.replaces ?? []), stream.newestBy, stream.replicationKey];
    for (const name of named) if (name !== undefined && name !== "") expect(Object.keys(properties)).toContain(name);
  });
});

test.each(streams.filter(({ parent }) => parent === "calls").map((stream) => [stream.name, stream] as const))(
  "%s: every row carries the start of the call, null where it is not known",
  (_name, stream) => {
    expect(stream.schema["properties"]).toMatchObject({
      call_started_at: { type: ["null", "string"], format: "date-time" },
    });
    for (const startedAt of ["2026-03-04T15:00:00.000Z", null]) {
      const starts = rowsOf(stream, { startedAt }).map((row) => row["call_started_at"]);
      expect(new Set(starts)).toEqual(new Set([startedAt]));
    }
  },
);

test("calls: exact ids, normalised words and numbers, unknown fields kept", () => {
  expect(rows("calls")[0]).toMatchObject({
    call_id: "9007199254740993",
    started_at: "2026-03-04T15:00:00.000Z",
    scheduled_start_at: "2026-03-04T15:00:00.000Z",
    duration_seconds: 1834.5,
    call_type: "meeting",
    direction: "outbound",
    status: "no_show",
    deal_id: null,
    deal_amount: null,
    deal_initial_amount: 12500.5,
    deal_close_date: "2026-04-30",
    crm_account_id: "001A",
    crm_opportunity_id: null,
    extra: { disposition: "connected", sentiment: { score: 0.4 } },
    _deleted_at: null,
  });
});

test("participants: a key for everybody, also for guests and for people who are listed twice", () => {
  expect(rows("participants").map((row) => [row["participant_id"], row["role"]])).toEqual([
    ["p-1", "rep"],
    ["p-2", "prospect"],
    ["position-2", "unknown"],
    ["p-2~2", "prospect"],
    ["ola@harbourmills.test", "rep"],
  ]);
});

test("transcripts: one text with speakers", () => {
  expect(rows("transcripts")[0]).toMatchObject({
    status: "ready",
    language: "en-GB",
    utterance_count: 4,
    word_count: 29,
    full_text: expect.stringMatching(
      /^Robin Vale: Good morning.*\nSasha Quill: Noisy.*\n\nSasha Quill: What/,
    ) as string,
    transcript_hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
});

test("utterances: times in any form, a speaker found among the participants, nobody left as null", () => {
  expect(
    rows("utterances").map((row) => [row["utterance_index"], row["start_seconds"], row["participant_id"], row["role"]]),
  ).toEqual([
    [0, 0, "p-1", "rep"],
    [1, 6.9, "p-2", "prospect"],
    [2, 11.5, null, "unknown"],
    [3, 14.25, "p-2", "prospect"],
  ]);
});

test("trackers: without an id the name serves, also twice", () => {
  expect(rows("trackers").map((row) => [row["tracker_id"], row["mention_count"]])).toEqual([
    ["77", 2],
    ["topic:Competitors", 1],
    ["topic:Competitors~2", null],
  ]);
});

test("tracker_mentions: in their order, offsets in seconds", () => {
  expect(
    rows("tracker_mentions").map((row) => [
      row["tracker_id"],
      row["mention_index"],
      row["offset_seconds"],
      row["utterance_index"],
    ]),
  ).toEqual([
    ["k-1", 0, 14.25, 3],
    ["k-1", 1, 20, null],
  ]);
});

test("engagement_metrics: the API's own figure wins, the rest is derived from the transcript", () => {
  const byKey = new Map(
    rows("engagement_metrics").map((row) => [
      `${text(row["metric"])} ${text(row["participant_id"])}`,
      [row["value"], row["origin"]],
    ]),
  );
  expect(Object.fromEntries(byKey)).toMatchObject({
    "rep_talk_percent call": [47.5, "api"],
    "talk_time p-1": [300, "api"],
    "patience call": [null, "api"],
    "talk_time p-2": [13.6, "derived"],
    "question_count call": [3, "derived"],
    "customer_question_count call": [2, "derived"],
    "turn_count p-2": [2, "derived"],
    "longest_monologue p-2": [9.5, "derived"],
  });
});

test("deal_signals: values as text, and as numbers where they are", () => {
  expect(rows("deal_signals").map((row) => [row["signal"], row["value"], row["value_number"]])).toEqual([
    ["next_step_set", "true", null],
    ["days_in_stage", "12.5", 12.5],
    ["champion", "Sasha Quill", null],
    ["risks", '["budget","timing"]', null],
  ]);
});

test("tags: each once; a named one wins over a plain one", () => {
  expect(rows("tags").map((row) => [row["tag"], row["value"]])).toEqual([
    ["renewal", null],
    ["emea", null],
    ["segment", "mid-market"],
    ["products", '["import","desk"]'],
  ]);
});

test("team_members: whether the user or the team says so", () => {
  expect(rows("team_members").map((row) => [row["team_id"], row["user_id"], row["is_primary"]])).toEqual([
    ["t-1", "101", true],
    ["t-1", "103", null],
    ["t-2", "101", false],
  ]);
});
