import { type JsonObject } from "../../../core/json.ts";
import { defineStream } from "../define.ts";

/** One row per user of the account. */
export default defineStream({
  kind: "root",
  name: "users",
  keys: ["user_id"],
  replaces: [],
  needs: ["users"],
  rows: ({ users }): JsonObject[] =>
    users.map((user) => ({
      user_id: user.id,
      name: user.name,
      first_name: user.firstName,
      last_name: user.lastName,
      email: user.email,
      role: user.role,
      title: user.title,
      primary_team_id: user.primaryTeamId,
      manager_id: user.managerId,
      active: user.active,
      license_type: user.licenseType,
      crm_user_id: user.crmUserId,
      created_at: user.createdAt,
    })),
});
