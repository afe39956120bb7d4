import type { State } from "./message.ts";

/** What one stream has kept of a state. */
interface StatePart {
  readonly stream: string;
  readonly state: State;
}

/**
 * How the one state of a tap is divided among streams that each keep their own, and put together again. Parts may come
 * from different moments: the streams were not all committed at the same time, or one was left out for a while.
 */
export interface StreamStates {
  /** Which of `streams` a state knows of. */
  known(state: State, streams: readonly string[]): string[];
  /** What a stream needs of the state to go on from it. */
  cut(state: State, stream: string): State;
  /**
   * A state from which nothing is missed by any of `streams`: `parts` have at most one part a stream, the oldest first.
   * A stream without a part begins anew.
   */
  join(parts: readonly StatePart[], streams: readonly string[]): State;
}

/** For a state that cannot be divided: every stream keeps all of it, and the oldest says how far all have come. */
export const undivided: StreamStates = {
  known: (state, streams) => (Object.keys(state).length === 0 ? [] : [...streams]),
  cut: (state) => state,
  join(parts, streams) {
    const there = new Set(parts.map(({ stream }) => stream));
    return streams.every((stream) => there.has(stream)) ? (parts[0]?.state ?? {}) : {};
  },
};
