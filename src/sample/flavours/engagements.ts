import { printJson, type JsonObject } from "../../core/json.ts";
import type { Account, Held, Window } from "../account.ts";
import type { Answer, Ask } from "../answer.ts";
import { Body } from "../body.ts";
import type { Changes } from "../changes.ts";
import type { AccountOptions } from "../options.ts";
import { QUIRKS } from "../quirks/table.ts";
import { Continuations, type Place } from "./continuations.ts";
import { otherEngagements } from "./other-engagements.ts";
import { engagementRow } from "./v3-wire.ts";
import { readWindow, windowRules } from "./window.ts";

const PAGE_ROWS = 100;

type Options = Pick<AccountOptions, "bounds" | "dateEnd" | "accountTimezone"> & { readonly limitCap: number };

/** An engagement where it stands in the list. */
interface Listed extends Place {
  readonly print: () => string;
}

/** Gives what answers `GET /v3/engagements`: newest first, from where the continuation key says. */
export function engagements(account: Account, changes: Changes, options: Options): (ask: Ask) => Answer {
  const { quirks } = account;
  const continuations = new Continuations(quirks);
  const rows = new WeakMap<Held, { stamp: string; text: string }>();
  const publicId = (id: string) => account.publicId(id);
  const print = (row: JsonObject, n: number) =>
    printJson(quirks.on.reduce((written, id) => QUIRKS[id].wire?.(written, n) ?? written, row));

  const printCall = (held: Held, withTrackers: boolean): string => {
    const state = processingState(account, held);
    const stamp = `${account.stamp(held)}.${state}.${withTrackers}`;
    const known = rows.get(held);
    if (known?.stamp === stamp) return known.text;
    const text = print(engagementRow(account.shown(held), publicId, state, withTrackers), held.n);
    rows.set(held, { stamp, text });
    return text;
  };

  const list = (window: Window, query: URLSearchParams): Listed[] => {
    const [type, user] = [query.get("engagement_type"), query.get("user_id")];
    const ids = query.get("engagement_id")?.split(",");
    const withTrackers = query.get("with_trackers") === "true";
    const suits = ({ call: { id, owner } }: Held) =>
      (user === null || (owner !== null && publicId(owner.userId) === user)) &&
      (ids === undefined || ids.includes(publicId(id)));
    const held = account.within(window).filter(suits);
    const calls = held
      .filter(({ call: { callType } }) => callType !== "other" && (type === null || callType === type))
      .map((one) => ({ ...placeOf(one.call), print: () => printCall(one, withTrackers) }));
    // The filter on the type does not keep these out.
    const others = quirks.has("Q27") ? held.flatMap((one) => otherEngagements(one, publicId)) : [];
    const listed = [...calls, ...others.map(({ row, ...place }) => ({ ...place, print: () => printJson(row) }))];
    return listed.sort(newestFirst);
  };
  const placeOf = ({ id, startedMs }: Held["call"]): Place => ({ startedMs, id: publicId(id) });

  let pages = 0;
  /** With Q07 every second page that has more behind it is short. */
  const pageRows = (left: number): number => {
    const caps = quirks.on.map((id) => QUIRKS[id].limitCap ?? Infinity);
    const rows = Math.min(PAGE_ROWS, options.limitCap, ...caps);
    const isShort = quirks.has("Q07") && left > rows && ++pages % 2 === 1;
    return isShort ? Math.max(1, Math.floor(rows / 3)) : rows;
  };

  return ({ query }) => {
    const window = readWindow(query, ["min_date", "max_date"], windowRules(options, quirks));
    const listing = listingOf(query);
    const after = continuations.read(query.get("continuation_key"), listing);
    changes.beforePage(window, after === undefined ? 0 : 1);
    const left = list(window, query).filter((row) => after === undefined || newestFirst(after, row) < 0);
    const page = left.slice(0, pageRows(left.length));
    if (page.length === left.length) changes.afterLastPage(window);
    const key = continuations.write(listing, { page, after, isLast: page.length === left.length });
    const written = key === undefined ? "" : `,"continuation_key":${JSON.stringify(key)}`;
    return { status: 200, body: new Body(`{"engagements":[${page.map((row) => row.print()).join(",")}]${written}}`) };
  };
}

/** A call's state in the words of this flavour. */
export function processingState(account: Account, held: Held): string {
  const { status } = account.shown(held);
  if (status !== "done" && status !== "no_show") return status;
  const never = account.never(held);
  if (never !== undefined) return never === "forbidden" ? "done" : "processing";
  return account.pending(held) === undefined ? "done" : "processing";
}

/** What is asked for, wherever in it the reader is. */
function listingOf(query: URLSearchParams): string {
  const filters = [...query].filter(([name]) => name !== "continuation_key");
  return JSON.stringify(filters.sort());
}

function newestFirst(a: Place, b: Place): number {
  return b.startedMs - a.startedMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}
