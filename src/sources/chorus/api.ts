import { type Env } from "../../core/env.ts";
import { type Call, type Scorecard, type Team, type Transcript, type User } from "./call.ts";
import { type Config } from "./config.ts";
import { callsFlavour } from "./flavours/calls-api.ts";
import { v3Flavour } from "./flavours/v3-api.ts";
import { type Http, type HttpOptions, isStatus, openHttp } from "./http.ts";
import { iso } from "./time.ts";
import { type Interval } from "./windows.ts";

/** The form of API that an account has: `calls` lists whole calls; `v3` lists engagements, and tells of each apart. */
export type FlavourName = "calls" | "v3";

/** What is needed of each call, by the streams that are selected. */
export interface Needs {
  readonly transcript: boolean;
  readonly trackers: boolean;
  readonly metrics: boolean;
  readonly summary: boolean;
  readonly media: boolean;
}

export interface WindowContent {
  /** As they are listed, oldest first; a call without a usable date comes last. */
  readonly calls: readonly Call[];
  /** Rows the API listed for it, those around the window too. */
  readonly received: number;
}

/** How a window is listed. */
export interface Listing {
  /** Fewer rows a page, for an API that takes too long. Without it status 504 is thrown at once for the first page. */
  readonly small?: boolean;
  /**
   * Takes the API's word for where a list ends, reads it once, and asks for no more than the window: for windows that
   * are listed again soon.
   */
  readonly lean?: boolean;
}

/** A listed call with what else is needed of it. */
export interface Completed {
  readonly call: Call;
  /** Undefined when it is not needed. */
  readonly transcript: Transcript | undefined;
  /** False when this was refused, which says nothing of what was loaded before. */
  readonly isWhole: boolean;
}

/** What of the API is used, the same for both flavours. Every method goes through retry, pacing, verdict and auth. */
export interface Flavour {
  readonly name: FlavourName;
  /** All calls that started in a window, as far as they are listed; `complete` adds the rest. */
  window(window: Interval, listing?: Listing): Promise<WindowContent>;
  /**
   * One call as `window` gives it; `gone` when it does not exist (any more) or is private, `forbidden` when this token may
   * not see it, `unlisted` when it exists and is in no list, `no-route` when the account cannot read single calls.
   */
  call(callId: string): Promise<Call | "gone" | "forbidden" | "unlisted" | "no-route">;
  /**
   * What a listed call lacks: its transcript, and in flavour `v3` its details, in one request; none when nothing is
   * needed. Throws when it cannot be told why there is none.
   */
  complete(call: Call, needs: Needs): Promise<Completed>;
  /** How many calls started in a window, where one request tells; undefined where only listing them would. */
  count(window: Interval): Promise<number | undefined>;
  /** Undefined where the API has no such list. */
  users(): Promise<readonly User[] | undefined>;
  teams(): Promise<readonly Team[] | undefined>;
  scorecards(): Promise<readonly Scorecard[] | undefined>;
}

export interface Api extends Flavour, Pick<Http, "time" | "now" | "serverTimeAt" | "memory">, AsyncDisposable {}

interface ApiOptions extends HttpOptions {
  /** What the state was written for, which settles `auto`. */
  readonly flavour?: FlavourName | undefined;
}

/**
 * Opens the API. With `api_flavour: auto` and no state that settles it, up to two requests find out which one the account
 * has. Throws CONFIG_INVALID for a time zone nobody knows, and what those requests meet.
 */
export async function openApi(config: Config, env: Env, options: ApiOptions = {}): Promise<Api> {
  const http = await openHttp(config, env, options);
  try {
    const name = config.api_flavour === "auto" ? (options.flavour ?? (await findFlavour(http))) : config.api_flavour;
    const flavour = name === "v3" ? v3Flavour(http, config, env.log) : callsFlavour(http, env.log);
    return { ...http, ...flavour, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
  } catch (error) {
    await http[Symbol.asyncDispose]();
    throw error;
  }
}

/** An account that has no `/api/v1/calls` and has `/v3/engagements` is one of today; every other has flavour `calls`. */
async function findFlavour(http: Http): Promise<FlavourName> {
  try {
    await http.get("/api/v1/calls", { query: { limit: 1 } });
    return "calls";
  } catch (error) {
    if (!isStatus(error, 403, 404, 405, 410)) throw error;
  }
  try {
    const now = http.now();
    await http.get("/v3/engagements", { query: { min_date: iso(now - 3_600_000), max_date: iso(now) } });
    return "v3";
  } catch (error) {
    if (isStatus(error, 404, 405, 410)) return "calls"; // which says by itself what is wrong
    throw error;
  }
}
