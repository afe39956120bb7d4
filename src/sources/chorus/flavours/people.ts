import { type JsonObject, type JsonValue, isObject } from "../../../core/json.ts";
import { type Team, type User } from "../call.ts";
import { type ReadTime, isoOrNull } from "../time.ts";
import { flag, id, ids, label } from "../values.ts";

/** A user of the API; null without an id. */
export function readUser(raw: JsonObject, time: ReadTime): User | null {
  const userId = id(raw["id"]) ?? id(raw["user_id"]);
  if (userId === null) return null;
  return {
    id: userId,
    name: label(raw["name"]),
    firstName: label(raw["first_name"]),
    lastName: label(raw["last_name"]),
    email: label(raw["email"]),
    role: label(raw["role"]),
    title: label(raw["title"]),
    teamIds: ids(raw["team_ids"]),
    primaryTeamId: id(raw["primary_team_id"]),
    managerId: id(raw["manager_id"]),
    active: flag(raw["active"]),
    licenseType: label(raw["license_type"]),
    crmUserId: id(raw["crm_user_id"]),
    createdAt: isoOrNull(time(raw["created_at"])),
  };
}

/** A team of the API; null without an id. */
export function readTeam(raw: JsonObject): Team | null {
  const teamId = id(raw["id"]) ?? id(raw["team_id"]);
  if (teamId === null) return null;
  return {
    id: teamId,
    name: label(raw["name"]),
    description: label(raw["description"]),
    parentTeamId: id(raw["parent_team_id"]) ?? idIn(raw["parent_team"]),
    managerId: id(raw["manager_id"]) ?? idIn(raw["manager"]),
    userIds: ids(raw["user_ids"] ?? (Array.isArray(raw["users"]) ? raw["users"].map(idIn) : null)),
    isDefault: flag(raw["is_default"]),
  };
}

/** An id alone, or in an object. */
function idIn(value: JsonValue | undefined): string | null {
  return id(isObject(value) ? value["id"] : value);
}
