import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { claimNames, planTable, type Traits } from "../../src/core/table.ts";

const traits = (maxIdentifier: number, caseInsensitive: boolean): Traits => ({
  maxIdentifier,
  caseInsensitive,
  quote: (name) => name,
});

describe("claimNames", () => {
  test("a name that is free and short enough stays", () => {
    expect(claimNames(["id", "Name", "a b"], [], traits(63, true))).toEqual(["id", "Name", "a b"]);
  });

  test("what exists keeps what it stands for, whatever the order", () => {
    const first = claimNames(["Name", "name"], [], traits(63, true));
    expect(claimNames(["name", "Name"], first, traits(63, true))).toEqual([...first].reverse());
    expect(claimNames(["name"], first, traits(63, true))).toEqual([first[1]]);
  });

  test("names that differ only past the limit differ in their hash", () => {
    const names = claimNames([`${"x".repeat(70)}1`, `${"x".repeat(70)}2`], [], traits(63, true));
    expect(new Set(names).size).toBe(2);
    expect(names.map((name) => name.length)).toEqual([63, 63]);
  });

  test("never clash, never too long, always the same", () => {
    const name = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "A", "b", "ß", "😀"), minLength: 1, maxLength: 6 }),
      fc.string({ unit: fc.constantFrom("a", "A", "é"), minLength: 18, maxLength: 40 }),
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { maxLength: 12 }),
        fc.boolean(),
        fc.nat(12),
        (wanted, caseInsensitive, count) => {
          const rules = traits(20, caseInsensitive);
          const fold = (one: string) => (caseInsensitive ? one.toLowerCase() : one);
          const names = claimNames(wanted, [], rules);
          expect(new Set(names.map(fold)).size).toBe(wanted.length);
          for (const one of names) {
            expect(Buffer.byteLength(one)).toBeLessThanOrEqual(20);
            expect(one.isWellFormed()).toBe(true);
          }
          // A later run that wants only some of them, in another order, finds them under the same names.
          const later = [...wanted].reverse().slice(0, count);
          expect(claimNames(later, names, rules)).toEqual(later.map((one) => names[wanted.indexOf(one)]));
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe("planTable", () => {
  const plan = (schema: object, keys: string[] = [], flattenDepth = 0) =>
    planTable(
      { type: "schema", stream: "s", schema: schema as never, keys },
      { traits: traits(63, true), flattenDepth, table: "s", columns: [] },
    );

  test("a schema without properties is none", () => {
    expect(() => plan({ type: "object" })).toThrow(expect.objectContaining({ code: "SCHEMA_INVALID" }));
  });

  test("a key that is no property is an error that names it", () => {
    expect(() => plan({ properties: { a: {} } }, ["b"])).toThrow(/"b"/);
  });

  test("paths that come to the same name are different columns, in any order", () => {
    const nested = { type: "object", properties: { b: {} } };
    const byPath = (schema: object) =>
      Object.fromEntries(plan(schema, [], 1).columns.map(({ path, name }) => [path.join("/"), name]));
    const names = byPath({ properties: { a__b: {}, a: nested } });
    expect(names["a__b"]).toBe("a__b");
    expect(names["a/b"]).not.toBe("a__b");
    expect(byPath({ properties: { a: nested, a__b: {} } })).toEqual(names);
  });
});
