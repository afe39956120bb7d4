import { isObject, type JsonObject } from "../../core/json.ts";
import type { State, StateMessage } from "../../core/message.ts";

const GLOBAL = "";

/**
 * What a destination keeps in the warehouse, in the transaction of the rows: the last state of each stream, as it came,
 * and which generation of a stream took the place of older ones.
 */
export class KeptStates {
  readonly #states = new Map<string, JsonObject>();
  readonly #generations = new Map<string, number>();

  /** `kept` is what was kept last; what another protocol has kept there counts for nothing. */
  constructor(kept: State | undefined) {
    const { states, generations } = isObject(kept?.["airbyte"]) ? kept["airbyte"] : {};
    for (const [stream, state] of isObject(states) ? Object.entries(states) : []) {
      if (isObject(state)) this.#states.set(stream, state);
    }
    for (const [stream, generation] of isObject(generations) ? Object.entries(generations) : []) {
      if (typeof generation === "number") this.#generations.set(stream, generation);
    }
  }

  get generations(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#generations);
  }

  /** The states, as a source takes them. */
  get states(): readonly JsonObject[] {
    return [...this.#states.values()];
  }

  note(states: readonly StateMessage[]): void {
    for (const { stream, state } of states) this.#states.set(stream ?? GLOBAL, state);
  }

  replaced(stream: string, generation: number): void {
    this.#generations.set(stream, generation);
  }

  toState(): State {
    return { airbyte: { states: Object.fromEntries(this.#states), generations: this.generations } };
  }
}
