/** What a run knows of an API's limit, for the next run to start with. */
export interface LearnedRate {
  readonly requestsPerSecond: number;
  /** When the API last answered 429. Absent when it never did. */
  readonly limitedAt?: string;
}

/**
 * A cap from here on is taken as a limit that the user knows: requests start at the cap, and only blocks of more than ten
 * seconds bring the rate below this.
 */
const KNOWN_FROM_PER_SECOND = 100;
const FIRST_PER_SECOND = 2;
/** Each good answer adds this until the first 429, so the rate doubles in 3.5 s. */
const GROWTH_PER_ANSWER = 0.2;
/** How much of the measured limit is used. */
const SHARE_OF_LIMIT = 0.95;
const ANSWERS_TO_RETURN = 5;
const WINDOW_MS = 10_000;
const WINDOW_ANSWERS = 50;
const FEW_ANSWERS = 10;
/** Measured this far below what was thought, the limit is another one than it was. */
const OTHER_LIMIT = 0.8;
/** The first 429 ends a steep growth, so that only the last part of it tells the limit. */
const FIRST_WINDOW = 0.4;
/** While the API refuses everything, it is asked at least this often. */
const SLOWEST_ASKING_PER_SECOND = 0.1;
const SLOWEST_PER_SECOND = 1 / 60;

/** How long the safe rate stays before more is tried: the longer of the two. */
const CALM_SECONDS = 60;
const CALM_ANSWERS = 60;
/** A trial is as long as a limit per minute needs to show, and a token bucket: one of two seconds' worth shows 2 %. */
const TRIAL_SECONDS = 60;
const BURST_SECONDS = 3.6;
const TRIAL_ANSWERS = 10;
const FIRST_STEP = 0.03;
const COARSE_STEP = 0.07;
const LONGEST_STEP = 0.5;
/** In times of the calm above; doubles with each trial that fails. */
const FIRST_PATIENCE = 0.25;
const LONGEST_PATIENCE = 32;

const LEARNED_FOR_MS = 7 * 24 * 3_600_000;

/** From the first 429 to the next good answer. */
interface Block {
  readonly since: number;
  /** The rate at its first 429. */
  readonly atPerSecond: number;
  lastAt: number;
  /** What Retry-After says. */
  endsAt: number;
}

/**
 * Searches for the rate that an API allows. It doubles every few seconds until the first 429. Then the limit is what
 * the API really served, over the time up to when it answered again; that rate less 5 % is the safe one. The rate is
 * halved, is back at the safe one after a few answers, and stays. After a while a slightly higher rate is tried: if it
 * holds, it becomes the safe one and a larger step follows; if not, the safe one comes back and the next trial waits
 * twice as long. A 429 at the safe rate measures the limit anew.
 */
export class RateSearch {
  readonly #cap: number;
  /** The rate of a run that has learned nothing. */
  readonly #unlearned: number | undefined;
  #perSecond: number;
  /** The rate to come back to; undefined until the first 429. */
  #safe: number | undefined;
  #limitedAt: number | undefined;

  /** Answers at a rate that was made full use of: since the safe rate was reached, or since the trial began. */
  #answersHere = 0;
  /** The safe rate held for as long as it takes to be sure. */
  #proven = false;
  #step = FIRST_STEP;
  #patience = FIRST_PATIENCE;

  #cutAt = Number.NEGATIVE_INFINITY;
  #block: Block | undefined;
  /** From here on the API was asked without a pause. */
  #measuredFrom: number;
  #served: number[] = [];

