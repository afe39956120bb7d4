import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";

/** One of our programs in a pipe. */
interface Part {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** How both programs ended, and the last state that the target printed; empty when it printed none. */
interface PipeEnd {
  readonly tap: number | null;
  readonly target: number | null;
  readonly state: string;
}

/** `tap | target`, as a shell would run it; both log to our stderr. */
export async function runPipe(first: Part, second: Part): Promise<PipeEnd> {
  const tap = spawn(process.execPath, [bin(first.program), ...first.args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: first.environment,
  });
  const target = spawn(process.execPath, [bin(second.program), ...second.args], {
    stdio: [tap.stdout, "pipe", "inherit"],
    env: second.environment,
  });
  tap.stdout.destroy(); // the pipe is the target's alone, or a tap whose target is gone would wait for ever
  let states = "";
  target.stdout.on("data", (chunk: Buffer) => (states += chunk.toString()));
  const ends = [once(tap, "exit"), once(target, "exit")] as Promise<[number | null]>[];
  await finished(target.stdout);
  const [tapCode = null, targetCode = null] = (await Promise.all(ends)).map(([code]) => code);
  return { tap: tapCode, target: targetCode, state: states.trim().split("\n").at(-1) ?? "" };
}

/** The file of one of our programs, beside the one that runs. */
export function bin(name: string): string {
  const here = dirname(fileURLToPath(import.meta.url)); // dist/chunks
  return resolve(here, "..", "bin", `${name}.js`);
}
