import { EltError } from "../../core/errors.ts";
import { type Log } from "../../core/log.ts";
import { type Page } from "./call.ts";

/** A list that moves while it is read: rows come and go in front of the offset. */
export interface Listing<Row> {
  page(offset: number): Promise<Page<Row>>;
  idOf(row: Row): string;
  /** False for rows that need not be kept; they only help to notice drift. */
  wanted(row: Row): boolean;
  /** Of two copies of a row the one that counts; `later` was received later. */
  newer(earlier: Row, later: Row): Row;
  /**
   * Fewer requests, for a list that is soon read again: one pass, pages that overlap by one row, and an end that the API
   * names in two ways that agree is taken for one. When rows came in meanwhile there is a second pass; what slips by then is
   * found the next time.
   */
  readonly lean?: boolean;
}

export interface Whole<Row> {
  readonly rows: ReadonlyMap<string, Row>;
  /** Rows received in one pass, as a measure of how dense the list is. */
  readonly received: number;
}

const OVERLAP = 5;
const LEAN_OVERLAP = 1;
const PASSES = 3;
const RESTARTS = 5;
const SAME_PAGES = 3;
const OLD_PAGES = 10;

/**
 * Reads a whole list although rows are added and removed meanwhile. Offsets go by the rows received, not by the limit
 * asked for, and each page overlaps the one before; an overlap without a known row means that rows slipped by, so the
 * pass starts again. Only an empty page is the end. A list of several pages is read until two passes agree, three
 * times at most; then everything seen counts. A list in one page is one snapshot and needs no second look.
 *
 * Throws API_PAGING_STUCK when the API gives the same page whatever offset is asked.
 */
export async function readWhole<Row>(listing: Listing<Row>, log: Log): Promise<Whole<Row>> {
  const rows = new Map<string, Row>();
  const trust = { hints: true, restarts: RESTARTS };
  let before: ReadonlySet<string> | undefined;
  let received = 0;
  for (let pass = 1; pass <= PASSES; pass++) {
    const seen = await onePass(listing, rows, trust);
    received = Math.max(received, seen.received);
    if (
      (listing.lean === true && !seen.hasMoved) ||
      seen.inOnePage ||
      (before !== undefined && sameIds(before, seen.wanted))
    )
      return { rows, received };
    before = seen.wanted;
  }
  log.warn(`a list kept changing while it was read ${PASSES} times; all ${rows.size} rows seen are kept`);
  return { rows, received };
}

interface Pass {
  readonly wanted: ReadonlySet<string>;
  readonly received: number;
  readonly inOnePage: boolean;
  /** True when rows came in front of a page while the list was read; they may be in no page of this pass. */
  readonly hasMoved: boolean;
}

async function onePass<Row>(
  listing: Listing<Row>,
  rows: Map<string, Row>,
  trust: { hints: boolean; restarts: number },
): Promise<Pass> {
  for (;;) {
    const pass = await tryPass(listing, rows, trust);
    if (pass !== "drifted") return pass;
    // When the list will not hold still we go on without the check: the passes are compared all the same.
    trust.restarts--;
    trust.hints = false;
  }
}

/** One pass from the first page to an empty one; "drifted" when rows may have slipped by. */
async function tryPass<Row>(
  listing: Listing<Row>,
  rows: Map<string, Row>,
  trust: { readonly hints: boolean; readonly restarts: number },
): Promise<Pass | "drifted"> {
  const known = new Set<string>();
  const wanted = new Set<string>();
  let pagesWithNews = 0;
  let oldPages = 0;
  let samePages = 0;
  let firstPageRows = 0;
  let previousPage = "";
  let received = 0;
  let expects: "known" | "nothing" | "anything" = "anything";
  let overlap = 0;
  let hasMoved = false;

  for (let offset = 0; ;) {
    const page = await listing.page(offset);
    const ids = page.rows.map((row) => listing.idOf(row));
    const news = ids.filter((id) => !known.has(id));
    const knowsOverlap = ids.slice(0, OVERLAP).some((id) => known.has(id));
    const drifted = expects === "known" ? !knowsOverlap : expects === "nothing" && news.length > 0;
    if (drifted && trust.restarts > 0) return "drifted";
    hasMoved ||= expects === "known" && ids.length - news.length > overlap;
    if (page.received === 0) return { wanted, received, inOnePage: pagesWithNews <= 1, hasMoved };

    for (const [position, row] of page.rows.entries()) {
      const id = ids[position] ?? "";
      known.add(id);
      if (!listing.wanted(row)) continue;
      wanted.add(id);
      const earlier = rows.get(id);
      rows.set(id, earlier === undefined ? row : listing.newer(earlier, row));
    }
    received += news.length;

    const isNews = news.length > 0 || ids.length === 0;
    pagesWithNews += isNews ? 1 : 0;
    firstPageRows ||= page.received;
    // A whole page of known rows, again and again, is an API that ignores the offset. A few known rows again and again
    // are the tail, which moves away as fast as it is followed.
    const content = ids.join("\n");
    const isWholePage = page.received >= firstPageRows;
    samePages = content === previousPage && isWholePage ? samePages + 1 : 0;
    previousPage = content;
    oldPages = isNews ? 0 : oldPages + 1;
    if (samePages >= SAME_PAGES || (oldPages >= OLD_PAGES && isWholePage)) throw stuck(offset, page.received);
    if (oldPages >= OLD_PAGES) return { wanted, received, inOnePage: false, hasMoved };

    if (listing.lean === true && page.sure && page.received > 0 && trust.hints) {
      return { wanted, received, inOnePage: pagesWithNews <= 1, hasMoved };
    }
    if (page.last && trust.hints) {
      expects = "nothing";
      offset += page.received;
    } else if (!isNews) {
      expects = "anything"; // without overlap, or the tail would never be empty
      offset += page.received;
    } else {
      overlap = Math.min(listing.lean === true ? LEAN_OVERLAP : OVERLAP, page.received - 1);
      expects = overlap > 0 ? "known" : "anything";
      offset += page.received - overlap;
    }
  }
}

function stuck(offset: number, rows: number): EltError {
  return new EltError("API_PAGING_STUCK", `the page at offset ${offset} (${rows} rows) is the one that came before`);
}

function sameIds(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((id) => b.has(id));
}
