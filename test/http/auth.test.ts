import { expect, test } from "vitest";
import { withAuth } from "../../src/http/auth.ts";
import { stack } from "../../src/http/send.ts";
import { GET, answers } from "./fakes.ts";

const sent = (network: ReturnType<typeof answers>) => network.seen.map(({ headers }) => headers["authorization"]);

test("auto sends Bearer, and keeps to it once it was let in", async () => {
  const network = answers([200], [401]);
  const send = stack(network, withAuth("t0ken"));
  await send(GET);
  expect((await send(GET)).status).toBe(401); // expired in mid-run: no second form is tried
  expect(sent(network)).toEqual(["Bearer t0ken", "Bearer t0ken"]);
});

test("auto tries the bare token once when Bearer is refused, and remembers that it worked", async () => {
  const network = answers([401], [200], [200]);
  const send = stack(network, withAuth("t0ken", "auto"));
  expect((await send(GET)).status).toBe(200);
  await send(GET);
  expect(sent(network)).toEqual(["Bearer t0ken", "t0ken", "t0ken"]);
});

test("auto gives the first answer back when both forms are refused", async () => {
  const network = answers([401, {}, "first"], [401, {}, "second"]);
  expect((await stack(network, withAuth("t0ken"))(GET)).body.toString()).toBe("first");
});

test("zoominfo has a header of its own", async () => {
  const network = answers([200]);
  await stack(network, withAuth("t0ken", "zoominfo"))(GET);
  expect(network.seen[0]?.headers).toEqual({ "x-ziaccesstoken": "t0ken" });
});
