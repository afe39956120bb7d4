import { rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileCheck } from "../../src/core/validate.ts";
import { streams } from "../../src/sources/transcripts/streams.gen.ts";
import { meetings, read, vtt } from "./transcripts-vtt-folder.ts";

const TWO = vtt("Maya Okafor: Hi Liam.", "Liam Byrne: Hi Maya.");

test("a meeting gives its row, its transcript and its turns, all of which fit their schemas", async () => {
  await using folder = await meetings({ "GMT20260312-150000_Recording.transcript.vtt": TWO });
  const mapping = await folder.map(
    "file,meeting_id,platform,title,deal_id,deal_name,rep_email,rep_name,call_type,speakers\n" +
      '"GMT20260312-150000_Recording.transcript.vtt",811,Zoom,"Intro, again",006,Acme,Maya@Sales.Example,Maya Okafor,discovery,Maya Okafor;Noor\n',
  );
  const outcome = await read(folder, { config: { mapping } });
  expect(outcome.of("meetings")).toEqual([
    {
      meeting_id: "zoom:811",
      platform: "zoom",
      title: "Intro, again",
      started_at: "2026-03-12T15:00:00.000Z",
      duration_seconds: 15,
      call_type: "discovery",
      rep_email: "maya@sales.example",
      rep_name: "Maya Okafor",
      deal_id: "006",
      deal_name: "Acme",
      source_file: "GMT20260312-150000_Recording.transcript.vtt",
      content_hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    },
  ]);
  expect(outcome.of("meeting_transcripts")).toEqual([
    {
      meeting_id: "zoom:811",
      platform: "zoom",
      meeting_started_at: "2026-03-12T15:00:00.000Z",
      status: "ready",
      utterance_count: 2,
      word_count: 4,
      full_text: "Maya Okafor: Hi Liam.\nLiam Byrne: Hi Maya.",
      transcript_hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    },
  ]);
  expect(outcome.of("meeting_utterances")).toEqual([
    expect.objectContaining({ utterance_index: 0, speaker: "Maya Okafor", role: "rep", start_seconds: 0 }),
    {
      meeting_id: "zoom:811",
      utterance_index: 1,
      meeting_started_at: "2026-03-12T15:00:00.000Z",
      speaker: "Liam Byrne",
      role: "prospect",
      start_seconds: 10,
      duration_seconds: 5,
      word_count: 2,
      text: "Hi Maya.",
    },
  ]);
  for (const { name, schema } of streams) {
    const check = compileCheck(name, schema);
    expect(outcome.of(name).map((record) => check(record))).toEqual(outcome.of(name).map(() => undefined));
  }
});

test("a meeting comes before its turns and clears the old ones, whichever streams are selected", async () => {
  await using folder = await meetings({ "a.vtt": TWO });
  const heads = ({ messages }: Awaited<ReturnType<typeof read>>) =>
    messages.map((message) => (message.type === "record" ? [message.stream, message.clears] : message.type));
  expect(heads(await read(folder))).toEqual([
    ["meetings", ["meeting_utterances"]],
    ["meeting_transcripts", undefined],
    ["meeting_utterances", undefined],
    ["meeting_utterances", undefined],
    "state",
  ]);
  expect(heads(await read(folder, { select: ["meetings"] }))).toEqual([["meetings", undefined], "state"]);
});

test("a file without speech is a meeting with the transcript status none", async () => {
  await using folder = await meetings({ "silent.vtt": "WEBVTT\n" });
  const outcome = await read(folder);
  expect(outcome.of("meetings")).toEqual([expect.objectContaining({ platform: "other", duration_seconds: null })]);
  expect(outcome.of("meeting_transcripts")).toEqual([
    expect.objectContaining({ status: "none", utterance_count: 0, full_text: null, transcript_hash: null }),
  ]);
});

