import { expect, test } from "vitest";
import { EltError } from "../../src/core/errors.ts";
import { asRefusal, failureOf } from "../../src/destinations/bigquery/refusal.ts";

const refusal = (cause: unknown) => {
  const error = asRefusal(failureOf(cause, "GET /datasets/chorus"));
  return error instanceof EltError ? [error.code, error.message] : error;
};

test.each([
  [new Error("Unable to detect a Project Id in the current environment."), "set `project`"],
  [new Error("Could not load the default credentials. Browse to …"), "set `credentials_path` or `credentials_json`"],
  [Object.assign(new Error("Login Required."), { code: 401 }), "gcloud auth application-default login"],
  [Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" }), "check `credentials_path`"],
])("%s is a matter of the config, and says what to set", (cause, advice) => {
  expect(refusal(cause)).toEqual(["CONFIG_INVALID", expect.stringContaining(advice)]);
});

test("a server that cannot be reached is none", () => {
  const cause = Object.assign(new Error("getaddrinfo ENOTFOUND bigquery.googleapis.com"), { code: "ENOTFOUND" });
  expect(refusal(cause)).toEqual(["WAREHOUSE_UNREACHABLE", expect.stringContaining("ENOTFOUND")]);
});
