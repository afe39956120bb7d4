import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { dirname, resolve } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { LineCutter } from "../../io/lines.ts";

/** A program to start, with what it finds in its environment beside ours. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** How a program ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The code of the error it ended with, as its log has it. */
  readonly error: string | undefined;
}

/** A program that was started. */
export interface Running {
  readonly process: ChildProcess;
  /** Resolves when it has ended and all it wrote was read. */
  readonly ended: Promise<End>;
}

/** One of our programs, found beside the one that runs. */
export function ownProgram(name: string, args: readonly string[], environment: Program["environment"] = {}): Program {
  const here = dirname(fileURLToPath(import.meta.url)); // dist/chunks
  return { command: process.execPath, args: [resolve(here, "..", "bin", `${name}.js`), ...args], environment };
}

/** A command as a shell reads it, in the place of one of our programs. Signals must reach the command and no shell. */
export function shellProgram(command: string, args: readonly string[], environment: Program["environment"]): Program {
  return { command: "sh", args: ["-c", `exec ${command} "$@"`, "sh", ...args], environment };
}

/** Starts a program. It gets its lines through `stdin`; `onLine` gets each line of its stdout, `onLog` of its stderr. */
export function start(
  { command, args, environment }: Program,
  { onLine, onLog }: { onLine?: (line: string) => void; onLog?: (line: string) => void } = {},
): Running {
  const process = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...globalThis.process.env, ...environment },
  });
  process.stdin.on("error", () => undefined); // it may be killed
  let error: string | undefined;
  if (onLine !== undefined) eachLine(process.stdout, onLine);
  eachLine(process.stderr, (line) => {
    error = /"code":"([A-Z_]+)"/.exec(line)?.[1] ?? error;
    onLog?.(line);
  });
  const ended = once(process, "close").then(([code, signal]) => {
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, error };
  });
  return { process, ended };
}

/** How a program ended, in a few words. */
export function tellEnd({ code, signal, error }: End): string {
  if (signal !== null) return `was ended by ${signal}`;
  return `ended with ${String(code)}${error === undefined || code === 0 ? "" : ` (${error})`}`;
}

/** Calls `take` with each whole line. A last line that is not ended is none. */
function eachLine(from: Readable, take: (line: string) => void): void {
  const cutter = new LineCutter();
  from.on("data", (chunk: Buffer) => cutter.push(chunk).forEach(take));
}
