import { systemClock } from "../core/clock.ts";
import type { Env, Step } from "../core/env.ts";
import { asEltError, CODES, type EltError } from "../core/errors.ts";
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
export async function runCommand(
  name: string,
  run: (command: Command) => Promise<void>,
  speak: (name: string, out: Out) => Voice = onStderr,
): Promise<void> {
  const abort = new AbortController();
  const out = lineWriter(process.stdout, () => abort.abort(new Stopped("the reader has gone")));
  const voice = speak(name, out);
  const { log } = voice;
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
    if (!(thrown instanceof Stopped)) {
      const error = asEltError(thrown);
      voice.failed(error);
      process.exitCode = CODES[error.code].exit;
    }
    await out.drained().catch(() => undefined); // the error that is thrown already says more
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

/** How a run tells people what it does, and how it says its last words. */
export interface Voice {
  readonly log: ProcessLog;
  /** What ends the run, and what to do about it. */
  failed(error: EltError): void;
}

function onStderr(name: string): Voice {
  const log = processLog({
    name,
    environment: process.env,
    terminal: process.stderr.isTTY && process.env["NO_COLOR"] === undefined,
    write: (text) => process.stderr.write(text),
  });
  return { log, failed: (error) => lastWords(error, log) };
}

export function lastWords(error: EltError, log: ProcessLog): void {
  const facts = { code: error.code, ...(error.stream === undefined ? {} : { stream: error.stream }) };
  if (error.code === "UNEXPECTED" && error.cause instanceof Error) log.debug(error.cause.stack ?? "no stack");
  log.critical(`${error.code}: ${error.message}. ${error.hint}`, facts);
}