describe("which files", () => {
  test("in folders too, in the order of their paths, and nothing hidden or of another kind", async () => {
    await using folder = await meetings({
      "b/2.VTT": TWO,
      "b/1.vtt": TWO,
      "a.vtt": TWO,
      ".hidden.vtt": TWO,
      ".folder/x.vtt": TWO,
      "notes.txt": "x",
    });
    const files = (await read(folder)).of("meetings").map((row) => row["source_file"]);
    expect(files).toEqual(["a.vtt", "1.vtt", "2.VTT"]);
  });

  test.skipIf(process.platform === "win32")(
    "links to files are read, links to folders are not followed: a loop ends, and nothing is read twice",
    async () => {
      await using folder = await meetings({ "in/a.vtt": TWO });
      await symlink("..", join(folder.path, "in", "loop"));
      await symlink(join("in", "a.vtt"), join(folder.path, "b.vtt"));
      await symlink("nowhere.vtt", join(folder.path, "c.vtt"));
      expect((await read(folder)).of("meetings").map((row) => row["source_file"])).toEqual(["b.vtt", "a.vtt"]);
    },
  );

  test("the same file keeps its id; files of one name in two folders have two", async () => {
    await using folder = await meetings({ "x/transcript.vtt": TWO, "y/transcript.vtt": TWO });
    const ids = (await read(folder)).of("meetings").map((row) => row["meeting_id"]);
    expect(ids).toEqual((await read(folder)).of("meetings").map((row) => row["meeting_id"]));
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^zoom:[0-9a-f]{16}$/);
  });

  test("a folder that is not there is a wrong setting", async () => {
    await expect(read({ path: "/nowhere/at/all" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe("a second run", () => {
  test("reads what is new or changed, and says nothing of the rest", async () => {
    await using folder = await meetings({ "a.vtt": TWO, "b.vtt": TWO });
    const first = await read(folder);
    await folder.write({ "b.vtt": vtt("Maya Okafor: Only me."), "c.vtt": TWO });
    const second = await read(folder, { state: first.state });
    expect(second.of("meetings").map((row) => row["source_file"])).toEqual(["b.vtt", "c.vtt"]);
    const third = await read(folder, { state: second.state });
    expect(third.messages).toEqual([{ type: "state", state: second.state }]);
  });

  test("does not say a file again that only has a new date", async () => {
    await using folder = await meetings({ "a.vtt": TWO });
    const first = await read(folder);
    await utimes(join(folder.path, "a.vtt"), new Date(2_000_000_000_000), new Date(2_000_000_000_000));
    const second = await read(folder, { state: first.state });
    expect(second.messages.map(({ type }) => type)).toEqual(["state"]);
    expect(second.state).not.toEqual(first.state);
  });

  test("says a meeting again when its row of the mapping or a setting that it depends on has changed", async () => {
    await using folder = await meetings({ "a.vtt": TWO, "b.vtt": TWO });
    const mapping = await folder.map("file,deal_id\na.vtt,1\nb.vtt,2\n");
    const { state } = await read(folder, { config: { mapping } });
    await folder.map("file,deal_id\nb.vtt,2\na.vtt,3\n");
    const second = await read(folder, { config: { mapping }, state });
    expect(second.of("meetings")).toEqual([expect.objectContaining({ source_file: "a.vtt", deal_id: "3" })]);
    const third = await read(folder, { config: { mapping, reps: ["liam byrne"] }, state: second.state });
    expect(third.of("meeting_utterances").map((row) => row["role"])).toEqual(["prospect", "rep", "prospect", "rep"]);
  });

  test("leaves the rows of a file that has gone, and tells when a file has become another meeting", async () => {
    await using folder = await meetings({ "a.vtt": TWO, "b.vtt": TWO });
    const { state } = await read(folder);
    await rm(join(folder.path, "a.vtt"));
    const mapping = await folder.map("file,meeting_id\nb.vtt,77\n");
    const second = await read(folder, { config: { mapping }, state });
    expect(second.of("meetings").map((row) => row["meeting_id"])).toEqual(["zoom:77"]);
    expect(second.warnings).toEqual([expect.stringMatching(/^b\.vtt was meeting zoom:\w+ and is zoom:77 now/)]);
    expect(Object.keys(second.state["files"] as object)).toEqual(["b.vtt"]);
  });

  test("refuses the state of another tap or of a newer one", async () => {
    await using folder = await meetings();
    const of = (state: object) => read(folder, { state: state as Record<string, never> });
    await expect(of({ version: 2, files: {} })).rejects.toMatchObject({ code: "STATE_VERSION" });
    await expect(of({ bookmarks: {} })).rejects.toMatchObject({ code: "STATE_UNREADABLE" });
    await expect(of({ version: 1, files: { a: 1 } })).rejects.toMatchObject({ code: "STATE_UNREADABLE" });
  });
});

describe("a file that cannot be read", () => {
  test("is a failure that names file and line and no word of it; the others are read, and it is tried again", async () => {
    const bad = "WEBVTT\n\n1\nsecret --> words\nsecret words\n";
    await using folder = await meetings({ "a.vtt": TWO, "b/bad.vtt": bad, "c.vtt": TWO });
    const first = await read(folder);
    expect(first.of("meetings").map((row) => row["source_file"])).toEqual(["a.vtt", "c.vtt"]);
    expect(first.failures).toEqual(["b/bad.vtt: line 4: the times of a cue are not understood"]);
    const second = await read(folder, { state: first.state });
    expect(second.failures).toEqual(first.failures);
    expect(second.of("meetings")).toEqual([]);
    await folder.write({ "b/bad.vtt": TWO });
    expect((await read(folder, { state: second.state })).of("meetings")).toHaveLength(1);
  });

  test("does not lose what is known of it: mended as it was, it is unchanged", async () => {
    await using folder = await meetings({ "a.vtt": TWO });
    const first = await read(folder);
    await folder.write({ "a.vtt": "no transcript" });
    const second = await read(folder, { state: first.state });
    expect(second.failures).toEqual(["a.vtt: line 1: the file does not begin with WEBVTT"]);
    await folder.write({ "a.vtt": TWO });
    expect((await read(folder, { state: second.state })).of("meetings")).toEqual([]);
  });

  test("is also one that is too large, or is not text", async () => {
    await using folder = await meetings({ "a.vtt": TWO, "b.vtt": Buffer.from([0x57, 0xc3, 0x28]) });
    const { failures } = await read(folder, { config: { max_file_bytes: 20 } });
    expect(failures).toEqual([
      `a.vtt: it has ${TWO.length} bytes, more than \`max_file_bytes\` allows`,
      "b.vtt: it is not UTF-8 text",
    ]);
  });

  test("is none in UTF-16 with its mark, as Windows programs save it", async () => {
    await using folder = await meetings({ "a.vtt": Buffer.from(`\uFEFF${TWO}`, "utf16le") });
    expect((await read(folder)).of("meeting_utterances").map((row) => row["text"])).toEqual(["Hi Liam.", "Hi Maya."]);
  });
});

test("text without times is warned of by its line, and the rest is read", async () => {
  await using folder = await meetings({ "a.vtt": `${TWO}\nlost words\n` });
  const { warnings, of } = await read(folder);
  expect(warnings).toEqual(["a.vtt: 1 blocks of text without times were left out, the first at line 11"]);
  expect(of("meeting_utterances")).toHaveLength(2);
});

test("a state follows every fifty files, and names only what was read before it", async () => {
  await using folder = await meetings(
    Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`${1000 + i}.vtt`, TWO])),
  );
  const { messages } = await read(folder);
  let meetingsSaid = 0;
  const seen = messages.flatMap((message) => {
    if (message.type === "record" && message.stream === "meetings") meetingsSaid++;
    return message.type === "state" ? [[meetingsSaid, Object.keys(message.state["files"] as object).length]] : [];
  });
  expect(seen).toEqual([
    [50, 50],
    [100, 100],
    [120, 120],
  ]);
});

test("asked to stop it ends after the file in hand, with a state that the next run goes on from", async () => {
  await using folder = await meetings({ "a.vtt": TWO, "b.vtt": TWO });
  const stopped = await read(folder, { signal: AbortSignal.abort() });
  expect(stopped.messages).toEqual([{ type: "state", state: { version: 1, files: {} } }]);
  expect((await read(folder, { state: stopped.state })).of("meetings")).toHaveLength(2);
});

describe("who is on our side", () => {
  const roles = async (lines: readonly string[], config: Parameters<typeof read>[1]) => {
    await using folder = await meetings({ "a.vtt": vtt(...lines) });
    return (await read(folder, config)).of("meeting_utterances").map((row) => row["role"]);
  };

  test("is told by name in any case, by mail address, or by its domain; Teams' marks do not matter", async () => {
    const lines = ["MAYA  OKAFOR (Guest): a", "ana@Sales.example: b", "ben@buyer.example: c", "Liam: d"];
    expect(await roles(lines, { config: { reps: ["Maya Okafor"], rep_domains: ["@sales.example"] } })).toEqual([
      "rep",
      "rep",
      "prospect",
      "prospect",
    ]);
  });

  test("is not known of anyone when nobody of ours is found", async () => {
    expect(await roles(["Maya: a", "Liam: b"], { config: { reps: ["Somebody Else"] } })).toEqual([
      "unknown",
      "unknown",
    ]);
  });
});

test("the time in the name of a file counts where the mapping has none; Teams' is local", async () => {
  await using folder = await meetings({
    "GMT20260312-150000_Recording.vtt": TWO,
    "Review-20260312_150000-Meeting Recording.vtt": TWO,
    "plain 20261399_150000.vtt": TWO,
    "mapped.vtt": TWO,
  });
  const mapping = await folder.map("file;started_at;title\nmapped.vtt;2026-07-01 09:30;A, B\n");
  const { of } = await read(folder, { config: { mapping, account_timezone: "America/New_York" } });
  expect(of("meetings").map((row) => [row["title"], row["started_at"]])).toEqual([
    ["GMT20260312-150000_Recording", "2026-03-12T15:00:00.000Z"],
    ["Review-20260312_150000-Meeting Recording", "2026-03-12T19:00:00.000Z"],
    ["A, B", "2026-07-01T13:30:00.000Z"],
    ["plain 20261399_150000", null],
  ]);
});

test("a file that has another name now is the same meeting when the mapping says so", async () => {
  await using folder = await meetings({ "a.vtt": TWO });
  const mapping = await folder.map("file,meeting_id\na.vtt,5\nz.vtt,5\n");
  const first = await read(folder, { config: { mapping } });
  await rename(join(folder.path, "a.vtt"), join(folder.path, "z.vtt"));
  await writeFile(join(folder.path, "z.vtt"), vtt("Maya Okafor: New."));
  const second = await read(folder, { config: { mapping }, state: first.state });
  expect(second.of("meetings").map((row) => row["meeting_id"])).toEqual(["zoom:5"]);
});
