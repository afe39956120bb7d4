import type { LoaderOptions } from "../core/load.ts";
import type { LoadMethod } from "../core/destination.ts";
import { isObject, type JsonSchema } from "../core/json.ts";

/** The settings that every destination shares, named as the Meltano SDK's targets name them. */
export interface TargetConfig {
  readonly destination: string;
  readonly default_target_schema: string;
  /** `storage_write` is BigQuery's, and appends. */
  readonly load_method: "append-only" | "append" | "upsert" | "overwrite" | "storage_write";
  readonly batch_size_rows: number;
  readonly batch_size_bytes: number;
  readonly batch_max_age_seconds: number;
  readonly add_record_metadata: boolean;
  readonly hard_delete: boolean;
  readonly absent_properties: "keep" | "null";
  readonly validate_records: boolean;
  readonly process_activate_version_messages: boolean;
  readonly flattening_enabled: boolean;
  readonly flattening_max_depth: number;
  readonly max_rejected: number;
  readonly state_id: string;
}

const flag = (title: string, description: string, byDefault: boolean) => ({
  type: "boolean",
  title,
  description,
  default: byDefault,
});

const SHARED = {
  destination: {
    type: "string",
    title: "Destination",
    description:
      "Kind of database to load into. Without it: Postgres when `url` or `host` is given, BigQuery when `project` is, otherwise DuckDB.",
    enum: ["duckdb", "postgres", "bigquery"],
  },
  default_target_schema: {
    type: "string",
    title: "Schema",
    description: "Schema that the tables are made in; `public` when it is Postgres and nothing is given.",
    default: "main",
    minLength: 1,
  },
  load_method: {
    type: "string",
    title: "Load method",
    description:
      "`upsert` replaces rows by key, `append-only` (also `append`) adds every row, `overwrite` puts what the run brings in place of the old table when the run has gone well.",
    enum: ["upsert", "append-only", "append", "overwrite"],
    default: "upsert",
  },
  batch_size_rows: {
    type: "integer",
    title: "Batch rows",
    description: "Rows, of all streams together, after which a batch is committed.",
    default: 30_000,
    minimum: 1,
  },
  batch_size_bytes: {
    type: "integer",
    title: "Batch bytes",
    description: "Bytes of values after which a batch is committed.",
    default: 33_554_432,
    minimum: 1,
  },
  batch_max_age_seconds: {
    type: "number",
    title: "Batch age",
    description: "Seconds after which a batch is committed however small it is.",
    default: 30,
    exclusiveMinimum: 0,
  },
  add_record_metadata: flag("Metadata columns", "Add the `_sdc_…` columns.", true),
  hard_delete: flag(
    "Hard delete",
    "Delete rows that have `_sdc_deleted_at`, and rows of older table versions, instead of marking them.",
    false,
  ),
  absent_properties: {
    type: "string",
    title: "Absent properties",
    description:
      "What a property that a record lacks does to the row with its key: `keep` leaves the value that is there, `null` makes it null. A property that is there and null is null always.",
    enum: ["keep", "null"],
    default: "keep",
  },
  validate_records: flag(
    "Validate records",
    "Check each record against its JSON Schema; what does not fit goes to `_rejected`.",
    true,
  ),
  process_activate_version_messages: flag("ACTIVATE_VERSION", "Act on ACTIVATE_VERSION messages.", true),
  flattening_enabled: flag("Flatten", "Make columns `a__b` of nested objects.", false),
  flattening_max_depth: {
    type: "integer",
    title: "Flattening depth",
    description: "Levels of objects to flatten.",
    default: 1,
    minimum: 0,
  },
  max_rejected: {
    type: "integer",
    title: "Rejected records allowed",
    description: "The run still counts as a success with up to this many records in `_rejected`.",
    default: 0,
    minimum: 0,
  },
  state_id: {
    type: "string",
    title: "State id",
    description: "Name under which the last committed state is kept in the database; give each pipeline its own.",
    default: "default",
    minLength: 1,
  },
};

/** True for a setting that every destination has. */
export const isShared = (setting: string) => setting in SHARED;

/** The whole config schema of `target-warehouse` with this destination, which is the default when it is named. */
export function targetSchema(destination: JsonSchema, name?: string): JsonSchema {
  const own = isObject(destination["properties"]) ? destination["properties"] : {};
  const chosen = { ...SHARED.destination, ...(name === undefined ? {} : { default: name }) };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    properties: { ...SHARED, destination: chosen, ...own },
    additionalProperties: true,
  };
}

export function loaderOptions(config: TargetConfig): LoaderOptions {
  const method: LoadMethod =
    config.load_method === "append-only" || config.load_method === "storage_write" ? "append" : config.load_method;
  return {
    schema: config.default_target_schema,
    method,
    metadata: config.add_record_metadata,
    hardDelete: config.hard_delete,
    keepAbsent: config.absent_properties === "keep",
    flattenDepth: config.flattening_enabled ? config.flattening_max_depth : 0,
    stateId: config.state_id,
    batchRows: config.batch_size_rows,
    batchBytes: config.batch_size_bytes,
    batchMaxAgeMs: config.batch_max_age_seconds * 1_000,
    validate: config.validate_records,
    activateVersions: config.process_activate_version_messages,
    openEraser: async (warehouse) => {
      const tombstones = await warehouse.forgotten(config.default_target_schema);
      if (tombstones.length === 0) return undefined;
      const { TombstoneEraser } = await import("./forget/eraser.ts");
      return new TombstoneEraser(tombstones, warehouse, config.default_target_schema);
    },
  };
}
