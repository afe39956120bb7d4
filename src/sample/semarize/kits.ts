import { linesWith, type Line } from "./lines.ts";

type BrickValue = boolean | number | string | readonly string[];

/** What a kit finds of one brick. */
export interface Finding {
  readonly value: BrickValue;
  /** The lines that show it. */
  readonly evidence: readonly string[];
}

export interface Kit {
  readonly code: string;
  readonly name: string;
  /** Ids of its versions, the current one last. */
  readonly versions: readonly string[];
  /** Scores a transcript by fixed rules; `version` counts from 0. */
  readonly score: (lines: readonly Line[], version: number) => Record<string, Finding>;
}

const STEPS: Readonly<Record<string, { label: string; pattern: RegExp; side?: "rep" | "prospect" }>> = {
  agenda_set: { label: "Agenda set", pattern: /making the time|on the calendar|agenda|good (morning|afternoon)/i },
  situation_discovered: {
    label: "Situation discovered",
    pattern: /process look like|how many reps|what happens when|end up after/i,
    side: "rep",
  },
  pain_identified: {
    label: "Pain identified",
    pattern: /challenge|pain point|guesswork|it is slow|did not stick/i,
    side: "prospect",
  },
  impact_quantified: { label: "Impact quantified", pattern: /months to ramp|calls a month|forecast is already/i },
  budget_qualified: { label: "Budget qualified", pattern: /budget did you have|our budget for this/i },
  next_steps_agreed: { label: "Next steps agreed", pattern: /next steps|follow-up on|send an invite/i },
};

/** Claims about them that were true once: their battlecards say otherwise by now. */
const COMPETITORS: Readonly<Record<string, { label: string; pattern: RegExp; outdated?: RegExp }>> = {
  gongline: { label: "Gongline", pattern: /\bgongline\b/i },
  talkdesk_one: { label: "Talkdesk One", pattern: /\btalkdesk one\b/i, outdated: /price|quoted/i },
  callsense: { label: "CallSense", pattern: /\bcallsense\b/i, outdated: /main difference/i },
  revoice: { label: "Revoice", pattern: /\brevoice\b/i, outdated: /quoted/i },
};

const SIGNALS: Readonly<Record<string, { pattern: RegExp; open?: RegExp }>> = {
  budget_confirmed: { pattern: /budget for this|budget did you have/i, open: /feels expensive|price is higher/i },
  decision_maker_engaged: { pattern: /decision maker|\bCFO\b/i },
  pain_confirmed: { pattern: /challenge|pain point|guesswork/i },
  timeline_agreed: { pattern: /timeline|is realistic|start in/i },
  success_criteria_defined: { pattern: /would have to be true|success/i },
  legal_review: { pattern: /\blegal\b|procurement/i, open: /legal will want/i },
  security_review: { pattern: /security|GDPR|single sign-on/i, open: /security review before/i },
};

const PAIN_POINTS: Readonly<Record<string, RegExp>> = {
  pricing: /price|expensive|discount|budget/gi,
  integration: /integration|duplicates|\bAPI\b/gi,
  adoption: /nobody|onboarding|ramp|did not stick/gi,
  reporting: /forecast|dashboard|guesswork/gi,
  security: /security|GDPR|sign-on/gi,
};

/** The kits of the sample account. The same text gives the same findings. */
export const KITS: readonly Kit[] = [
  {
    code: "FRMWRK01",
    name: "Discovery framework",
    versions: ["7d0c4c5e-2f0b-4d56-9a0e-1f6f6f0a0001", "7d0c4c5e-2f0b-4d56-9a0e-1f6f6f0a0002"],
    score: framework,
  },
  {
    code: "BATTLE01",
    name: "Battlecard accuracy",
    versions: ["b1a7e9d2-6c3f-4e8a-8d11-2a2a2a2a0001"],
    score: battlecard,
  },
  { code: "SIGNAL01", name: "Deal signals", versions: ["51640a1f-93b7-4b52-b6a5-3c3c3c3c0001"], score: dealSignals },
  {
    code: "REPCRT01",
    name: "Rep certification",
    versions: ["c0ffee00-1b2c-4d3e-9f40-4d4d4d4d0001"],
    score: certification,
  },
  { code: "CALLEVAL", name: "Call evaluation", versions: ["0e7a1c3b-5d6f-4a7b-8c9d-5e5e5e5e0001"], score: evaluation },
];

function framework(lines: readonly Line[], version: number): Record<string, Finding> {
  const found = Object.entries(STEPS).map(([key, { label, pattern, side }]) => {
    const evidence = linesWith(lines, pattern, side);
    // The first version asked for more than one figure.
    const isFollowed = evidence.length > (version === 0 && key === "impact_quantified" ? 1 : 0);
    return { key, label, evidence, isFollowed };
  });
  const followed = found.filter(({ isFollowed }) => isFollowed).length;
  const skipped = found.filter(({ isFollowed }) => !isFollowed);
  return {
    ...Object.fromEntries(
      found.map(({ key, evidence, isFollowed }) => [`step_${key}`, { value: isFollowed, evidence }]),
    ),
    framework_adherence: { value: round(followed / found.length), evidence: [] },
    steps_followed: { value: followed, evidence: [] },
    deviations: { value: skipped.map(({ label }) => label), evidence: [] },
  };
}

