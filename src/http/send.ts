import { type JsonValue } from "../core/json.ts";

/**
 * A question to an API. A POST is asked again like a GET when it fails, so it must be one that changes nothing the second
 * time, e.g. by an idempotency key.
 */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, with its `content-type` among the headers. */
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** The route with `{id}` in place of ids, for messages and metrics. */
  readonly endpoint: string;
  /** Statuses that the caller handles itself, so that a second try is not worth it. */
  readonly failFast?: readonly number[];
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decoded from gzip and the like. */
  readonly body: Buffer;
  /** The body as JSON, with every digit; set by `withVerdict`, null for an empty body. */
  readonly json?: JsonValue;
}

export type Send = (request: HttpRequest) => Promise<HttpResponse>;
export type Layer = (next: Send) => Send;

/** Puts layers over a transport; the first one named is the outermost. */
export function stack(transport: Send, ...layers: readonly Layer[]): Send {
  return layers.reduceRight((next, layer) => layer(next), transport);
}
