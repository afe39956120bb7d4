import { editedTurns, metricsOf, trackersIn } from "./measure.ts";
import { DAY, HOUR, MINUTE, type Account, type Deal, type Person, type SampleCall, type Team, type Turn, type User } from "./model.ts";
import { hash, Random } from "./random.ts";
import { COMPANIES, FAMILY_NAMES, FIRST_NAMES, SENTENCES, STAGES, TAGS, TITLES, WORDS } from "./words.ts";

export interface GeneratorOptions {
  readonly calls: number;
  readonly seed: number;
  /** Nothing happens after this, milliseconds UTC. Ids do not depend on it. */
  readonly now: number;
}

/**
 * A made-up account: several teams with managers, reps, prospects, deals. The same seed gives the same calls, at the
 * same distance from `now`. 200 calls cover about 14 days, 2,000 about 50.
 */
export function generate({ calls: count, seed, now }: GeneratorOptions): Account {
  const { users, teams } = people(new Random(`people ${seed}`));
  const reps = users.filter(({ role }) => role === "rep");
  const days = Math.max(2, Math.round(14 * (count / 200) ** 0.58));
  const turns = (call: SampleCall) => editedTurns(spoken(call, seed), call.transcriptEdits);
  const make = (name: string, startedAt: number, createdAt: number) => {
    const call = draft(name, startedAt, createdAt, seed, reps);
    const said = call.status === "done" ? spoken(call, seed) : [];
    call.trackers = trackersIn(said);
    call.metrics = metricsOf(said);
    return call;
  };
  const calls = Array.from({ length: count }, (_, i) => {
    const random = new Random(`start ${seed} ${i}`);
    const day = Math.floor((i * days) / count);
    const startedAt = now - (days - day) * DAY + random.int(0, 22 * 60) * MINUTE + random.int(0, 59_999);
    return make(`call ${i}`, startedAt, startedAt + random.int(5, 90) * MINUTE);
  });
  return { calls, users, teams, turns, newCall: (n, startedAt, at) => make(`late ${n}`, startedAt, at) };
}

function people(random: Random): { users: User[]; teams: Team[] } {
  const names = ["EMEA Enterprise", "EMEA Mid-Market", "Américas", "APAC"];
  const head = "team_sales";
  const users: User[] = [];
  const teams: Team[] = [];
  const add = (role: User["role"], teamId: string, managerId: string | null) => {
    const name = personName(random);
    const id = `usr_${String(users.length + 1).padStart(3, "0")}`;
    const title = role === "manager" ? "Sales Manager" : random.pick(["Account Executive", "SDR", "Senior Account Executive"]);
    users.push({ id, name, email: email(name, "example.com"), role, title, teamId, managerId, active: !random.chance(0.05) });
    return id;
  };
  const chief = add("manager", head, null);
  for (const [i, name] of names.entries()) {
    const id = `team_${i + 1}`;
    const manager = add("manager", id, chief);
    const members = Array.from({ length: 4 }, () => add("rep", id, manager));
    teams.push({ id, name, parentId: head, managerId: manager, userIds: [manager, ...members] });
  }
  teams.unshift({ id: head, name: "Sales", parentId: null, managerId: chief, userIds: [chief] });
  return { users, teams };
}

function draft(name: string, startedAt: number, createdAt: number, seed: number, reps: readonly User[]): SampleCall {
  const random = new Random(`${name} of ${seed}`);
  const owner = random.pick(reps);
  const company = random.pick(COMPANIES);
  const id = [0, 1, 2, 3].map((part) => hash(`${part} ${name} ${seed}`).toString(16).padStart(8, "0")).join("");
  const noShow = random.chance(0.04);
  const audioOnly = random.chance(0.3);
  const speakers = [repOf(owner), ...prospects(random, company)];
  return {
    id,
    source: id,
    title: `${random.pick(TITLES)} – ${company}`,
    startedAt,
    seconds: noShow ? 0 : random.int(180, 3_600) + random.int(0, 9) / 10,
    type: audioOnly ? "dialer" : "meeting",
    direction: audioOnly ? random.pick(["inbound", "outbound"]) : null,
    status: noShow ? "no_show" : "done",
    language: random.chance(0.9) ? "en" : null,
    owner,
    participants: speakers,
    speakers,
    trackers: [],
    metrics: { repTalkPercent: 0, longestMonologue: 0, questions: 0, engagingQuestions: 0, customerQuestions: 0 },
    deal: random.chance(0.75) ? deal(random, company, startedAt) : null,
    crm: random.chance(0.8) ? crm(random, company) : null,
    tags: random.some(TAGS, random.int(0, 3)),
    namedTags: random.chance(0.3) ? { product: random.pick(["Core", "Plus"]) } : {},
    audioOnly,
    summary: random.chance(0.7) ? `Talked with ${company} about ${random.pick(WORDS)}.` : null,
    actionItems: random.some(["Send the proposal", "Book a security review", "Share the roadmap"], random.int(0, 2)),
    createdAt,
    updatedAt: createdAt,
    edits: 0,
    transcriptEdits: [],
  };
}

