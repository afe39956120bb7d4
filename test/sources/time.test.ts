import { LosslessNumber } from "lossless-json";
import { expect, test } from "vitest";
import { isoOrNull, timeReader } from "../../src/sources/chorus/time.ts";

const utc = await timeReader("UTC");

test.each([
  ["2026-03-08T09:30:00Z", "2026-03-08T09:30:00.000Z"],
  ["2026-03-08t09:30:00z", "2026-03-08T09:30:00.000Z"],
  ["2026-03-08T09:30:00.1234567+02:00", "2026-03-08T07:30:00.123Z"],
  ["2026-03-08T09:30:00-0530", "2026-03-08T15:00:00.000Z"],
  ["2026-03-08T09:30+02", "2026-03-08T07:30:00.000Z"],
  ["2026-03-08 09:30:00", "2026-03-08T09:30:00.000Z"],
  ["2026-03-08", "2026-03-08T00:00:00.000Z"],
  ["2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000Z"],
  [1772962200, "2026-03-08T09:30:00.000Z"],
  [1772962200.5, "2026-03-08T09:30:00.500Z"],
  [1772962200123, "2026-03-08T09:30:00.123Z"],
  ["1772962200", "2026-03-08T09:30:00.000Z"],
  ["1772962200123", "2026-03-08T09:30:00.123Z"],
])("%s is %s", (value, expected) => {
  expect(isoOrNull(utc(value))).toBe(expected);
});

test("a time with more digits than a double holds is still a time", () => {
  expect(isoOrNull(utc(new LosslessNumber("1772962200.123456789012345")))).toBe("2026-03-08T09:30:00.123Z");
});

test.each([
  null,
  undefined,
  "",
  "soon",
  "2026-02-30",
  "2026-13-01",
  "2026-03-08T25:00:00Z",
  0,
  -1,
  true,
  {},
  [],
  1e300,
])("%j is no time", (value) => {
  expect(utc(value as never)).toBeNull();
});

test("a time without an offset is local to the account, summer and winter", async () => {
  const newYork = await timeReader("America/New_York");
  expect(isoOrNull(newYork("2026-03-07T12:00:00"))).toBe("2026-03-07T17:00:00.000Z");
  expect(isoOrNull(newYork("2026-03-09T12:00:00"))).toBe("2026-03-09T16:00:00.000Z");
  expect(isoOrNull(newYork("2026-03-09"))).toBe("2026-03-09T04:00:00.000Z");
  expect(isoOrNull(newYork("2026-03-09T12:00:00Z"))).toBe("2026-03-09T12:00:00.000Z");
});

test("an hour that daylight saving skips or repeats is still one instant", async () => {
  const berlin = await timeReader("Europe/Berlin");
  expect(berlin("2026-03-29T02:30:00")).not.toBeNull();
  expect(berlin("2026-10-25T02:30:00")).not.toBeNull();
});

test("a zone nobody knows is refused", async () => {
  await expect(timeReader("Mars/Olympus")).rejects.toThrow(RangeError);
});
