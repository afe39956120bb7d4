import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per scorecard that a coach filled in. API flavour `v3` only. */
export default defineStream({
  kind: "root",
  name: "scorecards",
  keys: ["scorecard_id"],
  replaces: [],
  needs: ["scorecards"],
  rows: ({ scorecards }): JsonObject[] =>
    scorecards.map((scorecard) => ({
      scorecard_id: scorecard.id,
      call_id: scorecard.callId,
      name: scorecard.name,
      submitted_at: scorecard.submittedAt,
      scorer_user_id: scorecard.scorerUserId,
      scorer_name: scorecard.scorerName,
      rep_user_id: scorecard.repUserId,
      rep_name: scorecard.repName,
      overall_score: scorecard.overallScore,
      max_score: scorecard.maxScore,
      comment: scorecard.comment,
    })),
});
