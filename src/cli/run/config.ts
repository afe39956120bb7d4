import { loadConfig } from "../../core/config.ts";
import type { JsonObject, JsonSchema } from "../../core/json.ts";

/** The config file of `chorus-elt run`. What the parts of the programs hold is checked when a run begins. */
export interface RunConfig {
  readonly tap: JsonObject;
  readonly transcripts?: JsonObject;
  readonly semarize?: JsonObject;
  readonly target: JsonObject;
  readonly run: RunSettings;
}

interface RunSettings {
  readonly name?: string;
  readonly lock?: string;
  readonly metrics_file?: string;
  readonly openlineage?: LineageSettings;
}

export interface LineageSettings {
  readonly url?: string;
  readonly endpoint: string;
  readonly file?: string;
  readonly namespace: string;
  readonly job?: string;
  readonly timeout_seconds: number;
}

const text = { type: "string", minLength: 1 };
const settingsOf = (program: string) => ({ type: "object", description: `Settings of ${program}.` });

const schema: JsonSchema = {
  type: "object",
  required: ["tap"],
  additionalProperties: false,
  properties: {
    tap: settingsOf("tap-chorus"),
    transcripts: settingsOf("tap-transcripts"),
    semarize: settingsOf("tap-semarize"),
    target: { ...settingsOf("target-warehouse"), default: {} },
    run: {
      type: "object",
      additionalProperties: false,
      default: {},
      properties: {
        name: text,
        // A file of DuckDB stands there, see lock.ts; nobody's database is to be taken for one.
        lock: { ...text, pattern: "\\.lock$" },
        metrics_file: text,
        openlineage: {
          type: "object",
          additionalProperties: false,
          anyOf: [{ required: ["url"] }, { required: ["file"] }],
          properties: {
            url: { type: "string", pattern: "^https?://[^\\s]+$" },
            endpoint: { ...text, default: "api/v1/lineage" },
            file: text,
            namespace: { ...text, default: "chorus-elt" },
            job: text,
            timeout_seconds: { type: "number", exclusiveMinimum: 0, maximum: 60, default: 5 },
          },
        },
      },
    },
  },
};

/** Reads the config file of a run. Throws CONFIG_UNREADABLE or CONFIG_INVALID. */
export async function readRunConfig(path: string): Promise<RunConfig> {
  return loadConfig<RunConfig>(schema, { files: [path], environment: {}, prefix: "" });
}

/** What a pipeline is called in metrics and lineage. */
export function nameOf({ run, target }: RunConfig): string {
  const { state_id: stateId } = target;
  return run.name ?? (typeof stateId === "string" ? stateId : "default");
}
