import { dayOf } from "../../sources/chorus/windows.ts";

/** The ways in which a call of the warehouse is not as the API has it. */
export const FAULTS = ["missing", "extra", "differing", "turns"] as const;
export type Fault = (typeof FAULTS)[number];

/** How the calls of one UTC day compare; the sets hold the ids of the calls with each fault. */
export interface Day {
  readonly dayMs: number;
  inApi: number;
  inWarehouse: number;
  readonly ids: Readonly<Record<Fault, Set<string>>>;
}

/** The days that were compared. Ids are kept of bad calls only, so the size depends on the days and on the faults. */
export class Days {
  readonly #days = new Map<number, Day>();

  /** The day of an instant. */
  at(ms: number): Day {
    const dayMs = dayOf(ms);
    let day = this.#days.get(dayMs);
    if (day === undefined) {
      const ids = {
        missing: new Set<string>(),
        extra: new Set<string>(),
        differing: new Set<string>(),
        turns: new Set<string>(),
      };
      day = { dayMs, inApi: 0, inWarehouse: 0, ids };
      this.#days.set(dayMs, day);
    }
    return day;
  }

  /** All days on which anything started, oldest first. */
  all(): Day[] {
    return [...this.#days.values()].sort((a, b) => a.dayMs - b.dayMs);
  }

  bad(): Day[] {
    return this.all().filter(({ ids }) => FAULTS.some((fault) => ids[fault].size > 0));
  }

  /** How many calls have a fault; one that is on several days counts once. */
  count(fault: Fault): number {
    return new Set(this.all().flatMap(({ ids }) => [...ids[fault]])).size;
  }

  /** Takes the days that were compared once more in the place of the bad ones. */
  replaceBad(again: Days): void {
    for (const { dayMs } of this.bad()) this.#days.delete(dayMs);
    for (const day of again.all()) this.#days.set(day.dayMs, day);
  }

  total(of: "inApi" | "inWarehouse"): number {
    return this.all().reduce((sum, day) => sum + day[of], 0);
  }
}
