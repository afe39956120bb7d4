import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** A run event of ours, as far as tests look at it. */
export interface RunEvent {
  readonly eventType: string;
  readonly run: { readonly runId: string; readonly facets: { readonly errorMessage?: { readonly message: string } } };
  readonly job: { readonly namespace: string; readonly name: string };
  readonly inputs: readonly { readonly namespace: string; readonly name: string }[];
  readonly outputs: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly facets: { readonly schema: { readonly fields: readonly { name: string; type: string }[] } };
    readonly outputFacets: { readonly outputStatistics: { readonly rowCount: number } };
  }[];
}

const text = { type: "string", minLength: 1 };
const object = (properties: Record<string, object>, optional: readonly string[] = []) => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});
const facet = (name: string, version: string, properties: Record<string, object>) =>
  object({
    _producer: { type: "string", format: "uri" },
    _schemaURL: { const: `https://openlineage.io/spec/facets/${version}/${name}.json#/$defs/${name}` },
    ...properties,
  });

/**
 * What OpenLineage 2-0-2 asks of a run event (https://openlineage.io/spec/2-0-2/OpenLineage.json), said anew, and stricter:
 * nothing that we do not mean to send may be there. Its own classes judge the events too, see run.test.ts.
 */
const schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  ...object({
    eventType: { enum: ["START", "COMPLETE", "FAIL", "ABORT"] },
    eventTime: { type: "string", format: "date-time" },
    producer: { type: "string", format: "uri" },
    schemaURL: { const: "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent" },
    run: object({
      runId: { type: "string", format: "uuid" },
      facets: object(
        { errorMessage: facet("ErrorMessageRunFacet", "1-0-1", { message: text, programmingLanguage: text }) },
        ["errorMessage"],
      ),
    }),
    job: object({ namespace: text, name: text, facets: object({}) }),
    inputs: { type: "array", minItems: 1, items: object({ namespace: text, name: text }) },
    outputs: {
      type: "array",
      items: object({
        namespace: text,
        name: text,
        facets: object({
          schema: facet("SchemaDatasetFacet", "1-2-0", {
            fields: { type: "array", minItems: 1, items: object({ name: text, type: text }) },
          }),
        }),
        outputFacets: object({
          outputStatistics: facet("OutputStatisticsOutputDatasetFacet", "1-0-2", {
            rowCount: { type: "integer", minimum: 0 },
          }),
        }),
      }),
    },
  }),
};

const ajv = new Ajv2020({ strict: true, allErrors: true });
addFormats.default(ajv);
const validate = ajv.compile(schema);

/** The events of a file of JSON lines. Throws an AssertionError for one that OpenLineage would not take. */
export function eventsIn(lines: string): RunEvent[] {
  return lines
    .trim()
    .split("\n")
    .map((line) => {
      const event = JSON.parse(line) as RunEvent;
      assert(validate(event), ajv.errorsText(validate.errors));
      return event;
    });
}
