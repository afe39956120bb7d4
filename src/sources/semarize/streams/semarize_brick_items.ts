import { defineStream } from "../define.ts";

/** One row per item of a brick whose value is a list. */
export default defineStream({
  name: "semarize_brick_items",
  parent: "semarize_runs",
  keys: ["run_id", "brick_key", "item_index"],
  replaces: ["run_id"],
  rows: ({ row, answer }) =>
    answer.bricks.flatMap(({ key, value }) =>
      value.kind !== "list"
        ? []
        : value.items.map((item, index) => ({
            run_id: answer.runId,
            brick_key: key,
            item_index: index,
            call_id: row["call_id"],
            call_started_at: row["call_started_at"],
            item_value: item,
          })),
    ),
});
