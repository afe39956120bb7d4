import { describe, expect, test } from "vitest";
import { activate, record, schema } from "../support/singer.ts";
import { bench, type Open } from "./bench.ts";

export function describeDeletion(open: Open): void {
  const line = schema("s", { id: "integer", v: "string", _sdc_deleted_at: "date-time" }, { keys: ["id"] });
  const live = (id: number, v: string) => record("s", { id, v });
  const deleted = (id: number) => record("s", { id, _sdc_deleted_at: "2026-01-01T00:00:00Z" });

  describe("records that say they are deleted", () => {
    for (const batch_size_rows of [1, 100]) {
      for (const absent_properties of ["keep", "null"] as const) {
        test(`hard_delete off: the row is marked, and no longer when it comes again, ${batch_size_rows} rows a batch, absent_properties ${absent_properties}`, async () => {
          await using db = await bench(open);
          const settings = { batch_size_rows, absent_properties };
          const marks = async () =>
            (await db.wholeRows("s")).map((row) => [row["id"], row["v"], row["_sdc_deleted_at"]]);
          await db.load([line, live(1, "a"), live(2, "b"), deleted(1)], settings);
          expect(await marks()).toEqual([
            [2, "b", null],
            [1, absent_properties === "keep" ? "a" : null, "2026-01-01T00:00:00Z"],
          ]);
          await db.load([line, live(1, "again"), deleted(2), record("s", { id: 2 })], settings);
          expect(await marks()).toEqual([
            [1, "again", null],
            [2, absent_properties === "keep" ? "b" : null, null],
          ]);
        });
      }
    }

    test.each([1, 100])(
      "hard_delete on: the row is gone, and may come again, %i rows a batch",
      async (batch_size_rows) => {
        await using db = await bench(open);
        await db.load([line, live(1, "a"), live(2, "b"), deleted(1), deleted(7)], {
          hard_delete: true,
          batch_size_rows,
        });
        expect(await db.values("s", "v")).toEqual(["b"]);
        await db.load([line, deleted(2), live(1, "again")], { hard_delete: true, batch_size_rows });
        expect(await db.values("s", "v")).toEqual(["again"]);
      },
    );
  });

  describe("ACTIVATE_VERSION", () => {
    const plain = schema("s", { id: "integer" }, { keys: ["id"] });
    const of = (id: number, version?: number) => record("s", { id }, version === undefined ? {} : { version });
    const lines = [plain, of(1), of(2, 1), of(3, 2), of(4, 3), activate("s", 2)];

    for (const add_record_metadata of [true, false]) {
      test(`hard_delete on: exactly the rows of older versions go, metadata ${add_record_metadata ? "on" : "off"}`, async () => {
        await using db = await bench(open);
        await db.load(lines, { hard_delete: true, add_record_metadata });
        expect(await db.values("s", "id")).toEqual([3, 4]);
      });

      test(`hard_delete off: exactly the rows of older versions are marked, metadata ${add_record_metadata ? "on" : "off"}`, async () => {
        await using db = await bench(open);
        await db.load(lines, { add_record_metadata });
        const rows = (await db.wholeRows("s")).sort((a, b) => Number(a["id"]) - Number(b["id"]));
        expect(rows.map((row) => row["_sdc_deleted_at"] !== null)).toEqual([true, true, false, false]);
      });
    }

    test("rows after the message belong to the next version, and a row that comes again is no longer marked", async () => {
      await using db = await bench(open);
      await db.load([plain, of(1, 1), of(2, 1), activate("s", 2), of(1, 2)]);
      const rows = (await db.wholeRows("s")).map((row) => [row["id"], row["_sdc_deleted_at"] !== null]);
      expect(rows.sort()).toEqual([
        [1, false],
        [2, true],
      ]);
    });

    test("of a stream without rows in this run, or that is not known", async () => {
      await using db = await bench(open);
      await db.load([plain, of(1, 1), of(2, 2)]);
      await db.load([plain, activate("s", 2), activate("nobody", 5)], { hard_delete: true });
      expect(await db.values("s", "id")).toEqual([2]);
    });

    test("process_activate_version_messages off: nothing is deleted", async () => {
      await using db = await bench(open);
      await db.load(lines, { hard_delete: true, process_activate_version_messages: false });
      expect(await db.values("s", "id")).toEqual([1, 2, 3, 4]);
    });
  });
}
