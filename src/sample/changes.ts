import { DAY_MS, type Account, type Held, type Window } from "./account.ts";
import { clearCall, editCall, TURN_EDITS, type TurnEdit } from "./edits.ts";
import { isSpoken, type Call } from "./model.ts";
import { fingerprint, random } from "./random.ts";

export const CHANGE_KINDS = [
  "late",
  "edit",
  "delete",
  "transcripts_ready",
  "clear",
  "backdated",
  "hide",
  "unhide",
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Edits, clearings and deletions happen to calls that started no longer ago. */
const RECENT_MS = 6 * DAY_MS;
const MAX_INSERTS = 10;
const MAX_LOSSES = 10;
/** How long ago calls started that are uploaded afterwards. */
const BACKDATED_MS = [20 * DAY_MS, 80 * DAY_MS] as const;

/** What happens to an account over time. The same changes in the same order to the same account give the same. */
export class Changes {
  readonly #account: Account;
  readonly #windows = new Map<string, { pages: number; losses: number; isRead: boolean }>();
  #changes = 0;
  #added = 0;
  #inserted = 0;
  #lost = 0;
  #moments = 0;

  constructor(account: Account) {
    this.#account = account;
  }

  /** Makes so many changes of each kind, as far as there are calls for them; gives the ids (as readers know them). */
  make(wanted: Partial<Record<ChangeKind, number>>): Record<ChangeKind, string[]> {
    this.#changes++;
    const { quirks } = this.#account;
    const has = (id: "Q02" | "Q03" | "Q12", n: number) => (quirks.has(id) ? n : 0);
    const unhidden = this.#account.privateCalls().slice(0, wanted.unhide ?? 0);
    for (const held of unhidden) this.#account.setPrivate(held, false);
    const edited = this.#edit((wanted.edit ?? 0) + has("Q03", 2));
    const cleared = this.#clear(wanted.clear ?? 0, edited);
    const deleted = this.#delete((wanted.delete ?? 0) + has("Q12", 1), [...edited, ...cleared, ...unhidden]);
    const hidden = this.#hide((wanted.hide ?? 0) + has("Q12", 1), [...edited, ...cleared, ...unhidden]);
    const ready = this.#makeReady(wanted.transcripts_ready ?? 0);
    const late = this.#late(wanted.late ?? 0);
    const backdated = this.#backdated((wanted.backdated ?? 0) + has("Q02", late.length > 0 ? 1 : 0));
    const ids = (all: readonly Held[]) => all.map(({ call }) => this.#account.publicId(call.id));
    return {
      late: ids(late),
      edit: ids(edited),
      delete: ids(deleted),
      transcripts_ready: ids(ready),
      clear: ids(cleared),
      backdated: ids(backdated),
      hide: ids(hidden),
      unhide: ids(unhidden),
    };
  }

  /** Q04 and Q05: told of each page that is asked for; a page behind the first may find calls before it that are new or gone. */
  beforePage(window: Window, offset: number): void {
    if (offset === 0) return;
    const { quirks } = this.#account;
    if (quirks.has("Q05")) this.#losePage(window);
    if (quirks.has("Q04")) this.#insertPage(window);
  }

  /** Q04 and Q05: told when a page reached the end of a window; whoever reads it again finds it settled. */
  afterLastPage(window: Window): void {
    const { quirks } = this.#account;
    if (quirks.has("Q04") || quirks.has("Q05")) this.#windowOf(window).isRead = true;
  }

  /** Every third page that is asked for gets a call that is newer than all others of the window. */
  #insertPage(window: Window): void {
    const seen = this.#windowOf(window);
    if (this.#inserted >= MAX_INSERTS || seen.isRead || seen.pages++ % 3 !== 0) return;
    const newest = this.#account.within(window)[0]?.call.startedMs;
    if (newest === undefined) return;
    const latest = Math.min(window.toMs, this.#account.hour());
    this.#inserted++;
    this.#add(newest + Math.max(0, Math.floor((latest - newest) / 2_000)) * 1000);
  }

  /** Every second page that is asked for loses the newest call of the window, for good. */
  #losePage(window: Window): void {
    const seen = this.#windowOf(window);
    if (this.#lost >= MAX_LOSSES || seen.isRead || seen.losses++ % 2 !== 0) return;
    const newest = this.#account.within(window)[0];
    if (newest === undefined) return;
    this.#lost++;
    this.#account.remove(newest);
  }

  #windowOf({ fromMs, toMs }: Window) {
    const key = `${fromMs} ${toMs}`;
    const seen = this.#windows.get(key) ?? { pages: 0, losses: 0, isRead: false };
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

  /** Calls that are in the account as of now, and started weeks ago. */
  #backdated(n: number): Held[] {
    const [least, most] = BACKDATED_MS;
    return Array.from({ length: n }, () => {
      const backMs = least + random("backdated", this.#added).next() * (most - least);
      return this.#add(this.#account.hour() - Math.floor(backMs / 60_000) * 60_000);
    });
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

  #hide(n: number, except: readonly Held[]): Held[] {
    const chosen = this.#choose(n, except);
    for (const held of chosen) this.#account.setPrivate(held, true);
    return chosen;
  }

  #makeReady(n: number): Held[] {
    const pending = this.#account.open().filter((held) => this.#account.pending(held) !== undefined);
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
      .open()
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
