import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per question of a scorecard. API flavour `v3` only. */
export default defineStream({
  kind: "root",
  name: "scorecard_scores",
  keys: ["scorecard_id", "score_id"],
  replaces: [],
  needs: ["scorecards"],
  rows: ({ scorecards }): JsonObject[] =>
    scorecards.flatMap(({ id, callId, scores }) =>
      [...new Map(scores.map((score) => [score.id, score])).values()].map((score) => ({
        scorecard_id: id,
        score_id: score.id,
        call_id: callId,
        name: score.name,
        value: score.value,
        max_value: score.maxValue,
        comment: score.comment,
      })),
    ),
});
