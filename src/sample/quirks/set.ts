import { EltError } from "../../core/errors.ts";
import { isQuirkId, QUIRK_IDS, type QuirkId } from "./table.ts";

/** Which quirks are on. */
export class QuirkSet {
  readonly #on = new Set<QuirkId>();
  /** Counts every switching, so that what was made from the old setting can be told from the new. */
  version = 0;

  /** Throws CONFIG_INVALID for an id that is not in the table. */
  constructor(on: readonly string[] = []) {
    this.switch(on, []);
  }

  has(id: QuirkId): boolean {
    return this.#on.has(id);
  }

  /** Those that are on, by id. */
  get on(): QuirkId[] {
    return QUIRK_IDS.filter((id) => this.#on.has(id));
  }

  /** Switches quirks on and off. Throws CONFIG_INVALID, and switches nothing, when an id is unknown. */
  switch(on: readonly string[], off: readonly string[]): void {
    const [wanted, unwanted] = [on.map(known), off.map(known)];
    for (const id of wanted) this.#on.add(id);
    for (const id of unwanted) this.#on.delete(id);
    this.version++;
  }
}

function known(id: string): QuirkId {
  if (isQuirkId(id)) return id;
  throw new EltError("CONFIG_INVALID", `the sample API has no quirk "${id}"; it knows ${QUIRK_IDS.join(", ")}`);
}
