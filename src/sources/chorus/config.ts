import { type JsonSchema } from "../../core/json.ts";
import { type AuthScheme } from "../../http/auth.ts";

/** The settings of tap-chorus, validated and with defaults filled in. */
export interface Config {
  readonly api_token: string;
  readonly api_url: string;
  readonly api_flavour: "calls";
  readonly auth_scheme: AuthScheme;
  readonly start_date: string;
  readonly end_date?: string;
  readonly look_back_days: number;
  readonly account_timezone: string;
  readonly max_requests_per_second: number;
  readonly concurrency: number;
  readonly teams?: readonly string[];
  readonly call_types?: readonly string[];
  readonly min_duration_seconds?: number;
  readonly call_ids?: readonly string[];
  readonly window_days?: number;
  readonly pending_max_days: number;
  readonly user_agent?: string;
}

const DATE_PATTERN = "^\\d{4}-\\d{2}-\\d{2}([T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:?\\d{2})?)?$";

export const configSchema: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "tap-chorus",
  type: "object",
  required: ["api_token", "start_date"],
  additionalProperties: true,
  properties: {
    api_token: {
      type: "string",
      title: "API token",
      description: "Token from Chorus, Personal Settings, API. It belongs to a user and sees what that user may see.",
      minLength: 1,
      secret: true,
      airbyte_secret: true,
    },
    start_date: {
      type: "string",
      title: "Start date",
      description:
        "Calls that started at this date (or date-time) or later are read. Without an offset it is in `account_timezone`.",
      pattern: DATE_PATTERN,
      examples: ["2026-01-01", "2026-01-01T00:00:00Z"],
    },
    end_date: {
      type: "string",
      title: "End date",
      description: "Calls that started before this date (or date-time) are read. Without it: up to now.",
      pattern: DATE_PATTERN,
      examples: ["2026-02-01"],
    },
    api_url: {
      type: "string",
      title: "API address",
      description: "Where the API is; everything before `/api/v1`.",
      default: "https://chorus.ai",
      pattern: "^https?://[^\\s]+$",
      examples: ["https://chorus.ai", "http://127.0.0.1:8080"],
    },
    api_flavour: {
      type: "string",
      title: "API flavour",
      description: "Which form of the API the account has. `calls`: the routes under /api/v1/calls.",
      default: "calls",
      enum: ["calls"],
    },
    auth_scheme: {
      type: "string",
      title: "Form of the token",
      description:
        "How the token is sent. `auto` tries `Authorization: Bearer …` and then the bare token; `zoominfo` sends the header `x-ziaccesstoken`.",
      default: "auto",
      enum: ["auto", "bearer", "raw", "zoominfo"],
    },
    look_back_days: {
      type: "number",
      title: "Look-back, days",
      description:
        "Calls of this many last days are listed again in each run, since calls arrive late and are edited. Unchanged ones cost nothing more.",
      default: 7,
      minimum: 0,
      maximum: 3650,
    },
    account_timezone: {
      type: "string",
      title: "Time zone of the account",
      description: "Name of the zone in which the API means times that have no offset.",
      default: "UTC",
      examples: ["UTC", "America/New_York"],
    },
    max_requests_per_second: {
      type: "number",
      title: "Requests per second",
      description:
        "At most this many requests go out per second. The tap slows down by itself when the API asks for it.",
      default: 10,
      exclusiveMinimum: 0,
      maximum: 1000,
    },
    concurrency: {
      type: "integer",
      title: "Requests at a time",
      description: "How many transcripts are fetched at the same time.",
      default: 2,
      minimum: 1,
      maximum: 32,
    },
    teams: {
      type: "array",
      title: "Teams",
      description: "Only calls whose owner is in one of these teams, by id or name. Empty: all.",
      items: { type: "string" },
      examples: [["Sales EMEA"]],
    },
    call_types: {
      type: "array",
      title: "Call types",
      description: "Only calls of these types. Empty: all.",
      items: { type: "string" },
      examples: [["meeting", "dialer"]],
    },
    min_duration_seconds: {
      type: "number",
      title: "Shortest call, seconds",
      description: "Calls known to be shorter are left out.",
      minimum: 0,
      examples: [60],
    },
    call_ids: {
      type: "array",
      title: "Call ids",
      description:
        "Only these calls are read, each on its own; bookmarks stay as they are. For runs that an event starts.",
      items: { type: "string" },
    },
    window_days: {
      type: "number",
      title: "Longest window, days",
      description:
        "A state is written after each window. Without it windows are 1 to 7 days long, by how many calls there are.",
      exclusiveMinimum: 0,
      maximum: 366,
      examples: [1],
    },
    pending_max_days: {
      type: "number",
      title: "Wait for transcripts, days",
      description: "A transcript that is not ready is asked for again in later runs, for this many days.",
      default: 14,
      minimum: 0,
      maximum: 365,
    },
    user_agent: {
      type: "string",
      title: "User agent",
      description: "What the tap calls itself in requests.",
      examples: ["acme-analytics (data@acme.test)"],
    },
  },
};
