import type { JsonObject } from "../core/json.ts";
import type { Level, Log } from "../core/log.ts";

export interface LogOptions {
  /** `tap-chorus`, `target-warehouse`, `chorus-elt`. */
  readonly name: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly terminal: boolean;
  write(text: string): void;
  /** The line for an entry, where it is not to be the JSON object that Meltano reads. */
  format?(level: Level | "critical", text: string): string;
}

/** A log that can be told secrets later on, and that can end a run with its last words. */
export interface ProcessLog extends Log {
  hide(secrets: readonly string[]): void;
  /** The text with `***` in the place of secrets. */
  scrubbed(text: string): string;
  critical(text: string, facts?: JsonObject): void;
}

const RANK: Record<Level | "critical", number> = { debug: 10, info: 20, warn: 30, error: 40, critical: 50 };
const SHOWN: Record<Level | "critical", string> = {
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
  critical: "CRITICAL",
};

/**
 * Logs to stderr. On a terminal: plain lines and one line of progress. Otherwise one JSON object a line with the eight
 * keys that Meltano's `singer-sdk` log parser asks for, metrics among them. `LOGLEVEL` or `<NAME>_LOGLEVEL` set the
 * least level.
 */
export function processLog(options: LogOptions): ProcessLog {
  const { name, environment, terminal } = options;
  const secrets = new Set<string>();
  const least = leastLevel(
    environment[`${name.toUpperCase().replaceAll("-", "_")}_LOGLEVEL`] ?? environment["LOGLEVEL"],
  );
  let shownAt = -Infinity;
  let startedAt: number | undefined;
  let progressShown = false;

  const scrubbed = (text: string) => {
    let result = text;
    for (const secret of secrets) result = result.replaceAll(secret, "***");
    return result;
  };
  const write = (level: Level | "critical", text: string, extra: JsonObject = {}) => {
    if (RANK[level] < least) return;
    if (terminal) {
      if (progressShown) options.write("\r\u001b[K");
      progressShown = false;
      options.write(scrubbed(level === "info" ? `${text}\n` : `${SHOWN[level]} ${text}\n`));
      return;
    }
    if (options.format !== undefined) {
      options.write(scrubbed(`${options.format(level, text)}\n`));
      return;
    }
    const line = {
      level: SHOWN[level].toLowerCase(),
      pid: process.pid,
      logger_name: name,
      ts: Date.now() / 1_000,
      thread_name: "main",
      app_name: name,
      stream_name: typeof extra["stream"] === "string" ? extra["stream"] : null,
      message: text,
      ...extra,
    };
    options.write(`${scrubbed(JSON.stringify(line))}\n`);
  };
  return {
    debug: (text, facts) => write("debug", text, withExtra(facts)),
    info: (text, facts) => write("info", text, withExtra(facts)),
    warn: (text, facts) => write("warn", text, withExtra(facts)),
    error: (text, facts) => write("error", text, withExtra(facts)),
    critical: (text, facts) => write("critical", text, withExtra(facts)),
    metric(metric) {
      // Single requests and batches are for machines, and only those who ask; people have the line of progress.
      if (terminal) return;
      const info = { type: metric.type, metric: metric.metric, value: metric.value, tags: metric.tags ?? {} };
      const stream = metric.tags?.["stream"];
      const isDetail = metric.metric.startsWith("http_request") || options.format !== undefined;
      const level = isDetail ? "debug" : "info";
      write(level, `METRIC: ${JSON.stringify(info)}`, {
        metric_info: info,
        ...(typeof stream === "string" ? { stream_name: stream } : {}),
      });
    },
    progress(unit, done, expected) {
      const now = performance.now();
      startedAt ??= now;
      if (now - shownAt < (terminal ? 200 : 30_000)) return;
      shownAt = now;
      const text = progressText(unit, done, expected, (now - startedAt) / 1_000);
      if (!terminal) {
        write("info", text);
      } else if (RANK.info >= least) {
        options.write(`\r\u001b[K${text}`);
        progressShown = true;
      }
    },
    scrubbed,
    hide(values) {
      for (const value of values) if (value.length >= 4) secrets.add(value);
    },
  };
}

function progressText(unit: string, done: number, expected: number | undefined, seconds: number): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const of = expected === undefined ? "" : ` of ${expected}`;
  const left = expected === undefined || rate === 0 ? "" : `, ${Math.ceil(Math.max(0, expected - done) / rate)} s left`;
  return `${done}${of} ${unit}, ${rate.toFixed(rate < 10 ? 1 : 0)} a second${left}`;
}

const withExtra = (facts: JsonObject | undefined): JsonObject => {
  if (facts === undefined) return {};
  const { stream, ...extra } = facts;
  return {
    ...(typeof stream === "string" ? { stream_name: stream } : {}),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
};

function leastLevel(word: string | undefined): number {
  const level = word?.toLowerCase();
  if (level === "warning") return RANK.warn;
  return level !== undefined && level in RANK ? RANK[level as Level] : RANK.info;
}
