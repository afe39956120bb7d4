import { type Clock } from "../core/clock.ts";
import { type Log } from "../core/log.ts";
import { type Layer } from "./send.ts";

export interface Meter {
  readonly layer: Layer;
  /** Says how many requests were sent to each endpoint, by status, since the last time. */
  sayCounts(): void;
}

/** Measures every request that really goes out: `http_request_duration` at once, `http_request_count` when asked. */
export function meter(log: Log, clock: Clock): Meter {
  const counts = new Map<string, { endpoint: string; status: number; count: number }>();
  const count = (endpoint: string, status: number, startedAt: number) => {
    const key = `${endpoint} ${status}`;
    const entry = counts.get(key) ?? { endpoint, status, count: 0 };
    counts.set(key, { ...entry, count: entry.count + 1 });
    const tags = { endpoint, http_status_code: status };
    log.metric({ type: "timer", metric: "http_request_duration", value: (clock.now() - startedAt) / 1000, tags });
  };
  return {
    layer: (next) => async (request) => {
      const startedAt = clock.now();
      let status = 0; // stays so when there is no answer
      try {
        const answer = await next(request);
        status = answer.status;
        return answer;
      } finally {
        count(request.endpoint, status, startedAt);
      }
    },
    sayCounts() {
      for (const { endpoint, status, count } of counts.values()) {
        const tags = { endpoint, http_status_code: status };
        log.metric({ type: "counter", metric: "http_request_count", value: count, tags });
      }
      counts.clear();
    },
  };
}
