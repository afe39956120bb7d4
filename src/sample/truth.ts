import { createHash } from "node:crypto";
import { clean } from "../core/value.ts";
import type { Account, Held } from "./account.ts";
import { isSpoken, type Turn } from "./model.ts";
import { scorecards } from "./scorecards.ts";

/** What a complete reader must hold of a call. Counts are of distinct rows. */
interface CallTruth {
  readonly title: string | null;
  /** Flavour v3 does not know calls of type `other`. */
  readonly call_type: string;
  readonly started_at: string;
  readonly duration_seconds: number | null;
  readonly updated_at: string;
  readonly transcript_status: "ready" | "pending" | "none" | "forbidden";
  /** This and the hashes are null while there is no transcript. */
  readonly utterances: number | null;
  /** SHA-256 of the texts, joined by newlines; NUL and lone surrogates count as U+FFFD. */
  readonly text_hash: string | null;
  /** SHA-256 of the speakers' names, joined by newlines; null counts as "". */
  readonly speakers_hash: string | null;
  readonly tags: number;
  readonly named_tags: number;
  readonly trackers: number;
  readonly tracker_mentions: number;
  readonly participants: number;
  readonly metrics: number;
  readonly deal_signals: number;
  readonly crm_objects: number;
  readonly recordings: number;
}

export interface Truth {
  /** By the id that readers know. */
  readonly calls: Readonly<Record<string, CallTruth>>;
  readonly users: number;
  readonly teams: number;
  readonly team_members: number;
  readonly scorecards: number;
  readonly scorecard_scores: number;
  /** The sums over all calls. */
  readonly totals: Readonly<Record<string, number>>;
}

/** Gives the function that says what a complete reader must hold now; a call is looked at again once it changed. */
export function truthTeller(account: Account): () => Truth {
  const known = new WeakMap<Held, { stamp: string; truth: CallTruth }>();
  const ofCall = (held: Held): CallTruth => {
    const stamp = `${account.stamp(held)}.${account.pending(held) ?? ""}`;
    const found = known.get(held);
    if (found?.stamp === stamp) return found.truth;
    const truth = callTruth(account, held);
    known.set(held, { stamp, truth });
    return truth;
  };
  return () => {
    const calls = account.open().map((held) => [account.publicId(held.call.id), ofCall(held)] as const);
    const { users, teams } = account.source;
    const cards = scorecards(account, account.open());
    return {
      calls: Object.fromEntries(calls),
      users: users.length,
      teams: teams.length,
      team_members: teamMembers(account),
      scorecards: cards.length,
      scorecard_scores: cards.reduce((sum, { scores }) => sum + scores.length, 0),
      totals: sums(calls.map(([, truth]) => truth)),
    };
  };
}

function callTruth(account: Account, held: Held): CallTruth {
  const call = account.shown(held);
  const status = transcriptStatus(account, held);
  return {
    title: call.title === null ? null : clean(call.title).value,
    call_type: call.callType,
    started_at: new Date(call.startedMs).toISOString(),
    duration_seconds: call.durationSeconds,
    updated_at: new Date(call.updatedMs).toISOString(),
    transcript_status: status,
    ...(status === "ready"
      ? speechTruth(account.turns(held))
      : { utterances: null, text_hash: null, speakers_hash: null }),
    tags: new Set(call.tags.map((tag) => clean(tag).value)).size,
    named_tags: Object.keys(call.namedTags).length,
    trackers: call.trackers.length,
    tracker_mentions: call.trackers.reduce((sum, { mentions }) => sum + mentions.length, 0),
    participants: call.participants.length,
    metrics: call.metrics.length,
    deal_signals: call.deal?.signals.length ?? 0,
    crm_objects: [
      [call.crm?.accountId, call.crm?.accountName],
      [call.crm?.opportunityId, call.crm?.opportunityName],
    ].filter((fields) => fields.some(Boolean)).length,
    recordings: call.recording === null ? 0 : 1,
  };
}

function transcriptStatus(account: Account, held: Held): CallTruth["transcript_status"] {
  if (!isSpoken(held.call)) return "none";
  const never = account.never(held);
  if (never !== undefined) return never === "forbidden" ? never : "none";
  return account.pending(held) === undefined ? "ready" : "pending";
}

function speechTruth(turns: readonly Turn[]) {
  const hash = (lines: readonly string[]) =>
    createHash("sha256")
      .update(lines.map((line) => clean(line).value).join("\n"))
      .digest("hex");
  return {
    utterances: turns.length,
    text_hash: hash(turns.map(({ text }) => text)),
    speakers_hash: hash(turns.map(({ speaker }) => speaker ?? "")),
  };
}

/** Users in teams, each pair once, whether the user or the team says so. */
function teamMembers({ source: { users, teams } }: Account): number {
  const members = new Set(teams.flatMap((team) => team.userIds.map((userId) => `${team.id} ${userId}`)));
  for (const user of users) {
    for (const teamId of user.teamIds) members.add(`${teamId} ${user.id}`);
    if (user.primaryTeamId !== null) members.add(`${user.primaryTeamId} ${user.id}`);
  }
  return members.size;
}

function sums(calls: readonly CallTruth[]): Record<string, number> {
  const totals: Record<string, number> = { calls: calls.length };
  for (const call of calls) {
    for (const [name, value] of Object.entries(call) as [string, CallTruth[keyof CallTruth]][]) {
      if (typeof value === "number") totals[name] = (totals[name] ?? 0) + value;
    }
    const status = `transcripts_${call.transcript_status}`;
    totals[status] = (totals[status] ?? 0) + 1;
  }
  return totals;
}
