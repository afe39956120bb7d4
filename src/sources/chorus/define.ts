import { type JsonObject } from "../../core/json.ts";
import { type Stream } from "../../core/stream.ts";
import { type Call, type Scorecard, type Team, type Transcript, type User } from "./call.ts";

/** What a stream file says; its schema is `schemas/<name>.json`. */
type Facts = Omit<Stream, "schema">;

/**
 * Rows of one call. A pure mapping: same call, same rows. The transcript is there only when `transcripts` or
 * `utterances` is selected, because it costs a request. `transcript` tells which streams ask for it, and which
 * only use it when it is there.
 */
export interface CallStream extends Facts {
  readonly kind: "call";
  readonly transcript?: "asks" | "uses";
  rows(call: Call, transcript: Transcript | undefined): readonly JsonObject[];
}

/** Rows of the whole account, read in one piece; `needs` says which lists are fetched for them. */
export interface RootStream extends Facts {
  readonly kind: "root";
  readonly needs: readonly (keyof AccountLists)[];
  rows(lists: AccountLists): readonly JsonObject[];
}

/** What an account has beside calls. */
export interface AccountLists {
  readonly users: readonly User[];
  readonly teams: readonly Team[];
  readonly scorecards: readonly Scorecard[];
}

export type ChorusStream = CallStream | RootStream;

/** For the types; a stream is plain data. */
export function defineStream<Kind extends ChorusStream>(stream: Kind): Kind {
  return stream;
}
