import type { Participant, Team, User } from "./model.ts";
import {
  BUYER_TITLES,
  COMPANY_ENDS,
  COMPANY_FIRST,
  COMPANY_SECOND,
  FIRST_NAMES,
  LAST_NAMES,
  RARE_COMPANIES,
  RARE_NAMES,
} from "./phrases.ts";
import { random, type Random } from "./random.ts";

/** The company that sells: its users and the teams they are in. */
export interface Staff {
  readonly users: readonly User[];
  readonly teams: readonly Team[];
  /** Users who hold calls; each has a primary team. */
  readonly reps: readonly User[];
}

/** A company that is sold to. */
export interface Company {
  readonly name: string;
  readonly accountId: string;
  readonly opportunityId: string;
  readonly contacts: readonly Participant[];
}

const REGIONS = ["EMEA", "Americas", "APAC"];
const SEGMENTS = ["Enterprise", "Mid-Market", "Commercial"];
const HIRED_MS = Date.UTC(2023, 0, 9, 8);
const DAY_MS = 86_400_000;
/** The manager of one team has left the account and is not listed any more. */
const GONE = "40999";

/** Teams below regions below one root, each with a manager; six reps or more. */
export function hire(seed: number, calls: number): Staff {
  const rng = random("staff", seed);
  const repCount = Math.min(60, Math.max(6, Math.round(calls / 40)));
  const leafCount = Math.min(REGIONS.length * SEGMENTS.length, Math.max(3, Math.round(repCount / 6)));
  const root: Team = team(0, "Revenue", null, userId(0), [], true);
  const regions = REGIONS.map((name, i) => team(1 + i, `Sales ${name}`, root.id, userId(1 + i), [], false));
  const leaves = Array.from({ length: leafCount }, (_, i) => {
    const region = i % REGIONS.length;
    const name = `${SEGMENTS[Math.floor(i / REGIONS.length)] ?? ""} ${REGIONS[region] ?? ""}`;
    return team(10 + i, name, regions[region]?.id ?? null, i === 2 ? GONE : userId(4 + i), [], false);
  });

  const chiefs = [0, 1, 2, 3].map((i) =>
    user(
      rng,
      i,
      i === 0 ? "Chief Revenue Officer" : "Regional VP",
      [i === 0 ? root : regions[i - 1]],
      i === 0 ? null : userId(0),
    ),
  );
  const managers = leaves.map((leaf, i) => user(rng, 4 + i, "Sales Manager", [leaf], userId(1 + (i % REGIONS.length))));
  const reps = Array.from({ length: repCount }, (_, i) => {
    const own = leaves[i % leafCount];
    const second = rng.chance(0.15) ? leaves[(i + 1) % leafCount] : undefined;
    return user(rng, 4 + leafCount + i, "Account Executive", [own, second], own?.managerId ?? null);
  });
  const users = [...chiefs, ...managers, ...reps];
  const teams = [root, ...regions, ...leaves].map((one) => ({
    ...one,
    userIds: users.filter(({ teamIds }) => teamIds.includes(one.id)).map(({ id }) => id),
  }));
  return { users, teams, reps };
}

function team(
  n: number,
  name: string,
  parentTeamId: string | null,
  managerId: string,
  userIds: readonly string[],
  isDefault: boolean,
): Team {
  const description = n % 3 === 0 ? null : `${name} – quota carrying`;
  return { id: String(700 + n), name, description, parentTeamId, managerId, userIds, isDefault };
}

function userId(n: number): string {
  return String(41_000 + n);
}

function user(
  rng: Random,
  n: number,
  title: string,
  teams: readonly (Team | undefined)[],
  managerId: string | null,
): User {
  const firstName = rng.pick(FIRST_NAMES);
  const lastName = rng.pick(LAST_NAMES);
  const teamIds = teams.flatMap((one) => (one === undefined ? [] : [one.id]));
  return {
    id: userId(n),
    name: `${firstName} ${lastName}`,
    firstName,
    lastName,
    email: address(firstName, lastName, `${n}.sales.example`),
    role: title === "Account Executive" ? "rep" : "manager",
    title,
    teamIds,
    primaryTeamId: teamIds[0] ?? null,
    managerId,
    active: n % 17 !== 16,
    licenseType: n % 5 === 4 ? null : "recorder",
    crmUserId: n % 4 === 3 ? null : `005SAMPLE${String(n).padStart(9, "0")}`,
    createdMs: HIRED_MS + n * 3 * DAY_MS,
  };
}

/** Company number `n` of a seed, with three to six people in it. */
export function company(seed: number, n: number): Company {
  const rng = random("company", seed, n);
  const name = rng.chance(0.06)
    ? rng.pick(RARE_COMPANIES)
    : `${rng.pick(COMPANY_FIRST)} ${rng.pick(COMPANY_SECOND)}${rng.pick(COMPANY_ENDS)}`;
  const contacts = Array.from({ length: rng.between(3, 6) }, (_, i): Participant => {
    const [first, last] = [rng.pick(FIRST_NAMES), rng.pick(LAST_NAMES)];
    return {
      personId: String(5_000_000 + n * 10 + i),
      userId: null,
      name: rng.chance(0.05) ? rng.pick(RARE_NAMES) : `${first} ${last}`,
      email: rng.chance(0.1) ? null : address(first, last, `${n}-${i}.buyer.example`),
      company: rng.chance(0.1) ? null : name,
      title: rng.chance(0.25) ? null : rng.pick(BUYER_TITLES),
      role: "prospect",
    };
  });
  const digits = String(n).padStart(9, "0");
  return { name, accountId: `001SAMPLE${digits}`, opportunityId: `006SAMPLE${digits}`, contacts };
}

function address(first: string, last: string, domain: string): string {
  const plain = `${first}.${last}`.normalize("NFD").replace(/[^A-Za-z.]/g, "");
  return `${plain.toLowerCase()}@${domain}`;
}
