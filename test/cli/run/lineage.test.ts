import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { lineage } from "../../../src/cli/run/lineage.ts";
import { EltError } from "../../../src/core/errors.ts";
import { silentLog } from "../../../src/core/log.ts";
import { fakeClock } from "../../support/clock.ts";
import { eventsIn } from "./run-event.ts";

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: string;
}

/** A lineage server that answers with this status, or never. */
async function server(status: number | "never"): Promise<AsyncDisposable & { url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const http = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      asked.push({ path: request.url ?? "", key: request.headers.authorization, body });
      if (status !== "never") response.writeHead(status).end();
    });
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}

const settings = { endpoint: "api/v1/lineage", namespace: "analytics", timeout_seconds: 5 };
const parts = { pipeline: "default", inputs: [{ namespace: "https://chorus.ai", name: "calls" }] };
const listening = () => {
  const warnings: string[] = [];
  return { warnings, env: { clock: fakeClock(), log: { ...silentLog, warn: (text: string) => warnings.push(text) } } };
};

test("events are posted to the endpoint of the server, with the key of the environment", async () => {
  await using there = await server(201);
  const { env, warnings } = listening();
  process.env["OPENLINEAGE_API_KEY"] = "canary-key-77";
  try {
    const events = lineage({ ...settings, url: `${there.url}/base/` }, parts, env);
    await events.start();
    await events.end("FAIL", [], new EltError("API_BUSY", "GET /calls answered 429"));
  } finally {
    delete process.env["OPENLINEAGE_API_KEY"];
  }
  expect(warnings).toEqual([]);
  expect(there.asked.map(({ path, key }) => [path, key])).toEqual([
    ["/base/api/v1/lineage", "Bearer canary-key-77"],
    ["/base/api/v1/lineage", "Bearer canary-key-77"],
  ]);
  const [start, fail] = eventsIn(there.asked.map(({ body }) => body).join("\n"));
  expect(start?.run.runId).toBe(fail?.run.runId);
  expect(fail?.run.facets.errorMessage?.message).toBe("API_BUSY: GET /calls answered 429");
  expect(there.asked.every(({ body }) => !body.includes("canary"))).toBe(true);
});

test.each([
  ["refuses", 500 as const, /did not reach 127\.0\.0\.1:\d+: it answered 500/],
  ["is silent", "never" as const, /timeout/],
])("a server that %s is told of in the log and nothing else", async (_what, status, told) => {
  await using there = await server(status);
  const { env, warnings } = listening();
  await lineage({ ...settings, url: there.url, timeout_seconds: 0.2 }, parts, env).start();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(told);
});

test("a file that cannot be written is told of, and the server still gets the event", async () => {
  await using there = await server(200);
  const { env, warnings } = listening();
  await lineage({ ...settings, url: there.url, file: "/nowhere/at/all.jsonl" }, parts, env).start();
  expect(warnings).toHaveLength(1);
  expect(there.asked).toHaveLength(1);
});
