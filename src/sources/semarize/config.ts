import type { JsonObject, JsonSchema } from "../../core/json.ts";
import { MASK_SETTINGS, type MaskConfig } from "../../core/masks.ts";

/** The settings of tap-semarize, validated and with defaults filled in. */
export interface Config extends MaskConfig {
  readonly api_token: string;
  readonly api_url: string;
  readonly kits: readonly (string | KitConfig)[];
  readonly warehouse?: JsonObject;
  readonly warehouse_config?: string;
  readonly mode: "async" | "sync";
  readonly run_type: "api" | "sandbox";
  readonly max_runs: number;
  readonly max_attempts: number;
  readonly concurrency: number;
  readonly max_requests_per_second: number;
  readonly run_timeout_seconds: number;
  readonly user_agent?: string;
}

/** One kit and which conversations it is for. */
interface KitConfig {
  readonly kit_code?: string;
  readonly kit_version_id?: string;
  readonly name?: string;
  readonly call_types?: readonly string[];
  readonly teams?: readonly string[];
  readonly platforms?: readonly string[];
  readonly min_duration_seconds?: number;
  readonly min_words?: number;
  readonly since?: string;
}

export const configSchema: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "tap-semarize",
  type: "object",
  required: ["api_token", "kits"],
  additionalProperties: true,
  properties: {
    api_token: {
      type: "string",
      title: "API key",
      description: "Key of the Semarize workspace, `smz_live_…` or `smz_test_…`.",
      minLength: 1,
      secret: true,
      airbyte_secret: true,
    },
    kits: {
      type: "array",
      title: "Kits",
      description:
        "Kits to run, each a kit code or an object: `kit_code` or `kit_version_id` (a pinned version), `name`, and filters: `call_types`, `teams` (id or name), `platforms` (`chorus`, `zoom`, `teams`), `min_duration_seconds`, `min_words`, `since` (date).",
      minItems: 1,
      items: {
        oneOf: [
          { type: "string", minLength: 1, maxLength: 64 },
          {
            type: "object",
            additionalProperties: false,
            anyOf: [{ required: ["kit_code"] }, { required: ["kit_version_id"] }],
            properties: {
              kit_code: { type: "string", minLength: 1, maxLength: 64 },
              kit_version_id: { type: "string", minLength: 1, maxLength: 64 },
              name: { type: "string" },
              call_types: { type: "array", items: { type: "string" } },
              teams: { type: "array", items: { type: "string" } },
              platforms: { type: "array", items: { type: "string" } },
              min_duration_seconds: { type: "number", minimum: 0 },
              min_words: { type: "number", minimum: 0 },
              since: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}" },
            },
          },
        ],
      },
      examples: [["FRMWRK01", { kit_code: "BATTLE01", call_types: ["meeting"], min_duration_seconds: 300 }]],
    },
    warehouse_config: {
      type: "string",
      title: "Config of the warehouse",
      description:
        "Config file of target-warehouse: where the transcripts are, and where results must be loaded. `TARGET_WAREHOUSE_…` is looked at too.",
    },
    warehouse: {
      type: "object",
      title: "Warehouse",
      description:
        "Settings of target-warehouse, in the place of `warehouse_config`. Without both: the file chorus.duckdb.",
      examples: [{ path: "chorus.duckdb" }],
    },
    max_runs: {
      type: "integer",
      title: "Runs per execution",
      description: "At most this many new runs are sent, the newest conversations first. Each one is paid for.",
      default: 500,
      minimum: 0,
    },
    max_attempts: {
      type: "integer",
      title: "Attempts",
      description:
        "How often a transcript is sent to a kit whose run failed or was cancelled, the first time included.",
      default: 1,
      minimum: 1,
      maximum: 10,
    },
    mode: {
      type: "string",
      title: "Mode",
      description: "`async` asks later how a run went; `sync` holds the request open until it has ended.",
      default: "async",
      enum: ["async", "sync"],
    },
    run_type: {
      type: "string",
      title: "Type of run",
      description: "`api`, or `sandbox` for trying things out; the two are kept apart.",
      default: "api",
      enum: ["api", "sandbox"],
    },
    concurrency: {
      type: "integer",
      title: "Runs at a time",
      description: "How many runs may be on their way at the same time.",
      default: 4,
      minimum: 1,
      maximum: 64,
    },
    max_requests_per_second: {
      type: "number",
      title: "Requests per second",
      description:
        "At most this many requests go out per second, polls included. The tap slows down by itself when asked to.",
      default: 20,
      exclusiveMinimum: 0,
      maximum: 1000,
    },
    run_timeout_seconds: {
      type: "number",
      title: "Wait for a run, seconds",
      description: "A run that takes longer is left to the next execution, which asks for it again and sends nothing.",
      default: 600,
      exclusiveMinimum: 0,
    },
    api_url: {
      type: "string",
      title: "API address",
      description: "Where the API is; everything before `/v1`.",
      default: "https://api.semarize.com",
      pattern: "^https?://[^\\s]+$",
    },
    user_agent: {
      type: "string",
      title: "User agent",
      description: "What the tap calls itself in requests.",
    },
    ...MASK_SETTINGS,
  },
};

/** A kit as the rest of the tap sees it. */
export interface Kit extends Omit<KitConfig, "kit_code" | "kit_version_id"> {
  /** What identifies it in keys and in `semarize_runs.kit`: the pinned version, else the code. */
  readonly id: string;
  /** What a run names it by. A version wins over a code, as in the API. */
  readonly wire: { readonly kit_version_id: string } | { readonly kit_code: string };
}

/** The kits of a config, in its order; one that stands twice counts as the config says it first. */
export function kitsOf({ kits }: Pick<Config, "kits">): Kit[] {
  const found = new Map<string, Kit>();
  for (const one of kits) {
    const { kit_code, kit_version_id, ...rest } = typeof one === "string" ? { kit_code: one } : one;
    const id = kit_version_id ?? kit_code ?? "";
    const wire = kit_version_id === undefined ? { kit_code: id } : { kit_version_id };
    if (!found.has(id)) found.set(id, { ...rest, id, wire });
  }
  return [...found.values()];
}