  constructor(cap: number, learned: LearnedRate | undefined, now: number) {
    this.#cap = cap;
    this.#measuredFrom = now;
    const limitedAt = Date.parse(learned?.limitedAt ?? "");
    const known = (learned?.requestsPerSecond ?? 0) > 0 && !(now - limitedAt > LEARNED_FOR_MS) ? learned : undefined;
    if (known !== undefined && !Number.isNaN(limitedAt)) {
      this.#safe = Math.min(cap, known.requestsPerSecond);
      this.#limitedAt = limitedAt;
      this.#perSecond = this.#safe;
    } else {
      const first = cap >= KNOWN_FROM_PER_SECOND ? cap : (known?.requestsPerSecond ?? FIRST_PER_SECOND);
      this.#perSecond = Math.min(cap, first);
    }
    this.#unlearned = known === undefined ? this.#perSecond : undefined;
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  /** Nobody asked for a while: what was served before says nothing about the limit. */
  rested(now: number): void {
    if (this.#block === undefined) this.#measuredFrom = now;
  }

  /**
   * A request was answered, by anything but 429. `fully`: it had to wait for its turn, so the rate is what holds us.
   * True when it left after the last cut.
   */
  answered(startedAt: number, now: number, fully: boolean): boolean {
    const isAfterCut = startedAt >= this.#cutAt;
    if (isAfterCut && this.#block !== undefined) this.#unblock(this.#block, now);
    this.#keepServed(now);
    if (this.#block === undefined) this.#grow(fully);
    return isAfterCut;
  }

  /** A request was answered 429. True when the rate was cut for it; one that left before the last cut says nothing new. */
  limited(startedAt: number, now: number, retryAfterMs: number): boolean {
    const isNew = startedAt >= this.#cutAt;
    const endsAt = now + retryAfterMs;
    this.#limitedAt = now;
    if (isNew) this.#block ??= { since: now, atPerSecond: this.#perSecond, endsAt, lastAt: now };
    if (this.#block !== undefined) {
      this.#block.endsAt = Math.max(this.#block.endsAt, endsAt);
      this.#block.lastAt = now;
    }
    if (!isNew) return false;
    this.#cutAt = now;
    this.#perSecond = Math.max(this.#perSecond / 2, Math.min(this.#perSecond, SLOWEST_ASKING_PER_SECOND));
    return true;
  }

  /** What to keep for the next run; undefined when this one learned nothing. */
  learned(): LearnedRate | undefined {
    // A block that did not end, as by a quota of the day, tells no rate.
    const perSecond = this.#safe ?? (this.#block === undefined ? this.#perSecond : this.#block.atPerSecond / 2);
    if (this.#limitedAt === undefined && perSecond === this.#unlearned) return undefined;
    const requestsPerSecond = Number(perSecond.toPrecision(4));
    return this.#limitedAt === undefined
      ? { requestsPerSecond }
      : { requestsPerSecond, limitedAt: new Date(this.#limitedAt).toISOString() };
  }

  #grow(fully: boolean): void {
    if (this.#safe === undefined) {
      if (fully) this.#perSecond = Math.min(this.#cap, this.#perSecond + GROWTH_PER_ANSWER);
    } else if (this.#perSecond < this.#safe) {
      this.#perSecond = Math.min(this.#safe, this.#perSecond + this.#safe / (2 * ANSWERS_TO_RETURN));
    } else if (fully && this.#safe < this.#cap) this.#tryMore(this.#safe);
  }

  #tryMore(safe: number): void {
    const tried = this.#perSecond / safe - 1;
    const enough =
      tried > 0
        ? Math.max(TRIAL_ANSWERS, this.#perSecond * Math.max(TRIAL_SECONDS, BURST_SECONDS / tried))
        : Math.max(CALM_ANSWERS, this.#perSecond * CALM_SECONDS) * this.#patience;
    if (++this.#answersHere < enough) return;
    this.#answersHere = 0;
    this.#proven = true;
    this.#safe = this.#perSecond;
    if (tried > COARSE_STEP) this.#patience = FIRST_PATIENCE; // the limit was raised
    if (tried > 0) this.#step = Math.min(LONGEST_STEP, 2 * tried);
    this.#perSecond = Math.min(this.#cap, this.#perSecond * (1 + this.#step));
  }

  /** The API answers again, so it can be told what it allows. */
  #unblock(block: Block, now: number): void {
    this.#block = undefined;
    // Without Retry-After the block ended somewhere between the last 429 and the first answer.
    const endedAt = block.endsAt > block.lastAt ? Math.min(now, block.endsAt) : (block.lastAt + now) / 2;
    const safe = this.#safe ?? block.atPerSecond;
    if (this.#safe !== undefined && block.atPerSecond > safe) this.#trialFailed(block.atPerSecond / safe - 1);
    else if (safe >= KNOWN_FROM_PER_SECOND && endedAt - block.since < WINDOW_MS)
      this.#safe = Math.max(KNOWN_FROM_PER_SECOND, SHARE_OF_LIMIT * safe); // the user knows better than a hiccup
    else this.#safe = this.#tooHigh(safe, block.since, endedAt);
    this.#answersHere = 0;
    this.#perSecond = this.#safe / 2;
    this.#measuredFrom = endedAt;
  }

  #trialFailed(tried: number): void {
    this.#patience = Math.min(LONGEST_PATIENCE, 2 * this.#patience);
    this.#step = Math.max(FIRST_STEP, tried / 3);
  }

  /** The next safe rate, when the last one was refused. */
  #tooHigh(refused: number, limitedAt: number, until: number): number {
    // A rate that was good for long is a little too high. Any other was wrong, so the limit is measured.
    if (this.#proven) {
      this.#proven = false;
      this.#step = FIRST_STEP;
      return Math.max(SLOWEST_PER_SECOND, SHARE_OF_LIMIT * refused);
    }
    const { perSecond, answers } = this.#measure(limitedAt, until);
    this.#step = Math.min(LONGEST_STEP / 2, Math.max(FIRST_STEP, 1 / answers)); // few answers tell little
    if (perSecond < OTHER_LIMIT * refused) this.#patience = FIRST_PATIENCE;
    return Math.max(SLOWEST_PER_SECOND, SHARE_OF_LIMIT * Math.min(refused, perSecond));
  }

  /** What was served around a 429, from before it until the API answered again. */
  #measure(limitedAt: number, until: number): { perSecond: number; answers: number } {
    const part = this.#safe === undefined ? FIRST_WINDOW : 1;
    const enough = this.#served.at(-WINDOW_ANSWERS * part) ?? Number.NEGATIVE_INFINITY;
    const from = Math.max(this.#measuredFrom, Math.min(limitedAt - WINDOW_MS * part, enough));
    const served = this.#served.filter((at) => at > from).length;
    const answers = served < FEW_ANSWERS ? served + 1 : served; // almost one more would have passed
    return { perSecond: answers / (Math.max(1, until - from) / 1000), answers };
  }

  #keepServed(now: number): void {
    this.#served.push(now);
    if (this.#served.length <= 4 * WINDOW_ANSWERS || (this.#served[this.#served.length >> 1] ?? now) > now - WINDOW_MS)
      return;
    this.#served.splice(0, (this.#served.length >> 1) - WINDOW_ANSWERS);
  }
}