function repOf(user: User): Person {
  return { id: `p_${user.id}`, userId: user.id, name: user.name, email: user.email, company: "Example", title: user.title, role: "rep" };
}

function prospects(random: Random, company: string): Person[] {
  const domain = `${company.toLowerCase().replace(/[^a-z]/g, "")}.example`;
  return Array.from({ length: random.int(1, 3) }, () => {
    const name = personName(random);
    return {
      id: `p_${hash(`${name} ${company}`).toString(36)}`,
      userId: null,
      name,
      email: random.chance(0.9) ? email(name, domain) : null,
      company,
      title: random.chance(0.8) ? random.pick(["CTO", "VP Sales", "Head of Data", "Buyer", "Directora de TI"]) : null,
      role: random.chance(0.95) ? ("prospect" as const) : ("unknown" as const),
    };
  }).filter((person, i, all) => all.findIndex(({ id }) => id === person.id) === i);
}

function deal(random: Random, company: string, startedAt: number): Deal {
  const names = random.some(["budget confirmed", "champion identified", "decision maker present", "timeline agreed"], random.int(0, 4));
  return {
    id: `deal_${hash(company).toString(36)}`,
    name: `${company} ${random.pick(["expansion", "new business", "renewal"])}`,
    stage: random.pick(STAGES),
    initialStage: STAGES[0] ?? "",
    amount: random.int(5, 400) * 1_000 + random.int(0, 99) / 100,
    currency: random.pick(["USD", "EUR", "GBP"]),
    closeDate: startedAt + random.int(10, 120) * DAY,
    signals: names.map((name) => ({ name, value: random.pick(["yes", "no", "partly"]) })),
  };
}

function crm(random: Random, company: string) {
  const open = random.chance(0.7);
  return {
    accountId: `001${hash(company).toString(36).toUpperCase()}`,
    accountName: company,
    opportunityId: open ? `006${hash(`${company} opportunity`).toString(36).toUpperCase()}` : null,
    opportunityName: open ? `${company} opportunity` : null,
    reason: "email domain",
  };
}

/** The turns as they were recorded, before anybody edited them. */
function spoken(call: SampleCall, seed: number): Turn[] {
  if (call.status === "no_show") return [];
  const random = new Random(`turns of ${call.source} ${seed}`);
  const speakers = call.speakers;
  const count = random.int(20, 100);
  const length = call.seconds / count;
  return Array.from({ length: count }, (_, i) => {
    const share = random.int(40, 100) / 100;
    return {
      speaker: random.pick(speakers),
      text: sentence(random),
      start: Math.round(i * length * 1_000) / 1_000,
      seconds: Math.round(length * share * 1_000) / 1_000,
    };
  });
}

function sentence(random: Random): string {
  const kind = random.next();
  if (kind < 0.01) return "";
  const count = kind < 0.03 ? random.int(14, 24) : random.int(1, 3);
  return Array.from({ length: count }, () => random.pick(SENTENCES).replace("{}", random.pick(WORDS))).join(" ");
}

function personName(random: Random): string {
  return `${random.pick(FIRST_NAMES)} ${random.pick(FAMILY_NAMES)}`;
}

function email(name: string, domain: string): string {
  const plain = name.normalize("NFD").replace(/[^A-Za-z ]/g, "").trim().toLowerCase().replaceAll(" ", ".");
  return `${plain === "" ? `contact${hash(name) % 100}` : plain}@${domain}`;
}

export const lastHour = (now: number) => Math.floor(now / HOUR) * HOUR;
