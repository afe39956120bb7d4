import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isExact, mayRound, parseExact, parseJson, printJson } from "../../src/core/json.ts";

describe("JSON with every digit", () => {
  test.each([
    "9223372036854775807",
    "-9223372036854775808",
    "9007199254740993",
    "0.1000000000000000055511151231257827",
    "123456789012345678901234567890.5",
    "1e400",
    '[1,2.5,9007199254740993,{"a":12345678901234567890}]',
    '{"text":"9007199254740993"}',
  ])("%s is printed as it was read", (text) => {
    expect(printJson(parseJson(text))).toBe(text);
  });

  test.each(["1", "-0.5", "1e5", "9007199254740992", "1.50", "5e-324", "0.1"])("%s is a plain number", (text) => {
    expect(parseJson(text)).toBe(Number(text));
  });

  test("what a double holds is a number, whatever stands around it", () => {
    expect(parseExact('{"a":1.0,"b":[100000000000000000000]}')).toEqual({ a: 1, b: [1e20] });
  });

  test("a number that would be rounded is never missed", () => {
    fc.assert(
      fc.property(
        digits,
        fc.constantFrom("[$]", '{"a":$}', '{"a": $ }', "[0,$]", "[\n$]", '[{"b":"x"},-$]'),
        (number, frame) => {
          const text = frame.replace("$", number);
          const exact = printJson(parseExact(text));
          if (exact !== JSON.stringify(JSON.parse(text))) expect([text, mayRound(text)]).toEqual([text, true]);
        },
      ),
      { seed: 1, numRuns: 2_000 },
    );
  });

  test("exact and plain parsing agree on everything a double holds", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(printJson(parseExact(text))).toBe(text);
        expect(printJson(parseJson(text))).toBe(text);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test("__proto__ is a key like others", () => {
    const text = '{"__proto__":{"x":9007199254740993},"constructor":1}';
    const value = parseJson(text) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(printJson(value as never)).toBe(text);
  });

  test("of a key that stands twice the last one counts, as in JSON.parse", () => {
    expect(parseJson('{"a":1,"a":2}')).toEqual({ a: 2 });
    expect(String((parseJson('{"a":1,"a":9007199254740993}') as { a: unknown }).a)).toBe("9007199254740993");
  });

  test("deep nesting is no problem", () => {
    const text = `${"[".repeat(1_000)}9007199254740993${"]".repeat(1_000)}`;
    expect(printJson(parseJson(text))).toBe(text);
  });

  test.each(["", "{", "[1,]", "{'a':1}", "nul", "1 2", "[9007199254740993,]", "01"])("%j is a SyntaxError", (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  test("only numbers with more digits are exact", () => {
    expect([isExact(parseJson("9007199254740993")), isExact(1), isExact("1"), isExact(null)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

const digit = fc.nat(9).map(String);
const whole = fc.oneof(
  fc.constant("0"),
  fc
    .tuple(fc.integer({ min: 1, max: 9 }).map(String), fc.string({ unit: digit, maxLength: 25 }))
    .map((parts) => parts.join("")),
);
const digits = fc
  .tuple(
    whole,
    fc.option(fc.string({ unit: digit, minLength: 1, maxLength: 25 })),
    fc.option(fc.tuple(fc.constantFrom("e", "E", "e-", "e+"), fc.nat(320))),
  )
  .map(
    ([before, after, exponent]) =>
      `${before}${after === null ? "" : `.${after}`}${exponent === null ? "" : exponent.join("")}`,
  );
