import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per team; `parent_team_id` makes the hierarchy. */
export default defineStream({
  kind: "root",
  name: "teams",
  keys: ["team_id"],
  replaces: [],
  needs: ["teams"],
  rows: ({ teams }): JsonObject[] =>
    teams.map((team) => ({
      team_id: team.id,
      name: team.name,
      description: team.description,
      parent_team_id: team.parentTeamId,
      manager_id: team.managerId,
      is_default: team.isDefault,
    })),
});
