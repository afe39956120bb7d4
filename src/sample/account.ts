import { editTurns, type TurnEdit } from "./edits.ts";
import { isSpoken, type Call, type CallSource, type Turn } from "./model.ts";
import { measure } from "./metrics.ts";
import { digits } from "./quirks/numbers.ts";
import { lengthen } from "./quirks/length.ts";
import type { QuirkSet } from "./quirks/set.ts";
import { QUIRKS } from "./quirks/table.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Q01 hides calls that started no longer ago. */
const HIDING_MS = 5 * DAY_MS;

/** A call in the account, with what is needed to say again what was said in it. */
export interface Held {
  /** Its place in the order in which calls came into the account, from 0. */
  readonly n: number;
  readonly call: Call;
  readonly edits: readonly TurnEdit[];
  readonly withoutTrackers: ReadonlySet<string>;
  /** Counts its changes. */
  readonly version: number;
}

/** What of the account a client may see. */
export const ACCESS = ["all", "half", "none", "unauthorized", "forbidden", "down"] as const;
export type Access = (typeof ACCESS)[number];

/** The ways in which the API can say that a transcript is on its way. */
const PENDING_FORMS = ["accepted", "not_found", "empty"] as const;
export type PendingForm = (typeof PENDING_FORMS)[number];

/** The ways in which a transcript can never come (Q10). */
const NEVER_FORMS = ["no_transcript", "forbidden", "accepted", "bare_not_found"] as const;
export type NeverForm = (typeof NEVER_FORMS)[number];

/** Calls that started from `fromMs` to `toMs`, both included. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * A Chorus account: its calls, users and teams now. What readers may see goes through `visible`, `find`, `shown` and
 * `turns`, which follow the quirks; `Changes` is what alters it.
 */
export class Account {
  readonly source: CallSource;
  readonly quirks: QuirkSet;
  readonly #calls = new Map<string, Held>();
  readonly #released = new Set<string>();
  readonly #private = new Set<string>();
  readonly #ready = new Set<string>();
  readonly #tries = new Map<string, number>();
  readonly #clock: () => number;
  /** The first call that was spoken; Q16 makes it long. */
  readonly #longest: number;
  readonly #startedAt: number;
  readonly #nowMs: number;
  #advancedMs = 0;
  #count = 0;
  #version = 0;
  #access: Access | undefined;
  #view: { stamp: string; newestFirst: readonly Held[]; byPublicId: ReadonlyMap<string, Held> } | undefined;

  /** `clock` says how time passes, `nowMs` what the account's clock shows at the start. */
  constructor(source: CallSource, quirks: QuirkSet, nowMs: number, clock: () => number = Date.now) {
    this.source = source;
    this.#clock = clock;
    this.#startedAt = clock();
    this.quirks = quirks;
    this.#nowMs = nowMs;
    this.#longest = source.calls.findIndex(isSpoken);
    for (const call of source.calls) this.add(call);
  }

  /** The account's clock, in milliseconds. */
  now(): number {
    return this.#nowMs + this.#passedMs();
  }

  /** Sets the clock forward, for readers that come back later. */
  advance(ms: number): void {
    this.#advancedMs += ms;
  }

