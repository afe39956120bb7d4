import { STEPS, type Step } from "../../core/env.ts";
import type { Traffic } from "./proxy.ts";

/** What a clean run went through: the places where another run can be broken. */
export interface Course {
  /** Commits of the target; each goes through every step once. */
  readonly commits: number;
  /** States that the target printed. */
  readonly printed: number;
  /** Lines that the tap wrote. */
  readonly lines: number;
  /** Which of them are states; the first line is 1. */
  readonly stateLines: readonly number[];
  /** What the target sent to a server; nothing when there is none. */
  readonly traffic: Traffic;
}

/** Where a run is broken, and how. */
export type Fault =
  /** The target ends itself with -9 as this step begins for the n-th time. */
  | { readonly kind: "step"; readonly step: Step; readonly nth: number }
  /** The target is killed once it has printed its n-th state. */
  | { readonly kind: "printed"; readonly nth: number }
  /** Programs are killed once the tap has written this line, and half of the next one. */
  | { readonly kind: "line"; readonly line: number; readonly half?: boolean; readonly victims: readonly Victim[] }
  /** All connections are cut where the target sends this for the n-th time: before it arrives, or before its answer. */
  | { readonly kind: "cut"; readonly at: keyof Traffic; readonly nth: number; readonly before: "arrival" | "answer" }
  /** The server is restarted where the target sends this for the n-th time. */
  | { readonly kind: "restart"; readonly at: keyof Traffic; readonly nth: number };

type Victim = "tap" | "target";

/** One row of the matrix. */
export interface Case {
  readonly name: string;
  /** What must be there for it: any database, a server behind a connection, or also a command that restarts it. */
  readonly needs: "database" | "server" | "restart";
  /** The runs that are broken, one after the other, before runs are left alone. */
  readonly faults: (course: Course) => readonly Fault[];
  /** Where the next run gets its state from: what the target printed, or what the database keeps. */
  readonly resume: "printed" | "kept";
}

type Row = Omit<Case, "resume">;

const OCCURRENCES: Record<string, (count: number) => number> = {
  first: () => 1,
  middle: (count) => Math.ceil(count / 2),
  last: (count) => Math.max(1, count),
};

const STEP_ROWS = STEPS.flatMap((step) =>
  occurrences(`target/${step}`, ({ commits }, nth) => ({ kind: "step", step, nth: nth(commits) })),
);

const PRINTED_ROWS = occurrences("target/state-printed", ({ printed }, nth) => ({
  kind: "printed",
  nth: nth(printed),
}));

const TAP_ROWS: readonly Row[] = [
  killed("tap/line/first", ["tap"], () => ({ line: 1 })),
  killed("tap/line/middle", ["tap"], ({ lines }) => ({ line: Math.ceil(lines / 2) })),
  killed("tap/line/half-written", ["tap"], ({ lines }) => ({ line: Math.ceil(lines / 3), half: true })),
  killed("tap/state/before", ["tap"], ({ stateLines }) => ({ line: middleOf(stateLines) - 1 })),
  killed("tap/state/after", ["tap"], ({ stateLines }) => ({ line: middleOf(stateLines) })),
  killed("tap/line/last", ["tap"], ({ lines }) => ({ line: lines })),
];

const BOTH_ROWS: readonly Row[] = [0.25, 0.5, 0.9].map((share) =>
  killed(`both/line/${share * 100}%`, ["tap", "target"], ({ lines }) => ({ line: Math.ceil(lines * share) })),
);

const AGAIN_ROWS: readonly Row[] = [
  {
    name: "target/again-and-again",
    needs: "database",
    faults: () => (["committed", "merge", "said"] as const).map((step) => ({ kind: "step", step, nth: 2 })),
  },
];

/** No two runs send as many bytes to the last, so there is no "last" of them. */
const BYTE_SHARES = [0, 0.5, 0.9];

const CONNECTION_ROWS: readonly Row[] = [
  ...cuts("connection/copy", "copy", "arrival"),
  ...cuts("connection/commit-lost", "commit", "arrival"),
  ...cuts("connection/answer-lost", "commit", "answer"),
  ...BYTE_SHARES.map(cutAtShare),
];

const RESTART_ROWS: readonly Row[] = (["copy", "commit"] as const).flatMap((at) =>
  occurrences(`restart/${at}`, ({ traffic }, nth) => ({ kind: "restart", at, nth: nth(traffic[at]) }), "restart"),
);

/** The matrix. Every other case goes on from the state that the database keeps instead of the one that was printed. */
export const CASES: readonly Case[] = [
  ...STEP_ROWS,
  ...PRINTED_ROWS,
  ...TAP_ROWS,
  ...BOTH_ROWS,
  ...AGAIN_ROWS,
  ...CONNECTION_ROWS,
  ...RESTART_ROWS,
].map((row, index) => ({ ...row, resume: index % 2 === 0 ? "printed" : "kept" }));

/** A fault as the report tells it. */
export function tell(fault: Fault): string {
  switch (fault.kind) {
    case "step":
      return `target killed at ${fault.step} ${fault.nth}`;
    case "printed":
      return `target killed after it printed state ${fault.nth}`;
    case "line":
      return `${fault.victims.join(" and ")} killed after line ${fault.line}${fault.half === true ? " and a half" : ""}`;
    case "cut":
      return `connections cut before the ${fault.before} of ${fault.at} ${fault.nth}`;
    case "restart":
      return `server restarted at ${fault.at} ${fault.nth}`;
  }
}

function occurrences(
  name: string,
  fault: (course: Course, nth: (count: number) => number) => Fault,
  needs: Case["needs"] = "database",
): Row[] {
  return Object.entries(OCCURRENCES).map(([when, nth]) => ({
    name: `${name}/${when}`,
    needs,
    faults: (course) => [fault(course, nth)],
  }));
}

function killed(
  name: string,
  victims: readonly Victim[],
  where: (course: Course) => { line: number; half?: boolean },
): Row {
  return { name, needs: "database", faults: (course) => [{ kind: "line", victims, ...where(course) }] };
}

function cuts(name: string, at: keyof Traffic, before: "arrival" | "answer"): Row[] {
  return occurrences(name, ({ traffic }, nth) => ({ kind: "cut", at, nth: nth(traffic[at]), before }), "server");
}

function cutAtShare(share: number): Row {
  return {
    name: `connection/bytes/${share * 100}%`,
    needs: "server",
    faults: ({ traffic }) => [
      { kind: "cut", at: "bytes", nth: Math.ceil(traffic.bytes * share) || 1, before: "arrival" },
    ],
  };
}

const middleOf = (lines: readonly number[]) => lines[Math.floor(lines.length / 2)] ?? 1;
