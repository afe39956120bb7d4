import fc from "fast-check";
import { expect, test } from "vitest";
import { type Listing, readWhole } from "../../src/sources/chorus/paging.ts";
import { keptLog } from "../http/fakes.ts";

interface Row {
  readonly id: string;
  readonly version: number;
}

/** A list, newest first, that a test changes before each page. */
function moving(ids: readonly string[], { cap = 100, hints = false }: { cap?: number; hints?: boolean } = {}) {
  const list = {
    rows: ids.map((id): Row => ({ id, version: 1 })),
    pages: 0,
    before: (_page: number): void => undefined,
  };
  const listing: Listing<Row> = {
    async page(offset) {
      list.before(++list.pages);
      const rows = list.rows.slice(offset, offset + cap);
      const last = hints && offset + rows.length >= list.rows.length;
      return { rows, received: rows.length, last, sure: false, total: undefined };
    },
    idOf: ({ id }) => id,
    wanted: () => true,
    newer: (earlier, later) => (later.version >= earlier.version ? later : earlier),
  };
  return { list, listing };
}

const ids = (count: number, name = "r") => Array.from({ length: count }, (_, index) => `${name}${index}`);
const read = async (listing: Listing<Row>, log = keptLog()) => [...(await readWhole(listing, log)).rows.keys()].sort();

test("an empty list costs one request, a short one two with hints and three without", async () => {
  const empty = moving([]);
  await read(empty.listing);
  const hinted = moving(ids(60), { hints: true });
  await read(hinted.listing);
  const bare = moving(ids(60));
  await read(bare.listing);
  expect([empty.list.pages, hinted.list.pages, bare.list.pages]).toEqual([1, 2, 3]);
});

test("a list of several pages is read twice and then believed", async () => {
  const { list, listing } = moving(ids(250));
  expect(await read(listing)).toEqual(ids(250).sort());
  expect(list.pages).toBe(10);
});

test("a limit that is silently lower loses nothing", async () => {
  expect(await read(moving(ids(130), { cap: 25 }).listing)).toHaveLength(130);
  expect(await read(moving(ids(7), { cap: 1 }).listing)).toHaveLength(7);
});

test("a short page in the middle is not the end, even when its hint says so", async () => {
  const { list, listing } = moving(ids(100), { cap: 40, hints: true });
  const page = listing.page.bind(listing);
  const lying: Listing<Row> = { ...listing, page: async (offset) => ({ ...(await page(offset)), last: true }) };
  expect(await read(lying)).toHaveLength(100);
  expect(list.pages).toBeGreaterThan(3);
});

test("rows added in front while paging are neither lost nor doubled", async () => {
  const { list, listing } = moving(ids(300));
  list.before = (page) => {
    if (page === 2 || page === 3) list.rows.unshift(...ids(4, `new${page}-`).map((id) => ({ id, version: 1 })));
  };
  const found = await read(listing);
  expect(found).toEqual(expect.arrayContaining(ids(300)) as string[]);
  expect(new Set(found).size).toBe(found.length);
});

test.each([1, 4, 5, 6, 50])("%i rows taken away in front while paging make no other row slip by", async (gone) => {
  const { list, listing } = moving(ids(300));
  list.before = (page) => {
    if (page === 2) list.rows.splice(0, gone);
  };
  expect(await read(listing)).toEqual(expect.arrayContaining(ids(300).slice(gone)) as string[]);
});

test("rows taken away just before the end do not hide the tail", async () => {
  const { list, listing } = moving(ids(150));
  list.before = (page) => {
    if (page === 2) list.rows.splice(0, 60); // the next offset is now past the end
  };
  expect(await read(listing)).toEqual(expect.arrayContaining(ids(150).slice(60)) as string[]);
});

test("a list that never holds still ends after three passes with all that was seen, and a warning", async () => {
  const { list, listing } = moving(ids(120));
  list.before = (page) => list.rows.unshift({ id: `new${page}`, version: 1 });
  const log = keptLog();
  const found = await read(listing, log);
  expect(found).toEqual(expect.arrayContaining(ids(120)) as string[]);
  expect(log.lines).toEqual([expect.stringContaining("kept changing while it was read 3 times")]);
});

test("of several copies the newest counts, wherever it stands", async () => {
  const { list, listing } = moving(ids(150));
  list.rows.splice(20, 0, { id: "twice", version: 9 });
  list.rows.splice(130, 0, { id: "twice", version: 3 });
  expect((await readWhole(listing, keptLog())).rows.get("twice")?.version).toBe(9);
});

test("an API that ignores the offset is found out", async () => {
  for (const hints of [true, false]) {
    const { list, listing } = moving(ids(100), { hints });
    const page = listing.page.bind(listing);
    const stuck = readWhole({ ...listing, page: () => page(0) }, keptLog());
    await expect(stuck).rejects.toMatchObject({ code: "API_PAGING_STUCK" });
    expect(list.pages).toBeLessThan(6);
  }
});

test("whatever comes and goes in front, every row that stays is found", async () => {
  const change = fc.record({
    page: fc.integer({ min: 1, max: 12 }),
    add: fc.integer({ min: 0, max: 9 }),
    remove: fc.integer({ min: 0, max: 9 }),
  });
  const setting = fc.record({
    count: fc.integer({ min: 0, max: 90 }),
    cap: fc.integer({ min: 1, max: 40 }),
    hints: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(setting, fc.array(change, { maxLength: 4 }), async ({ count, cap, hints }, changes) => {
      const { list, listing } = moving(ids(count), { cap, hints });
      const removed = new Set<string>();
      list.before = (page) => {
        for (const { add, remove } of changes.filter((one) => one.page === page)) {
          for (const { id } of list.rows.splice(0, remove)) removed.add(id);
          list.rows.unshift(...ids(add, `p${page}-`).map((id) => ({ id, version: 1 })));
        }
      };
      const found = new Set(await read(listing));
      expect(ids(count).filter((id) => !removed.has(id) && !found.has(id))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
