/** What a sample account holds, before any API flavour puts it on the wire. Times are milliseconds since 1970 UTC. */

export type Role = "rep" | "prospect" | "unknown";
export type CallStatus = "scheduled" | "done" | "no_show" | "failed";
export type CallType = "meeting" | "dialer" | "unrecorded_meeting" | "other";

export interface Participant {
  readonly personId: string | null;
  readonly userId: string | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly company: string | null;
  readonly title: string | null;
  readonly role: Role;
}

export interface Mention {
  readonly offsetSeconds: number;
  readonly utteranceIndex: number;
}

export interface Tracker {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly source: string;
  readonly mentions: readonly Mention[];
}

export interface Metric {
  readonly name: string;
  readonly value: number;
  readonly unit: "percent" | "seconds" | "count";
}

interface Signal {
  readonly name: string;
  readonly value: string | number | boolean;
}

export interface Deal {
  readonly id: string;
  readonly name: string;
  readonly stage: string;
  readonly initialStage: string | null;
  readonly amount: number | null;
  readonly initialAmount: number | null;
  readonly currency: string | null;
  /** `YYYY-MM-DD`. */
  readonly closeDate: string | null;
  readonly onStageSinceMs: number | null;
  readonly stageAdvancement: string | null;
  readonly engaged: boolean | null;
  readonly followUpMs: number | null;
  readonly signals: readonly Signal[];
}

export interface Crm {
  readonly system: string;
  readonly accountId: string | null;
  readonly accountName: string | null;
  readonly opportunityId: string | null;
  readonly opportunityName: string | null;
  readonly matchReason: string | null;
}

interface Recording {
  readonly available: boolean;
  readonly url: string | null;
  readonly mediaType: string | null;
  readonly expiresMs: number | null;
  readonly audioOnly: boolean;
}

interface Owner {
  readonly userId: string;
  readonly name: string;
  readonly email: string;
  readonly teamId: string | null;
}

export interface Call {
  readonly id: string;
  /** Names the speech of this call to the source that it came from. */
  readonly speech: string;
  readonly title: string | null;
  readonly startedMs: number;
  readonly scheduledStartMs: number | null;
  readonly scheduledEndMs: number | null;
  readonly durationSeconds: number | null;
  readonly callType: CallType;
  readonly direction: "inbound" | "outbound" | null;
  readonly status: CallStatus;
  readonly language: string | null;
  readonly url: string | null;
  readonly owner: Owner | null;
  readonly participants: readonly Participant[];
  readonly trackers: readonly Tracker[];
  readonly metrics: readonly Metric[];
  readonly deal: Deal | null;
  readonly crm: Crm | null;
  readonly recording: Recording | null;
  readonly tags: readonly string[];
  /** Their names are never among `tags`. */
  readonly namedTags: Readonly<Record<string, string>>;
  readonly summary: string | null;
  readonly actionItems: readonly string[];
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** One spoken turn. */
export interface Turn {
  readonly speaker: string | null;
  /** The participant's person id, where the speaker is a participant. */
  readonly speakerId: string | null;
  readonly role: Role;
  readonly email: string | null;
  readonly startSeconds: number;
  readonly durationSeconds: number;
  readonly text: string;
}

export interface User {
  readonly id: string;
  readonly name: string;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly email: string | null;
  readonly role: string | null;
  readonly title: string | null;
  readonly teamIds: readonly string[];
  readonly primaryTeamId: string | null;
  readonly managerId: string | null;
  readonly active: boolean;
  readonly licenseType: string | null;
  readonly crmUserId: string | null;
  readonly createdMs: number;
}

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly parentTeamId: string | null;
  readonly managerId: string | null;
  readonly userIds: readonly string[];
  readonly isDefault: boolean;
}

/** Where an account's data comes from: a seed, or a file of real calls. */
export interface CallSource {
  readonly calls: readonly Call[];
  readonly users: readonly User[];
  readonly teams: readonly Team[];
  /** What is said in a call, by its `speech`; the same whenever it is asked. */
  readonly turns: (speech: string) => readonly Turn[];
  /** The topics of this source that occur in speech. */
  readonly findTrackers: (turns: readonly Turn[]) => Tracker[];
  /** The call number `n` (from 0) of those that come after `calls`. */
  readonly another: (n: number, startedMs: number) => Call;
}

/** False for calls of which there will never be a transcript. */
export function isSpoken(call: Call): boolean {
  return call.status === "done" && call.callType !== "unrecorded_meeting";
}
