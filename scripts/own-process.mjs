// Starts a program that ends when this process does, however that goes. Plain Node, types in own-process.d.mts.
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

/** Runs until its stdin ends, which is when the process that started it is gone. A line is the process to end, or empty. */
const KEEPER = `
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; }
`;

export async function startOwnProcess(command, args, { folder, env }) {
  const keeper = spawn("sh", ["-c", KEEPER, "keeper", folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true, // Ctrl-C reaches the whole process group; the keeper has to outlive that
    cwd: "/",
  });
  await spawned(keeper);
  keeper.stdin.on("error", () => {}); // a keeper that somebody killed
  const log = join(folder, "log");
  const fd = openSync(log, "a", 0o600);
  const child = spawn(command, args, { env, cwd: folder, stdio: ["ignore", fd, fd], detached: true });
  closeSync(fd);
  keeper.stdin.write(`${child.pid ?? ""}\n`);
  const exited = new Promise((resolve) => {
    child.once("close", (code, signal) => {
      keeper.stdin.write("\n");
      resolve(signal ?? code);
    });
  });
  const stop = async () => {
    child.ref();
    child.kill("SIGKILL"); // what it holds is in the folder, and that goes too
    if (child.pid !== undefined) await exited;
    keeper.ref();
    keeper.stdin.end();
    if (keeper.exitCode === null && keeper.signalCode === null) await new Promise((done) => keeper.once("exit", done));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await spawned(child);
  } catch (error) {
    await stop();
    throw error;
  }
  // A forgotten program does not keep this process going; it ends with it.
  for (const handle of [keeper, keeper.stdin, child]) handle.unref();
  return { pid: child.pid, exited, stop, log: () => readFileSync(log, "utf8") };
}

/** Ports of 127.0.0.1 that nobody listens on now. */
export async function freePorts(count) {
  const probes = Array.from({ length: count }, () => createServer());
  const ports = [];
  for (const probe of probes) {
    await new Promise((done, fail) => probe.once("error", fail).listen(0, "127.0.0.1", done));
    ports.push(probe.address().port);
  }
  for (const probe of probes) await new Promise((done) => probe.close(done));
  return ports;
}

function spawned(child) {
  return new Promise((done, fail) => child.once("spawn", done).once("error", fail));
}
