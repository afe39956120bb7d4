import { createHash } from "node:crypto";
import { clean } from "../core/value.ts";
import { DAY, HOUR, MINUTE, type Account, type SampleCall, type TranscriptEdit } from "./model.ts";
import type { Quirk } from "./quirks.ts";
import { hash, Random } from "./random.ts";
import { decorate, speakerShown, type ShownSpeaker } from "./strange.ts";

/** A turn as the API shows it, quirks included. */
export interface ShownTurn {
  readonly speaker: ShownSpeaker;
  readonly text: string;
  readonly start: number;
  readonly seconds: number;
}

export type Readiness = "ready" | "none" | "accepted" | "not-found" | "empty";

export interface Change {
  readonly late?: number;
  readonly edit?: number;
  readonly delete?: number;
  readonly transcripts_ready?: number;
}

/** An account in time: what is visible now, what changes, and what a complete reader must hold. */
export class World {
  readonly account: Account;
  readonly quirks: ReadonlySet<Quirk>;
  readonly #calls: SampleCall[];
  readonly #hidden = new Set<SampleCall>();
  readonly #tries = new Map<string, number>();
  readonly #now: () => number;
  #changes = 0;
  #newCalls = 0;
  #slipped = 0;

  constructor(account: Account, quirks: ReadonlySet<Quirk>, now: () => number) {
    this.account = account;
    this.quirks = quirks;
    this.#now = now;
    this.#calls = quirks.has("Q21") ? account.calls.map(withNumericId) : [...account.calls];
    for (const call of this.#calls) {
      if (quirks.has("Q01") && now() - call.startedAt < 5 * DAY && hash(call.id) % 10 === 0) this.#hidden.add(call);
      if (quirks.has("Q09") && this.#isPending(call) && formOf(call) === "empty") call.status = "processing";
    }
  }

  /** Calls that an API client can see, newest first. */
  visible(): SampleCall[] {
    return this.#calls.filter((call) => !this.#hidden.has(call)).sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1));
  }

  find(id: string): SampleCall | undefined {
    return this.#calls.find((call) => call.id === id && !this.#hidden.has(call));
  }

  turns(call: SampleCall): ShownTurn[] {
    return this.account.turns(call).map((turn, i) => ({
      speaker: speakerShown(turn.speaker, i, this.quirks),
      text: decorate(turn.text, i, this.quirks),
      start: turn.start,
      seconds: turn.seconds,
    }));
  }

  title(call: SampleCall): string {
    return decorate(call.title, hash(call.id), this.quirks);
  }

  tags(call: SampleCall): string[] {
    return call.tags.map((tag, i) => decorate(tag, hash(call.id) + i, this.quirks));
  }

  /** What asking for the transcript gives now; every `ask` counts as a try. */
  transcript(call: SampleCall, ask = false): Readiness {
    if (call.status === "no_show") return "none";
    if (!this.#isPending(call)) return "ready";
    if (ask) this.#tries.set(call.id, (this.#tries.get(call.id) ?? 0) + 1);
    if ((this.#tries.get(call.id) ?? 0) < 2) return formOf(call);
    this.#makeReady(call);
    return "ready";
  }

  /** A call that comes in while somebody pages a list: it starts after the newest of the page that was read. */
  slipIn(after: number): void {
    if (this.#slipped >= 10 || this.#now() - after > 6 * DAY) return;
    this.#slipped++;
    this.#add(Math.min(after + MINUTE, this.#now()));
  }

  change({ late = 0, edit = 0, delete: gone = 0, transcripts_ready: ready = 0 }: Change): Record<string, string[]> {
    const round = ++this.#changes;
    const random = new Random(`change ${round}`);
    this.#hidden.clear();
    const lateIds = Array.from({ length: late }, () => this.#add(this.#now() - random.int(1, 5 * 24 - 1) * HOUR - random.int(0, 59) * MINUTE));
    const recent = this.visible().filter((call) => this.#now() - call.startedAt < 6 * DAY && !lateIds.includes(call.id));
    const edited = random.some(recent.length > 0 ? recent : this.visible(), edit);
    edited.forEach((call, i) => this.#edit(call, round, i));
    const deleted = random.some(this.visible().filter((call) => !edited.includes(call) && !lateIds.includes(call.id)), gone);
    for (const call of deleted) this.#calls.splice(this.#calls.indexOf(call), 1);
    const waiting = this.#calls.filter((call) => this.#isPending(call) && call.status !== "no_show").slice(0, ready);
    for (const call of waiting) this.#makeReady(call);
    const ids = (calls: readonly SampleCall[]) => calls.map(({ id }) => id);
    return { late: lateIds, edit: ids(edited), delete: ids(deleted), transcripts_ready: ids(waiting) };
  }

  /** What a complete reader must hold now. Texts as a database can hold them: NUL and lone surrogates are U+FFFD. */
  truth(): object {
    const calls = Object.fromEntries(this.visible().map((call) => [call.id, this.#truthOf(call)]));
    const { users, teams } = this.account;
    return { calls, users: users.length, teams: teams.length, team_members: teams.reduce((sum, team) => sum + team.userIds.length, 0) };
  }

  #truthOf(call: SampleCall): object {
    const readiness = this.transcript(call);
    const turns = readiness === "ready" ? this.turns(call) : [];
    const sum = (lines: readonly string[]) => createHash("sha256").update(lines.map((line) => clean(line).value).join("\n")).digest("hex");
    return {
      title: clean(this.title(call)).value,
      started_at: new Date(call.startedAt).toISOString(),
      updated_at: new Date(call.updatedAt).toISOString(),
      transcript_status: readiness === "ready" || readiness === "none" ? readiness : "pending",
      utterances: readiness === "ready" ? turns.length : null,
      text_hash: sum(turns.map(({ text }) => text)),
      speakers_hash: sum(turns.map(({ speaker }) => speaker.name ?? "")),
      participants: call.participants.length,
      trackers: call.trackers.length,
      tracker_mentions: call.trackers.reduce((count, { mentions }) => count + mentions.length, 0),
      tags: new Set(this.tags(call).map((tag) => clean(tag).value)).size,
      named_tags: Object.keys(call.namedTags).length,
      deal_signals: call.deal?.signals.length ?? 0,
    };
  }

  #add(startedAt: number): string {
    const call = this.account.newCall(this.#newCalls++, startedAt, this.#now());
    const made = this.quirks.has("Q21") ? withNumericId(call, 1_000_000 + this.#newCalls) : call;
    this.#calls.push(made);
    return made.id;
  }

  #edit(call: SampleCall, round: number, nth: number): void {
    call.edits++;
    call.updatedAt = Math.max(this.#now(), call.updatedAt + 1);
    call.title = `${call.title.replace(/ \(edit \d+\)$/, "")} (edit ${round})`;
    call.tags = nth === 0 ? [] : call.tags.slice(1);
    if (call.deal !== null) call.deal = { ...call.deal, stage: "Negotiation", amount: call.deal.amount + 1 };
    call.metrics = { ...call.metrics, questions: call.metrics.questions + 1 };
    if (this.quirks.has("Q03")) {
      call.participants = call.participants.slice(0, Math.max(1, call.participants.length - 1));
      call.trackers = call.trackers.slice(1);
      if (call.deal !== null) call.deal = { ...call.deal, signals: call.deal.signals.slice(1) };
    }
    const edits: TranscriptEdit[] = ["grown", "shrunk", "other-speakers"];
    if (nth === 1) this.#editTranscript(call, "shrunk");
    else if (this.quirks.has("Q11")) this.#editTranscript(call, edits[nth % 3] ?? "grown");
  }

  #editTranscript(call: SampleCall, edit: TranscriptEdit): void {
    call.transcriptEdits = [...call.transcriptEdits, edit];
    const turns = this.account.turns(call).length;
    call.trackers = call.trackers.flatMap((tracker) => {
      const mentions = tracker.mentions.filter(({ turn }) => turn < turns);
      return mentions.length === 0 ? [] : [{ ...tracker, mentions }];
    });
  }

  #isPending(call: SampleCall): boolean {
    return this.quirks.has("Q09") && hash(`pending ${call.id}`) % 3 === 0 && this.#tries.get(call.id) !== Infinity;
  }

  #makeReady(call: SampleCall): void {
    this.#tries.set(call.id, Infinity);
    if (call.status === "processing") call.status = "done";
  }
}

/** How a transcript that is not ready shows. */
function formOf(call: SampleCall): "accepted" | "not-found" | "empty" {
  return (["accepted", "not-found", "empty"] as const)[hash(`form ${call.id}`) % 3] ?? "empty";
}

/** The same call under an id that no double holds. */
function withNumericId(call: SampleCall, n: number): SampleCall {
  return { ...call, id: String(9_007_199_254_740_993n + 2n * BigInt(n)) };
}
