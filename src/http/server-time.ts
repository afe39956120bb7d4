import { type Clock } from "../core/clock.ts";
import { type Layer } from "./send.ts";

export interface ServerTime {
  readonly layer: Layer;
  /** False until an answer came with a `Date` header. */
  known(): boolean;
  /** The server's clock for a moment of ours, never ahead of it; our own while nothing is known. */
  at(clockMs: number): number;
}

const OLDEST_SANE_MS = Date.UTC(2020, 0, 1);

/** Learns the server's clock from its answers, because ours may be hours off. */
export function serverTime(clock: Clock): ServerTime {
  let aheadMs: number | undefined;
  return {
    layer: (next) => async (request) => {
      const answer = await next(request);
      const date = Date.parse(answer.headers["date"] ?? "");
      // The header was written before we read it, so the difference is at most what it really is.
      if (date >= OLDEST_SANE_MS) aheadMs = date - clock.now();
      return answer;
    },
    known: () => aheadMs !== undefined,
    at: (clockMs) => clockMs + (aheadMs ?? 0),
  };
}
