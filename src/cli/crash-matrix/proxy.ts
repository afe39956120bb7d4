import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { asEltError } from "../../core/errors.ts";
import { ClientMessages } from "./client-messages.ts";

/** What clients have sent through a proxy: bytes, pieces of COPY data, and COMMITs. */
export interface Traffic {
  readonly bytes: number;
  readonly copy: number;
  readonly commit: number;
}

export const NO_TRAFFIC: Traffic = { bytes: 0, copy: 0, commit: 0 };

/** What is to happen when clients have sent something for the n-th time. It happens once. */
export interface Trap {
  readonly at: keyof Traffic;
  readonly nth: number;
  /**
   * `cut-arrival`: what springs it does not reach the server whole, and all connections are cut. `cut-answer`: it does,
   * and they are cut when its answer comes back. A function: it is called, and then things go on.
   */
  readonly then: "cut-arrival" | "cut-answer" | (() => Promise<void>);
}

/** Stands between clients and a server, and breaks their connections at a moment that can be repeated. */
export interface Proxy extends AsyncDisposable {
  readonly traffic: Traffic;
  /** True once the trap has sprung. */
  readonly sprung: boolean;
  /** What the trap's function was rejected with. */
  readonly failure: Error | undefined;
}

/** Listens on a socket file, which only who may enter its folder can reach. `connect` opens a connection to the server. */
export async function startProxy(socketFile: string, connect: () => Promise<Duplex>, trap?: Trap): Promise<Proxy> {
  const relay = new Relay(connect, trap);
  const server = createServer((client) => void relay.serve(client));
  server.listen(socketFile);
  await once(server, "listening");
  return Object.assign(relay, {
    async [Symbol.asyncDispose]() {
      server.close();
      relay.cutAll();
      await once(server, "close");
    },
  });
}

/** A client and its connection to the server. */
interface Line {
  readonly client: Socket;
  readonly server: Duplex;
  readonly messages: ClientMessages;
  /** True once the trap has sprung here and the answer is waited for; nothing of it gets back to the client. */
  deaf: boolean;
}

class Relay {
  traffic: Traffic = NO_TRAFFIC;
  sprung = false;
  failure: Error | undefined;
  readonly #connect: () => Promise<Duplex>;
  readonly #trap: Trap | undefined;
  readonly #open = new Set<Duplex>();

  constructor(connect: () => Promise<Duplex>, trap: Trap | undefined) {
    this.#connect = connect;
    this.#trap = trap;
  }

  /** Carries bytes both ways until either side ends. */
  async serve(client: Socket): Promise<void> {
    this.#hold(client);
    try {
      const line: Line = { client, server: await this.#connect(), messages: new ClientMessages(), deaf: false };
      this.#hold(line.server);
      await Promise.all([
        pipeline(client, (chunks: AsyncIterable<Buffer>) => this.#up(chunks, line), line.server),
        pipeline(line.server, (chunks: AsyncIterable<Buffer>) => this.#down(chunks, line), client),
      ]);
    } catch {
      client.destroy(); // a side that is gone is what this program is for
    }
  }

  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #hold(socket: Duplex): void {
    this.#open.add(socket);
    socket.on("error", () => undefined).once("close", () => this.#open.delete(socket));
  }

  /** What the client sends, as far as the trap lets it through. */
  async *#up(chunks: AsyncIterable<Buffer>, line: Line): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      const end = this.#note(chunk, line.messages);
      if (end === undefined || this.#trap === undefined) {
        yield chunk;
        continue;
      }
      this.sprung = true;
      const { then } = this.#trap;
      if (then === "cut-arrival") {
        yield chunk.subarray(0, end);
        await new Promise((written) => line.server.write("", written));
        this.cutAll();
        return;
      }
      if (then === "cut-answer") line.deaf = true;
      else await then().catch((error: unknown) => (this.failure = asEltError(error)));
      yield chunk;
    }
  }

  /** What the server sends. */
  async *#down(chunks: AsyncIterable<Buffer>, line: Line): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      if (!line.deaf) yield chunk;
      else this.cutAll();
    }
  }

  /** Counts what is in the chunk. When that springs the trap: how much of the chunk may still arrive. */
  #note(chunk: Buffer, messages: ClientMessages): number | undefined {
    const before = this.traffic;
    let end: number | undefined;
    const count = (what: keyof Traffic, by: number, upTo: number) => {
      this.traffic = { ...this.traffic, [what]: this.traffic[what] + by };
      const isDue = this.#trap?.at === what && this.traffic[what] >= this.#trap.nth;
      if (isDue && !this.sprung) end ??= upTo;
    };
    for (const message of messages.read(chunk)) {
      // Half of a piece of data arrives, and nothing of a COMMIT.
      count(message.kind, 1, message.kind === "copy" ? Math.ceil((message.start + message.end) / 2) : message.start);
    }
    count("bytes", chunk.length, (this.#trap?.nth ?? 0) - before.bytes);
    return end;
  }
}
