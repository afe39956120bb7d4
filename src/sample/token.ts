import type { QuirkSet } from "./quirks/set.ts";

/** Q20 refuses the token after so many requests. */
const Q20_REQUESTS = 40;

/** For how many requests the token is still good. */
export class TokenLife {
  readonly #quirks: QuirkSet;
  #left = Infinity;
  #requests = 0;
  #isRenewed = false;

  constructor(quirks: QuirkSet) {
    this.#quirks = quirks;
  }

  /** Asked once for each request that carries the token. */
  takes(): boolean {
    if (this.#left < 1) return false;
    if (this.#quirks.has("Q20") && !this.#isRenewed && ++this.#requests > Q20_REQUESTS) return false;
    this.#left--;
    return true;
  }

  /** It ends after so many requests more. */
  expireAfter(requests: number): void {
    this.#left = requests;
  }

  /** It is good for good; Q20 does not end it again. */
  renew(): void {
    this.#left = Infinity;
    this.#isRenewed = true;
  }
}
