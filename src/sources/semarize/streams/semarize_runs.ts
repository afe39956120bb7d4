import { defineStream } from "../define.ts";

/** One row per run, also while it has not ended: what was sent, to which kit, and what became of it. */
export default defineStream({
  name: "semarize_runs",
  keys: ["run_id"],
  newestBy: "updated_at",
  kept: ["call_id", "kit", "source_hash", "run_type", "status", "attempt", "idempotency_key"], // what was paid for
  rows: ({ row }) => [row],
});
