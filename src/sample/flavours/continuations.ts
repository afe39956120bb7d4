import { Refusal } from "../answer.ts";
import type { QuirkSet } from "../quirks/set.ts";

/** Where in a list something stands. */
export interface Place {
  readonly startedMs: number;
  /** As readers know it. */
  readonly id: string;
}

interface Page {
  readonly page: readonly Place[];
  /** What the page follows. */
  readonly after: Place | undefined;
  readonly isLast: boolean;
}

const KEY = /^(\d+(?:\.\d+)?) (\S+)$/;
const ENDINGS = ["missing", "null", "empty", "blank", "repeated"] as const;
/** Q23 lets every such continuation expire, once in a listing. */
const EXPIRES_EVERY = 7;

/** Continuation keys, `<epoch seconds> <id>` of the last row; Q23 has strange ends, and keys that expire. */
export class Continuations {
  readonly #quirks: QuirkSet;
  readonly #expired = new Set<string>();
  readonly #ends = new Map<string, (typeof ENDINGS)[number]>();
  #continued = 0;
  #ended = 0;

  constructor(quirks: QuirkSet) {
    this.#quirks = quirks;
  }

  /** The place that a key of a listing stands for. Throws a Refusal with 400 for a key that is no key, or expired. */
  read(key: string | null, listing: string): Place | undefined {
    if (key === null) return undefined;
    const [, seconds, id] = KEY.exec(key) ?? [];
    if (seconds === undefined || id === undefined) throw invalidKey("is not one of ours");
    if (this.#quirks.has("Q23") && ++this.#continued % EXPIRES_EVERY === 0 && !this.#expired.has(listing)) {
      this.#expired.add(listing);
      throw invalidKey("has expired");
    }
    return { startedMs: Math.round(Number(seconds) * 1000), id };
  }

  /** The key that follows a page; undefined where the answer has none. */
  write(listing: string, { page, after, isLast }: Page): string | null | undefined {
    const last = page.at(-1) ?? after;
    const own = last === undefined ? undefined : `${last.startedMs / 1000} ${last.id}`;
    if (!isLast) return own;
    switch (this.#ending(listing, page.length === 0)) {
      case "missing":
        return undefined;
      case "null":
        return null;
      case "empty":
        return "";
      case "blank":
        return " ";
      case "repeated":
        return own;
    }
  }

  /** A key that is given on the last page is given again on the empty one behind it. */
  #ending(listing: string, isEmpty: boolean): (typeof ENDINGS)[number] {
    if (!this.#quirks.has("Q23")) return "missing";
    if (isEmpty && this.#ends.get(listing) === "repeated") {
      this.#ends.delete(listing);
      this.#expired.delete(listing);
      return "repeated";
    }
    const ending = ENDINGS[this.#ended++ % ENDINGS.length] ?? "missing";
    this.#ends.set(listing, ending);
    if (ending !== "repeated") this.#expired.delete(listing);
    return ending;
  }
}

function invalidKey(what: string): Refusal {
  return new Refusal(400, "invalid_continuation_key", `The continuation key ${what}; begin the listing again.`, {
    parameter: "continuation_key",
  });
}
