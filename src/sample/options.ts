import type { SemarizeOptions } from "./semarize/api.ts";

/** In which form the token must come; `any` takes all three. */
export const AUTH_SCHEMES = ["any", "bearer", "raw", "zoominfo"] as const;
export type AuthScheme = (typeof AUTH_SCHEMES)[number];
/** Which flavours of the API the account is served in. */
export const FLAVOURS = ["both", "calls", "v3"] as const;
export const BOUNDS = ["inclusive", "end_exclusive"] as const;
export const DATE_ENDS = ["end_of_day", "start_of_day"] as const;

/** What an account is like, and how it is served. */
export interface AccountOptions {
  /** What clients must send; `sample-token` when absent. */
  readonly token?: string;
  /** In which form they must send it; in any when absent. */
  readonly auth?: AuthScheme;
  readonly flavours?: (typeof FLAVOURS)[number];
  /** A file of calls, one JSON object a line, possibly gzipped; in the place of generated ones. */
  readonly corpus?: string;
  /** How many calls to generate; 200 when absent. */
  readonly calls?: number;
  readonly seed?: number;
  /** Ids of quirks to switch on from the start. */
  readonly quirks?: readonly string[];
  /** Requests a second, twice as many at once; no limit when absent. */
  readonly rate?: number;
  /** Requests a minute; in the place of `rate`. */
  readonly ratePerMinute?: number;
  /** Whether answers carry X-RateLimit-Limit, -Remaining and -Reset. */
  readonly rateHeaders?: boolean;
  /** The most rows that a list gives at once; 100 when absent. */
  readonly limitCap?: number;
  /** Whether `GET /api/v1/calls/{id}` is no route. */
  readonly withoutDetail?: boolean;
  /** Whether the end of a window belongs to it; it does when absent. */
  readonly bounds?: (typeof BOUNDS)[number];
  /** What a date without a time means as an end; the end of its day when absent. */
  readonly dateEnd?: (typeof DATE_ENDS)[number];
  /** An IANA zone: dates and times without an offset are in it, those that `calls` answers with, too. UTC when absent. */
  readonly accountTimezone?: string;
  /** What the server's clock shows at the start, in milliseconds since 1970; the real time when absent. */
  readonly now?: number;
  /** Milliseconds that pass; `Date.now` when absent. */
  readonly clock?: () => number;
}

export interface SampleOptions extends AccountOptions {
  /** On 127.0.0.1; 0 takes a free one, as does its absence. */
  readonly port?: number;
  /** The Semarize workspace that is served beside the account. */
  readonly semarize?: SemarizeOptions;
}
