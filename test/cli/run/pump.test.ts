import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pump } from "../../../src/cli/run/pump.ts";
import { Stopped } from "../../../src/cli/process.ts";
import { chooseWarehouse, type Chosen } from "../../../src/cli/warehouse.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { EltError } from "../../../src/core/errors.ts";
import { silentLog } from "../../../src/core/log.ts";
import type { Message } from "../../../src/core/message.ts";
import { query } from "../../e2e/pipe.ts";
import { temporaryFolder } from "../../support/folder.ts";

const log = { ...silentLog, hide: () => undefined, scrubbed: (text: string) => text, critical: () => undefined };
const envOf = (signal = new AbortController().signal) => ({
  clock: systemClock,
  log,
  signal,
  step: () => undefined,
});

interface Target extends AsyncDisposable {
  readonly chosen: Chosen;
  ids(): Promise<number[]>;
}

async function target(settings: Record<string, string | number> = {}): Promise<Target> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "test.duckdb");
  return {
    chosen: await chooseWarehouse({ settings: { path, ...settings } }, envOf()),
    ids: async () => (await query(path, "SELECT id FROM calls ORDER BY id")).map(({ id }) => Number(id)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const schema: Message = {
  type: "schema",
  stream: "calls",
  schema: { type: "object", properties: { id: { type: "integer" } } },
  keys: ["id"],
};
const call = (id: number): Message => ({ type: "record", stream: "calls", record: { id } });
const state = (n: number): Message => ({ type: "state", state: { n } });
const busy = new EltError("API_BUSY", "GET /calls answered 429", { stream: "calls" });

/** A tap that says these messages, and throws in the end what is given. */
const tap = (messages: readonly Message[], end?: Error) =>
  async function* (): AsyncGenerator<Message> {
    yield* messages;
    if (end !== undefined) throw end;
  };

test("the tables, the rows that were committed and the newest state come back", async () => {
  await using where = await target();
  const done = await pump(tap([schema, call(1), state(1), call(2), state(2)]), where.chosen, envOf());
  expect(done).toMatchObject({ error: undefined, state: { n: 2 }, tables: [{ name: "test.main.calls", rows: 2 }] });
  expect(await where.ids()).toEqual([1, 2]);
});

test("a tap that fails: what was whole before is committed", async () => {
  await using where = await target();
  const done = await pump(tap([schema, call(1), state(1), call(2)], busy), where.chosen, envOf());
  expect(done).toMatchObject({ error: busy, state: { n: 1 }, tables: [{ rows: 2 }] });
  expect(await where.ids()).toEqual([1, 2]);
});

test("a tap that fails at once leaves the warehouse alone", async () => {
  const connect = () => Promise.reject(new Error("it was opened"));
  await using where = await target();
  const done = await pump(tap([], busy), { ...where.chosen, connect }, envOf());
  expect(done).toMatchObject({ error: busy, summary: undefined });
});

describe("overwrite", () => {
  const failure: Message = { type: "failure", stream: "calls", error: busy };
  test.each<[string, readonly Message[], Error | undefined, readonly number[]]>([
    ["replaces the table after a run that went well", [schema, call(2), state(2)], undefined, [2]],
    ["keeps the old table when a stream was not read whole", [schema, call(2), failure], undefined, [1]],
    ["keeps the old table when the tap failed", [schema, call(2), state(2)], busy, [1]],
  ])("%s", async (_what, messages, end, ids) => {
    await using where = await target({ load_method: "overwrite" });
    await pump(tap([schema, call(1)]), where.chosen, envOf());
    await pump(tap(messages, end), where.chosen, envOf());
    expect(await where.ids()).toEqual(ids);
  });
});

test("too many rejected records are an error, all others are loaded", async () => {
  await using where = await target();
  const bad: Message = { type: "record", stream: "calls", record: { id: "x" } };
  const done = await pump(tap([schema, bad, call(1)]), where.chosen, envOf());
  expect(done).toMatchObject({ error: { code: "RECORDS_REJECTED" }, summary: { rejected: 1 } });
  expect(await where.ids()).toEqual([1]);
});

/** A tap that says these messages and then waits for an API until it is told to stop. */
const waiting = (messages: readonly Message[]) =>
  async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<Message> {
    yield* messages;
    await systemClock.sleep(60_000, signal);
  };

test("a run that is asked to stop commits what has come", async () => {
  await using where = await target();
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Stopped("SIGTERM")), 50);
  const done = await pump(waiting([schema, call(1), state(1), call(2)]), where.chosen, envOf(abort.signal));
  expect(done).toMatchObject({ state: { n: 1 }, tables: [{ rows: 2 }] });
  expect(done.error).toBeInstanceOf(Stopped);
  expect(await where.ids()).toEqual([1, 2]);
});

test("a warehouse that fails stops a tap that waits, and is what the run ends with", async () => {
  await using where = await target({ batch_max_age_seconds: 0.01 });
  const full = new EltError("WAREHOUSE_FULL", "no room");
  const connect = async () => Object.assign(await where.chosen.connect(), { commit: () => Promise.reject(full) });
  const done = await pump(waiting([schema, call(1), state(1)]), { ...where.chosen, connect }, envOf());
  expect(done).toMatchObject({ error: full, state: undefined, tables: [{ rows: 0 }] });
});
