import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { generate } from "../../src/sample/generator.ts";
import { writeSampleMeetings } from "../../src/sample/meetings.ts";
import { temporaryFolder } from "../support/folder.ts";
import { contents, ended, query, run, type Ended } from "./pipe.ts";

/** `tap-transcripts | target-warehouse` with a pipe between the two processes. */
async function pipe(tapArgs: readonly string[], target: string): Promise<{ tap: Ended; target: Ended; state: string }> {
  const bin = (name: string) => resolve("dist/bin", `${name}.js`);
  const tap = spawn(process.execPath, [bin("tap-transcripts"), ...tapArgs], { stdio: ["ignore", "pipe", "pipe"] });
  const into = spawn(process.execPath, [bin("target-warehouse"), "--config", target], {
    stdio: [tap.stdout, "pipe", "pipe"],
  });
  const done = Promise.all([once(tap, "exit"), ended(into)]);
  let stderr = "";
  tap.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  tap.stdout.destroy(); // the pipe is the target's alone
  const [[code, signal], loaded] = (await done) as [[number | null, NodeJS.Signals | null], Ended];
  const state = loaded.stdout.trim().split("\n").at(-1) ?? "";
  return { tap: { code, signal, stdout: "", stderr }, target: loaded, state };
}

test("meetings of two platforms load through a real pipe, and a second run writes nothing", async () => {
  await using folder = await temporaryFolder();
  const file = async (name: string, content: unknown) => {
    await writeFile(join(folder.path, name), typeof content === "string" ? content : JSON.stringify(content));
    return join(folder.path, name);
  };
  const source = generate({ calls: 40, seed: 2, nowMs: Date.UTC(2026, 5, 17) });
  const meetings = await writeSampleMeetings(join(folder.path, "vtt"), { source, meetings: 6 });
  const database = join(folder.path, "meetings.duckdb");
  const tap = await file("tap.json", { path: meetings.path, mapping: meetings.mapping });
  const target = await file("target.json", { path: database });

  const first = await pipe(["--config", tap], target);
  expect([first.tap.code, first.target.code]).toEqual([0, 0]);
  expect(
    await query(
      database,
      "SELECT platform, count(*)::INT AS n, count(deal_id)::INT AS deals FROM meetings GROUP BY 1 ORDER BY 1",
    ),
  ).toEqual([
    { platform: "teams", n: 3, deals: 3 },
    { platform: "zoom", n: 3, deals: 3 },
  ]);
  const [counts] = await query(
    database,
    `SELECT (SELECT count(*) FROM meeting_utterances)::INT AS turns, sum(utterance_count)::INT AS said,
       (SELECT count(*) FROM meeting_utterances JOIN meetings USING (meeting_id) WHERE started_at = meeting_started_at)::INT AS joined
     FROM meeting_transcripts WHERE status = 'ready'`,
  );
  expect(counts?.["turns"]).toBeGreaterThan(100);
  expect([counts?.["said"], counts?.["joined"]]).toEqual([counts?.["turns"], counts?.["turns"]]);
  const before = await contents(database);

  const second = await pipe(["--config", tap, "--state", await file("state.json", first.state)], target);
  expect([second.tap.code, second.target.code]).toEqual([0, 0]);
  expect(second.state).toBe(first.state);
  expect(await contents(database)).toEqual(before);

  // One file is mended, one goes, one is spoilt.
  const [mended = "", gone = "", spoilt = ""] = meetings.files;
  await writeFile(join(meetings.path, mended), "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.000\nMaya Okafor: Only this.\n");
  await rm(join(meetings.path, gone));
  await writeFile(join(meetings.path, spoilt), "WEBVTT\n\n00:00 --> secret words\n");
  const third = await pipe(["--config", tap, "--state", await file("state.json", second.state)], target);
  expect([third.tap.code, third.target.code]).toEqual([28, 0]);
  expect(third.tap.stderr).toContain(`${spoilt}: line 3: the times of a cue are not understood`);
  expect(third.tap.stderr).not.toContain("secret");
  const rows = await query(
    database,
    "SELECT text FROM meeting_utterances JOIN meetings USING (meeting_id) WHERE source_file = '" +
      `${mended.split("/").at(-1) ?? ""}'`,
  );
  expect(rows).toEqual([{ text: "Only this." }]);
  expect(await query(database, "SELECT count(*)::INT AS n FROM meetings")).toEqual([{ n: 6 }]);
});

test("it discovers, tells about itself, proves its config and says what is wrong with one", async () => {
  const catalog = JSON.parse((await run("tap-transcripts", ["--discover"])).stdout) as {
    streams: { stream: string }[];
  };
  expect(catalog.streams.map(({ stream }) => stream).sort()).toEqual([
    "meeting_transcripts",
    "meeting_utterances",
    "meetings",
  ]);
  const about = await run("tap-transcripts", ["--about"]);
  expect(about.stdout).toContain("rep_domains");
  await using folder = await temporaryFolder();
  const env = { TAP_TRANSCRIPTS_PATH: folder.path };
  expect((await run("tap-transcripts", ["--config", "ENV", "--test"], "", env)).code).toBe(0);
  expect((await run("tap-transcripts", ["--config", "ENV", "--test"])).code).toBe(11);
  expect((await run("tap-transcripts", ["--test"], "", { TAP_TRANSCRIPTS_PATH: join(folder.path, "no") })).code).toBe(
    11,
  );
});
