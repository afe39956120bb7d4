import { expect, test } from "vitest";
import { LosslessNumber } from "lossless-json";
import { stack } from "../../src/http/send.ts";
import { HttpError, retryAfterMs, withVerdict } from "../../src/http/verdict.ts";
import { type Answer, GET, answers } from "./fakes.ts";

async function refused(answer: Answer): Promise<HttpError> {
  const error: unknown = await stack(answers(answer), withVerdict)(GET).catch((thrown: unknown) => thrown);
  if (!(error instanceof HttpError)) throw new Error("it was let pass");
  return error;
}

test("a good answer passes with its JSON, every digit kept", async () => {
  const answer = await stack(answers([200, {}, '{"id":9007199254740993}']), withVerdict)(GET);
  expect(answer.json).toEqual({ id: new LosslessNumber("9007199254740993") });
});

test.each([
  [400, "API_REFUSED", "never"],
  [401, "API_UNAUTHORIZED", "never"],
  [403, "API_FORBIDDEN", "never"],
  [404, "API_REFUSED", "never"],
  [302, "API_REFUSED", "never"],
  [408, "API_UNAVAILABLE", "transient"],
  [409, "API_REFUSED", "conflict"],
  [429, "API_BUSY", "limited"],
  [500, "API_UNAVAILABLE", "transient"],
  [502, "API_UNAVAILABLE", "transient"],
  [504, "API_UNAVAILABLE", "transient"],
  [599, "API_UNAVAILABLE", "transient"],
] as const)("status %i is %s, retried: %s", async (status, code, retry) => {
  expect(await refused([status])).toMatchObject({ status, code, retry });
});

test("no answer at all is worth another try, and its cause is kept", async () => {
  const cause = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  const error = await refused(cause);
  expect(error).toMatchObject({ status: 0, code: "API_UNAVAILABLE", retry: "transient", cause });
});

test("a defect of ours is not taken for a network that fails", async () => {
  const defect = new TypeError("x is not a function");
  await expect(stack(answers(defect), withVerdict)(GET)).rejects.toBe(defect);
});

test.each([
  ["cut JSON", '{"calls":[{"id":"a"'],
  ["a web page", "<html>Sign in</html>"],
  ["nothing", ""],
])("status 200 with %s is worth another try, and the text stays out of the message", async (_name, body) => {
  const error = await refused([200, {}, body]);
  expect(error).toMatchObject({ status: 200, code: "API_UNAVAILABLE", retry: "transient" });
  expect(error.message).not.toContain("Sign in");
  expect(error.cause).toBeUndefined();
});

test("202 and 204 may have no body", async () => {
  expect((await stack(answers([202, {}, ""]), withVerdict)(GET)).json).toBeNull();
});

test.each([
  ['{"errors":[{"code":"not_found","detail":"no such call"}]}', "not_found", "no such call"],
  ['{"error":"rate limited"}', undefined, "rate limited"],
  ['{"error":{"code":"busy","message":"later"}}', "busy", "later"],
  ['{"code":"ZI0001","message":"bad token"}', "ZI0001", "bad token"],
  ["", undefined, undefined],
  ["<html>504</html>", undefined, undefined],
])("the problem in %s", async (body, code, detail) => {
  const error = await refused([500, {}, body]);
  expect(error.reason).toBe(code);
  if (detail === undefined) expect(error.message).toBe("GET /x answered 500");
  else expect(error.message).toContain(detail);
});

test("a token that the API repeats does not get into the message, nor does a long text", async () => {
  const body = JSON.stringify({ error: `bad token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.${"x ".repeat(500)}` });
  const error = await refused([401, {}, body]);
  expect(error.message).not.toContain("eyJhbGciOi");
  expect(error.message.length).toBeLessThan(300);
});

test("a status that the caller handles itself is not retried", async () => {
  const send = stack(answers([504]), withVerdict);
  await expect(send({ ...GET, failFast: [504] })).rejects.toMatchObject({ status: 504, retry: "never" });
});

test.each([
  [{ "retry-after": "7" }, 7_000],
  [{ "retry-after": "0" }, 0],
  [{ "retry-after": "-5" }, 0],
  [{ "retry-after": "Tue, 10 Mar 2026 12:00:30 GMT", date: "Tue, 10 Mar 2026 12:00:00 GMT" }, 30_000],
  [{ "retry-after": "Tue, 10 Mar 2026 11:00:00 GMT", date: "Tue, 10 Mar 2026 12:00:00 GMT" }, 0],
  [{ "retry-after": "soon" }, undefined],
  [{}, undefined],
])("Retry-After in %j is %s ms", (headers, expected) => {
  expect(retryAfterMs(headers as Record<string, string>)).toBe(expected);
});
