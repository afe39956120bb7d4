import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { isObject, parseJson, printJson } from "../../core/json.ts";
import type { State } from "../../core/message.ts";
import { makeUnlessThere } from "./ddl.ts";
import type { Session } from "./session.ts";
import { quote } from "./types.ts";

/** The table of states and fences: one row for each pipeline, a pipeline being a state id in a schema. */
export const STATES = "_chorus_elt_state";

/** A run's right to write: valid until another run claims the pipeline. */
export interface Pipeline {
  readonly schema: string;
  readonly id: string;
  /** Goes up by one with every run. */
  readonly fence: string;
}

/**
 * Locks the pipeline for as long as the session lives, and raises its fence, so that a run that believes to hold it
 * still, such as one that lost its connection, cannot commit any more. Throws WAREHOUSE_LOCKED when another run has the
 * lock for longer than `lock_timeout_seconds`.
 */
export async function claimPipeline(
  session: Session,
  where: Omit<Pipeline, "fence">,
  timeoutSeconds: number,
  env: Env,
): Promise<Pipeline> {
  await lockPipeline(session, where, timeoutSeconds, env);
  const table = statesTable(where.schema);
  await makeUnlessThere(
    session,
    `CREATE TABLE IF NOT EXISTS ${table}
       (id text PRIMARY KEY, state text, committed_at timestamptz, fence bigint NOT NULL, batch bigint NOT NULL)`,
  );
  const [row] = await session.rows(
    `INSERT INTO ${table} AS s (id, fence, batch) VALUES ($1, 1, 0)
       ON CONFLICT (id) DO UPDATE SET fence = s.fence + 1, batch = 0 RETURNING s.fence`,
    [where.id],
  );
  return { ...where, fence: String(row?.[0]) };
}

/** Waits for the lock that one run at a time holds on a pipeline; it goes with the session. */
export async function lockPipeline(
  session: Session,
  { schema, id }: Omit<Pipeline, "fence">,
  timeoutSeconds: number,
  env: Env,
): Promise<void> {
  const until = env.clock.now() + timeoutSeconds * 1_000;
  const key = JSON.stringify(["chorus-elt", schema, id]);
  for (let told = false; ; told = true) {
    const [row] = await session.rows("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", [key]);
    if (row?.[0] === "t") return;
    if (env.clock.now() >= until) {
      throw new EltError(
        "WAREHOUSE_LOCKED",
        `another run loads with the state id "${id}", and still did after ${timeoutSeconds} seconds`,
      );
    }
    if (!told)
      env.log.warn(`another run loads with the state id "${id}"; waiting up to ${timeoutSeconds} seconds for it`);
    await env.clock.sleep(250, env.signal);
  }
}

/**
 * Notes in the open transaction that this batch is in it, and its state. The row stays locked until the end, so no other
 * run can claim the pipeline in between. Throws WAREHOUSE_FENCED when one already has.
 */
export async function fencedUpdate(
  session: Session,
  { schema, id, fence }: Pipeline,
  batch: number,
  state: State | undefined,
): Promise<void> {
  const kept = state === undefined ? "" : ", state = $4, committed_at = now()";
  const values = [id, fence, batch, ...(state === undefined ? [] : [printJson(state)])];
  const sql = `UPDATE ${statesTable(schema)} SET batch = $3${kept} WHERE id = $1 AND fence = $2`;
  if ((await session.run(sql, values)) === 0) throw fenced(id);
}

/**
 * True when the batch is durable: what a run asks that lost its connection while it committed. Waits while the server is
 * still busy with that commit. Throws WAREHOUSE_FENCED when another run has claimed the pipeline.
 */
export async function isCommitted(session: Session, { schema, id, fence }: Pipeline, batch: number): Promise<boolean> {
  const [row] = await session.rows(`SELECT fence, batch FROM ${statesTable(schema)} WHERE id = $1 FOR UPDATE`, [id]);
  if (row?.[0] !== fence) throw fenced(id);
  return Number(row[1]) >= batch;
}

export async function keptState(session: Session, schema: string, id: string): Promise<State | undefined> {
  const [row] = await session.rows(`SELECT state FROM ${statesTable(schema)} WHERE id = $1`, [id]);
  const state = typeof row?.[0] === "string" ? parseJson(row[0]) : undefined;
  return isObject(state) ? state : undefined;
}

const statesTable = (schema: string) => `${quote(schema)}.${quote(STATES)}`;

const fenced = (id: string) =>
  new EltError(
    "WAREHOUSE_FENCED",
    `another run has taken over the state id "${id}"; nothing of this batch was written`,
  );
