import { type JsonObject, type JsonValue } from "../../core/json.ts";

export type Role = "rep" | "prospect" | "unknown";
export type CallStatus = "scheduled" | "live" | "processing" | "done" | "no_show" | "failed" | "unknown";

export interface Participant {
  /** Never empty and unique in the call: person, user, mail address or place in the list, whichever is there first. */
  readonly participantId: string;
  readonly personId: string | null;
  readonly userId: string | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly company: string | null;
  readonly title: string | null;
  readonly role: Role;
}

interface Tracker {
  /** The API's id, else `type:name`; unique in the call. */
  readonly trackerId: string;
  readonly name: string | null;
  readonly type: string | null;
  readonly source: string | null;
  readonly count: number | null;
  readonly mentions: readonly { readonly offsetSeconds: number | null; readonly utteranceIndex: number | null }[];
}

export interface Deal {
  readonly id: string | null;
  readonly name: string | null;
  readonly stage: string | null;
  readonly initialStage: string | null;
  readonly amount: number | null;
  readonly initialAmount: number | null;
  readonly currency: string | null;
  /** `YYYY-MM-DD`. */
  readonly closeDate: string | null;
  readonly onStageSince: string | null;
  readonly stageAdvancement: string | null;
  readonly engaged: boolean | null;
  readonly followUp: JsonObject | null;
  readonly signals: readonly { readonly name: string; readonly value: JsonValue }[];
}

export interface Crm {
  readonly system: string | null;
  readonly accountId: string | null;
  readonly accountName: string | null;
  readonly opportunityId: string | null;
  readonly opportunityName: string | null;
  readonly matchReason: string | null;
}

export interface Recording {
  readonly available: boolean | null;
  readonly url: string | null;
  readonly mediaType: string | null;
  readonly expiresAt: string | null;
  readonly audioOnly: boolean | null;
}

/** A call as every API flavour is turned into. Times are ISO-8601 UTC with milliseconds; null means not known. */
export interface Call {
  readonly id: string;
  readonly title: string | null;
  /** Milliseconds since 1970; what windows are about. Null when the API gave no usable date. */
  readonly startedMs: number | null;
  readonly startedAt: string | null;
  readonly scheduledStart: string | null;
  readonly scheduledEnd: string | null;
  readonly durationSeconds: number | null;
  readonly callType: string | null;
  readonly direction: string | null;
  readonly status: CallStatus;
  readonly language: string | null;
  readonly url: string | null;
  readonly owner: {
    readonly userId: string | null;
    readonly name: string | null;
    readonly email: string | null;
    readonly teamId: string | null;
  };
  readonly participants: readonly Participant[];
  readonly trackers: readonly Tracker[];
  readonly metrics: readonly {
    readonly name: string;
    readonly value: number | null;
    readonly unit: string | null;
    readonly participantId: string | null;
  }[];
  readonly deal: Deal | null;
  readonly crm: Crm | null;
  readonly recordings: readonly Recording[];
  readonly tags: readonly { readonly tag: string; readonly value: string | null }[];
  readonly summary: string | null;
  readonly actionItems: readonly string[] | null;
  readonly createdAt: string | null;
  readonly updatedMs: number | null;
  readonly updatedAt: string | null;
  /** Changes when anything in the API's object changes, short-lived links apart. */
  readonly contentHash: string;
  /** Fields of the API's object that have no place above. */
  readonly extra: JsonObject | null;
}

export type TranscriptStatus = "ready" | "partial" | "pending" | "none" | "forbidden";

export interface Utterance {
  readonly index: number;
  readonly speaker: string | null;
  readonly speakerId: string | null;
  /** The participant of the call who spoke, where that can be told. */
  readonly participantId: string | null;
  readonly role: Role;
  readonly email: string | null;
  readonly startSeconds: number | null;
  readonly durationSeconds: number | null;
  readonly text: string;
}

export interface Transcript {
  readonly status: TranscriptStatus;
  /** True when the API said that it (or more of it) will come; false when it may as well never come. */
  readonly promised: boolean;
  readonly language: string | null;
  readonly updatedAt: string | null;
  readonly utterances: readonly Utterance[];
  /** Of the utterances; null when there are none. */
  readonly hash: string | null;
  /** When the API said how long to wait before asking again. */
  readonly retryAfterMs?: number;
}

export interface User {
  readonly id: string;
  readonly name: string | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly email: string | null;
  readonly role: string | null;
  readonly title: string | null;
  readonly teamIds: readonly string[];
  readonly primaryTeamId: string | null;
  readonly managerId: string | null;
  readonly active: boolean | null;
  readonly licenseType: string | null;
  readonly crmUserId: string | null;
  readonly createdAt: string | null;
}

export interface Team {
  readonly id: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly parentTeamId: string | null;
  readonly managerId: string | null;
  readonly userIds: readonly string[];
  readonly isDefault: boolean | null;
}

export interface Score {
  readonly id: string;
  readonly name: string | null;
  readonly value: number | null;
  readonly maxValue: number | null;
  readonly comment: string | null;
}

/** What a coach said of a call. */
export interface Scorecard {
  readonly id: string;
  readonly callId: string | null;
  readonly name: string | null;
  readonly submittedAt: string | null;
  readonly scorerUserId: string | null;
  readonly scorerName: string | null;
  readonly repUserId: string | null;
  readonly repName: string | null;
  readonly overallScore: number | null;
  readonly maxScore: number | null;
  readonly comment: string | null;
  readonly scores: readonly Score[];
}

/** Rows of one answer. `received` counts what the API sent, also what could not be used, because offsets count it. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly received: number;
  /** True when the API says that nothing follows. Only a hint. */
  readonly last: boolean;
  /** True when it says so in two ways that agree. */
  readonly sure: boolean;
  /** How many rows the list has in all, if the API says. */
  readonly total: number | undefined;
}
