import { dayAfter, workingHours } from "./calendar.ts";
import { measure } from "./metrics.ts";
import type { Call, CallSource, CallStatus, CallType, Crm, Deal, Participant, Turn, User } from "./model.ts";
import { isSpoken } from "./model.ts";
import { company, hire, type Company, type Staff } from "./people.ts";
import { AGENDAS, STAGES, TAGS, TITLE_MARKS } from "./phrases.ts";
import { hexId, random, type Random } from "./random.ts";
import { speak, spokenSeconds } from "./speech.ts";
import { trackerFinder, type Topic } from "./trackers.ts";

export interface GeneratorOptions {
  readonly calls: number;
  readonly seed: number;
  /** Calls lie before this instant. Only times depend on it. */
  readonly nowMs: number;
}

const TOPICS: readonly Topic[] = [
  { name: "Pricing", type: "commercial", keywords: ["price", "pricing", "expensive", "per seat"] },
  { name: "Discount", type: "commercial", keywords: ["discount"] },
  { name: "Budget", type: "commercial", keywords: ["budget", "procurement"] },
  { name: "Contract", type: "commercial", keywords: ["contract", "legal"] },
  { name: "Competition", type: "competitor", keywords: ["gongline", "talkdesk one", "callsense", "revoice"] },
  { name: "Decision maker", type: "process", keywords: ["decision maker", "cfo"] },
  { name: "Timeline", type: "process", keywords: ["timeline", "quarter", "fiscal year"] },
  { name: "Next steps", type: "process", keywords: ["next steps", "follow-up", "proposal"] },
  { name: "Pilot", type: "process", keywords: ["pilot"] },
  { name: "Security", type: "product", keywords: ["security", "gdpr", "single sign-on"] },
  { name: "Integration", type: "product", keywords: ["integration", "api"] },
  { name: "Pain", type: "discovery", keywords: ["challenge", "pain point", "problems", "manual"] },
];

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** What makes up call number `n`, apart from when it is. */
interface Sketch {
  readonly rng: Random;
  readonly company: Company;
  readonly owner: User;
  readonly participants: readonly Participant[];
}

/** Made-up sales calls. Call number `n` of a seed is always the same one; only its times follow `nowMs`. */
export function generate({ calls, seed, nowMs }: GeneratorOptions): CallSource {
  const staff = hire(seed, calls);
  const companies = Math.max(8, Math.ceil(calls / 5));
  const hours = workingHours(nowMs, calls);
  const findTrackers = trackerFinder(TOPICS);

  const sketch = (n: number): Sketch => sketchCall(seed, n, companies, staff);
  const turns = (n: number): Turn[] => {
    const { company: buyer, participants } = sketch(n);
    return speak([seed, n], { company: buyer.name, participants });
  };
  const call = (n: number, startedMs: number, nothingYetAfterMs: number): Call => {
    const silent = withoutSpeech(seed, n, sketch(n), { startedMs, isRecent: startedMs > nothingYetAfterMs });
    if (!isSpoken(silent)) return silent;
    const spoken = turns(n);
    const durationSeconds = spokenSeconds(spoken);
    const endedMs = startedMs + Math.ceil(durationSeconds) * 1000;
    return {
      ...silent,
      durationSeconds,
      createdMs: endedMs,
      updatedMs: Math.min(endedMs + 20 * MINUTE_MS, Math.max(nowMs, endedMs)),
      trackers: findTrackers(spoken),
      metrics: measure(spoken),
    };
  };

  return {
    calls: Array.from({ length: calls }, (_, n) => call(n, startOf(seed, n, calls, hours), nowMs - DAY_MS / 2)),
    users: staff.users,
    teams: staff.teams,
    turns: (speech) => turns(Number(speech)),
    findTrackers,
    another: (n, startedMs) => call(calls + n, startedMs, Infinity),
  };
}

/** Call 0 is the newest; they follow each other at about the same distance in working time. */
function startOf(seed: number, n: number, calls: number, hours: readonly number[]): number {
  const rng = random("start", seed, n);
  const hour = hours[Math.min(hours.length - 1, Math.floor(((n + rng.next()) / calls) * hours.length))] ?? 0;
  return hour + rng.below(12) * 5 * MINUTE_MS + rng.below(150) * 1000;
}

function sketchCall(seed: number, n: number, companies: number, staff: Staff): Sketch {
  const rng = random("call", seed, n);
  const buyer = company(seed, rng.below(companies));
  const owner = rng.pick(staff.reps);
  const colleague = rng.chance(0.25) ? rng.pick(staff.reps) : owner;
  const reps = colleague.id === owner.id ? [owner] : [owner, colleague];
  const guests = [...buyer.contacts].slice(0, rng.between(1, buyer.contacts.length));
  const participants = [...reps.map(asParticipant), ...guests];
  if (rng.chance(0.03)) participants.push({ ...NOBODY });
  return { rng, company: buyer, owner, participants };
}

/** Someone who dialled in and of whom nothing is known. */
const NOBODY: Participant = {
  personId: null,
  userId: null,
  name: null,
  email: null,
  company: null,
  title: null,
  role: "unknown",
};

function asParticipant({ id, name, email, title }: User): Participant {
  return {
    personId: String(4_000_000 + Number(id)),
    userId: id,
    name,
    email,
    company: "Sample Sales",
    title,
    role: "rep",
  };
}

