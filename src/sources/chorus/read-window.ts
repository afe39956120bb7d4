import { type Log } from "../../core/log.ts";
import { type Api } from "./api.ts";
import { type Call } from "./call.ts";
import { readWhole } from "./paging.ts";
import { DAY_MS, type Interval } from "./windows.ts";

const FULL_PAGE = 100;
const SMALL_PAGE = 25;

export interface WindowContent {
  /** Oldest first; a call without a usable date comes last. */
  readonly calls: readonly Call[];
  /** Rows the API listed for it, those around the window too. */
  readonly received: number;
}

/**
 * All calls that started in a window. Accounts differ in what bounds mean (inclusive or not, whole days, local time), so
 * a day more is asked on both sides and the calls are picked here. `small` asks for a quarter of a page, for an API
 * that takes too long. A 504 for the first page is thrown at once, for the caller to ask for a shorter window; later,
 * or with `small`, it is retried like any other.
 */
export async function readWindow(api: Api, window: Interval, log: Log, small = false): Promise<WindowContent> {
  const range = {
    from: window.from - DAY_MS,
    to: window.to + DAY_MS,
    limit: small ? SMALL_PAGE : FULL_PAGE,
  };
  let patient = small;
  const whole = await readWhole<Call>(
    {
      async page(offset) {
        const page = await api.calls({ ...range, offset, patient });
        patient = true;
        return page;
      },
      idOf: (call) => call.id,
      wanted: ({ startedMs }) => startedMs === null || (window.from <= startedMs && startedMs < window.to),
      newer: newerCall,
    },
    log,
  );
  const calls = [...whole.rows.values()].sort(byStart);
  const undated = calls.filter((call) => call.startedMs === null).length;
  if (undated > 0) log.warn(`${undated} calls have no usable date; they are kept`);
  return { calls, received: whole.received };
}

/** The copy that was updated later; where that is not known, the one that was received later. */
function newerCall(earlier: Call, later: Call): Call {
  if (earlier.updatedMs === null || later.updatedMs === null) return later;
  return later.updatedMs >= earlier.updatedMs ? later : earlier;
}

function byStart(a: Call, b: Call): number {
  const order = (a.startedMs ?? Number.MAX_SAFE_INTEGER) - (b.startedMs ?? Number.MAX_SAFE_INTEGER);
  return order !== 0 ? order : a.id < b.id ? -1 : 1;
}
