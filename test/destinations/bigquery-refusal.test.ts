import { describe, expect, test } from "vitest";
import { EltError } from "../../src/core/errors.ts";
import {
  ApiFailure,
  asRefusal,
  failureOf,
  FENCED,
  isGone,
  isPassing,
} from "../../src/destinations/bigquery/refusal.ts";

const failure = (status: number, reason: string, message = "said") =>
  new ApiFailure({ status, reason, message }, "what");
const ofJob = (reason: string, message: string) => ApiFailure.ofJob({ reason, message }, "job1");

describe("errors of BigQuery", () => {
  test.each([
    [failure(403, "quotaExceeded"), "WAREHOUSE_QUOTA"],
    [failure(403, "rateLimitExceeded"), "WAREHOUSE_QUOTA"],
    [failure(429, ""), "WAREHOUSE_QUOTA"],
    [failure(403, "accessDenied"), "WAREHOUSE_FORBIDDEN"],
    [failure(403, "billingNotEnabled"), "WAREHOUSE_FORBIDDEN"],
    [failure(400, "bytesBilledLimitExceeded"), "WAREHOUSE_BILL_LIMIT"],
    [failure(401, "authError"), "CONFIG_INVALID"],
    [failure(404, "notFound"), "WAREHOUSE_UNREACHABLE"],
    [failure(0, "ECONNRESET"), "WAREHOUSE_UNREACHABLE"],
    [failure(503, ""), "WAREHOUSE_UNREACHABLE"],
    [failure(400, "invalid"), "WAREHOUSE_REFUSED"],
    [ofJob("invalidQuery", `${FENCED} at [3:1]`), "WAREHOUSE_FENCED"],
    [ofJob("accessDenied", "no"), "WAREHOUSE_FORBIDDEN"],
  ])("%s is %s", (error, code) => {
    const refusal = asRefusal(error);
    expect(refusal).toBeInstanceOf(EltError);
    expect((refusal as EltError).code).toBe(code);
  });

  test.each([
    [failure(500, "internalError"), true],
    [failure(403, "rateLimitExceeded"), true],
    [failure(0, "", "socket hang up"), true],
    [ofJob("invalidQuery", "Transaction is aborted due to concurrent update against table p:d.t."), true],
    [ofJob("invalidQuery", "Could not serialize access to table p:d.t due to concurrent update"), true],
    [ofJob("jobBackendError", "try again"), true],
    [failure(504, "jobTimeout"), false],
    [failure(403, "accessDenied"), false],
    [failure(400, "invalidQuery", "Syntax error"), false],
    [failure(0, "", "invalid_grant"), false],
    [new TypeError("ours"), false],
  ])("%s passes: %s", (error, passes) => {
    expect(isPassing(error)).toBe(passes);
  });

  test("a table that is not there is told by status or by reason", () => {
    expect([failure(404, ""), ofJob("notFound", "gone"), failure(403, "accessDenied")].map(isGone)).toEqual([
      true,
      true,
      false,
    ]);
  });

  // As BigQuery words them, with a person's name where the value of a record stands.
  test.each([
    "Bad int64 value: Ada Varga",
    "Bad double value in expression: Ada Varga",
    "Invalid timestamp: 'Ada Varga'",
    "Invalid date: 'Ada Varga'",
    "Invalid NUMERIC value: Ada Varga",
    "Invalid BIGNUMERIC value: Ada Varga",
    'Invalid timestamp string "Ada Varga"',
    "Could not cast literal 'Ada Varga' to type DATE at [3:4]",
    "Could not parse 'Ada Varga' as INT64 for field c1 (position 2)",
    "Couldn't convert value to timestamp: Could not parse 'Ada Varga' as a timestamp.",
    'Failed to parse input string "Ada Varga"',
    "Invalid input to PARSE_JSON: syntax error while parsing object, last read: 'Ada Varga'",
    "Unparseable query parameter `n` in type `INT64`, Bad int64 value: Ada Varga",
    "JSON parsing error in row starting at position 0: Row: Ada Varga",
    "Error while reading data, error message: JSON processing encountered too many errors; value: Ada Varga",
    "Conversion Error: Could not convert string 'Ada Varga' to INT64",
    "numeric out of range: Ada Varga",
    "What the customer said: 'Ada Varga wants 20 % off'",
    "one line\nAda Varga in the next",
  ])("no value stands in the message of: %s", (said) => {
    const { message } = ofJob("invalid", said);
    expect(message).not.toContain("Varga");
    expect(message).toMatch(/^BigQuery: job job1: .+ \(invalid\)$/);
  });

  test("names stand in it", () => {
    const said =
      "Query column 2 has type TIMESTAMP which cannot be inserted into column at, which has type DATETIME at [4:199]";
    expect(ofJob("invalidQuery", said).message).toBe(`BigQuery: job job1: ${said} (invalidQuery)`);
    expect(failure(404, "notFound", "Not found: Table p:d.t was not found in location EU").message).toContain("p:d.t");
  });

  test("what the driver throws keeps its status and its reason", () => {
    const apiError = { code: 403, errors: [{ reason: "quotaExceeded" }], message: "Quota exceeded: x" };
    expect(failureOf(apiError, "POST /jobs")).toMatchObject({ status: 403, reason: "quotaExceeded" });
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    expect(failureOf(reset, "GET /jobs")).toMatchObject({ status: 0, reason: "ECONNRESET" });
    expect(failureOf("text", "GET /jobs").message).toBe("BigQuery: GET /jobs: text");
  });
});
