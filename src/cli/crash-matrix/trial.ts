import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EltError } from "../../core/errors.ts";
import { tell, type Case, type Course, type Fault } from "./cases.ts";
import { countRows, differences, unlikeSent, type Contents, type Keys } from "./contents.ts";
import { runPipe, type PipeRun } from "./pipe.ts";
import type { Wire } from "./postgres-wire.ts";
import { tellEnd, type Program } from "./programs.ts";
import { NO_TRAFFIC, startProxy, type Proxy, type Traffic, type Trap } from "./proxy.ts";
import type { Place } from "./scratch.ts";
import type { Source } from "./source.ts";

/** What all trials have in common. */
export interface Bench {
  readonly source: Source;
  /** A new, empty place; whoever asks for it disposes of it. */
  place(): Promise<Place>;
  /** How to get between the target and its server; undefined when there is none. */
  readonly wire: Wire | undefined;
  readonly restartCommand: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a run that nobody disturbed did and left. */
export interface Clean extends Course {
  readonly contents: Contents;
  readonly keys: Keys;
}

export interface Verdict {
  readonly name: string;
  /** What was done. */
  readonly about: string;
  /** What was not as it should be; empty when all is well. */
  readonly faults: readonly string[];
}

/** Loads once without any disturbance; what it did says where other runs can be broken. */
export async function runClean(bench: Bench): Promise<{ verdict: Verdict; clean: Clean }> {
  await using place = await bench.place();
  const trial = new Trial(bench, place, "printed");
  const sent = new SentKeys();
  const { run, traffic } = await trial.run(undefined, sent);
  trial.mustBeWell("the first run");
  await trial.settle();
  const contents = await place.contents(sent.columns);
  trial.faults.push(...unlikeSent(sent.keys, contents));
  const { commits, printed, lines, stateLines } = run;
  const about = `${lines} lines, ${commits} commits, ${printed} states, ${countRows(contents)} rows in ${contents.size} tables`;
  return {
    verdict: { name: "clean run", about, faults: trial.faults },
    clean: { commits, printed, lines, stateLines, traffic, contents, keys: sent.columns },
  };
}

/** Breaks runs as the case wants it, lets others finish, and compares with what a clean run leaves. */
export async function runCase(one: Case, clean: Clean, bench: Bench): Promise<Verdict> {
  await using place = await bench.place();
  const trial = new Trial(bench, place, one.resume);
  const faults = one.faults(clean);
  try {
    for (const fault of faults) await trial.break(fault);
    await trial.complete();
    await trial.settle();
    trial.faults.push(...differences(clean.contents, await place.contents(clean.keys)));
  } catch (error) {
    if (!(error instanceof EltError)) throw error;
    trial.faults.push(`${error.code}: ${error.message}`);
  }
  const about = `${faults.map(tell).join(", ")}; then ${trial.runsAfter} from the ${one.resume} state`;
  return { name: one.name, about, faults: trial.faults };
}

/** So many runs may fail after a broken one. */
const MOST_RUNS = 3;

class Trial {
  readonly faults: string[] = [];
  /** Runs since one was broken, that with nothing left to do included. */
  runsAfter = 0;
  readonly #bench: Bench;
  readonly #place: Place;
  readonly #resume: Case["resume"];
  #printed: string | undefined;
  #last: PipeRun | undefined;

  constructor(bench: Bench, place: Place, resume: Case["resume"]) {
    this.#bench = bench;
    this.#place = place;
    this.#resume = resume;
  }

  /** A run that something is done to. That it never happened is a fault, as then nothing was proved. */
  async break(fault: Fault): Promise<void> {
    const { run, proxy } = await this.run(fault);
    const isBroken = fault.kind === "cut" || fault.kind === "restart" ? proxy?.sprung === true : run.broken;
    if (!isBroken) this.faults.push(`it never came to this: ${tell(fault)}`);
    if (proxy?.failure !== undefined) this.faults.push(proxy.failure.message);
    this.runsAfter = 0;
  }

