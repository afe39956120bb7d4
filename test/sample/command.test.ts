import { expect, test } from "vitest";
import { runSampleApi } from "../../src/sample/command.ts";
import { startSampleApi } from "../../src/sample/server.ts";

test("it says where it listens, and ends when it is asked to stop", async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const line = (text: string) => {
    lines.push(text);
    stop.abort();
    return undefined;
  };
  await runSampleApi({ calls: 1 }, { signal: stop.signal }, { line });
  expect(lines).toEqual([expect.stringMatching(/^listening on http:\/\/127\.0\.0\.1:\d+$/)]);
  await expect(fetch(lines[0]?.replace("listening on ", "") ?? "")).rejects.toThrow();
});

test("a port that is taken is named, with what to do", async () => {
  await using api = await startSampleApi({ calls: 1 });
  const port = Number(new URL(api.url).port);
  await expect(startSampleApi({ calls: 1, port })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(`127.0.0.1:${port}`) as string,
  });
});
