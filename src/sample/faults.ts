import type { ServerResponse } from "node:http";
import type { Quirk } from "./quirks.ts";

const RETRY_AFTER = [
  () => "0",
  () => "1",
  () => new Date(Date.now() + 1_000).toUTCString(),
  () => undefined,
  () => new Date(Date.now() - 3_600_000).toUTCString(),
];

const FAULTS = ["500", "502", "503", "504", "reset", "slow", "cut", "html"] as const;

/** What goes wrong between a right answer and its reader. Each form in turn, so that a second try meets another. */
export class Faults {
  readonly #quirks: ReadonlySet<Quirk>;
  #requests = 0;
  #limits = 0;
  #faults = 0;

  constructor(quirks: ReadonlySet<Quirk>) {
    this.#quirks = quirks;
  }

  /** Sends the fault that this request meets, and tells its status; undefined when it meets none. */
  meet(response: ServerResponse, body: Buffer): number | undefined {
    const n = ++this.#requests;
    if (this.#quirks.has("Q18") && n % 9 === 0) return this.#tooMany(response);
    if (this.#quirks.has("Q19") && n % 7 === 0) return this.#fault(response, body);
    return undefined;
  }

  #tooMany(response: ServerResponse): number {
    const after = RETRY_AFTER[this.#limits++ % RETRY_AFTER.length]?.();
    response.writeHead(429, after === undefined ? {} : { "retry-after": after }).end();
    return 429;
  }

  #fault(response: ServerResponse, body: Buffer): number {
    const fault = FAULTS[this.#faults++ % FAULTS.length] ?? "500";
    const half = body.subarray(0, body.length >> 1);
    switch (fault) {
      case "reset":
        response.socket?.destroy();
        return 0;
      case "slow":
        response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
        response.write(half);
        setTimeout(() => response.end(body.subarray(half.length)), 300);
        return 200;
      case "cut":
        response.writeHead(200, { "content-type": "application/json", "content-length": half.length }).end(half);
        return 200;
      case "html":
        response.writeHead(200, { "content-type": "text/html" }).end("<html><body>Please wait</body></html>");
        return 200;
      default:
        response.writeHead(Number(fault), { "content-type": "text/plain" }).end("upstream");
        return Number(fault);
    }
  }
}
