import { defineStream } from "../define.ts";

/** One row per brick of a run: its value in the column of its kind. */
export default defineStream({
  name: "semarize_bricks",
  parent: "semarize_runs",
  keys: ["run_id", "brick_key"],
  replaces: ["run_id"],
  rows: ({ row, answer }) =>
    answer.bricks.map(({ key, value, confidence, reason, evidence }) => ({
      run_id: answer.runId,
      brick_key: key,
      call_id: row["call_id"],
      call_started_at: row["call_started_at"],
      value_kind: value.kind,
      value_boolean: value.kind === "boolean" ? value.boolean : null,
      value_number: value.kind === "number" ? value.number : null,
      value_string: value.kind === "string" || value.kind === "other" ? value.string : null,
      item_count: value.kind === "list" ? value.items.length : null,
      confidence,
      reason,
      evidence,
    })),
});
