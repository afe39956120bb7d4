import fc from "fast-check";
import { DateTime } from "luxon";
import { describe, expect, test } from "vitest";
import { clean, mayNeedCleaning, parseDays, parseInstant, parseMicros } from "../../src/core/value.ts";

const dates = fc.date({
  min: new Date("1690-01-01T00:00:00Z"),
  max: new Date("2250-01-01T00:00:00Z"),
  noInvalidDate: true,
});

describe("parseMicros", () => {
  test("agrees with Date on every form that Date writes", () => {
    fc.assert(
      fc.property(dates, (date) => {
        const iso = date.toISOString();
        for (const text of [
          iso,
          iso.replace("T", " "),
          iso.replace("Z", "+00:00"),
          iso.replace("Z", ""),
          iso.toLowerCase(),
        ]) {
          expect([text, parseMicros(text)]).toEqual([text, date.getTime() * 1_000]);
        }
        expect(parseMicros(`${iso.slice(0, 19)}Z`)).toBe(Math.floor(date.getTime() / 1_000) * 1_000_000);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test("agrees with Luxon on offsets and microseconds", () => {
    const offset = fc.record({
      sign: fc.constantFrom("+", "-"),
      hours: fc.nat(14),
      minutes: fc.constantFrom(0, 30, 45),
    });
    fc.assert(
      fc.property(dates, offset, fc.nat(999), (date, { sign, hours, minutes }, micros) => {
        const two = (value: number) => String(value).padStart(2, "0");
        const zone = `${sign}${two(hours)}:${two(minutes)}`;
        const text = `${date.toISOString().slice(0, 23)}${String(micros).padStart(3, "0")}${zone}`;
        const expected = DateTime.fromISO(`${date.toISOString().slice(0, 23)}${zone}`).toMillis() * 1_000 + micros;
        expect([text, parseMicros(text)]).toEqual([text, expected]);
        expect(parseMicros(text.replace(/:(\d\d)$/, "$1"))).toBe(expected);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  test.each([
    ["1970-01-01", 0],
    ["1970-01-01T00:00", 0],
    ["1970-01-01T00:00:01.5", 1_500_000],
    ["1970-01-01T00:00:00,25Z", 250_000],
    ["1970-01-01T01:00:00+01", 0],
    ["1969-12-31T23:59:59.999999Z", -1],
    ["2016-12-31T23:59:60Z", Date.UTC(2017, 0, 1) * 1_000],
    ["2024-02-29T24:00:00Z", Date.UTC(2024, 2, 1) * 1_000],
    ["2024-01-01T00:00:00.1234569Z", Date.UTC(2024, 0, 1) * 1_000 + 123_456],
  ])("%s", (text, micros) => {
    expect(parseMicros(text)).toBe(micros);
  });

  test.each([
    "",
    "now",
    "2024",
    "2024-01",
    "2024-1-1",
    "20240101",
    "2024-00-01T00:00:00Z",
    "2024-01-32T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2024-01-01T24:00:01Z",
    "2024-01-01T25:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:61Z",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+00:60",
    "2024-01-01T00:00:00 Europe/Paris",
    "Mon, 01 Jan 2024 00:00:00 GMT",
    "2024-01-01T00:00:0aZ",
    "2024-01-01T00:00:00.Z",
    "2024-13-01T00:00:00.000Z",
    "2024-01-01T0x:00:00Z",
    "+2024-01-01T00:00:00Z",
    "-001-01-01T00:00:00Z",
    " 2024-01-01T00:00:00Z",
  ])("%j is no date-time", (text) => {
    expect(parseMicros(text)).toBeNaN();
    expect(parseInstant(text)).toBeUndefined();
  });

  test("the instants at the ends of the calendar are exact", () => {
    expect(parseInstant("0001-01-01T00:00:00.000001Z")).toEqual({ seconds: -62_135_596_800, micros: 1 });
    expect(parseInstant("9999-12-31T23:59:59.999999Z")).toEqual({ seconds: 253_402_300_799, micros: 999_999 });
  });
});

test("parseDays agrees with Date on every day", () => {
  for (let day = -150_000; day < 150_000; day += 37) {
    expect(parseDays(new Date(day * 86_400_000).toISOString().slice(0, 10))).toBe(day);
  }
  expect(parseDays("2024-02-30")).toBeNaN();
});

describe("cleaning", () => {
  test("replaces NULs and lone surrogates in keys and values, at any depth, and counts them", () => {
    const { value, replaced } = clean({
      "k\0": ["\ud800", { deep: "\udc00\ud83d\ude00\0\0" }],
      fine: "😀",
      n: null,
      t: true,
    });
    expect(value).toEqual({ "k\ufffd": ["\ufffd", { deep: "\ufffd😀\ufffd\ufffd" }], fine: "😀", n: null, t: true });
    expect(replaced).toBe(5);
  });

  test("no line that needs it is missed", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 5 }),
        fc.constantFrom("\0", "\ud83d", "\udc00", ""),
        (before, dirt) => {
          const value = { text: before + dirt };
          const line = JSON.stringify(value);
          const { replaced } = clean(value);
          if (replaced > 0) expect([line, mayNeedCleaning(line)]).toEqual([line, true]);
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });
});
