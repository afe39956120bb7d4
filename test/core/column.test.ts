import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { columnType, widen, type ColumnType } from "../../src/core/column.ts";

const type: fc.Arbitrary<ColumnType> = fc.oneof(
  fc
    .constantFrom("boolean" as const, "integer", "number", "text", "timestamp", "date", "json")
    .map((kind) => ({ kind })),
  fc.nat(20).map((scale) => ({ kind: "decimal" as const, scale })),
);

describe("widen", () => {
  test("does not care about the order", () => {
    fc.assert(
      fc.property(type, type, type, (a, b, c) => {
        expect(widen(a, b)).toEqual(widen(b, a));
        expect(widen(widen(a, b), c)).toEqual(widen(a, widen(b, c)));
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });

  test("stops: what was widened once holds both", () => {
    fc.assert(
      fc.property(type, type, (a, b) => {
        expect(widen(a, a)).toEqual(a);
        expect(widen(widen(a, b), b)).toEqual(widen(a, b));
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});

test.each<[object, ColumnType]>([
  [{}, { kind: "json" }],
  [{ type: "null" }, { kind: "json" }],
  [{ type: ["null", "integer"] }, { kind: "integer" }],
  [{ type: ["integer", "number"] }, { kind: "number" }],
  [{ type: ["string", "number"] }, { kind: "text" }],
  [{ type: "string", format: "date-time" }, { kind: "timestamp" }],
  [{ type: ["string", "null"], format: "date" }, { kind: "date" }],
  [{ type: "string", format: "email" }, { kind: "text" }],
  [{ anyOf: [{ type: "string", format: "date-time" }, { type: "null" }] }, { kind: "timestamp" }],
  [{ oneOf: [{ type: "integer" }, { type: "object" }] }, { kind: "json" }],
  [{ $ref: "#/definitions/a~1b" }, { kind: "boolean" }],
  [{ $ref: "#/definitions/loop" }, { kind: "json" }],
])("the column for %j", (schema, expected) => {
  const root = { definitions: { "a/b": { type: "boolean" }, loop: { $ref: "#/definitions/loop" } } };
  expect(columnType(schema as never, root)).toEqual(expected);
});
