import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { LineCutter } from "../../io/lines.ts";
import type { Fault } from "./cases.ts";
import { start, type End, type Program, type Running } from "./programs.ts";

/** How one run of the pipe went. */
export interface PipeRun {
  readonly tap: End;
  readonly target: End;
  /** The last state that the target printed as a whole line. */
  readonly state: string | undefined;
  /** How many states it printed, and how many batches it says to have committed. */
  readonly printed: number;
  readonly commits: number;
  /** Lines that came from the tap; which of them are states, and how many are records. */
  readonly lines: number;
  readonly stateLines: readonly number[];
  readonly records: number;
  /** False when the run was over before it was to be broken. */
  readonly broken: boolean;
  /** True when it had to be ended, as it took too long. */
  readonly late: boolean;
}

export interface PipeOptions {
  readonly tap: Program;
  readonly target: Program;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Where the programs are to be killed. */
  readonly fault?: Fault | undefined;
  /** Called with each line of the tap. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** `tap | target`, with the lines passing through our hands. Rejects only when `signal` aborts. */
export async function runPipe(options: PipeOptions): Promise<PipeRun> {
  return new Pipe(options).run();
}

/** How long a target that has read all its lines may take to print the state that it is to be killed after. */
const PRINTING_MS = 30_000;

class Pipe {
  readonly #options: PipeOptions;
  readonly #tap: Running;
  readonly #target: Running;
  readonly #stateLines: number[] = [];
  #lines = 0;
  #records = 0;
  #printed = 0;
  #commits = 0;
  #state: string | undefined;
  #cut = false;

  constructor(options: PipeOptions) {
    this.#options = options;
    this.#tap = start(options.tap);
    this.#target = start(withFault(options.target, options.fault), {
      onLine: (line) => this.#onState(line),
      onLog: (line) => (this.#commits += line.includes("batch_processing_time") ? 1 : 0),
    });
  }

  async run(): Promise<PipeRun> {
    const { signal, timeoutMs } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const stop = AbortSignal.any([signal, timeout]);
    const onStop = () => this.#kill("tap", "target");
    stop.addEventListener("abort", onStop, { once: true });
    if (stop.aborted) onStop();
    const source = this.#tap.process.stdout;
    const sink = this.#target.process.stdin;
    // Whatever ends it early, the exit codes tell.
    if (source !== null && sink !== null) await pipeline(source, (chunks) => this.#through(chunks), sink).catch(ignore);
    const [tap, target] = await Promise.all([this.#tap.ended, this.#target.ended]);
    stop.removeEventListener("abort", onStop);
    signal.throwIfAborted();
    return {
      tap,
      target,
      state: this.#state,
      printed: this.#printed,
      commits: this.#commits,
      lines: this.#lines,
      stateLines: this.#stateLines,
      records: this.#records,
      broken: this.#cut || target.signal === "SIGKILL",
      late: timeout.aborted,
    };
  }

  /** Lines of the tap on their way to the target, up to where they are cut off. */
  async *#through(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
    const { fault } = this.#options;
    const cutter = new LineCutter();
    for await (const chunk of chunks) {
      let text = "";
      for (const line of cutter.push(chunk)) {
        this.#note(line);
        const part = fault?.kind === "line" ? upToFault(line, this.#lines, fault) : undefined;
        if (fault?.kind === "line" && part !== undefined) {
          yield text + part;
          this.#cut = true;
          this.#kill(...fault.victims);
          return;
        }
        text += `${line}\n`;
      }
      yield text;
    }
    yield cutter.end().join("");
    // With nothing left to read the target would end by itself.
    if (fault?.kind === "printed") await this.#untilKilled();
  }

  #note(line: string): void {
    this.#lines++;
    const type = /^\{"type":"([A-Z_]+)"/.exec(line)?.[1];
    if (type === "RECORD") this.#records++;
    if (type === "STATE") this.#stateLines.push(this.#lines);
    this.#options.onLine?.(line);
  }

  #onState(line: string): void {
    const { fault } = this.#options;
    this.#state = line;
    this.#printed++;
    if (fault?.kind === "printed" && this.#printed === fault.nth) this.#kill("target");
  }

  async #untilKilled(): Promise<void> {
    const late = AbortSignal.timeout(PRINTING_MS);
    await Promise.race([this.#target.ended, once(late, "abort")]);
  }

  #kill(...victims: readonly ("tap" | "target")[]): void {
    if (victims.includes("tap")) this.#tap.process.kill("SIGKILL");
    if (victims.includes("target")) this.#target.process.kill("SIGKILL");
  }
}

/** What is still passed on of the line with this number when the cut is here; undefined when it is not. */
function upToFault(line: string, number: number, fault: Fault & { kind: "line" }): string | undefined {
  if (fault.half !== true) return number === fault.line ? `${line}\n` : undefined;
  return number === fault.line + 1 ? line.slice(0, Math.ceil(line.length / 2)) : undefined;
}

function withFault(target: Program, fault: Fault | undefined): Program {
  const environment = { ...target.environment, LOGLEVEL: "INFO", TARGET_WAREHOUSE_LOGLEVEL: "INFO" };
  switch (fault?.kind) {
    case "step":
      return { ...target, environment: { ...environment, CHORUS_ELT_CRASH_AT: `${fault.step}:${fault.nth}` } };
    case "printed": // a last state comes although the input does not end
      return { ...target, environment: { ...environment, TARGET_WAREHOUSE_BATCH_MAX_AGE_SECONDS: "0.5" } };
    case "line":
    case "cut":
    case "restart":
    case undefined:
      return { ...target, environment };
  }
}

const ignore = () => undefined;
