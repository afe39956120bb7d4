import { systemClock } from "../core/clock.ts";
import type { Env, Step } from "../core/env.ts";
import { asEltError, CODES } from "../core/errors.ts";
import { lineWriter, type Out } from "../io/out.ts";
import { processLog, type ProcessLog } from "./log.ts";

/** What a command has to work with, made once for the process. */
export interface Command {
  readonly env: Env & { readonly log: ProcessLog };
  readonly out: Out;
}

/**
 * Runs a command: stdout for its lines, stderr for its log, an exit code at the end. SIGTERM and SIGINT abort
 * `env.signal`; when the command has finished what was in hand, the process dies by that signal, so that whoever sent
 * it sees what it expects. A second signal kills at once. A reader that leaves (`| head`) ends the run quietly.
 */
export async function runCommand(name: string, run: (command: Command) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  const log = processLog({
    name,
    environment: process.env,
    terminal: process.stderr.isTTY && process.env["NO_COLOR"] === undefined,
    write: (text) => process.stderr.write(text),
  });
  const out = lineWriter(process.stdout, () => abort.abort(new Stopped("the reader has gone")));
  let signalled: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    signalled = signal;
    log.info(`${signal}: finishing what is in hand`);
    abort.abort(new Stopped(signal));
    process.removeListener("SIGTERM", onSignal).removeListener("SIGINT", onSignal);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  try {
    const step = crashPoint(process.env["CHORUS_ELT_CRASH_AT"]);
    await run({ env: { clock: systemClock, log, signal: abort.signal, step }, out });
    await out.drained();
  } catch (thrown) {
    await out.drained().catch(() => undefined); // the error that is thrown already says more
    if (!(thrown instanceof Stopped)) process.exitCode = report(thrown, log);
  }
  process.removeListener("SIGTERM", onSignal).removeListener("SIGINT", onSignal);
  if (signalled !== undefined) process.kill(process.pid, signalled);
}

/** Why a run was asked to stop; no error. */
export class Stopped extends Error {}

/** `merge:2` kills this process with -9 as its second merge begins: how `chorus-elt crash-matrix` reaches every step. */
function crashPoint(wanted: string | undefined): (step: Step) => void {
  const [at, nth = "1"] = wanted?.split(":") ?? [];
  let passed = 0;
  return (step) => {
    if (step === at && ++passed === Number(nth)) process.kill(process.pid, "SIGKILL");
  };
}

/** Says what went wrong and what to do about it, and gives the exit code. */
function report(thrown: unknown, log: ProcessLog): number {
  const error = asEltError(thrown);
  const { exit, hint } = CODES[error.code];
  const facts = { code: error.code, ...(error.stream === undefined ? {} : { stream: error.stream }) };
  if (error.code === "UNEXPECTED" && error.cause instanceof Error) log.debug(error.cause.stack ?? "no stack");
  log.critical(`${error.code}: ${error.message}. ${hint}`, facts);
  return exit;
}
