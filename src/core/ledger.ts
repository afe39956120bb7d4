import type { StateMessage } from "./message.ts";

/**
 * Holds back every state until all rows before it, of every stream, are committed.
 *
 * States are noted in the order they arrive. `seal` is called when the rows so far are handed to the warehouse, and
 * `release` with its answer once they are committed; batches are committed in the order they were sealed.
 */
export class Ledger {
  #waiting: StateMessage[] = [];
  readonly #keepsAll: boolean;
  #sealed = 0;

  /** `keepsAll`: whoever sent the states wants each one back. */
  constructor(keepsAll = false) {
    this.#keepsAll = keepsAll;
  }

  note(state: StateMessage): void {
    this.#waiting.push(state);
    // Only the newest state of each stream since the last seal matters, but long runs of states must not pile up.
    if (!this.#keepsAll && this.#waiting.length - this.#sealed > 1_000) this.#forgetOvertaken();
  }

  /** States that came since the last seal. */
  get unsealed(): number {
    return this.#waiting.length - this.#sealed;
  }

  /** The mark to release by, and the states of this batch. */
  seal(): { mark: number; states: readonly StateMessage[] } {
    const states = this.#waiting.slice(this.#sealed);
    this.#sealed = this.#waiting.length;
    return { mark: states.length, states };
  }

  /** All states of the oldest sealed batch, in the order they came. */
  release(mark: number): StateMessage[] {
    this.#sealed -= mark;
    return this.#waiting.splice(0, mark);
  }

  #forgetOvertaken(): void {
    const sealed = this.#waiting.slice(0, this.#sealed);
    const newest = new Map<string | undefined, StateMessage>();
    for (const state of this.#waiting.slice(this.#sealed)) {
      newest.delete(state.stream); // so that the order stays the order of arrival
      newest.set(state.stream, state);
    }
    this.#waiting = [...sealed, ...newest.values()];
  }
}
