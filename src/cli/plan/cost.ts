import type { FlavourName, Needs } from "../../sources/chorus/api.ts";
import { DAY_MS, type Interval, WindowLength, subtract } from "../../sources/chorus/windows.ts";
import type { Stretch } from "./count.ts";

/** What a backfill takes. */
export interface Cost {
  /** Calls that the filters keep. */
  readonly calls: number;
  readonly listRequests: number;
  readonly callRequests: number;
  readonly requests: number;
  readonly states: number;
}

/** What it depends on, beside the number of calls. */
export interface Terms {
  readonly flavour: FlavourName;
  readonly needs: Needs;
  /** The share of the listed calls that is kept, 0 to 1. */
  readonly kept: number;
  readonly maxWindowDays: number | undefined;
  /** How many types of calls are listed, each apart; flavour `v3` only. */
  readonly types: number;
}

const CALLS_PER_STATE = 50;
const PAGE_ROWS = 100;
const OVERLAP_ROWS = 5;
/** A list asks for so much more than its window, since accounts differ in what bounds mean. */
const MARGIN_MS = 52 * 3_600_000;

/** Goes through the windows that the tap would list, newest first, and counts its requests. */
export function costOf(stretches: readonly Stretch[], terms: Terms): Cost {
  const length = new WindowLength(terms.maxWindowDays);
  const density = densityOf(stretches);
  let listRequests = 0;
  for (
    let rest = subtract(
      stretches.map(({ interval }) => interval),
      [],
    );
    ;
  ) {
    const next = rest.at(-1);
    if (next === undefined) break;
    const window = length.last(next);
    const rows = density((window.from + window.to) / 2) * (window.to - window.from + MARGIN_MS);
    listRequests += pagesOf(rows, terms);
    length.learn(rows);
    rest = subtract(rest, [window]);
  }
  const calls = Math.round(terms.kept * stretches.reduce((sum, { listed }) => sum + listed, 0));
  const callRequests = calls * requestsPerCall(terms);
  const states = Math.ceil(calls / CALLS_PER_STATE);
  return { calls, listRequests, callRequests, requests: listRequests + callRequests, states };
}

/** Rows per millisecond around an instant. */
function densityOf(stretches: readonly Stretch[]): (ms: number) => number {
  const isIn = ({ from, to }: Interval, ms: number) => from <= ms && ms < to;
  return (ms) => {
    const found = stretches.find(({ interval }) => isIn(interval, ms)) ?? stretches[0];
    if (found === undefined) return 0;
    const { listed, interval } = found;
    return listed / Math.max(interval.to - interval.from, DAY_MS / 24);
  };
}

/** A list of several pages is read twice and to its empty page; in flavour `v3` a key says where it ends. */
function pagesOf(rows: number, { flavour, types }: Terms): number {
  if (flavour === "v3") return types * Math.max(1, Math.ceil(rows / types / PAGE_ROWS));
  if (rows < 1) return 1;
  if (rows <= PAGE_ROWS) return 2;
  return 2 * (1 + Math.ceil((rows - OVERLAP_ROWS) / (PAGE_ROWS - OVERLAP_ROWS)));
}

function requestsPerCall({ flavour, needs }: Terms): number {
  if (flavour === "v3") return needs.media ? 2 : 1;
  return needs.transcript ? 1 : 0;
}
