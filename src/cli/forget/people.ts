import { createHash } from "node:crypto";
import { REDACTED } from "../../core/masks.ts";

/** Kinds of tombstones. Of people only hashes are kept; a call's id is as it is. */
export const KINDS = {
  /** The id of a call or meeting that is not loaded again. */
  call: "call",
  /** The id of a call that a forgotten person was in. */
  seenIn: "seen_in",
  /** A load knows of more than it has taken back. */
  unsettled: "unsettled",
} as const;

/** What a person is known by; each is a kind of tombstones. A name counts in the calls of `seenIn` only. */
export const TRAITS = ["email", "person_id", "user_id", "name"] as const;
export type Trait = (typeof TRAITS)[number];

/** What a tombstone holds of an address, an id or a name. */
export function hashed(trait: Trait, value: string): string {
  return createHash("sha256")
    .update(`chorus-elt ${trait} ${plain(value)}`)
    .digest("hex");
}

/** Addresses and names are the same however they are written. */
export const plain = (value: string) => value.trim().toLowerCase();

/** True for a name that does not tell one person from another. */
export const saysNothing = (name: string) => ["", REDACTED, ERASED].includes(name.trim());

/** In the place of a text that cannot be null. */
export const ERASED = "[forgotten]";

/** What becomes of an erased column. */
export const erasedValue = (column: string) => (column === "text" || column === "source_file" ? ERASED : null);

/** Columns that say whose row it is, by what they hold, and those that are erased then. */
interface Ownership {
  readonly whose: Readonly<Record<string, Trait>>;
  readonly theirs: readonly string[];
  readonly name?: string;
}

/** Rows of one person, by stream. */
export const OWNED: Readonly<Record<string, readonly Ownership[]>> = {
  calls: [
    {
      whose: { owner_email: "email", owner_user_id: "user_id" },
      theirs: ["owner_email", "owner_name"],
      name: "owner_name",
    },
  ],
  participants: [
    {
      whose: { email: "email", person_id: "person_id", user_id: "user_id" },
      theirs: ["email", "name", "title", "company"],
      name: "name",
    },
  ],
  users: [
    {
      whose: { email: "email", user_id: "user_id" },
      theirs: ["email", "name", "first_name", "last_name", "title", "crm_user_id"],
      name: "name",
    },
  ],
  utterances: [{ whose: { email: "email" }, theirs: ["email", "speaker", "text"], name: "speaker" }],
  scorecards: [
    { whose: { scorer_user_id: "user_id" }, theirs: ["scorer_name", "comment"] },
    { whose: { rep_user_id: "user_id" }, theirs: ["rep_name", "comment"] },
  ],
  meetings: [{ whose: { rep_email: "email" }, theirs: ["rep_email", "rep_name"], name: "rep_name" }],
};

/** What goes of a turn in a call that the person was in, when its speaker has their name or one of their ids. */
export const SPOKEN: Readonly<Record<string, readonly string[]>> = {
  utterances: ["email", "speaker", "text"],
  meeting_utterances: ["speaker", "text"],
};
export const SPEAKER_IDS: readonly string[] = ["participant_id", "speaker_id"];

/** Texts about a whole call: in those that the person was in, anybody may be quoted or named. */
export const TOLD: Readonly<Record<string, readonly string[]>> = {
  calls: ["title", "summary", "action_items", "deal_follow_up", "extra"],
  transcripts: ["full_text"],
  scorecards: ["comment"],
  scorecard_scores: ["comment"],
  meetings: ["title", "source_file"],
  meeting_transcripts: ["full_text"],
  semarize_bricks: ["value_string", "reason", "evidence"],
  semarize_brick_items: ["item_value"],
};

/** Streams whose `participant_id` can be an address or a name. It is a key where true: such rows go as a whole. */
export const KEYED: Readonly<Record<string, boolean>> = {
  participants: true,
  engagement_metrics: true,
  utterances: false,
};

/** The stream that the rules name, of one that has an Airbyte namespace in front. */
export const streamOf = (stream: string) => stream.replace(/^.*__/s, "");

/** The rule of a stream; a stream can be called `constructor`. */
export const ruleFor = <Rule>(rules: Readonly<Record<string, Rule>>, stream: string): Rule | undefined =>
  Object.hasOwn(rules, stream) ? rules[stream] : undefined;

/** Who judges a call need not have been in it. */
export const tellsWhoWasThere = (stream: string) => stream !== "scorecards";

/** The columns that hold the id of a call or meeting. */
export const CALL_IDS: readonly string[] = ["call_id", "meeting_id"];
