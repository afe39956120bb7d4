import { expect, test } from "vitest";
import { type JsonObject } from "../../src/core/json.ts";
import { expectTruth, quiet, simulate } from "./simulation.ts";

test("`auto` finds out which flavour an account has, and the state keeps it", async () => {
  const today = await simulate({ flavours: "v3" });
  await quiet(today);
  expect(today.state).toMatchObject({ bookmarks: { calls: { flavour: "v3" } } });
  const both = await simulate({ flavours: "both" });
  await quiet(both);
  expect(both.state).toMatchObject({ bookmarks: { calls: { flavour: "calls" } } });
});

test("flavour v3 leaves the account's truth, and asks Chorus to compute nothing", async () => {
  const simulation = await simulate({ flavours: "v3", seed: 3 });
  await quiet(simulation);
  expectTruth(simulation, "v3");
  expect(simulation.warehouse.rows("scorecards").length).toBeGreaterThan(0);
});

/** Columns that only one of the flavours can fill, and such as tell of the flavour's own answer. */
const APART: Readonly<Record<string, readonly string[]>> = {
  calls: ["direction", "owner_team_id", "deal_currency", "content_hash", "extra"],
  crm_associations: ["system", "match_reason"],
  recordings: ["available", "media_url", "media_url_expires_at", "media_type"],
};
const ONLY_IN_ONE = new Set(["tags", "deal_signals", "scorecards", "scorecard_scores"]);

test("the same account read through both flavours gives the same rows in every column that both can fill", async () => {
  const of = async (flavour: "calls" | "v3") => {
    const simulation = await simulate({ calls: 120, seed: 5 }, { api_flavour: flavour });
    await quiet(simulation, { config: { call_types: ["meeting", "dialer"] } });
    return simulation.warehouse;
  };
  const [calls, v3] = [await of("calls"), await of("v3")];
  const tables = [...calls.tables.keys()].filter((name) => !ONLY_IN_ONE.has(name)).sort();
  expect(tables).toContain("utterances");
  for (const table of tables) {
    const rows = (all: readonly JsonObject[]) =>
      all
        .map((row) => JSON.stringify(Object.entries(row).filter(([name]) => !(APART[table] ?? []).includes(name))))
        .sort();
    expect(rows(v3.rows(table)), table).toEqual(rows(calls.rows(table)));
  }
});
