import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/core/config.ts";
import { isObject, type JsonObject } from "../../src/core/json.ts";
import type { Stream } from "../../src/core/stream.ts";
import { targetSchema } from "../../src/cli/target-config.ts";
import duckdb from "../../src/destinations/duckdb/index.ts";
import { configSchema } from "../../src/sources/chorus/config.ts";
import { streams as ofChorus } from "../../src/sources/chorus/streams.gen.ts";
import { configSchema as semarizeConfig } from "../../src/sources/semarize/config.ts";
import { streams as ofSemarize } from "../../src/sources/semarize/streams.gen.ts";
import { configSchema as transcriptsConfig } from "../../src/sources/transcripts/config.ts";
import { streams as ofTranscripts } from "../../src/sources/transcripts/streams.gen.ts";

const read = (file: string) => JSON.parse(readFileSync(file, "utf8")) as JsonObject;
const streams: readonly Stream[] = [...ofChorus, ...ofSemarize, ...ofTranscripts];
const files = readdirSync("schemas").map((file) => file.slice(0, -".json".length));

test("every stream has a schema file of its name, and every file a stream", () => {
  expect(streams.map(({ name }) => name).sort()).toEqual(files.sort());
});

describe.each(files)("schemas/%s.json", (name) => {
  const schema = read(`schemas/${name}.json`);
  const properties = Object.entries(schema["properties"] as Record<string, JsonObject>);

  test("is a valid draft-07 schema", () => {
    const ajv = new Ajv({ strict: false, logger: false });
    expect(schema["$schema"]).toBe("http://json-schema.org/draft-07/schema#");
    expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true);
  });

  test("says of every property what it is, and of its keys that they are never null", () => {
    const keys = streams.find((stream) => stream.name === name)?.keys ?? [];
    expect(keys.length).toBeGreaterThan(0);
    for (const [property, one] of properties) {
      expect([property, isObject(one), typeof one["description"]]).toEqual([property, true, "string"]);
      if (keys.includes(property))
        expect([property, [one["type"]].flat()]).toEqual([property, expect.not.arrayContaining(["null"])]);
    }
  });
});

test.each([
  ["tap-chorus", configSchema],
  ["tap-semarize", semarizeConfig],
  ["tap-transcripts", transcriptsConfig],
  ["target-warehouse", targetSchema(duckdb.configSchema)],
])("the config schema of %s is valid, and describes every setting", (_name, schema) => {
  const ajv = new Ajv({ strict: false, logger: false });
  expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true);
  for (const [setting, one] of Object.entries(schema["properties"] as Record<string, JsonObject>)) {
    expect([setting, typeof one["title"], typeof one["description"]]).toEqual([setting, "string", "string"]);
  }
});

test("sample_config.json is a config that tap-chorus takes", async () => {
  const sources = { files: ["sample_config.json"], environment: {}, prefix: "TAP_CHORUS" };
  expect(await loadConfig(configSchema, sources)).toMatchObject({ look_back_days: 7, auth_scheme: "auto" });
});