function withoutSpeech(
  seed: number,
  n: number,
  { rng, company: buyer, owner, participants }: Sketch,
  { startedMs, isRecent }: { startedMs: number; isRecent: boolean },
): Call {
  const id = hexId("call", seed, n);
  const callType: CallType = rng.pick(CALL_TYPES);
  const luck = rng.next();
  const status: CallStatus =
    isRecent && luck < 0.2 ? "scheduled" : luck > 0.96 ? "no_show" : luck > 0.955 ? "failed" : "done";
  const isDialer = callType === "dialer";
  const scheduledStartMs = isDialer ? null : Math.floor(startedMs / (5 * MINUTE_MS)) * 5 * MINUTE_MS;
  const agenda = rng.pick(AGENDAS);
  const mark = rng.chance(0.08) ? rng.pick(TITLE_MARKS) : "";
  const deal = rng.chance(0.7) ? dealOf(rng, buyer, startedMs) : null;
  return {
    id,
    speech: String(n),
    title: isDialer && rng.chance(0.1) ? null : `${agenda} with ${buyer.name}${mark}`,
    startedMs,
    scheduledStartMs,
    scheduledEndMs: scheduledStartMs === null ? null : scheduledStartMs + 30 * MINUTE_MS,
    durationSeconds: status === "done" ? rng.between(300, 2_400) : null,
    callType,
    direction: isDialer ? rng.pick(["inbound", "outbound"] as const) : null,
    status,
    language: rng.chance(0.05) ? null : "en-US",
    url: `https://chorus.example/meeting/${id}`,
    owner: { userId: owner.id, name: owner.name, email: owner.email ?? "", teamId: owner.primaryTeamId },
    participants,
    trackers: [],
    metrics: [],
    deal,
    crm: crmOf(rng, buyer, deal !== null),
    recording:
      status === "done" && callType !== "unrecorded_meeting"
        ? {
            available: true,
            url: `https://media.chorus.example/${id}?signature=${hexId("media", seed, n).slice(0, 16)}`,
            mediaType: isDialer ? "audio/mpeg" : "video/mp4",
            expiresMs: startedMs + 5 * DAY_MS,
            audioOnly: isDialer,
          }
        : null,
    tags: tagsOf(rng),
    namedTags: rng.chance(0.4)
      ? { region: rng.pick(["EMEA", "Americas", "APAC"]), outcome: rng.pick(["positive", "à revoir"]) }
      : {},
    summary:
      status === "done" && rng.chance(0.6)
        ? `${agenda}: ${buyer.name} looked at the product and agreed on what comes next.`
        : null,
    actionItems: status === "done" && rng.chance(0.5) ? ["Send the proposal", `Invite ${buyer.name} to the pilot`] : [],
    createdMs: startedMs - DAY_MS,
    updatedMs: startedMs,
  };
}

const CALL_TYPES: readonly CallType[] = [
  ...Array.from({ length: 28 }, () => "meeting" as const),
  ...Array.from({ length: 9 }, () => "dialer" as const),
  "other",
  "other",
  "unrecorded_meeting",
];

function tagsOf(rng: Random): string[] {
  const tags = new Set<string>();
  for (let left = rng.pick([0, 1, 1, 2, 3]); left > 0; left--) tags.add(rng.pick(TAGS));
  return [...tags];
}

function dealOf(rng: Random, buyer: Company, startedMs: number): Deal {
  const initialAmount = rng.between(8, 240) * 500;
  const at = rng.below(STAGES.length);
  return {
    id: buyer.opportunityId,
    name: `${buyer.name} – ${rng.pick(["new business", "expansion", "renewal"])}`,
    stage: STAGES[at] ?? "Discovery",
    initialStage: STAGES[Math.max(0, at - 1)] ?? null,
    amount: rng.chance(0.1) ? null : initialAmount + rng.below(9) * 1_250.5,
    initialAmount,
    currency: rng.pick(["USD", "USD", "EUR", "GBP"]),
    closeDate: rng.chance(0.1) ? null : dayAfter(startedMs, rng.between(5, 120)),
    onStageSinceMs: startedMs - rng.between(1, 40) * DAY_MS,
    stageAdvancement: rng.pick(["advanced", "stalled", null]),
    engaged: rng.pick([true, false, null]),
    followUpMs: rng.chance(0.4) ? startedMs + rng.between(2, 14) * DAY_MS : null,
    signals: [
      { name: "sentiment", value: rng.pick(["positive", "neutral", "negative"]) },
      { name: "close_likelihood", value: rng.between(5, 95) / 100 },
      { name: "single_threaded", value: rng.chance(0.5) },
    ].slice(0, rng.between(0, 3)),
  };
}

function crmOf(rng: Random, buyer: Company, hasDeal: boolean): Crm | null {
  if (rng.chance(0.1)) return null;
  return {
    system: "salesforce",
    accountId: buyer.accountId,
    accountName: buyer.name,
    opportunityId: hasDeal ? buyer.opportunityId : null,
    opportunityName: hasDeal ? `${buyer.name} – opportunity` : null,
    matchReason: rng.pick(["participant email domain", "rep chose it", null]),
  };
}
