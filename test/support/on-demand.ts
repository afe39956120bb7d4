import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** Something that all test files of a run share: what they are told of it, and how it ends. */
export interface Shared<Answer> {
  readonly answer: Answer;
  readonly end?: () => Promise<void>;
}

/**
 * Begins something for a whole run of vitest when the first test file asks. Files run in processes of their own, so they ask
 * over a port; a run in which none does begins nothing.
 */
export async function shareOnDemand<Answer>(
  begin: () => Promise<Shared<Answer>>,
): Promise<{ port: number; end: () => Promise<void> }> {
  let shared: Promise<Shared<Answer>> | undefined;
  const listener = createServer((socket) => {
    socket.on("error", () => undefined); // a test file that ended before its answer
    shared ??= begin();
    void shared.then(({ answer }) => socket.end(JSON.stringify(answer)));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as AddressInfo).port,
    async end() {
      listener.close();
      await (await shared)?.end?.();
    },
  };
}

/** What `shareOnDemand` tells of the thing behind this port. */
export async function ask<Answer>(port: number): Promise<Answer> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return JSON.parse(await text(socket)) as Answer;
}
