import { randomBytes } from "node:crypto";
import type { TestProject } from "vitest/node";
import { dropAtTheEnd, NoPostgres, PREFIX, startPostgres } from "../../scripts/postgres.mjs";
import { shareOnDemand, type Shared } from "./on-demand.ts";

/** What a test file is told when it asks for the Postgres of this run. */
export type Answer = { url: string; prefix: string } | { absent: string } | { failed: string };

declare module "vitest" {
  interface ProvidedContext {
    postgresPort: number;
  }
}

/** One Postgres for a whole run of vitest: the one at PGURL, or one of our own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const prefix = `${PREFIX}${randomBytes(4).toString("hex")}_`;
  const url = process.env["PGURL"];
  const begin = async (): Promise<Shared<Answer>> => {
    try {
      if (url !== undefined) return { answer: { url, prefix }, end: await dropAtTheEnd(url, prefix) };
      const server = await startPostgres();
      return { answer: { url: server.url(), prefix }, end: () => server.stop("immediate") };
    } catch (error) {
      if (error instanceof NoPostgres) return { answer: { absent: error.message } };
      return { answer: { failed: String(error) } };
    }
  };
  const { port, end } = await shareOnDemand(begin);
  project.provide("postgresPort", port);
  return end;
}
