import { type Call, type Team } from "./call.ts";
import { type Config } from "./config.ts";
import { word } from "./values.ts";

export type Filter = (call: Call) => boolean;

/** True when the names of teams must be known before calls can be filtered. */
export function needsTeams(config: Config): boolean {
  return (config.teams ?? []).length > 0;
}

/**
 * Which calls the config asks for. A team matches by its id or its name, and its calls by the owner's team or by the
 * owner being a member. A call whose length is not known yet is kept.
 */
export function openFilter(config: Config, teams: readonly Team[]): Filter {
  const wantedTeams = new Set(config.teams?.map((name) => name.trim().toLowerCase()));
  const matching = teams.filter(
    ({ id, name }) => wantedTeams.has(id.toLowerCase()) || wantedTeams.has((name ?? "").toLowerCase()),
  );
  const teamIds = new Set([...wantedTeams, ...matching.map(({ id }) => id.toLowerCase())]);
  const members = new Set(matching.flatMap(({ userIds }) => userIds));
  const types = new Set(config.call_types?.map((name) => word(name)));
  const shortest = config.min_duration_seconds ?? 0;
  return ({ owner, callType, durationSeconds }) => {
    if (durationSeconds !== null && durationSeconds < shortest) return false;
    if (types.size > 0 && !types.has(callType)) return false;
    if (wantedTeams.size === 0) return true;
    return (
      (owner.teamId !== null && teamIds.has(owner.teamId.toLowerCase())) ||
      (owner.userId !== null && members.has(owner.userId))
    );
  };
}
