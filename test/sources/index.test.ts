import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { isObject } from "../../src/core/json.ts";
import { type SourceMessage } from "../../src/core/source.ts";
import { chorus } from "../../src/sources/chorus/index.ts";
import { keptLog } from "../http/fakes.ts";
import { CONFIG, type FakeChorus, fakeChorus, manyCalls } from "./fake-chorus.ts";

/** The fake behind a real socket. */
async function serve(fake: FakeChorus) {
  const server = createServer((request, response) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const path = request.url ?? "/";
    const endpoint = path.replace(/\?.*/, "").replace(/(?<=calls\/)[^/]+/, "{id}");
    void fake.handle({ method: "GET", url: `http://fake.test${path}`, headers, endpoint }).then((answer) => {
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
}

const env = () => ({ clock: systemClock, log: keptLog(), signal: new AbortController().signal, step: () => undefined });

test("a run over a real connection, with the URL written in any way", async () => {
  for (const tail of ["", "/", "/api/v1", "/api/v1/"]) {
    const fake = fakeChorus(manyCalls(5, "2026-03-09T08:00:00Z", 1));
    await using server = await serve(fake);
    const selection = chorus.streams.map((stream) => ({ stream, fields: new Set<string>() }));
    const messages: SourceMessage[] = [];
    for await (const message of await chorus.read({ ...CONFIG, api_url: server.url + tail }, selection, {}, env()))
      messages.push(message);
    expect(messages.filter((message) => message.type === "record" && message.stream === "calls")).toHaveLength(5);
    expect(messages.at(-1)?.type).toBe("state");
  }
});

test("requests are measured by route and status", async () => {
  await using server = await serve(fakeChorus(manyCalls(3, "2026-03-09T08:00:00Z", 1)));
  const here = env();
  const selection = chorus.streams
    .filter(({ name }) => name === "utterances")
    .map((stream) => ({ stream, fields: new Set<string>() }));
  const messages = await chorus.read({ ...CONFIG, api_url: server.url }, selection, {}, here);
  const reading = messages[Symbol.asyncIterator]();
  while ((await reading.next()).done !== true);
  const counts = here.log.metrics.filter(({ metric }) => metric === "http_request_count");
  expect(counts).toContainEqual({
    type: "counter",
    metric: "http_request_count",
    value: 3,
    tags: { endpoint: "/api/v1/calls/{id}/transcript", http_status_code: 200 },
  });
  expect(here.log.metrics.filter(({ metric }) => metric === "http_request_duration").length).toBeGreaterThan(4);
});

describe("check", () => {
  test("costs one request", async () => {
    const fake = fakeChorus();
    await using server = await serve(fake);
    await chorus.check({ ...CONFIG, api_url: server.url }, env());
    expect(fake.asked).toEqual(["list"]);
  });

  test.each([
    [401, "API_UNAUTHORIZED"],
    [403, "API_FORBIDDEN"],
    [404, "API_UNAVAILABLE"],
  ])("an answer of %i is %s", async (status, code) => {
    const fake = fakeChorus();
    fake.before = () => [status, ""];
    await using server = await serve(fake);
    await expect(chorus.check({ ...CONFIG, api_url: server.url, auth_scheme: "auto" }, env())).rejects.toMatchObject({
      code,
    });
  });

  test("a time zone nobody knows is the config's fault", async () => {
    await expect(chorus.check({ ...CONFIG, account_timezone: "Mars/Olympus" }, env())).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });
});

describe("the config schema", () => {
  const { configSchema } = chorus;
  const properties = isObject(configSchema["properties"]) ? configSchema["properties"] : {};

  test("is a schema, takes the smallest config, and fills in defaults that hold", () => {
    const validate = new Ajv({ strict: true, useDefaults: true, keywords: ["secret", "airbyte_secret"] }).compile(
      configSchema,
    );
    const config = { api_token: "t", start_date: "2026-01-01" };
    expect(validate(config)).toBe(true);
    expect(config).toMatchObject({
      api_url: "https://chorus.ai",
      look_back_days: 7,
      concurrency: 2,
      auth_scheme: "auto",
    });
    expect(validate({ api_token: "t", start_date: "last week" })).toBe(false);
    expect(validate({ start_date: "2026-01-01" })).toBe(false);
  });

  test("says of every setting what it is, and marks the token as secret", () => {
    for (const property of Object.values(properties)) {
      expect(property).toMatchObject({
        title: expect.any(String) as string,
        description: expect.stringMatching(/\.$/) as string,
      });
    }
    expect(properties["api_token"]).toMatchObject({ secret: true, airbyte_secret: true });
  });
});
