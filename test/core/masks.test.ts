import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { EltError } from "../../src/core/errors.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { masksOf, type MaskConfig } from "../../src/core/masks.ts";
import type { Stream } from "../../src/core/stream.ts";
import { streams as chorus } from "../../src/sources/chorus/streams.gen.ts";
import { streams as semarize } from "../../src/sources/semarize/streams.gen.ts";

const KEY = "a key of 16 bytes";
const hmac = (text: string) => createHmac("sha256", KEY).update(text).digest("hex");

const text = { type: ["null", "string"] };
const people: Stream = {
  name: "people",
  keys: ["id"],
  replicationKey: "seen_at",
  schema: {
    type: "object",
    required: ["id", "email", "age"],
    properties: {
      id: { type: "string" },
      seen_at: { ...text, format: "date-time" },
      email: { type: "string", pattern: "@", description: "Address." },
      born: { ...text, format: "date" },
      age: { type: "integer" },
      notes: { type: ["null", "array"], items: { type: "string" } },
      friends: {
        type: "array",
        items: { type: "object", properties: { email: text, pets: { type: "array", items: { type: "object", properties: { name: text } } } } },
      },
      extra: { type: ["null", "object"] },
    },
  },
}; // prettier-ignore
const calls: Stream = {
  name: "calls",
  keys: ["call_id"],
  replaces: ["call_id"],
  schema: { type: "object", properties: { call_id: { type: "string" }, email: text } },
};

function masked(config: MaskConfig, record: JsonObject, stream = people): JsonObject {
  const masks = masksOf({ privacy_key: KEY, ...config }, [people, calls]);
  return masks?.record(stream.name)?.(record) ?? record;
}

function schemaOf(config: MaskConfig, stream = people): JsonObject {
  const masks = masksOf({ privacy_key: KEY, ...config }, [people, calls]);
  return (masks?.stream(stream) ?? stream).schema;
}

/** What is wrong with a config, one text a fault. */
function faults(config: MaskConfig, streams: readonly Stream[] = [people, calls]): string {
  try {
    masksOf(config, streams);
  } catch (error) {
    expect((error as EltError).code).toBe("CONFIG_INVALID");
    return (error as EltError).message;
  }
  return "";
}

