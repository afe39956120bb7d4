import { readRecorded, type Recorded } from "./corpus-file.ts";
import { measure } from "./metrics.ts";
import type { Call, CallSource, Deal, Participant, Role, Team, Tracker, Turn, User } from "./model.ts";
import { fingerprint, hexId } from "./random.ts";
import { trackerFinder, type Topic } from "./trackers.ts";

/** Everything that is not in the file says so with these words. */
const ASSIGNED = "assigned by the sample API";
const ASSIGNED_TAG = "assigned-roles";
const MINUTE_MS = 60_000;

const TOPICS: readonly Topic[] = [
  { name: "Pricing", type: "commercial", keywords: ["price", "prices", "pricing"] },
  {
    name: "Competition",
    type: "commercial",
    keywords: ["competitor", "competitors", "competition", "competitive", "market share"],
  },
  { name: "Customers", type: "commercial", keywords: ["customer", "customers", "client", "clients"] },
  { name: "Revenue", type: "financial", keywords: ["revenue", "revenues", "sales growth"] },
  { name: "Margin", type: "financial", keywords: ["margin", "margins", "gross profit"] },
  { name: "Guidance", type: "financial", keywords: ["guidance", "outlook", "forecast"] },
  { name: "Cash flow", type: "financial", keywords: ["cash flow", "free cash flow", "liquidity"] },
  { name: "Debt", type: "financial", keywords: ["debt", "leverage", "refinancing"] },
  { name: "Dividend", type: "financial", keywords: ["dividend", "dividends", "buyback", "share repurchase"] },
  { name: "Risk", type: "risk", keywords: ["risk", "risks", "headwind", "headwinds", "uncertainty"] },
  {
    name: "Supply chain",
    type: "risk",
    keywords: ["supply chain", "inventory", "inventories", "shortage", "shortages"],
  },
  { name: "Pandemic", type: "risk", keywords: ["covid", "covid-19", "pandemic"] },
  { name: "Acquisition", type: "strategy", keywords: ["acquisition", "acquisitions", "merger"] },
];

/**
 * Real calls as an account. Text, speakers, lengths and start times are the file's; who sells, the CRM links, deals,
 * users and teams are assigned. Trackers and metrics come from the text. Throws CONFIG_INVALID with file and line.
 */
export async function readCorpus(path: string): Promise<CallSource> {
  const recorded = await readRecorded(path);
  const findTrackers = trackerFinder(TOPICS);
  const groups = [...new Set(recorded.map(({ group }) => group))].sort();
  const reps = new Map<string, User>();
  const turnsOf = new Map<string, readonly Turn[]>();
  const calls = recorded.map((one) => {
    const group = groups.indexOf(one.group);
    const repId = mostTalkative(one);
    const repName = one.speakers.find(({ id }) => id === repId)?.name ?? "Unnamed speaker";
    const rep = reps.get(repName) ?? repUser(repName, reps.size, group);
    reps.set(repName, rep);
    const participants = participantsOf(one, repId, rep);
    const turns = turnsWith(one, participants);
    turnsOf.set(one.id, turns);
    return asCall(one, { rep, participants, turns, trackers: findTrackers(turns) });
  });
  const users = [...groups.map(managerUser), ...reps.values()];
  return {
    calls,
    users,
    teams: groups.map((name, i) => teamOf(name, i, users)),
    turns: (speech) => turnsOf.get(speech) ?? [],
    findTrackers,
    another(n, startedMs) {
      const original = calls[n % calls.length];
      if (original === undefined) throw new RangeError("the corpus is empty");
      const id = hexId("another", original.id, n);
      const title = `${original.title ?? "Call"} (again ${n + 1})`;
      return { ...original, id, title, url: pageOf(id), startedMs };
    },
  };
}

/** The speaker who talks most belongs to the company that the call is about: that one is the rep. */
function mostTalkative({ speakers, utterances }: Recorded): string | undefined {
  const characters = new Map<string, number>();
  for (const { speaker_id, text } of utterances)
    characters.set(speaker_id, (characters.get(speaker_id) ?? 0) + text.length);
  const talked = ({ id }: { id: string }) => characters.get(id) ?? 0;
  return speakers.toSorted((a, b) => talked(b) - talked(a))[0]?.id;
}

function participantsOf({ id, account, speakers }: Recorded, repId: string | undefined, rep: User): Participant[] {
  return speakers.map((speaker) => {
    const isRep = speaker.id === repId;
    const isNameless = speaker.name === null || /^(speaker|operator|unknown)\b/i.test(speaker.name);
    const role: Role = isRep ? "rep" : isNameless ? "unknown" : "prospect";
    return {
      personId: `${id}-${speaker.id}`,
      userId: isRep ? rep.id : null,
      name: speaker.name,
      email: isRep ? rep.email : null,
      company: isRep ? account : null,
      title: null,
      role,
    };
  });
}

