import { DAY_MS, type Account, type Held, type Window } from "./account.ts";
import { clearCall, editCall, TURN_EDITS, type TurnEdit } from "./edits.ts";
import { isSpoken, type Call } from "./model.ts";
import { fingerprint, random } from "./random.ts";

export const CHANGE_KINDS = ["late", "edit", "delete", "transcripts_ready", "clear"] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Edits, clearings and deletions happen to calls that started no longer ago. */
const RECENT_MS = 6 * DAY_MS;
const MAX_INSERTS = 10;

/** What happens to an account over time. The same changes in the same order to the same account give the same. */
export class Changes {
  readonly #account: Account;
  readonly #windows = new Map<string, { pages: number; isRead: boolean }>();
  #changes = 0;
  #added = 0;
  #inserted = 0;
  #moments = 0;

  constructor(account: Account) {
    this.#account = account;
  }

  /** Makes so many changes of each kind, as far as there are calls for them; gives the ids (as readers know them). */
  make(wanted: Partial<Record<ChangeKind, number>>): Record<ChangeKind, string[]> {
    this.#changes++;
    const edits = (wanted.edit ?? 0) + (this.#account.quirks.has("Q03") ? 2 : 0);
    const edited = this.#edit(edits);
    const cleared = this.#clear(wanted.clear ?? 0, edited);
    const deleted = this.#delete(wanted.delete ?? 0, [...edited, ...cleared]);
    const ready = this.#makeReady(wanted.transcripts_ready ?? 0);
    const late = this.#late(wanted.late ?? 0);
    const ids = (all: readonly Held[]) => all.map(({ call }) => this.#account.publicId(call.id));
    return {
      late: ids(late),
      edit: ids(edited),
      delete: ids(deleted),
      transcripts_ready: ids(ready),
      clear: ids(cleared),
    };
  }

  /** Q04: told of each page that is asked for; may add a call that is newer than all others of the window. */
  beforePage(window: Window, offset: number): void {
    if (offset === 0 || !this.#account.quirks.has("Q04") || this.#inserted >= MAX_INSERTS) return;
    const seen = this.#windowOf(window);
    if (seen.isRead || seen.pages++ % 3 !== 0) return;
    const newest = this.#account.within(window)[0]?.call.startedMs;
    if (newest === undefined) return;
    const latest = Math.min(window.toMs, this.#account.hour());
    this.#inserted++;
    this.#add(newest + Math.max(0, Math.floor((latest - newest) / 2_000)) * 1000);
  }

  /** Q04: told when a page reached the end of a window; whoever reads it again finds it settled. */
  afterLastPage(window: Window): void {
    if (this.#account.quirks.has("Q04")) this.#windowOf(window).isRead = true;
  }

  #windowOf({ fromMs, toMs }: Window) {
    const key = `${fromMs} ${toMs}`;
    const seen = this.#windows.get(key) ?? { pages: 0, isRead: false };
    this.#windows.set(key, seen);
    return seen;
  }

  #late(n: number): Held[] {
    const released = this.#account.hidden().slice(0, n);
    for (const held of released) this.#account.release(held);
    const minHours = this.#account.quirks.has("Q01") ? 24 : 3;
    const added = Array.from({ length: n - released.length }, () => {
      const backMs = Math.floor((minHours + random("late", this.#added).next() * (119 - minHours)) * 60) * 60_000;
      return this.#add(this.#account.hour() - backMs);
    });
    return [...released, ...added];
  }

  #add(startedMs: number): Held {
    const call = this.#account.source.another(this.#added++, startedMs);
    const atMs = this.#moment();
    return this.#account.add({ ...call, createdMs: atMs, updatedMs: atMs });
  }

  #edit(n: number): Held[] {
    const chosen = this.#choose(n, [], isSpoken);
    for (const [index, held] of chosen.entries()) {
      const edited = editCall(held.call, this.#changes);
      const losesTags = index === 0;
      this.#replace(held, losesTags ? { ...edited, tags: [], namedTags: {} } : edited, {
        edits: [...held.edits, ...this.#turnEdits(index, chosen.length)],
        withoutTrackers: new Set([...held.withoutTrackers, ...held.call.trackers.slice(0, 1).map(({ id }) => id)]),
      });
    }
    return chosen;
  }

  /** One transcript of each batch gets shorter; with Q11 the others change, too. */
  #turnEdits(index: number, of: number): TurnEdit[] {
    if (index === of - 1) return ["shorten"];
    if (!this.#account.quirks.has("Q11")) return [];
    return TURN_EDITS.slice(index % TURN_EDITS.length).slice(0, 1);
  }

  #clear(n: number, except: readonly Held[]): Held[] {
    const chosen = this.#choose(n, except);
    for (const held of chosen) {
      const withoutTrackers = new Set([...held.withoutTrackers, ...held.call.trackers.map(({ id }) => id)]);
      this.#replace(held, clearCall(held.call), { edits: held.edits, withoutTrackers });
    }
    return chosen;
  }

  #delete(n: number, except: readonly Held[]): Held[] {
    const chosen = this.#choose(n, except);
    for (const held of chosen) this.#account.remove(held);
    return chosen;
  }

  #makeReady(n: number): Held[] {
    const pending = this.#account.visible().filter((held) => this.#account.pending(held) !== undefined);
    const chosen = pending.slice(0, n);
    for (const held of chosen) this.#account.makeReady(held);
    return chosen;
  }

  /** Recent calls, shuffled anew for each change, without those that it has touched already. */
  #choose(n: number, except: readonly Held[], suits: (call: Call) => boolean = () => true): Held[] {
    if (n === 0) return [];
    const touched = new Set(except.map(({ call }) => call.id));
    const since = this.#account.hour() - RECENT_MS;
    const order = ({ call }: Held) => fingerprint(`${this.#changes} ${call.id}`);
    return this.#account
      .visible()
      .filter((held) => held.call.startedMs >= since && !touched.has(held.call.id) && suits(held.call))
      .sort((a, b) => order(a) - order(b))
      .slice(0, n);
  }

  #replace(held: Held, call: Call, rest: Pick<Held, "edits" | "withoutTrackers">): void {
    this.#account.replace(held, { call: { ...call, updatedMs: this.#moment() }, ...rest });
  }

  /** When a change happens: a millisecond after the one before, and so the same in every repetition. */
  #moment(): number {
    return this.#account.hour() + ++this.#moments;
  }
}