describe("privacy", () => {
  test("hash is HMAC-SHA256; an address has one hash however it is written, in every stream; null stays null", () => {
    const config = { privacy: { "*.email": "hash" } };
    expect(masked(config, { id: "1", email: " Ann@Example.com " })).toEqual({
      id: "1",
      email: hmac("ann@example.com"),
    });
    expect(masked(config, { call_id: "1", email: "ann@example.com" }, calls)["email"]).toBe(hmac("ann@example.com"));
    expect(masked(config, { email: null }, calls)).toEqual({ email: null });
    expect(masked({ privacy: { "people.id": "hash" } }, { id: "Ann B" })).toEqual({ id: hmac("Ann B") });
  });

  test("redact puts a fixed text in the place of a text, and null in the place of all else", () => {
    const privacy = {
      "people.email": "redact",
      "people.age": "redact",
      "people.born": "redact",
      "people.notes[]": "redact",
    };
    expect(masked({ privacy }, { id: "1", email: "a@b", age: 7, born: "2001-01-01", notes: ["x", "y"] })).toEqual({
      id: "1",
      email: "[redacted]",
      age: null,
      born: null,
      notes: ["[redacted]", "[redacted]"],
    }); // prettier-ignore
    expect(masked({ privacy: { "people.notes": "redact" } }, { notes: ["x"] })).toEqual({ notes: null });
  });

  test("drop takes the property out of schema and record; what the record lacks is not made", () => {
    const config = { privacy: { "people.email": "drop" } };
    expect(masked(config, { id: "1", email: "a@b", age: 1 })).toEqual({ id: "1", age: 1 });
    const schema = schemaOf(config);
    expect(schema["required"]).toEqual(["id", "age"]);
    expect(schema["properties"]).not.toHaveProperty("email");
    expect(masked({ privacy: { "people.born": "redact" } }, { id: "1" })).toEqual({ id: "1" });
  });

  test("paths reach into objects and lists, with [] or without, and leave the source's own values alone", () => {
    const record = { friends: [{ email: "a@b", pets: [{ name: "Rex" }, { name: null }] }, { email: null }] };
    const before = structuredClone(record);
    const wanted = { friends: [{ email: hmac("a@b"), pets: [{}, {}] }, { email: null }] };
    for (const list of ["friends[]", "friends"]) {
      const privacy = { [`people.${list}.email`]: "hash", [`people.${list}.pets.name`]: "drop" };
      expect(masked({ privacy }, record)).toEqual(wanted);
    }
    expect(record).toEqual(before);
    const extra = { a: { b: [{ c: 1, d: 2 }, { c: "x" }, 3] } };
    expect(masked({ privacy: { "people.extra.a.b.c": "redact" } }, { extra })).toEqual({
      extra: { a: { b: [{ c: null, d: 2 }, { c: "[redacted]" }, 3] } },
    });
  });

  test("Meltano's nested form of dotted names is the same; a stream's own rule wins over that of all", () => {
    const privacy = { people: { email: "redact", friends: { email: "drop" } }, "*": { email: "hash" } };
    expect(masked({ privacy }, { email: "a@b", friends: [{ email: "c@d" }] })).toEqual({
      email: "[redacted]",
      friends: [{}],
    });
  });

  test("the schema tells what the values are then", () => {
    const { properties } = schemaOf({ privacy: { "people.email": "hash", "people.age": "redact" } });
    expect(properties).toMatchObject({ email: { type: "string" }, age: { type: ["null", "integer"] } });
    expect((properties as JsonObject)["email"]).not.toHaveProperty("pattern");
  });

  test("what is not there is named, with what may have been meant", () => {
    expect(faults({ privacy: { "people.emial": "drop", "peple.email": "drop", "*.nmae": "drop" } })).toMatchInlineSnapshot(
      `"fields cannot be masked as the config asks: "*.nmae": no stream has a field "nmae"; "people.emial": people has no field "emial"; did you mean "email"?; "peple.email": there is no stream "peple"; did you mean "people"?"`,
    ); // prettier-ignore
    expect(faults({ privacy: { "people.friends[].emall": "drop" } })).toContain(
      'people.friends.[] has no field "emall"',
    );
    expect(faults({ privacy: { "people.email[]": "drop" } })).toContain("no list");
    expect(faults({ privacy: { "*.constructor": "drop", "people.toString": "drop" } })).toMatch(
      /no stream has a field "constructor".*people has no field "toString"/,
    );
    expect(faults({ privacy: { people: "drop", "people.email": "hide", "people..email": "drop" } })).toMatch(
      /"people" must be the name of a stream.*"people.email" must be "hash", "redact" or "drop".*"people..email" must be/,
    );
  });

  test("keys can only be hashed, and what rows are found and remembered by stays as it is", () => {
    expect(faults({ privacy: { "people.id": "drop" } })).toContain("is a key of the stream");
    expect(faults({ privacy: { "people.seen_at": "redact" } })).toContain("must stay as it is");
    expect(faults({ privacy: { "*.call_id": "hash" }, privacy_key: KEY })).toContain("must stay as it is");
    expect(faults({ privacy: { "calls._deleted_at": "drop", "transcripts.transcript_hash": "drop" } }, chorus)).toMatch(
      /_deleted_at.*transcript_hash/,
    );
    expect(faults({ privacy: { "semarize_runs.source_hash": "hash" }, privacy_key: KEY }, semarize)).toContain(
      "must stay",
    );
  });

  test("only texts can be hashed, and only with a key", () => {
    expect(faults({ privacy: { "people.age": "hash", "people.born": "hash" }, privacy_key: KEY })).toMatch(
      /"people.age" is no text but integer.*"people.born" is no text but date:/,
    );
    expect(faults({ privacy: { "people.email": "hash" } })).toContain("there is no `privacy_key`");
  });

  test("a config that masks nothing costs nothing", () => {
    expect(masksOf({}, chorus)).toBeUndefined();
    expect(masksOf({ privacy: {}, stream_maps: { calls: {} } }, chorus)).toBeUndefined();
    expect(masksOf({ privacy: { "people.email": "drop" } }, [people, calls])?.record("calls")).toBeUndefined();
  });
});

describe("stream_maps", () => {
  const sha256 = (value: string) => createHash("sha256").update(value).digest("hex");
  const seed = { stream_map_config: { hash_seed: "salt" } };

  test.each([
    [null, {}],
    ["__NULL__", {}],
    ["'gone'", { email: "gone" }],
    ["email", { email: "A@b" }],
    ["sha256(email)", { email: sha256("A@b") }],
    ["md5(_['email'])", { email: createHash("md5").update("A@b").digest("hex") }],
    ["sha256(config['hash_seed'] + self)", { email: sha256("saltA@b") }],
    ['sha256(config["hash_seed"] + record["email"])', { email: sha256("saltA@b") }],
  ])("%j gives what Meltano's SDK would give", (expression, wanted) => {
    const stream_maps = { people: { email: expression } };
    expect(masked({ stream_maps, ...seed }, { email: "A@b" })).toEqual(wanted);
  });

  test("what would have to be evaluated, or is not about one field, is refused", () => {
    const stream_maps = {
      people: { email: "email.lower()", born: "sha256(email)", email_hash: "md5(email)", __filter__: "age > 3", id: null },
      calls: null,
    }; // prettier-ignore
    const said = faults({ stream_maps });
    expect(said).toContain('"stream_maps.people.email" is not supported: it can be null, a fixed text');
    expect(said).toContain('"stream_maps.people.born" is not supported');
    expect(said).toContain('"stream_maps.people.email_hash" is not supported');
    expect(said).toContain(
      '"stream_maps.people.__filter__" is not supported; select streams and fields in the catalog',
    );
    expect(said).toContain('"stream_maps.people.id" is a key of the stream');
    expect(said).toContain("stream_maps.calls: ");
    const both = { privacy: { "people.email": "drop" }, stream_maps: { people: { email: null } } };
    expect(faults(both)).toContain('"people.email" and "stream_maps.people.email" are about the same field');
    expect(faults({ stream_maps: { people: { age: "'7'" } } })).toContain("is no text but integer");
    expect(faults({ stream_maps: { people: { email: "md5(config['hash_seed'] + email)" } } })).toContain(
      "needs `hash_seed`",
    );
  });
});
