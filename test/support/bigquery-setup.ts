import type { TestProject } from "vitest/node";
import { NoBigQuery, startBigQuery } from "../../scripts/bigquery.mjs";
import { shareOnDemand, type Shared } from "./on-demand.ts";

/** What a test file is told when it asks for the BigQuery of this run. */
export type Answer = { project: string; url: string; grpcPort: number } | { absent: string } | { failed: string };

declare module "vitest" {
  interface ProvidedContext {
    bigqueryPort: number;
  }
}

/** One emulator of BigQuery for a whole run of vitest. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const begin = async (): Promise<Shared<Answer>> => {
    try {
      const server = await startBigQuery();
      const { url, grpcPort } = server;
      return { answer: { project: server.project, url, grpcPort }, end: () => server.stop() };
    } catch (error) {
      if (error instanceof NoBigQuery) return { answer: { absent: error.message } };
      return { answer: { failed: String(error) } };
    }
  };
  const { port, end } = await shareOnDemand(begin);
  project.provide("bigqueryPort", port);
  return end;
}
