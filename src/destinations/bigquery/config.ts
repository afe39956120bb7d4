import type { JsonSchema } from "../../core/json.ts";

/** The settings of the destination `bigquery`, defaults filled in. */
export interface BigqueryConfig {
  readonly project?: string;
  readonly location: string;
  readonly credentials_path?: string;
  readonly credentials_json?: string;
  readonly impersonate_service_account?: string;
  readonly api_endpoint?: string;
  readonly storage_endpoint?: string;
  readonly access_token?: string;
  readonly default_target_schema: string;
  readonly load_method: string;
  readonly partition_by: Readonly<Record<string, string>>;
  readonly partition_type: PartitionType;
  readonly cluster_by: Readonly<Record<string, readonly string[]>>;
  readonly array_columns: "json" | "repeated";
  readonly labels: Readonly<Record<string, string>>;
  readonly maximum_bytes_billed?: number;
  readonly dry_run_cost: boolean;
  readonly job_timeout_seconds: number;
}

const PARTITION_TYPES = ["HOUR", "DAY", "MONTH", "YEAR", "NONE"] as const;
export type PartitionType = (typeof PARTITION_TYPES)[number];

const text = (title: string, description: string) => ({ type: "string", title, description });

export const configSchema: JsonSchema = {
  type: "object",
  properties: {
    project: text(
      "Project",
      "Google Cloud project that pays and holds the dataset. Otherwise that of the credentials.",
    ),
    location: {
      ...text("Location", "Where the dataset is made when it does not exist, such as `US`, `EU` or `europe-west3`."),
      default: "US",
    },
    credentials_path: text(
      "Credentials file",
      "Key file of a service account. Without credentials the application default ones count.",
    ),
    credentials_json: { ...text("Credentials", "The content of such a key file."), secret: true },
    impersonate_service_account: text(
      "Impersonate",
      "Email of a service account to act as; the credentials need the role Service Account Token Creator on it.",
    ),
    api_endpoint: text("API endpoint", "Address of another endpoint: a private one, or an emulator."),
    storage_endpoint: text(
      "Storage endpoint",
      "`host:port` of another Storage Write endpoint. A port of its own means no TLS, as emulators have it.",
    ),
    access_token: {
      ...text("Access token", "A token that is valid for the whole run, for emulators and tests."),
      secret: true,
    },
    default_target_schema: {
      ...text("Dataset", "Dataset that the tables are made in; made when it does not exist."),
      default: "chorus",
      pattern: "^[A-Za-z0-9_]{1,1024}$",
    },
    load_method: {
      type: "string",
      title: "Load method",
      description:
        "`upsert` replaces rows by key, `append-only` (also `append`) adds every row, `overwrite` puts what the run brings in place of the old table when the run has gone well. `storage_write` is `append-only` over the Storage Write API instead of load jobs.",
      enum: ["upsert", "append-only", "append", "overwrite", "storage_write"],
      default: "upsert",
    },
    partition_by: {
      type: "object",
      title: "Partition columns",
      description:
        'Column that new tables are partitioned by, by stream; `*` is for all others, `""` for none. Only date and date-time columns count. Without it `call_started_at`, `meeting_started_at` or `started_at`, the first that a stream has.',
      additionalProperties: { type: "string" },
      default: {},
    },
    partition_type: {
      type: "string",
      title: "Partition length",
      description: "How much time one partition holds.",
      enum: [...PARTITION_TYPES],
      default: "DAY",
    },
    cluster_by: {
      type: "object",
      title: "Clustering columns",
      description:
        "Columns that new tables are clustered by, up to four, by stream; `*` is for all others. Without it the keys.",
      additionalProperties: { type: "array", items: { type: "string" }, maxItems: 4 },
      default: {},
    },
    array_columns: {
      type: "string",
      title: "Lists",
      description:
        "What new columns for lists of texts, numbers or booleans are: `json`, or `repeated`, where null becomes an empty list.",
      enum: ["json", "repeated"],
      default: "json",
    },
    labels: {
      type: "object",
      title: "Labels",
      description: "Labels of new tables and of query jobs.",
      additionalProperties: { type: "string" },
      default: {},
    },
    maximum_bytes_billed: {
      type: "integer",
      title: "Bytes billed at most",
      description: "A statement that would bill more bytes is not run, and the run ends.",
      minimum: 0,
    },
    dry_run_cost: {
      type: "boolean",
      title: "Estimate each merge",
      description: "Ask before each merge how many bytes it will read, and log it. Costs a request a batch.",
      default: false,
    },
    job_timeout_seconds: {
      type: "number",
      title: "Job timeout",
      description: "Longest time to wait for one job.",
      default: 3_600,
      exclusiveMinimum: 0,
    },
    // Every batch is a handful of jobs, whatever its size, and tables may be changed a limited number of times a day.
    batch_size_rows: {
      type: "integer",
      title: "Batch rows",
      description: "Rows, of all streams together, after which a batch is committed.",
      default: 500_000,
      minimum: 1,
    },
    batch_size_bytes: {
      type: "integer",
      title: "Batch bytes",
      description: "Bytes of values after which a batch is committed. They wait in a temporary file.",
      default: 268_435_456,
      minimum: 1,
    },
    batch_max_age_seconds: {
      type: "number",
      title: "Batch age",
      description: "Seconds after which a batch is committed however small it is.",
      default: 900,
      exclusiveMinimum: 0,
    },
  },
};