function turnsWith({ id, utterances }: Recorded, participants: readonly Participant[]): Turn[] {
  const byPerson = new Map(participants.map((person) => [person.personId, person]));
  return utterances.map(({ speaker_id, text, start_s, end_s }) => {
    const person = byPerson.get(`${id}-${speaker_id}`);
    return {
      speaker: person?.name ?? null,
      speakerId: `${id}-${speaker_id}`,
      role: person?.role ?? "unknown",
      email: person?.email ?? null,
      startSeconds: start_s,
      durationSeconds: Math.round((end_s - start_s) * 1000) / 1000,
      text,
    };
  });
}

interface CallParts {
  readonly rep: User;
  readonly participants: readonly Participant[];
  readonly turns: readonly Turn[];
  readonly trackers: readonly Tracker[];
}

function asCall(one: Recorded, { rep, participants, turns, trackers }: CallParts): Call {
  const startedMs = Date.parse(one.started_at);
  const endedMs = startedMs + Math.round(one.duration_s * 1000);
  return {
    id: one.id,
    speech: one.id,
    title: one.title,
    startedMs,
    scheduledStartMs: null,
    scheduledEndMs: null,
    durationSeconds: one.duration_s,
    callType: "meeting",
    direction: null,
    status: "done",
    language: "en",
    url: pageOf(one.id),
    owner: { userId: rep.id, name: rep.name, email: rep.email ?? "", teamId: rep.primaryTeamId },
    participants,
    trackers,
    metrics: measure(turns),
    deal: dealOf(one, trackers),
    crm: {
      system: "salesforce",
      accountId: crmId("001", one.account),
      accountName: one.account,
      opportunityId: crmId("006", one.id),
      opportunityName: `${one.account} (${ASSIGNED})`,
      matchReason: ASSIGNED,
    },
    recording: { available: false, url: null, mediaType: null, expiresMs: null, audioOnly: true },
    tags: [ASSIGNED_TAG],
    namedTags: { sector: one.group },
    summary: null,
    actionItems: [],
    createdMs: endedMs,
    updatedMs: endedMs + 30 * MINUTE_MS,
  };
}

/** Nothing is sold in these calls: the deal has no amount, and its signals only count what is in the text. */
function dealOf({ id, account }: Recorded, trackers: readonly Tracker[]): Deal {
  return {
    id: crmId("006", id),
    name: `${account} (${ASSIGNED})`,
    stage: "Discovery",
    initialStage: null,
    amount: null,
    initialAmount: null,
    currency: null,
    closeDate: null,
    onStageSinceMs: null,
    stageAdvancement: null,
    engaged: null,
    followUpMs: null,
    signals: trackers
      .filter(({ type }) => type === "commercial" || type === "risk")
      .map(({ name, mentions }) => ({
        name: `${name.toLowerCase().replaceAll(" ", "_")}_mentions`,
        value: mentions.length,
      })),
  };
}

function repUser(name: string, n: number, group: number): User {
  const [firstName = null, ...rest] = name.split(" ");
  const teamId = String(800 + group);
  return {
    id: String(42_000 + n),
    name,
    firstName,
    lastName: rest.length === 0 ? null : rest.join(" "),
    email: `rep-${n}@corpus.example`,
    role: "rep",
    title: null,
    teamIds: [teamId],
    primaryTeamId: teamId,
    managerId: String(43_000 + group),
    active: true,
    licenseType: null,
    crmUserId: null,
    createdMs: Date.UTC(2025, 0, 1),
  };
}

function managerUser(group: string, n: number): User {
  const user = repUser(`Manager ${group}`, n, n);
  return { ...user, id: String(43_000 + n), email: `manager-${n}@corpus.example`, role: "manager", managerId: null };
}

function teamOf(group: string, n: number, users: readonly User[]): Team {
  const id = String(800 + n);
  const userIds = users.filter(({ teamIds }) => teamIds.includes(id)).map((user) => user.id);
  return {
    id,
    name: group,
    description: ASSIGNED,
    parentTeamId: null,
    managerId: String(43_000 + n),
    userIds,
    isDefault: n === 0,
  };
}

function crmId(prefix: string, name: string): string {
  return `${prefix}SAMPLE${String(fingerprint(name) % 1_000_000_000).padStart(9, "0")}`;
}

function pageOf(id: string): string {
  return `https://chorus.example/meeting/${id}`;
}
