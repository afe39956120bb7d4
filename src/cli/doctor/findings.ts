import { asEltError } from "../../core/errors.ts";

export type Verdict = "ok" | "warn" | "FAIL" | "skipped";

/** What a check found. */
export interface Found<Value> {
  /** `ok` when absent. */
  readonly verdict?: Verdict;
  readonly text: string;
  /** For the checks that depend on this one. */
  readonly value?: Value;
}

/** The checks of one examination, each told of in a line as soon as it is made. */
export class Findings {
  readonly #say: (line: string) => Promise<void> | undefined;
  readonly #secrets: ReadonlySet<string>;
  /** Names of the checks that failed. */
  readonly failed: string[] = [];

  /** `secrets` may grow until a line is said; what is in it never shows. */
  constructor(say: (line: string) => Promise<void> | undefined, secrets: ReadonlySet<string>) {
    this.#say = say;
    this.#secrets = secrets;
  }

  /** Makes a check and gives its value. What it throws makes it fail, with a hint, and does not stop the next one. */
  async check<Value>(name: string, find: () => Promise<Found<Value>>): Promise<Value | undefined> {
    let found: Found<Value>;
    try {
      found = await find();
    } catch (error) {
      const { message, hint } = asEltError(error);
      found = { verdict: "FAIL", text: `${message}. ${hint}` };
    }
    await this.#tell(found.verdict ?? "ok", name, found.text);
    return found.value;
  }

  /** Says of checks that they cannot be made. */
  async skip(names: readonly string[], because: string): Promise<void> {
    for (const name of names) await this.#tell("skipped", name, because);
  }

  async #tell(verdict: Verdict, name: string, text: string): Promise<void> {
    if (verdict === "FAIL") this.failed.push(name);
    let shown = text.replaceAll(/\s+/g, " ");
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, "***");
    await this.#say(`${verdict.padEnd(7)}  ${name}: ${shown}`);
  }
}
