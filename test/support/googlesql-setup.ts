import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestProject } from "vitest/node";
import { freePorts, startOwnProcess, type OwnProcess } from "../../scripts/own-process.mjs";
import { shareOnDemand, type Shared } from "./on-demand.ts";

/** What a test file is told when it asks for the SQL analyzer of this run. */
export type Answer = { port: number } | { absent: string } | { failed: string };

declare module "vitest" {
  interface ProvidedContext {
    googlesqlPort: number;
  }
}

const STARTING_MS = 30_000;

/** One process of Google's SQL analyzer for a whole run of vitest. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { port, end } = await shareOnDemand(begin);
  project.provide("googlesqlPort", port);
  return end;
}

async function begin(): Promise<Shared<Answer>> {
  try {
    const program = binary();
    if (program === undefined) {
      return { answer: { absent: `@fivetrandevelopers/zetasql has no analyzer for ${process.platform}` } };
    }
    const [port = 0] = await freePorts(1);
    const folder = await mkdtemp(join(tmpdir(), "chorus-elt-googlesql-"));
    const server = await startOwnProcess(program, ["localhost", String(port)], { folder, env: {} });
    const ended = await answering(server, port);
    if (ended === undefined) return { answer: { port }, end: () => server.stop() };
    const said = server.log().trim().slice(-500);
    await server.stop();
    return { answer: { absent: `the analyzer does not run here (${ended}): ${said}` } };
  } catch (error) {
    return { answer: { failed: String(error) } };
  }
}

/** That of the npm package, which has them for Linux and macOS. */
function binary(): string | undefined {
  const folder = dirname(createRequire(import.meta.url).resolve("@fivetrandevelopers/zetasql/package.json"));
  const names = { linux: ".so", darwin: "" } as Partial<Record<NodeJS.Platform, string>>;
  const extension = names[process.platform];
  if (extension === undefined) return undefined;
  const path = join(folder, `lib/zetasql/remote_server${process.arch.startsWith("arm") ? "_arm" : ""}${extension}`);
  return existsSync(path) ? path : undefined;
}

/** Undefined once it listens, else how it ended. */
async function answering({ exited }: OwnProcess, port: number): Promise<number | string | undefined> {
  let ended: number | string | undefined;
  void exited.then((how) => {
    ended = how;
  });
  const deadline = Date.now() + STARTING_MS;
  while (Date.now() < deadline) {
    if (ended !== undefined) return ended;
    const socket = connect(port, "localhost");
    const isOpen = await once(socket, "connect").catch(() => undefined);
    socket.destroy();
    if (isOpen !== undefined) return undefined;
    await sleep(50);
  }
  return `no answer in ${STARTING_MS} ms`;
}
