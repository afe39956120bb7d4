/** The account behind the sample API, before any flavour of the API gives it a form. Times are milliseconds UTC. */
export interface Account {
  readonly calls: SampleCall[];
  readonly users: readonly User[];
  readonly teams: readonly Team[];
  /** The turns of a call as they are now. Made anew each time, so that a large account fits in memory. */
  turns(call: SampleCall): Turn[];
  /** A call that did not exist before. `n` counts them. */
  newCall(n: number, startedAt: number, now: number): SampleCall;
}

export interface SampleCall {
  readonly id: string;
  /** What its turns are made from or found by; stays when the id is shown in another form. */
  readonly source: string;
  title: string;
  readonly startedAt: number;
  readonly seconds: number;
  readonly type: "meeting" | "dialer";
  readonly direction: "inbound" | "outbound" | null;
  status: "done" | "no_show" | "processing";
  readonly language: string | null;
  readonly owner: User | null;
  participants: readonly Person[];
  /** Who was on the call, whatever edits did to the list of participants. */
  readonly speakers: readonly Person[];
  trackers: Tracker[];
  metrics: Metrics;
  deal: Deal | null;
  readonly crm: Crm | null;
  tags: string[];
  readonly namedTags: Readonly<Record<string, string>>;
  readonly audioOnly: boolean;
  readonly summary: string | null;
  readonly actionItems: readonly string[];
  readonly createdAt: number;
  updatedAt: number;
  /** How often the call was edited. */
  edits: number;
  /** Versions of the transcript: what each edit of it did. */
  transcriptEdits: readonly TranscriptEdit[];
}

export type TranscriptEdit = "shrunk" | "grown" | "other-speakers";

export interface Person {
  readonly id: string;
  readonly userId: string | null;
  readonly name: string | null;
  readonly email: string | null;
  readonly company: string | null;
  readonly title: string | null;
  readonly role: "rep" | "prospect" | "unknown";
}

export interface Turn {
  readonly speaker: Person;
  readonly text: string;
  readonly start: number;
  readonly seconds: number;
}

export interface Tracker {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly mentions: readonly { readonly offset: number; readonly turn: number }[];
}

export interface Metrics {
  readonly repTalkPercent: number;
  readonly longestMonologue: number;
  readonly questions: number;
  readonly engagingQuestions: number;
  readonly customerQuestions: number;
}

export interface Deal {
  readonly id: string;
  readonly name: string;
  readonly stage: string;
  readonly initialStage: string;
  readonly amount: number;
  readonly currency: string;
  readonly closeDate: number;
  readonly signals: readonly { readonly name: string; readonly value: string }[];
}

export interface Crm {
  readonly accountId: string;
  readonly accountName: string;
  readonly opportunityId: string | null;
  readonly opportunityName: string | null;
  readonly reason: string;
}

export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: "rep" | "manager";
  readonly title: string;
  readonly teamId: string;
  readonly managerId: string | null;
  readonly active: boolean;
}

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly parentId: string | null;
  readonly managerId: string | null;
  readonly userIds: readonly string[];
}

export const DAY = 86_400_000;
export const HOUR = 3_600_000;
export const MINUTE = 60_000;
