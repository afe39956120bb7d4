import { describe, expect, test } from "vitest";
import { compileCheck } from "../../src/core/validate.ts";

const check = (property: object, value: unknown) =>
  compileCheck("s", { type: "object", properties: { v: property as never } })({ v: value });

describe("compileCheck", () => {
  test("says place and rule, never the value", () => {
    expect(check({ type: "string" }, 5)).toBe('"v": must be string');
    expect(
      check(
        { type: "object", properties: { a: { type: "array", items: { type: "integer" } } } },
        { a: [1, "spoken words"] },
      ),
    ).toBe('"v.a.1": must be integer');
    expect(check({ type: "object", required: ["x"] }, {})).toBe('"v": property "x" is missing');
    expect(check({ type: "string", pattern: "^a" }, "spoken words")).not.toContain("spoken");
  });

  test("a property may be called id, multipleOf or constructor", () => {
    const fits = compileCheck("s", {
      properties: { id: { type: "integer" }, multipleOf: { type: "integer" }, constructor: { type: "string" } },
      required: ["id"],
    });
    expect(fits({ id: 1 })).toBeUndefined();
    expect(fits({ id: 1, constructor: "x" })).toBeUndefined();
    expect(fits({ id: "x" })).toBe('"id": must be integer');
    expect(fits({ id: 1, multipleOf: "x" })).toBe('"multipleOf": must be integer');
    expect(fits({ id: 1, constructor: 1 })).toBe('"constructor": must be string');
  });

  test("a schema that cannot be used is an error that names the stream", () => {
    expect(() => compileCheck("calls", { properties: { v: { type: "strnig" } } })).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID", stream: "calls" }),
    );
  });
});
