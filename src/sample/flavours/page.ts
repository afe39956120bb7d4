import type { Held } from "../account.ts";
import type { Answer } from "../answer.ts";
import { Body } from "../body.ts";
import type { QuirkSet } from "../quirks/set.ts";

/** A call in a list; an older one is a copy from before its last change (Q08). */
export interface Listed {
  readonly held: Held;
  readonly isOlder: boolean;
}

/** With Q08, every seventh call comes again behind all others. */
export function withOlderCopies(calls: readonly Held[], quirks: QuirkSet): Listed[] {
  const listed = calls.map((held) => ({ held, isOlder: false }));
  if (!quirks.has("Q08")) return listed;
  const copies = calls.filter((_, index) => index % 7 === 0).map((held) => ({ held, isOlder: true }));
  return [...listed, ...copies];
}

/**
 * Gives the function that answers a page: `{"<name>":[rows],"pagination":{offset,limit,returned,total,has_more}}`. With
 * Q07 every second page that has more behind it is short, `total` is null or wrong and `has_more` null.
 */
export function pageOf(quirks: QuirkSet) {
  let pages = 0;
  return <Row>(
    name: string,
    rows: readonly Row[],
    { offset, limit }: { offset: number; limit: number },
    print: (row: Row) => string,
  ): Answer => {
    const isOdd = quirks.has("Q07");
    const isInTheMiddle = offset + limit < rows.length;
    const isShort = isOdd && isInTheMiddle && ++pages % 2 === 1;
    const taken = rows.slice(offset, offset + (isShort ? Math.max(1, Math.floor(limit / 3)) : limit));
    const pagination = {
      offset,
      limit,
      returned: taken.length,
      total: !isOdd ? rows.length : pages % 4 < 2 ? null : offset + taken.length,
      has_more: isOdd ? null : offset + taken.length < rows.length,
    };
    return {
      status: 200,
      body: new Body(`{"${name}":[${taken.map(print).join(",")}],"pagination":${JSON.stringify(pagination)}}`),
    };
  };
}
