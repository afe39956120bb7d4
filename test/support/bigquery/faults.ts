import type { JsonObject } from "../../../src/core/json.ts";
import { startsJob, type Call, type JobKind } from "./call.ts";

/** What goes wrong with a call. */
export type Fault =
  /** An error in place of the call. Without a reason it is the HTML page of Google's front end, as with most 502s. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly reason?: string;
      readonly headers?: Record<string, string>;
    }
  /** The connection is reset; the call is not carried out. */
  | { readonly kind: "reset" }
  /** The call is carried out, and the connection reset in place of an answer. */
  | { readonly kind: "lost" }
  /** The call is carried out at once and answered this much later. */
  | { readonly kind: "slow"; readonly ms: number }
  /**
   * The job begins, does nothing, and ends as DONE with this error; its id stays taken. A call that starts no job is left
   * alone. jobs.query is answered with the error.
   */
  | { readonly kind: "job"; readonly reason: string; readonly message?: string }
  /** Waits for `release`: before the call is carried out, or with "answer" after. */
  | { readonly kind: "pause"; readonly at?: "request" | "answer" };

/** Which calls; all that is given must hold. */
export type Match =
  | ((call: Call) => boolean)
  | {
      /** In the discovery document, such as `jobs.insert`. */
      readonly method?: string;
      readonly job?: JobKind;
      readonly upload?: Call["upload"];
      readonly sql?: RegExp;
      readonly path?: RegExp;
    };

export interface FaultOptions {
  /** How many of the calls that match, 1 unless said. */
  readonly times?: number;
  /** How many of them are let through first. */
  readonly skip?: number;
}

export interface FaultHandle {
  /** How many calls it was done to. */
  readonly hits: number;
  /** The first of them, once it is there. */
  readonly reached: Promise<Call>;
  /** Ends a pause; the call goes on. */
  release(): void;
  /** Ends a pause by resetting the connection; a call that is not carried out yet never is. */
  drop(): void;
  /** No further call is touched; who waits is released. */
  end(): void;
}

/** One fault for one call, and what to wait for in a pause. */
export interface Hit {
  readonly fault: Fault;
  readonly released: Promise<"release" | "drop">;
}

export class Faults {
  #set: Entry[] = [];

  add(match: Match, fault: Fault, { times = 1, skip = 0 }: FaultOptions = {}): FaultHandle {
    const reached = settable<Call>();
    const released = settable<"release" | "drop">();
    const entry: Entry = { match, fault, times, skip, hits: 0, reached: reached.set, released: released.promise };
    this.#set.push(entry);
    return {
      get hits() {
        return entry.hits;
      },
      reached: reached.promise,
      release: () => released.set("release"),
      drop: () => released.set("drop"),
      end: () => {
        entry.times = 0;
        released.set("release");
      },
    };
  }

  /** The fault that was set first of those that are for this call and not used up. */
  take(call: Call): Hit | undefined {
    for (const entry of this.#set) {
      if (entry.times === 0 || !matches(entry.match, call)) continue;
      if (entry.fault.kind === "job" && !startsJob(call)) continue;
      if (entry.skip-- > 0) continue;
      entry.times--;
      entry.hits++;
      entry.reached(call);
      return entry;
    }
    return undefined;
  }

  /** Ends all. */
  clear(): void {
    for (const entry of this.#set) entry.times = 0;
    this.#set = [];
  }
}

function settable<T>(): { promise: Promise<T>; set: (value: T) => void } {
  let set: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (set = resolve));
  return { promise, set };
}

interface Entry extends Hit {
  readonly match: Match;
  times: number;
  skip: number;
  hits: number;
  readonly reached: (call: Call) => void;
}

function matches(match: Match, call: Call): boolean {
  if (typeof match === "function") return match(call);
  return (
    (match.method ?? call.method) === call.method &&
    (match.job ?? call.job) === call.job &&
    (match.upload ?? call.upload) === call.upload &&
    (match.sql === undefined || (call.sql !== undefined && match.sql.test(call.sql))) &&
    (match.path === undefined || match.path.test(call.path))
  );
}

/** https://cloud.google.com/bigquery/docs/error-messages: the code of each reason where it is not said, and what Google says. */
const REASONS: Readonly<Record<string, { readonly code: number; readonly message: string; readonly domain?: string }>> =
  {
    rateLimitExceeded: {
      code: 403,
      message: "Exceeded rate limits: too many table update operations for this table.",
      domain: "usageLimits",
    },
    quotaExceeded: {
      code: 403,
      message: "Quota exceeded: Your table exceeded quota for imports or query appends per table.",
      domain: "usageLimits",
    },
    backendError: { code: 503, message: "Error encountered during execution. Retrying may solve the problem." },
    internalError: { code: 500, message: "An internal error occurred and the request could not be completed." },
    invalid: {
      code: 400,
      message: "Error while reading data, error message: JSON table encountered too many errors, giving up.",
    },
    invalidQuery: { code: 400, message: "Query error: made up for a test" },
    accessDenied: { code: 403, message: "Access Denied: Permission bigquery.tables.updateData denied on table." },
    resourcesExceeded: { code: 400, message: "Resources exceeded during query execution." },
    duplicate: { code: 409, message: "Already Exists: made up for a test" },
    notFound: { code: 404, message: "Not found: made up for a test" },
  };

const STATUSES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ALREADY_EXISTS",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
};

/** `errorResult` of a job. */
export function errorProto(reason: string, message = REASONS[reason]?.message ?? reason): JsonObject {
  return { reason, message };
}

/** An error in the form in which the API answers. */
export function errorAnswer(
  reason: string,
  code = REASONS[reason]?.code ?? 400,
  message?: string,
): { status: number; json: JsonObject } {
  const proto = errorProto(reason, message);
  const domain = REASONS[reason]?.domain ?? "global";
  const error = {
    code,
    message: proto["message"]!,
    errors: [{ ...proto, domain }],
    status: STATUSES[code] ?? "UNKNOWN",
  };
  return { status: code, json: { error } };
}

/** What Google's front end says when it has no answer of the API. */
export const frontEndPage = (status: number): string =>
  `<!DOCTYPE html>\n<html lang=en>\n  <title>Error ${status} (Server Error)!!1</title>\n` +
  `  <p><b>${status}.</b> <ins>That’s an error.</ins>\n  <p>The server encountered a temporary error. Please try again.\n</html>\n`;
