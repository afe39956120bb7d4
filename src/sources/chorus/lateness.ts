import { type JsonObject, type JsonValue, isObject } from "../../core/json.ts";
import { number } from "./values.ts";
import { DAY_MS } from "./windows.ts";

/** Upper ends, in days, of the classes that late calls are counted in. */
export const LATENESS_DAYS = [1, 2, 4, 7, 10, 14, 21, 30, 60, 90] as const;
/** The look-back holds all but this share of the calls. */
const MISSED_SHARE = 0.001;
/** From here on all counts are halved, so that what was long ago weighs less and less. */
const MANY = 20_000;

/**
 * How late calls arrive: for each call that was found where everything had been read before, the time from its start to
 * when it was found. `on_time` counts those that no earlier run could have seen.
 */
export class Lateness {
  #onTime: number;
  readonly #late: number[];
  #later: number;

  constructor(json: JsonValue | undefined) {
    const read = isObject(json) ? json : {};
    this.#onTime = number(read["on_time"]) ?? 0;
    this.#late = LATENESS_DAYS.map((days) => number(read[`${days}d`]) ?? 0);
    this.#later = number(read["later"]) ?? 0;
  }

  get total(): number {
    return this.#onTime + this.#later + this.#late.reduce((sum, count) => sum + count, 0);
  }

  onTime(): void {
    this.#onTime++;
    this.#forget();
  }

  /** A call that started so long ago was found only now. */
  late(ageMs: number): void {
    const index = LATENESS_DAYS.findIndex((days) => ageMs <= days * DAY_MS);
    if (index === -1) this.#later++;
    else this.#late[index] = (this.#late[index] ?? 0) + 1;
    this.#forget();
  }

  /**
   * The look-back that would have found all but one in a thousand of the calls, in days: the end of the last class that
   * holds more than that. 0 when hardly any call is late.
   */
  neededDays(): number {
    const allowed = this.total * MISSED_SHARE;
    let missed = this.#later;
    for (const [index, count] of [...this.#late.entries()].reverse()) {
      missed += count;
      if (missed > allowed) return LATENESS_DAYS[index] ?? 0;
    }
    return 0;
  }

  toJson(): JsonObject {
    const classes = LATENESS_DAYS.map((days, index): [string, number] => [`${days}d`, round(this.#late[index] ?? 0)]);
    const counts: [string, number][] = [["on_time", round(this.#onTime)], ...classes, ["later", round(this.#later)]];
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  #forget(): void {
    if (this.total < MANY) return;
    this.#onTime /= 2;
    this.#later /= 2;
    for (const [index, count] of this.#late.entries()) this.#late[index] = count / 2;
  }
}

function round(count: number): number {
  return Math.round(count * 100) / 100;
}
