import { type JsonSchema } from "../../core/json.ts";
import { MASK_SETTINGS, type MaskConfig } from "../../core/masks.ts";

/** The settings of tap-transcripts, validated and with defaults filled in. */
export interface Config extends MaskConfig {
  readonly path: string;
  readonly mapping?: string;
  readonly account_timezone: string;
  readonly rep_domains: readonly string[];
  readonly reps: readonly string[];
  readonly max_file_bytes: number;
}

export const configSchema: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "tap-transcripts",
  type: "object",
  required: ["path"],
  additionalProperties: true,
  properties: {
    path: {
      type: "string",
      title: "Folder",
      description: "Folder with WebVTT transcripts (`.vtt`) of Zoom and Teams; the folders in it are read too.",
      minLength: 1,
      examples: ["/var/lib/meetings"],
    },
    mapping: {
      type: "string",
      title: "Mapping",
      description:
        "File that says what the transcripts do not: CSV or JSON with `file` and any of `meeting_id`, `platform` (`zoom`, `teams`), `title`, `started_at`, `deal_id`, `deal_name`, `rep_email`, `rep_name`, `call_type`, `speakers` (ours, with `;` between them).",
      examples: ["/var/lib/meetings/meetings.csv"],
    },
    account_timezone: {
      type: "string",
      title: "Time zone of the account",
      description: "Name of the zone of times that have no offset, in the mapping and in names of files.",
      default: "UTC",
      examples: ["UTC", "America/New_York"],
    },
    rep_domains: {
      type: "array",
      title: "Domains of our side",
      description: "Speakers who are named by a mail address of these domains are ours.",
      items: { type: "string" },
      default: [],
      examples: [["acme.example"]],
    },
    reps: {
      type: "array",
      title: "Our speakers",
      description: "Names or mail addresses of speakers who are ours, in all meetings; in any case.",
      items: { type: "string" },
      default: [],
      examples: [["Maya Okafor"]],
    },
    max_file_bytes: {
      type: "integer",
      title: "Largest file, bytes",
      description: "A larger file is not read and ends the run with an error once the others are done.",
      default: 10_000_000,
      minimum: 1,
    },
    ...MASK_SETTINGS,
  },
};
