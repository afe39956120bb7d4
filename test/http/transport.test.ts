import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { type AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { openTransport, redirectTarget } from "../../src/http/transport.ts";
import { GET } from "./fakes.ts";

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("gzip is asked for and undone", async () => {
  await using server = await serve((request, response) => {
    response.setHeader("content-encoding", "gzip").end(gzipSync(String(request.headers["accept-encoding"])));
  });
  await using transport = openTransport();
  const answer = await transport.send({ ...GET, url: server.url });
  expect(answer.body.toString()).toContain("gzip");
  expect(answer.headers["content-encoding"]).toBe("gzip");
});

test("a redirect on the same host is followed, with the token", async () => {
  await using server = await serve((request, response) => {
    if (request.url === "/old") response.writeHead(302, { location: "/new" }).end();
    else response.end(request.headers.authorization);
  });
  await using transport = openTransport();
  const answer = await transport.send({ ...GET, url: `${server.url}/old`, headers: { authorization: "Bearer t" } });
  expect(answer.body.toString()).toBe("Bearer t");
});

test("a redirect to another host is not followed, so no token gets there", async () => {
  const elsewhere: IncomingHttpHeaders[] = [];
  await using other = await serve((request, response) => {
    elsewhere.push(request.headers);
    response.end("got it");
  });
  await using server = await serve((_request, response) =>
    response.writeHead(302, { location: `${other.url}/` }).end(),
  );
  await using transport = openTransport();
  const answer = await transport.send({ ...GET, url: server.url, headers: { authorization: "Bearer t" } });
  expect(answer.status).toBe(302);
  expect(elsewhere).toEqual([]);
});

test("redirects in a circle end", async () => {
  await using server = await serve((_request, response) => response.writeHead(302, { location: "/" }).end());
  await using transport = openTransport();
  expect((await transport.send({ ...GET, url: server.url })).status).toBe(302);
});

test("a body that is cut off rejects", async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(200, { "content-length": "100" }).write('{"calls":[');
    setTimeout(() => response.destroy(), 20);
  });
  await using transport = openTransport();
  await expect(transport.send({ ...GET, url: server.url })).rejects.toThrow();
});

test("nothing is left open when it is closed without a request", async () => {
  await openTransport()[Symbol.asyncDispose]();
});

test("only the upgrade to https leaves the scheme of a host", () => {
  const to = (from: string, location: string) =>
    redirectTarget({ status: 302, headers: { location } }, new URL(from))?.href;
  expect(to("http://chorus.test/a", "https://chorus.test/a")).toBe("https://chorus.test/a");
  expect(to("https://chorus.test/a", "http://chorus.test/a")).toBeUndefined();
  expect(to("https://chorus.test/a", "https://media.chorus.test/a")).toBeUndefined();
  expect(to("https://chorus.test/a", "//evil.test/a")).toBeUndefined();
});
