import { describe, expect, test } from "vitest";
import { fixture } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

/** The streams that the Meltano SDK's target suite is made of, one file each, with the rows they must leave. */
export function describeFixtures(open: Open): void {
  describe("standard streams", () => {
    test("array_data: lists stay lists", async () => {
      await using db = await bench(open);
      const { states } = await db.load(fixture("array_data"));
      expect(states).toEqual(['{"bookmarks":{"call_tags":4}}']);
      expect(await db.rows("call_tags")).toEqual([
        { id: 1, tags: ["pricing", "renewal", "legal"] },
        { id: 2, tags: ["onboarding"] },
        { id: 3, tags: [] },
        { id: 4, tags: null },
      ]);
    });

    test("camelcase: names of streams and properties keep their case", async () => {
      await using db = await bench(open);
      await db.load(fixture("camelcase"));
      expect(await db.tables()).toEqual(["SalesCalls"]);
      expect(await db.rows("SalesCalls")).toEqual([
        { id: "c1", repName: "Ada Varga" },
        { id: "c2", repName: "Bo Lindqvist" },
      ]);
    });

    test("camelcase_complex_schema: nested objects, lists of objects and anyOf", async () => {
      await using db = await bench(open);
      await db.load(fixture("camelcase_complex_schema"));
      expect(await db.rows("CrmDeal")).toEqual([
        {
          Id: "006A",
          ownerId: null,
          isWon: true,
          closeDate: "31 March",
          lastModified: "2025-03-31T20:15:00Z",
          amountEUR: 12500.5,
          stageHistory: { fromStage: "Proposal", toStage: "Won", changedBy: { userId: "u7" } },
          Competitors: [{ displayName: "Acme" }],
        },
      ]);
    });

    test("duplicate_records: the last record with a key wins", async () => {
      await using db = await bench(open);
      await db.load(fixture("duplicate_records"));
      expect(await db.rows("speakers")).toEqual([
        { id: 1, talk_ratio: 0.9 },
        { id: 2, talk_ratio: 0.5 },
      ]);
    });

    test("encoded_string_data: escapes are undone once, in texts, objects and lists", async () => {
      await using db = await bench(open);
      await db.load(fixture("encoded_string_data"));
      expect(await db.values("turns", "text")).toEqual([
        "simple",
        "çé et là, ☃",
        "say \"yes\" \\ 'no' / /",
        "😀 raw 😀",
        "tab\tline\nreturn\rbell\u0007",
        "an escape in words: \\u00e9 \\n",
      ]);
      expect(await db.rows("turns_in_object")).toEqual([{ id: 1, info: { text: 'ç "q" \\ \n 😀' } }]);
      expect(await db.rows("turns_in_array")).toEqual([{ id: 1, texts: ["ç", '"q"', "\\n", "\n"] }]);
    });

    test("invalid_schema: a schema without properties ends the run", async () => {
      await using db = await bench(open);
      expect(await db.failingLoad(fixture("invalid_schema"))).toBe("SCHEMA_INVALID");
      expect(await db.tables()).toEqual([]);
    });

    test("multiple_state_messages: all states come out, in order, the last one last", async () => {
      await using db = await bench(open);
      const { states } = await db.load(fixture("multiple_state_messages"));
      expect(states.at(-1)).toBe('{"bookmarks":{"calls":2,"trackers":3}}');
      expect(states).toEqual([...states].sort());
      expect(await db.values("calls", "title")).toEqual(["a", "b"]);
      expect(await db.values("trackers", "count")).toEqual([10, 20, 30]);
    });

    test("no_primary_keys and no_primary_keys_append: without a key every record is a row, run after run", async () => {
      await using db = await bench(open);
      await db.load(fixture("no_primary_keys"));
      await db.load(fixture("no_primary_keys_append"));
      expect(await db.rows("mentions")).toEqual([
        { id: 1, word: "budget" },
        { id: 1, word: "budget" },
        { id: 2, word: "competitor" },
        { id: 2, word: "competitor" },
        { id: 3, word: null },
      ]);
    });

    test("optional_attributes: what is absent is null", async () => {
      await using db = await bench(open);
      await db.load(fixture("optional_attributes"));
      expect(await db.rows("participants")).toEqual([
        { id: 1, title: "Buyer" },
        { id: 2, title: null },
        { id: 3, title: null },
        { id: 4, title: "Champion" },
      ]);
    });

    test("pk_updates: each record is merged by the key of the schema before it", async () => {
      await using db = await bench(open);
      await db.load(fixture("pk_updates"));
      expect(await db.rows("people")).toEqual([
        { id: 1, name: "Alma B", email: "alma@example.com" },
        { id: 2, name: "Bea", email: "bea@example.com" },
        { id: 4, name: "Cem D", email: "cem@example.com" },
      ]);
    });

    test("record_before_schema: ends the run, nothing is loaded", async () => {
      await using db = await bench(open);
      expect(await db.failingLoad(fixture("record_before_schema"))).toBe("RECORD_BEFORE_SCHEMA");
      expect(await db.tables()).toEqual([]);
    });

    test("record_missing_key_property: it is put aside, the others are loaded", async () => {
      await using db = await bench(open);
      const { summary } = await db.load(fixture("record_missing_key_property"));
      expect(summary).toMatchObject({ rejected: 1, keysMissing: true });
      expect(await db.rows("calls")).toEqual([{ id: 2, title: "known" }]);
    });

    test("record_missing_fields: what is not required may be missing, and an empty state is no state", async () => {
      await using db = await bench(open);
      const { states } = await db.load(fixture("record_missing_fields"));
      expect(states).toEqual([]);
      expect(await db.rows("calls")).toEqual([
        { id: 1, title: "now you see me", host: null },
        { id: 2, title: null, host: null },
        { id: 3, title: null, host: "Ada" },
      ]);
    });

    test("record_missing_required_property: it is put aside with the reason", async () => {
      await using db = await bench(open);
      const { summary } = await db.load(fixture("record_missing_required_property"));
      expect(summary).toMatchObject({ rejected: 1, keysMissing: false });
      expect(await db.rows("calls")).toEqual([{ id: 2, title: "whole" }]);
      expect(await db.rows("_rejected")).toMatchObject([
        { stream: "calls", reason: 'property "title" is missing', line: 2, payload: { id: 1 } },
      ]);
    });

    test("schema_no_properties: an object property without properties of its own is kept whole", async () => {
      await using db = await bench(open);
      await db.load(fixture("schema_no_properties"));
      expect(await db.rows("known_shape")).toEqual([{ id: 1, crm: { account: "Acme", id: "001" } }]);
      expect(await db.rows("free_shape")).toEqual([
        { id: 1, crm: { account: "Acme", nested: { deep: [1, { x: null }] } } },
        { id: 2, crm: {} },
      ]);
    });

    test("schema_updates: columns that come later are null in earlier rows", async () => {
      await using db = await bench(open);
      await db.load(fixture("schema_updates"));
      const none = { is_rep: null, source: null, words: null, rank: null };
      expect(await db.rows("metrics")).toEqual([
        { id: 1, score: 101, label: "one", ...none },
        { id: 2, score: 102.5, label: "two", ...none, is_rep: true },
        { id: 3, score: 103, label: "three", is_rep: false, source: { id: 1 }, words: ["so", "well"], rank: null },
        { id: 4, score: 104, label: "four", is_rep: true, source: { id: 2 }, words: [], rank: null },
        { id: 5, score: 105, label: "five", is_rep: false, source: { id: 3 }, words: ["um"], rank: 985 },
      ]);
    });

    test("special_chars_in_attributes: any text is a name", async () => {
      await using db = await bench(open);
      await db.load(fixture("special_chars_in_attributes"));
      expect(await db.rows("crm:fields/v1")).toEqual([
        { _id: "1", "d-e.f": { "?": true }, "a b": "space", "$sum%": 1.5, 'quo"te': "'", ünï: "ö" },
      ]);
    });

    test("user_location_data and user_location_upsert_data: a second run updates by key and adds", async () => {
      await using db = await bench(open);
      await db.load(fixture("user_location_data"));
      const { states } = await db.load(fixture("user_location_upsert_data"));
      expect(states).toEqual(['{"bookmarks":{"users":8,"locations":2}}']);
      expect(await db.values("users", "name")).toEqual(["Ana Paula", "Boris", "Chen", "Dov"]);
      expect(await db.values("locations", "name")).toEqual(["Lisbon", "Graz Ost"]);
      expect(await db.rows("user_in_location")).toEqual([
        { id: 1, user_id: 1, location_id: 1, info: { weather: "sun" } },
        { id: 2, user_id: 3, location_id: 1, info: null },
        { id: 3, user_id: 8, location_id: 2, info: {} },
      ]);
    });
  });
}