  /** The last full hour at the start, and the hours since: changes refer to it, so that they can be repeated. */
  hour(): number {
    const begun = Math.floor(this.#nowMs / HOUR_MS) * HOUR_MS;
    return begun + Math.floor(this.#passedMs() / HOUR_MS) * HOUR_MS;
  }

  /** What the client of now may see; half of it with Q13, unless it was set otherwise. */
  get access(): Access {
    return this.#access ?? (this.quirks.has("Q13") ? "half" : "all");
  }

  set access(access: Access) {
    this.#access = access;
  }

  /** What a client with all its rights may see, newest first. */
  open(): readonly Held[] {
    return this.#current().newestFirst;
  }

  /** What the client of now may see, newest first. */
  visible(): readonly Held[] {
    return this.access === "all" ? this.open() : this.open().filter((held) => this.#isAccessible(held));
  }

  within({ fromMs, toMs }: Window): Held[] {
    return this.visible().filter(({ call }) => call.startedMs >= fromMs && call.startedMs <= toMs);
  }

  /** By the id that readers know. */
  find(publicId: string): Held | undefined {
    const held = this.#current().byPublicId.get(publicId);
    return held !== undefined && this.#isAccessible(held) ? held : undefined;
  }

  /** An id of a call, person, user or team as readers know it. */
  publicId(id: string): string {
    return this.quirks.has("Q21") ? digits(id) : id;
  }

  /** Differs whenever `shown`, `turns` or the state of the transcript may. */
  stamp({ version, call }: Held): string {
    return `${version}.${this.quirks.version}.${this.#ready.has(call.id)}`;
  }

  /** The call as readers see it. */
  shown({ call, n }: Held): Call {
    return this.quirks.on.reduce((seen, id) => QUIRKS[id].call?.(seen, n) ?? seen, call);
  }

  /** What was said, as readers see it; nothing is cached here. */
  turns(held: Held): readonly Turn[] {
    const spoken = this.#said(held);
    return this.quirks.on.reduce((seen, id) => QUIRKS[id].turns?.(seen, held.n) ?? seen, spoken);
  }

  /** How it shows that a transcript never comes, though something was said; undefined for all others. */
  never({ call, n }: Pick<Held, "call" | "n">): NeverForm | undefined {
    if (!this.quirks.has("Q10") || n % 7 !== 3 || !isSpoken(call)) return undefined;
    return NEVER_FORMS[((n - 3) / 7) % NEVER_FORMS.length];
  }

  /** How the transcript is said to be on its way; undefined when it is there, or will never be. */
  pending({ call, n }: Held): PendingForm | undefined {
    if (!this.quirks.has("Q09") || n % 3 !== 0 || !isSpoken(call) || this.#ready.has(call.id)) return undefined;
    if (this.never({ call, n }) !== undefined) return undefined;
    return PENDING_FORMS[(n / 3) % PENDING_FORMS.length];
  }

  /** As `pending`, for a reader who asks for the transcript: the second who asks gets it. */
  askTranscript(held: Held): PendingForm | undefined {
    const form = this.pending(held);
    if (form === undefined) return undefined;
    const tries = (this.#tries.get(held.call.id) ?? 0) + 1;
    this.#tries.set(held.call.id, tries);
    if (tries < 2) return form;
    this.makeReady(held);
    return undefined;
  }

  makeReady({ call }: Held): void {
    this.#ready.add(call.id);
  }

  /** Calls that Q01 keeps from readers, newest first. */
  hidden(): Held[] {
    return [...this.#calls.values()].filter((held) => this.#isHidden(held)).sort(newestFirst);
  }

  release({ call }: Held): void {
    this.#released.add(call.id);
    this.#version++;
  }

  add(call: Call): Held {
    const held = { n: this.#count++, call, edits: [], withoutTrackers: new Set<string>(), version: 0 };
    this.#calls.set(call.id, held);
    this.#version++;
    return held;
  }

  /** Puts a changed call in the place of the old one; trackers and metrics follow what is now said in it. */
  replace(held: Held, changed: Pick<Held, "call" | "edits" | "withoutTrackers">): void {
    const next = { ...held, ...changed, version: held.version + 1 };
    const spoken = isSpoken(next.call) ? this.#spoken(next) : [];
    const trackers = this.source.findTrackers(spoken).filter(({ id }) => !next.withoutTrackers.has(id));
    const metrics = next.call.metrics.length === 0 ? [] : measure(spoken);
    this.#calls.set(held.call.id, { ...next, call: { ...next.call, trackers, metrics } });
    this.#version++;
  }

  remove({ call }: Held): void {
    this.#calls.delete(call.id);
    this.#version++;
  }

  /** Calls that were made private, in the order in which they were. */
  privateCalls(): Held[] {
    return [...this.#private].flatMap((id) => this.#calls.get(id) ?? []);
  }

  setPrivate({ call }: Held, isPrivate: boolean): void {
    if (isPrivate) this.#private.add(call.id);
    else this.#private.delete(call.id);
    this.#version++;
  }

  #passedMs(): number {
    return this.#clock() - this.#startedAt + this.#advancedMs;
  }

  #said(held: Held): readonly Turn[] {
    const spoken = this.#spoken(held);
    return this.quirks.has("Q16") && held.n === this.#longest ? lengthen(spoken) : spoken;
  }

  #spoken({ call, edits }: Held): readonly Turn[] {
    return edits.reduce(editTurns, this.source.turns(call.speech));
  }

  #isAccessible({ n }: Held): boolean {
    return this.access === "all" || (this.access === "half" && n % 2 === 0);
  }

  #isHidden({ call, n }: Held): boolean {
    if (!this.quirks.has("Q01") || n % 10 !== 3 || n >= this.source.calls.length) return false;
    return call.startedMs >= this.hour() - HIDING_MS && !this.#released.has(call.id);
  }

  #current() {
    const stamp = `${this.#version}.${this.quirks.version}`;
    if (this.#view?.stamp === stamp) return this.#view;
    const isOpen = (held: Held) => !this.#isHidden(held) && !this.#private.has(held.call.id);
    const all = [...this.#calls.values()].filter(isOpen).sort(newestFirst);
    const byPublicId = new Map(all.map((held) => [this.publicId(held.call.id), held]));
    return (this.#view = { stamp, newestFirst: all, byPublicId });
  }
}

function newestFirst(a: Held, b: Held): number {
  return b.call.startedMs - a.call.startedMs || (a.call.id < b.call.id ? 1 : -1);
}
