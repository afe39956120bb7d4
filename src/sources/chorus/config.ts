import { type JsonSchema } from "../../core/json.ts";
import { MASK_SETTINGS, type MaskConfig } from "../../core/masks.ts";
import { type AuthScheme } from "../../http/auth.ts";

/** The settings of tap-chorus, validated and with defaults filled in. */
export interface Config extends MaskConfig {
  readonly api_token: string;
  readonly api_url: string;
  readonly api_flavour: "auto" | "calls" | "v3";
  readonly auth_scheme: AuthScheme;
  readonly start_date: string;
  readonly end_date?: string;
  readonly look_back_days: number;
  readonly max_look_back_days: number;
  readonly reconcile_days: number;
  readonly reconcile_every_days: number;
  readonly reread_after_days?: readonly number[];
  readonly deleted_rows: "mark" | "remove";
  readonly max_deleted_share: number;
  readonly strict: boolean;
  readonly media_links: boolean;
  readonly max_run_minutes?: number;
  readonly daily_request_quota?: number;
  readonly account_timezone: string;
  readonly max_requests_per_second: number;
  readonly concurrency: number;
  readonly teams?: readonly string[];
  readonly call_types?: readonly string[];
  readonly min_duration_seconds?: number;
  readonly call_ids?: readonly string[];
  readonly window_days?: number;
  readonly pending_max_days: number;
  readonly resend_days: number;
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
      description:
        "Which form of the API the account has. `v3`: the published routes, /v3/engagements and /api/v1/conversations. `calls`: the routes under /api/v1/calls. `auto` finds out, and keeps to what the state was written for.",
      default: "auto",
      enum: ["auto", "calls", "v3"],
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
    max_look_back_days: {
      type: "number",
      title: "Longest look-back, days",
      description:
        "The tap learns how late calls arrive, and looks back further than `look_back_days` when it must, up to this.",
      default: 30,
      minimum: 0,
      maximum: 3650,
    },
    reconcile_days: {
      type: "number",
      title: "Reconcile, days",
      description:
        "Calls of this many last days are listed again now and then, to find those that were uploaded with an old date or deleted. 0: never.",
      default: 90,
      minimum: 0,
      maximum: 3650,
    },
    reconcile_every_days: {
      type: "number",
      title: "Reconcile every, days",
      description: "How often, at most.",
      default: 7,
      minimum: 0,
      maximum: 365,
    },
    reread_after_days: {
      type: "array",
      title: "Read details again, days",
      description:
        "A call of the look-back is read again, whole, when it reaches these ages, though its row in the list is the same. Flavour `v3`: 1 and 6, since its lists do not tell of changed deals, speakers and turns. Flavour `calls`: never.",
      items: { type: "number", minimum: 0 },
      maxItems: 9,
      examples: [[1, 6]],
    },
    deleted_rows: {
      type: "string",
      title: "Rows of deleted calls",
      description:
        "`mark` sets `_deleted_at` of the call and leaves what hangs on it; `remove` also takes its participants, transcript, utterances and all else away.",
      default: "mark",
      enum: ["mark", "remove"],
    },
    max_deleted_share: {
      type: "number",
      title: "Largest share of deletions",
      description:
        "When at least this share of the calls that were listed again is gone, permissions have more likely changed: nothing is marked as deleted and a warning says so. 1: never mind.",
      default: 0.25,
      exclusiveMinimum: 0,
      maximum: 1,
    },
    strict: {
      type: "boolean",
      title: "Strict",
      description: "A mass of calls that is gone ends the run with an exit code of its own, not just with a warning.",
      default: false,
    },
    media_links: {
      type: "boolean",
      title: "Links to media",
      description: "Flavour `v3`: ask for the short-lived link to each recording, one request a call.",
      default: false,
    },
    max_run_minutes: {
      type: "number",
      title: "Longest backfill, minutes",
      description:
        "After this time a run stops reading history and ends well; the next one goes on from there. New and late calls always come first and are read to their end.",
      exclusiveMinimum: 0,
      examples: [50],
    },
    daily_request_quota: {
      type: "integer",
      title: "Requests per day",
      description:
        "At most this many requests go out per UTC day, counted in the state. History waits for the next day when they are spent.",
      minimum: 1,
      examples: [10_000],
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
        "At most this many requests go out per second. The tap starts at 2 and finds by itself what the API allows; from 100 on it starts at this rate.",
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
    resend_days: {
      type: "number",
      title: "Send again, days",
      description:
        "Calls of the look-back that are not older than this, and users, teams and scorecards, are sent again in each run though nothing about them has changed. For readers that expect a bookmark to include its last records. 0: what is unchanged costs nothing.",
      default: 0,
      minimum: 0,
      maximum: 3650,
    },
    user_agent: {
      type: "string",
      title: "User agent",
      description: "What the tap calls itself in requests.",
      examples: ["acme-analytics (data@acme.test)"],
    },
    ...MASK_SETTINGS,
  },
};
