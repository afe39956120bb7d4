import { type JsonObject } from "../../../core/json.ts";
import { type Score, type Scorecard } from "../call.ts";
import { type ReadTime, isoOrNull } from "../time.ts";
import { first, id, label, number, object, objects } from "../values.ts";

/** A scorecard of the API; null without an id. */
export function readScorecard(raw: JsonObject, time: ReadTime): Scorecard | null {
  const scorecardId = id(raw["id"]);
  if (scorecardId === null) return null;
  const scorer = object(raw["scorer"]);
  const rep = object(raw["rep"]);
  return {
    id: scorecardId,
    callId: id(first(raw, "engagement_id", "conversation_id", "recording_id")),
    name: label(raw["name"]),
    submittedAt: isoOrNull(time(first(raw, "submitted", "submitted_at"))),
    scorerUserId: id(scorer["user_id"]),
    scorerName: label(scorer["name"]),
    repUserId: id(rep["user_id"]),
    repName: label(rep["name"]),
    overallScore: number(raw["overall_score"]),
    maxScore: number(raw["max_score"]),
    comment: label(raw["comment"]),
    scores: objects(raw["scores"]).map(score),
  };
}

function score(raw: JsonObject, position: number): Score {
  return {
    id: id(raw["id"]) ?? `position-${position}`,
    name: label(raw["name"]),
    value: number(raw["value"]),
    maxValue: number(raw["max_value"]),
    comment: label(raw["comment"]),
  };
}
