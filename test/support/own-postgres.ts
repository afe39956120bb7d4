import { describe, inject } from "vitest";
import { connectPostgres, findPostgres, NoPostgres, type Postgres } from "../../scripts/postgres.mjs";
import { ask } from "./on-demand.ts";
import type { Answer } from "./postgres-setup.ts";

export { startPostgres, type Postgres } from "../../scripts/postgres.mjs";

/**
 * `describe` for claims about the Postgres that all test files of a run share; every test makes a database of its own there.
 * Where there is no Postgres the claims are reported as skipped, and the name says why.
 *
 *     await describePostgres("with a real Postgres", (postgres) => {
 *       test("…", async () => {
 *         await using db = await postgres.database();
 *         await db.query("CREATE TABLE …");
 */
export async function describePostgres(name: string, claims: (postgres: Postgres) => void): Promise<void> {
  const answer = await ask<Answer>(inject("postgresPort"));
  if ("failed" in answer) throw new Error(answer.failed);
  if ("absent" in answer) {
    skip(name, answer.absent, () => claims(nowhere));
    return;
  }
  const postgres = await connectPostgres(answer.url, answer.prefix);
  describe(name, () => claims(postgres));
}

/** `describe` for claims that call `startPostgres`, to restart a server, fill its disk or ask for passwords. */
export async function describeOwnPostgres(name: string, claims: () => void): Promise<void> {
  const reason = await whyNone();
  if (reason === undefined) describe(name, claims);
  else skip(name, reason, claims);
}

/** A skipped `describe` is still read, so that its tests are counted; none of them runs. */
const nowhere = { version: "", major: 0 } as Postgres;

function skip(name: string, reason: string, claims: () => void): void {
  console.warn(`Skipped: ${name}. No Postgres: ${reason}.`);
  describe.skip(`${name} (skipped, no Postgres: ${reason})`, claims);
}

async function whyNone(): Promise<string | undefined> {
  try {
    await findPostgres();
    return undefined;
  } catch (error) {
    if (error instanceof NoPostgres) return error.message;
    throw error;
  }
}
