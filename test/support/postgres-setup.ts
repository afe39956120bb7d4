import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { dropAtTheEnd, NoPostgres, PREFIX, startPostgres } from "../../scripts/postgres.mjs";

/** What a test file is told when it asks for the Postgres of this run. */
export type Answer = { url: string; prefix: string } | { absent: string } | { failed: string };

declare module "vitest" {
  interface ProvidedContext {
    postgresPort: number;
  }
}

/**
 * One Postgres for a whole run of vitest: the one at PGURL, or one of our own that starts when the first test file asks. Files
 * run in processes of their own, so they ask over a port; a run without Postgres tests starts nothing.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const prefix = `${PREFIX}${randomBytes(4).toString("hex")}_`;
  const url = process.env["PGURL"];
  let end: (() => Promise<void>) | undefined;
  const begin = async (): Promise<Answer> => {
    try {
      if (url !== undefined) {
        end = await dropAtTheEnd(url, prefix);
        return { url, prefix };
      }
      const server = await startPostgres();
      end = () => server.stop("immediate");
      return { url: server.url(), prefix };
    } catch (error) {
      if (error instanceof NoPostgres) return { absent: error.message };
      return { failed: String(error) };
    }
  };
  let answer: Promise<Answer> | undefined;
  const listener = createServer((socket) => {
    socket.on("error", () => undefined); // a test file that ended before its answer
    answer ??= begin();
    void answer.then((it) => socket.end(JSON.stringify(it)));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  project.provide("postgresPort", (listener.address() as AddressInfo).port);

  return async () => {
    listener.close();
    await answer;
    await end?.();
  };
}