function battlecard(lines: readonly Line[]): Record<string, Finding> {
  const findings: Record<string, Finding> = {};
  const mentioned: string[] = [];
  let claims = 0;
  let accurate = 0;
  for (const [key, { label, pattern, outdated }] of Object.entries(COMPETITORS)) {
    const said = linesWith(lines, pattern);
    const old = outdated === undefined ? [] : said.filter((text) => outdated.test(text));
    if (said.length > 0) mentioned.push(label);
    claims += said.length;
    accurate += said.length - old.length;
    findings[`${key}_claims`] = { value: said.length, evidence: said };
    findings[`${key}_outdated`] = { value: old, evidence: old };
  }
  const used = linesWith(lines, /gongline|talkdesk one|callsense|revoice/i, "rep");
  return {
    ...findings,
    claims_checked: { value: claims, evidence: [] },
    // Where nothing was claimed there is no accuracy.
    ...(claims === 0 ? {} : { battlecard_accuracy: { value: round(accurate / claims), evidence: [] } }),
    competitors_mentioned: { value: mentioned, evidence: [] },
    battlecard_used: { value: used.length > 0, evidence: used },
  };
}

function dealSignals(lines: readonly Line[]): Record<string, Finding> {
  const raised = Object.entries(SIGNALS).map(([key, { pattern, open }]) => ({
    key,
    evidence: linesWith(lines, pattern),
    open: open === undefined ? [] : linesWith(lines, open),
  }));
  const open = raised.filter((one) => one.open.length > 0);
  const present = raised.filter((one) => one.evidence.length > 0 && one.open.length === 0);
  const list = (some: typeof raised, evidence: string[]) => ({ value: some.map(({ key }) => key), evidence });
  return {
    signals: list(
      present,
      present.flatMap((one) => one.evidence.slice(0, 1)),
    ),
    open_signals: list(
      open,
      open.flatMap((one) => one.open.slice(0, 1)),
    ),
    signals_found: { value: present.length, evidence: [] },
  };
}

function certification(lines: readonly Line[]): Record<string, Finding> {
  const questions = linesWith(lines, /\b(what|how|who|where|which)\b.*\?/i, "rep");
  const objections = linesWith(lines, /expensive|higher than|tight|hard stop|did not stick|looking at/i, "prospect");
  const answers = lines.filter(({ role }, i) => role === "rep" && objections.includes(lines[i - 1]?.text ?? ""));
  const closings = linesWith(lines, /next steps|follow-up|pilot|next call|start in/i, "rep");
  const skills: Record<string, Finding> = {
    discovery: { value: Math.min(100, 40 + 8 * questions.length), evidence: questions },
    objection_handling: {
      value: objections.length === 0 ? 70 : Math.round(40 + (60 * answers.length) / objections.length),
      evidence: answers.map(({ text }) => text),
    },
    closing: { value: Math.min(100, 45 + 11 * closings.length), evidence: closings },
  };
  const scores = Object.values(skills).map(({ value }) => value as number);
  const weak = Object.keys(skills).filter((key) => (skills[key]?.value as number) < 60);
  return {
    ...Object.fromEntries(Object.entries(skills).map(([key, finding]) => [`skill_${key}`, finding])),
    rep_readiness: { value: Math.round(scores.reduce((sum, one) => sum + one, 0) / scores.length), evidence: [] },
    weak_areas: { value: weak, evidence: [] },
  };
}

function evaluation(lines: readonly Line[]): Record<string, Finding> {
  const text = lines.map((line) => line.text).join("\n");
  const counts = Object.entries(PAIN_POINTS).map(([key, pattern]) => [key, text.match(pattern)?.length ?? 0] as const);
  const [pain, most] = counts.reduce((best, one) => (one[1] > best[1] ? one : best));
  const risks = linesWith(lines, /expensive|price is higher|also looking at|did not stick/i, "prospect");
  const joys = linesWith(lines, /that is neat|this was useful|i like it|great/i, "prospect");
  const followed = framework(lines, 1)["steps_followed"]?.value as number;
  const sentiment = joys.length > risks.length ? "positive" : joys.length < risks.length ? "negative" : "neutral";
  return {
    score: { value: Math.max(0, Math.min(100, 40 + 10 * followed - 5 * risks.length)), evidence: [] },
    risk_flag: { value: risks.length >= 2, evidence: risks },
    pain_point: { value: most === 0 ? "none" : pain, evidence: [] },
    sentiment: { value: sentiment, evidence: [...joys, ...risks] },
  };
}

const round = (ratio: number) => Math.round(ratio * 100) / 100;
