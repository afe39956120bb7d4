import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import type * as Undici from "undici";
import { type HttpRequest, type HttpResponse, type Send } from "./send.ts";

export interface Transport extends AsyncDisposable {
  readonly send: Send;
}

const MAX_BODY_BYTES = 256 * 1024 * 1024;
const MAX_REDIRECTS = 3;
const DECODERS = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/**
 * The network itself: keep-alive connections, proxies from HTTP_PROXY, HTTPS_PROXY and NO_PROXY, 10 s to connect, 60 s
 * of silence. Nothing is loaded before the first request. Redirects are followed on the same host only, so a token
 * never reaches another one; any other redirect comes back as the answer. Rejects with what undici or zlib throws.
 */
export function openTransport(): Transport {
  let opened: Promise<{ undici: typeof Undici.default; dispatcher: Undici.Dispatcher }> | undefined;
  return {
    async send(request) {
      const { undici, dispatcher } = await (opened ??= open());
      let url = new URL(request.url);
      for (let hop = 0; ; hop++) {
        const answer = await ask(undici, dispatcher, request, url);
        const target = hop < MAX_REDIRECTS ? redirectTarget(answer, url) : undefined;
        if (target === undefined) return answer;
        url = target;
      }
    },
    async [Symbol.asyncDispose]() {
      if (opened !== undefined) await (await opened).dispatcher.destroy();
    },
  };
}

/** Where to go next, if that is on the host we were sent to; going from http to https counts as the same host. */
export function redirectTarget(answer: Pick<HttpResponse, "status" | "headers">, from: URL): URL | undefined {
  const location = answer.headers["location"];
  if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return undefined;
  if (!URL.canParse(location, from.href)) return undefined;
  const to = new URL(location, from);
  const upgraded = from.protocol === "http:" && to.protocol === "https:" && from.port === "" && to.port === "";
  if (to.origin === from.origin || (upgraded && to.hostname === from.hostname)) return to;
  return undefined;
}

async function open() {
  // undici is CommonJS: bundled or not, its exports are the default one.
  const { default: undici } = await import("undici");
  const limits = { connect: { timeout: 10_000 }, headersTimeout: 60_000, bodyTimeout: 60_000 };
  const proxied = ["http_proxy", "https_proxy"].some((name) => process.env[name] ?? process.env[name.toUpperCase()]);
  return { undici, dispatcher: proxied ? new undici.EnvHttpProxyAgent(limits) : new undici.Agent(limits) };
}

async function ask(
  undici: typeof Undici.default,
  dispatcher: Undici.Dispatcher,
  request: HttpRequest,
  url: URL,
): Promise<HttpResponse> {
  const answer = await undici.request(url, {
    dispatcher,
    method: request.method,
    headers: { ...request.headers, "accept-encoding": "gzip, deflate, br" },
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ");
  }
  return { status: answer.statusCode, headers, body: await decode(headers, await collect(answer.body)) };
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error(`the body is larger than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, bytes);
}

async function decode(headers: Record<string, string>, body: Buffer): Promise<Buffer> {
  const encodings = (headers["content-encoding"] ?? "")
    .toLowerCase()
    .split(",")
    .map((part) => part.trim());
  let decoded = body;
  for (const encoding of encodings.reverse()) {
    if (encoding === "" || encoding === "identity" || decoded.length === 0) continue;
    const decoder = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding as keyof typeof DECODERS] : undefined;
    if (decoder === undefined) throw new Error(`the body is encoded as ${encoding}`);
    decoded = await decoder(decoded, { maxOutputLength: MAX_BODY_BYTES });
  }
  return decoded;
}
