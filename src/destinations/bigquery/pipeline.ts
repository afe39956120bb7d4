import { randomUUID } from "node:crypto";
import { EltError } from "../../core/errors.ts";
import { isObject, parseJson, printJson } from "../../core/json.ts";
import type { State } from "../../core/message.ts";
import { createTable } from "./ddl.ts";
import type { Parameters, Queries } from "./query.ts";
import { FENCED, isGone, OVERTAKEN } from "./refusal.ts";
import { literal, quote } from "./types.ts";

/** The table of states and fences: one row for each pipeline, a pipeline being a state id in a dataset. */
export const STATES = "_chorus_elt_state";

/** A run's right to write: valid until another run claims the pipeline. */
export interface Pipeline {
  readonly dataset: string;
  readonly id: string;
  /** Of this run alone. */
  readonly fence: string;
}

/** Takes the pipeline over: a run that had it before cannot commit any more, and ends with WAREHOUSE_FENCED. */
export async function claimPipeline(
  queries: Queries,
  { dataset, id }: Omit<Pipeline, "fence">,
  tables: ReadonlySet<string>,
): Promise<Pipeline> {
  const columns = [
    { name: "id", type: { kind: "text" } },
    { name: "state", type: { kind: "text" } },
    { name: "committed_at", type: { kind: "timestamp" } },
    { name: "fence", type: { kind: "text" } },
    { name: "batch", type: { kind: "integer" } },
  ] as const;
  if (!tables.has(STATES)) await createTable(queries.client, dataset, { name: STATES, columns });
  const fence = randomUUID();
  const sql = `MERGE ${statesTable(dataset)} t USING (SELECT @id AS id, @fence AS fence) s ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET fence = s.fence, batch = 0
    WHEN NOT MATCHED THEN INSERT (id, fence, batch) VALUES (s.id, s.fence, 0)`;
  await queries.run(`chorus_elt_claim_${fence}`, sql, { id, fence });
  return { dataset, id, fence };
}

/** What the other pipelines of the dataset have committed, as a text that is another one after each of their commits. */
export async function othersOf(queries: Queries, { dataset, id }: Pipeline): Promise<string> {
  for await (const [others] of queries.rows(`SELECT ${othersIn(dataset)}`, { id }))
    return typeof others === "string" ? others : "";
  return "";
}

const othersIn = (dataset: string) =>
  `(SELECT COALESCE(TO_HEX(MD5(STRING_AGG(CONCAT(id, COALESCE(fence, ''), CAST(batch AS STRING)) ORDER BY id))), '') FROM ${statesTable(dataset)} WHERE id != @id)`;

/**
 * The statements that begin a batch's transaction: they note that the batch is in it, and its state. The script fails
 * when another run has claimed the pipeline, and, where `others` is given, when another pipeline has committed since that
 * was so. `parameters` are those that the statements speak of.
 */
export function fencedBegin(
  { dataset, id, fence }: Pipeline,
  batch: number,
  state: State | undefined,
  others?: string,
): { readonly statements: readonly string[]; readonly parameters: Parameters } {
  const kept = state === undefined ? "" : ", state = @state, committed_at = CURRENT_TIMESTAMP()";
  return {
    statements: [
      "BEGIN TRANSACTION",
      `UPDATE ${statesTable(dataset)} SET batch = ${batch}${kept} WHERE id = @id AND fence = @fence`,
      `IF @@row_count = 0 THEN RAISE USING MESSAGE = ${literal(FENCED)}; END IF`,
      ...(others === undefined
        ? []
        : [`IF ${othersIn(dataset)} != ${literal(others)} THEN RAISE USING MESSAGE = ${literal(OVERTAKEN)}; END IF`]),
    ],
    parameters: { id, fence, ...(state === undefined ? {} : { state: printJson(state) }) },
  };
}

/** True when the batch is durable. Throws WAREHOUSE_FENCED when another run has claimed the pipeline. */
export async function isCommitted(queries: Queries, pipeline: Pipeline, batch: number): Promise<boolean> {
  const { dataset, id, fence } = pipeline;
  const sql = `SELECT fence, batch FROM ${statesTable(dataset)} WHERE id = @id`;
  for await (const [has, done] of queries.rows(sql, { id })) {
    if (has !== fence) break;
    return Number(done) >= batch;
  }
  throw fenced(id);
}

/** The state that was last committed; undefined when there is none, or no such dataset or table. */
export async function keptState(queries: Queries, dataset: string, id: string): Promise<State | undefined> {
  try {
    for await (const [text] of queries.rows(`SELECT state FROM ${statesTable(dataset)} WHERE id = @id`, { id })) {
      const state = typeof text === "string" ? parseJson(text) : undefined;
      return isObject(state) ? state : undefined;
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return undefined;
}

const statesTable = (dataset: string) => quote(`${dataset}.${STATES}`);

const fenced = (id: string) =>
  new EltError(
    "WAREHOUSE_FENCED",
    `another run has taken over the state id "${id}"; nothing of this batch was written`,
  );
