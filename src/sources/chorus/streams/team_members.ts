import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per user in a team, whether the user or the team says so. */
export default defineStream({
  kind: "root",
  name: "team_members",
  keys: ["team_id", "user_id"],
  replaces: [],
  needs: ["users", "teams"],
  rows({ users, teams }): JsonObject[] {
    const members = new Map<string, JsonObject>();
    const add = (teamId: string, userId: string, isPrimary: boolean | null) =>
      members.set(`${teamId}\n${userId}`, { team_id: teamId, user_id: userId, is_primary: isPrimary });
    for (const team of teams) for (const userId of team.userIds) add(team.id, userId, null);
    for (const user of users) {
      const primary = user.primaryTeamId;
      for (const teamId of user.teamIds) add(teamId, user.id, primary === null ? null : primary === teamId);
      if (primary !== null) add(primary, user.id, true);
    }
    return [...members.values()];
  },
});
