import { expect, test } from "vitest";
import { objects, word } from "./client.ts";
import { errorCode, fields, reader, type Reader } from "./reader.ts";

async function page(sample: Reader, key: string | undefined, query = "") {
  const next = key === undefined ? "" : `&continuation_key=${encodeURIComponent(key)}`;
  const got = await sample.get(`/v3/engagements?${query}${next}`);
  const { engagements, ...rest } = fields(got.json);
  const said = rest["continuation_key"];
  return { got, rows: objects(engagements), rest, key: typeof said === "string" ? said : undefined };
}

test("Q23: listings end by a missing, null, empty, blank or repeated key, in turns", async () => {
  const sample = await reader({ quirks: ["Q23"], calls: 8 });
  const ends = [];
  for (let i = 0; i < 6; i++) ends.push((await page(sample, undefined, `n=${i}`)).rest);
  expect(ends.slice(0, 4)).toEqual([{}, ...[null, "", " "].map((key) => ({ continuation_key: key }))]);
  expect(ends[4]).toEqual({ continuation_key: expect.stringMatching(/^\d+(\.\d+)? \w{32}$/) as string });
  expect(ends[5]).toEqual({});
  const key = word(ends[4]?.["continuation_key"]);
  const last = await page(sample, key, "n=4");
  expect([last.rows, last.rest]).toEqual([[], { continuation_key: key }]);
});

test("Q23: every seventh key has expired, once in a listing, which can be begun again", async () => {
  const sample = await reader({ quirks: ["Q23"], calls: 100, limitCap: 4 });
  const expected = sample.account.visible().filter(({ call }) => call.callType !== "other");
  let restarts = 0;
  const seen: string[] = [];
  for (let key: string | undefined; ;) {
    const one = await page(sample, key);
    if (one.got.status === 400) {
      expect(errorCode(one.got)).toBe("invalid_continuation_key");
      restarts++;
      seen.length = 0;
      key = undefined;
      continue;
    }
    seen.push(...one.rows.map((row) => word(row["engagement_id"])));
    key = one.key;
    if (key === undefined || key.trim() === "" || one.rows.length === 0) break;
  }
  expect(restarts).toBe(1);
  expect(seen).toEqual(expected.map(({ call }) => call.id));
});

test("Q07 and Q06: pages are short though more follows, and all rows come", async () => {
  const sample = await reader({ quirks: ["Q06", "Q07"], calls: 120 });
  const sizes: number[] = [];
  let key: string | undefined;
  do {
    const one = await page(sample, key);
    sizes.push(one.rows.length);
    key = one.key;
  } while (key !== undefined);
  expect(sizes.slice(0, 3)).toEqual([8, 25, 8]);
  const known = sample.account.visible().filter(({ call }) => call.callType !== "other").length;
  expect(sizes.reduce((sum, size) => sum + size)).toBe(known);
});

test("Q27: emails and views of content are in the list, whatever type was asked for, and are no conversations", async () => {
  const sample = await reader({ quirks: ["Q27"], calls: 60, limitCap: 7 });
  const all = await sample.engagements();
  const others = all.filter((row) => ["email", "content_viewed"].includes(word(row["engagement_type"])));
  expect(new Set(others.map((row) => row["engagement_type"]))).toEqual(new Set(["email", "content_viewed"]));
  expect(new Set(all.map((row) => row["engagement_id"])).size).toBe(all.length);
  const meetings = await sample.engagements("engagement_type=meeting");
  expect(meetings.filter((row) => row["engagement_type"] !== "meeting")).toEqual(others);
  const id = word(others[0]?.["engagement_id"]);
  expect((await sample.get(`/api/v1/conversations/${id}`)).status).toBe(404);
});