  /** Runs again until one ends well, as whoever operates it would. A target that reconnected has ended well already. */
  async complete(): Promise<void> {
    for (let tries = 1; tries <= MOST_RUNS; tries++) {
      if (this.#last !== undefined && isWell(this.#last)) return;
      await this.run();
    }
    this.mustBeWell(`after ${MOST_RUNS} more runs`);
  }

  /** With the state that is there at the end, the tap must have nothing to send. */
  async settle(): Promise<void> {
    const { run } = await this.run();
    this.mustBeWell("at the end");
    if (run.records > 0) this.faults.push(`with the state of the end, ${run.records} records were sent again`);
  }

  async run(fault?: Fault, sent?: SentKeys): Promise<{ run: PipeRun; traffic: Traffic; proxy: Proxy | undefined }> {
    this.runsAfter++;
    const { source, wire, signal, timeoutMs } = this.#bench;
    const tap = source.tap(await this.#stateFile());
    const isOnWire = sent !== undefined || fault?.kind === "cut" || fault?.kind === "restart";
    await using proxy = wire !== undefined && isOnWire ? await this.#proxy(wire, fault) : undefined;
    const environment = proxy === undefined ? {} : (wire?.environment(this.#place.folder) ?? {});
    const run = await this.#pipe({ tap, target: this.#place.target(environment), fault, sent, signal, timeoutMs });
    return { run, traffic: proxy?.traffic ?? NO_TRAFFIC, proxy };
  }

  async #pipe(options: {
    tap: Program;
    target: Program;
    fault: Fault | undefined;
    sent: SentKeys | undefined;
    signal: AbortSignal;
    timeoutMs: number;
  }): Promise<PipeRun> {
    const { sent } = options;
    const run = await runPipe({ ...options, onLine: sent === undefined ? undefined : (line) => sent.note(line) });
    if (run.late) this.faults.push(`a run had not ended after ${options.timeoutMs / 1_000} s`);
    this.#printed = run.state ?? this.#printed;
    this.#last = run;
    return run;
  }

  /** Takes it as a fault when the last run did not end well. */
  mustBeWell(when: string): void {
    if (this.#last === undefined || isWell(this.#last)) return;
    const { tap, target } = this.#last;
    this.faults.push(`${when}: tap ${tellEnd(tap)}, target ${tellEnd(target)}`);
  }

  async #stateFile(): Promise<string | undefined> {
    const state = this.#resume === "printed" ? this.#printed : await this.#keptState();
    if (state === undefined) return undefined;
    const file = join(this.#place.folder, "state.json");
    await writeFile(file, `${state}\n`);
    return file;
  }

  async #keptState(): Promise<string | undefined> {
    const kept = await this.#place.keptState();
    if (kept === undefined && this.#printed !== undefined) {
      this.faults.push("a state was printed, and the database keeps none");
    }
    return kept;
  }

  #proxy(wire: Wire, fault: Fault | undefined): Promise<Proxy> {
    return startProxy(join(this.#place.folder, wire.socketFile), () => wire.connect(), this.#trap(fault));
  }

  #trap(fault: Fault | undefined): Trap | undefined {
    if (fault?.kind === "cut") return { at: fault.at, nth: fault.nth, then: `cut-${fault.before}` };
    if (fault?.kind !== "restart") return undefined;
    return { at: fault.at, nth: fault.nth, then: () => restart(this.#bench.restartCommand ?? "false") };
  }
}

/** A tap that is to be killed may have written its last line before, and then ends well; its lines were cut off all the same. */
const isWell = ({ tap, target, broken }: PipeRun) => !broken && tap.code === 0 && target.code === 0;

/** A server that it starts may keep its stdout open, so nobody waits for the end of that. */
async function restart(command: string): Promise<void> {
  const [code] = (await once(spawn("sh", ["-c", command], { stdio: "ignore" }), "exit")) as [number | null];
  if (code !== 0) throw new EltError("UNEXPECTED", `the restart command ended with ${String(code)}`);
}

/** Which keys a tap has sent, by stream. */
class SentKeys {
  readonly columns = new Map<string, readonly string[]>();
  readonly keys = new Map<string, Set<string>>();

  note(line: string): void {
    const message = JSON.parse(line) as Record<string, unknown>;
    const stream = String(message["stream"]);
    if (message["type"] === "SCHEMA") this.columns.set(stream, message["key_properties"] as string[]);
    if (message["type"] !== "RECORD") return;
    const record = message["record"] as Record<string, unknown>;
    const keys = this.keys.get(stream) ?? new Set();
    this.keys.set(stream, keys.add(JSON.stringify(this.columns.get(stream)?.map((name) => record[name]))));
  }
}
