import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { CASES } from "../../src/cli/crash-matrix/cases.ts";
import { ClientMessages } from "../../src/cli/crash-matrix/client-messages.ts";
import { differences } from "../../src/cli/crash-matrix/contents.ts";
import { startProxy, type Trap } from "../../src/cli/crash-matrix/proxy.ts";
import { STEPS } from "../../src/core/env.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeOwnPostgres, describePostgres, startPostgres } from "../support/own-postgres.ts";
import { bin, ended, type Ended } from "./pipe.ts";

/** A matrix takes a while, and longer when other tests run beside it. */
const LONG_MS = 600_000;

interface Ran extends Ended {
  /** What is left in the folder for temporary files. */
  readonly left: readonly string[];
  /** Lines of the report. */
  readonly lines: readonly string[];
}

/** A folder with a target's config, and another for temporary files that can be looked into. */
async function place(settings: object = {}) {
  const folder = await temporaryFolder();
  const [config, temporary] = [join(folder.path, "target.json"), join(folder.path, "tmp")];
  const database = join(folder.path, "mine.duckdb");
  await mkdir(temporary);
  await writeFile(config, JSON.stringify({ path: database, ...settings }));
  const start = (args: readonly string[]) =>
    bin("chorus-elt", ["crash-matrix", "--config", config, ...args], { env: { TMPDIR: temporary } });
  return {
    folder: folder.path,
    temporary,
    database,
    start,
    async matrix(...args: string[]): Promise<Ran> {
      const end = await ended(start(args));
      return { ...end, left: await readdir(temporary), lines: end.stdout.trim().split("\n") };
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const TARGET = `${process.execPath} ${resolve("dist/bin/target-warehouse.js")}`;

describe("the whole matrix on DuckDB", () => {
  test(
    "nothing is lost and nothing doubled, whatever is killed",
    async () => {
      await using where = await place();
      const { code, lines, left } = await where.matrix();
      expect(lines.filter((line) => line.startsWith("FAILED"))).toEqual([]);
      expect(lines.at(-1)).toMatch(
        /^crash matrix: 31 cases, 18 more need a server: ok, nothing was lost and nothing doubled/,
      );
      const names = CASES.filter(({ needs }) => needs === "database").map(({ name }) => name);
      const told = lines.slice(1, -1).map((line) => /^ok {5}(\S+):/.exec(line)?.[1]);
      expect(told.sort()).toEqual([...names].sort());
      const [, commits = ""] = /(\d+) commits/.exec(lines[0] ?? "") ?? [];
      expect(Number(commits)).toBeGreaterThan(5);
      for (const step of STEPS) {
        for (const nth of ["1", String(Math.ceil(Number(commits) / 2)), commits]) {
          expect(lines.some((line) => line.includes(`target killed at ${step} ${nth};`))).toBe(true);
        }
      }
      expect([code, left, existsSync(where.database)]).toEqual([0, [], false]);
    },
    LONG_MS,
  );
});

describe("a target that breaks its promise is found out", () => {
  const cases = ["--only", "^target/(begin|merge)/last$"];

  test("it says states before their rows are in: rows are missing", async () => {
    await using where = await place();
    const { code, lines, left } = await where.matrix(...cases, "--target-command", await scriptIn(where, SAYS_EARLY));
    expect(lines.filter((line) => /^FAILED target\/\w+\/last: .*\d+ missing \(/.test(line))).toHaveLength(2);
    expect([code, left]).toEqual([50, []]);
  });

  test("it loses every 50th record: already the clean run is not what was sent", async () => {
    await using where = await place();
    const { code, lines } = await where.matrix(...cases, "--target-command", await scriptIn(where, LOSES_RECORDS));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^FAILED clean run: .*utterances: \d+ keys were sent, and \d+ rows/);
    expect(code).toBe(50);
  });

  test("it adds rows that are there already: they are doubled", async () => {
    await using where = await place();
    const command = `env TARGET_WAREHOUSE_LOAD_METHOD=append-only ${TARGET}`;
    const { code, lines } = await where.matrix("--only", "^target/committed/last$", "--target-command", command);
    expect(lines[1]).toMatch(/^FAILED target\/committed\/last: .*\d+ doubled \(\w+_id=/);
    expect(code).toBe(50);
  });

  test("a kill that never happens is a failure, as it proves nothing", async () => {
    await using where = await place();
    const command = `env -u CHORUS_ELT_CRASH_AT ${TARGET}`;
    const { code, lines } = await where.matrix("--only", "^target/said/first$", "--target-command", command);
    expect(lines[1]).toMatch(/^FAILED target\/said\/first: .*it never came to this: target killed at said 1$/);
    expect(code).toBe(50);
  });
});

/** The real target behind a filter that breaks the promise of states. It dies as the target dies. */
const wrapper = (onLine: string) => `
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
const child = spawn(process.execPath, [${JSON.stringify(resolve("dist/bin/target-warehouse.js"))}, ...process.argv.slice(2)], {
  stdio: ["pipe", "ignore", "inherit"],
});
child.stdin.on("error", () => {});
child.on("exit", (code, signal) => (signal === null ? process.exit(code) : process.kill(process.pid, signal)));
let count = 0;
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => { ${onLine} });
lines.on("close", () => child.stdin.end());
`;
const SAYS_EARLY = wrapper(`
  const message = JSON.parse(line);
  if (message.type === "STATE") process.stdout.write(JSON.stringify(message.value) + "\\n");
  child.stdin.write(line + "\\n");`);
const LOSES_RECORDS = wrapper(`if (!line.includes('"RECORD"') || ++count % 50 !== 0) child.stdin.write(line + "\\n");`);

/** The command that runs a script out of this folder. */
async function scriptIn({ folder }: { folder: string }, script: string): Promise<string> {
  const path = join(folder, "target.mjs");
  await writeFile(path, script);
  return `${process.execPath} ${path}`;
}

test("SIGTERM: it stops, and leaves neither files nor programs", async () => {
  await using where = await place();
  const matrix = where.start([]);
  const done = ended(matrix);
  await once(matrix.stdout!, "data"); // the clean run is over, and cases are under way
  await delay(500);
  matrix.kill("SIGTERM");
  expect((await done).signal).toBe("SIGTERM");
  expect(await readdir(where.temporary)).toEqual([]);
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "args"]);
  expect(stdout.split("\n").filter((args) => args.includes(where.temporary))).toEqual([]);
});

test("--list prints the names of the cases; what matches none of them is wrong usage", async () => {
  const listed = await ended(bin("chorus-elt", ["crash-matrix", "--list", "--only", "^tap/"]));
  expect(listed.stdout).toMatchInlineSnapshot(`
    "tap/line/first
    tap/line/middle
    tap/line/half-written
    tap/state/before
    tap/state/after
    tap/line/last
    "
  `);
  const none = await ended(bin("chorus-elt", ["crash-matrix", "--only", "nonesuch"]));
  expect(none.code).toBe(2);
});

test("differences are told by table, with counts and a key of each kind, and no other values", () => {
  const table = (rows: Record<string, string[]>, columns = ["id", "text"]) => ({
    columns,
    rows: new Map(Object.entries(rows)),
  });
  const wanted = new Map([
    ["calls", table({ "id=1": ["a"], "id=2": ["b"], "id=3": ["c"], "id=4": ["d"] })],
    ["same", table({ "id=1": ["a", "b"] })],
    ["tags", table({ "id=1": ["a"] })],
    ["users", table({ "id=1": ["a", "a"] })],
  ]);
  const found = new Map([
    ["calls", table({ "id=3": ["x"], "id=4": ["d", "d"], "id=5": ["e"] })],
    ["same", table({ "id=1": ["b", "a"] })],
    ["teams", table({})],
    ["users", table({ "id=1": ["a"] }, ["id"])],
  ]);
  expect(differences(wanted, found)).toMatchInlineSnapshot(`
    [
      "calls: 2 missing (id=1, …), 1 too many (id=5), 1 doubled (id=4), 1 changed (id=3)",
      "tags: the table is missing, with 1 rows",
      "teams: the table should not be there",
      "users: 1 fewer than they were (id=1), other columns",
    ]
  `);
  expect(differences(wanted, wanted)).toEqual([]);
});

describe("the proxy", () => {
  test("carries bytes both ways until the trap springs; then connections are cut, and new ones work", async () => {
    await using place = await behindProxy((socket) => socket.pipe(socket), {
      at: "bytes",
      nth: 8,
      then: "cut-arrival",
    });
    const first = await place.client();
    first.write("12345");
    expect(await next(first)).toBe("12345");
    first.write("6789");
    await once(first, "close");
    expect(place.proxy.sprung).toBe(true);
    expect(place.arrived()).toBe("12345678");
    const second = await place.client();
    second.write("again");
    expect(await next(second)).toBe("again");
  });

  test("cut-answer: the COMMIT arrives, and its answer gets lost", async () => {
    const answer = (socket: Socket) =>
      socket.on("data", (data: Buffer) => {
        if (/commit/i.test(data.toString("latin1"))) socket.write(message("C", "COMMIT\0"));
      });
    await using place = await behindProxy(answer, { at: "commit", nth: 2, then: "cut-answer" });
    const client = await place.client();
    client.write(START);
    client.write(message("Q", "COMMIT\0"));
    expect(await next(client)).toContain("COMMIT");
    const rest: Buffer[] = [];
    client.on("data", (data: Buffer) => rest.push(data));
    client.write(message("Q", "commit;\0"));
    await once(client, "close");
    expect(rest).toEqual([]);
    expect(place.arrived()).toContain("commit;");
    expect(place.proxy.traffic.commit).toBe(2);
  });

  test("cut-arrival: nothing of the COMMIT arrives", async () => {
    await using place = await behindProxy(() => undefined, { at: "commit", nth: 1, then: "cut-arrival" });
    const client = await place.client();
    client.write(Buffer.concat([START, message("Q", "BEGIN\0"), message("Q", "COMMIT\0"), message("X", "")]));
    await once(client, "close");
    expect(place.arrived()).toContain("BEGIN");
    expect(place.arrived()).not.toContain("COMMIT");
  });

  test("messages are found however they are cut into chunks", () => {
    const stream = Buffer.concat([
      Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), // asks for TLS
      START,
      message("Q", "SELECT 'COMMIT'\0"),
      message("d", "Q\0\0\0\u000bCOMMIT\0"), // data that looks like a message
      message("d", "x".repeat(1_000)),
      message("c", ""),
      message("P", "s1\0COMMIT\0\0\0"),
      message("Q", `SELECT '${"x".repeat(100)}'; COMMIT\0`), // longer than what is looked at
      message("Q", " Commit ;\0"),
    ]);
    for (const size of [1, 3, 7, stream.length]) {
      const messages = new ClientMessages();
      const kinds: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        for (const { kind } of messages.read(stream.subarray(at, at + size))) kinds.push(kind);
      }
      expect(kinds).toEqual(["copy", "copy", "commit", "commit"]);
    }
  });
});

const START = Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0]);

function message(type: string, body: string): Buffer {
  const header = Buffer.from(`${type}....`);
  header.writeUInt32BE(Buffer.byteLength(body, "latin1") + 4, 1);
  return Buffer.concat([header, Buffer.from(body, "latin1")]);
}

async function next(socket: Socket): Promise<string> {
  const [data] = (await once(socket, "data")) as [Buffer];
  return data.toString("latin1");
}

/** A server of a few lines, and a proxy before it. */
async function behindProxy(serve: (socket: Socket) => void, trap: Trap) {
  const folder = await temporaryFolder();
  const [front, back] = [join(folder.path, "front"), join(folder.path, "back")];
  let arrived = "";
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined).on("data", (data) => (arrived += data.toString("latin1")));
    serve(socket);
  });
  server.listen(back);
  await once(server, "listening");
  const open = async (path: string) => {
    const socket = connect(path).on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  };
  const proxy = await startProxy(front, () => open(back), trap);
  return {
    proxy,
    client: () => open(front),
    arrived: () => arrived,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

await describePostgres("on Postgres", (postgres) => {
  test(
    "a target that is killed, or whose connections are cut, loses and doubles nothing; no schema is left",
    async () => {
      await using db = await postgres.database();
      await using where = await place({ destination: "postgres", url: db.url });
      const { code, lines, left } = await where.matrix("--only", "^connection/|^target/(merge|commit|committed)/");
      expect(lines.filter((line) => line.startsWith("FAILED"))).toEqual([]);
      expect(lines.at(-1)).toMatch(/^crash matrix: 21 cases: ok/);
      const schemas = await db.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'chorus_elt_crash%'");
      expect([code, left, schemas]).toEqual([0, [], []]);
    },
    LONG_MS,
  );
});

await describeOwnPostgres("with a Postgres of its own", () => {
  test(
    "a server that is restarted in the middle: nothing is lost and nothing doubled",
    async () => {
      await using server = await startPostgres();
      await using where = await place({ destination: "postgres", url: server.url(await server.createDatabase()) });
      // The command asks this process for the restart, and waits.
      const wanted = join(where.folder, "restart");
      const stop = new AbortController();
      const restarts = restartWhenWanted(wanted, () => server.restart("immediate"), stop.signal);
      const command = `touch ${wanted}; while [ -e ${wanted} ]; do sleep 0.1; done`;
      const { code, lines } = await where.matrix("--only", "^restart/", "--restart-command", command);
      stop.abort();
      expect(lines.filter((line) => line.startsWith("FAILED"))).toEqual([]);
      expect(lines.at(-1)).toMatch(/^crash matrix: 6 cases: ok/);
      expect([code, await restarts]).toEqual([0, 6]);
    },
    LONG_MS,
  );
});

await describeOwnPostgres("with a Postgres that wants TLS and a certificate", () => {
  test(
    "connections are cut all the same, where the target's words are seen",
    async () => {
      const file = (name: string) => resolve("test/fixtures/tls", name);
      await using server = await startPostgres({
        tcp: true,
        settings: { ssl: "on", ssl_cert_file: "server.crt", ssl_key_file: "server.key", ssl_ca_file: "ca.crt" },
        files: {
          "server.crt": readFileSync(file("localhost.crt")),
          "server.key": readFileSync(file("localhost.key")),
          "ca.crt": readFileSync(file("ca.crt")),
        },
        hba: ["hostssl all loader 127.0.0.1/32 cert"],
      });
      await server.query("CREATE ROLE loader LOGIN");
      const database = await server.createDatabase();
      await server.query(`GRANT CREATE ON DATABASE "${database}" TO loader`);
      await using where = await place({
        url: `postgresql://loader@localhost:${server.tcpPort ?? 0}/${database}?sslmode=verify-full`,
        sslrootcert: file("ca.crt"),
        sslcert: file("loader.crt"),
        sslkey: file("loader.key"),
      });
      const { code, lines, stderr } = await where.matrix("--only", "^connection/(copy|answer-lost)/middle$");
      expect(lines.at(-1), `${lines.join("\n")}${stderr}`).toMatch(/^crash matrix: 2 cases: ok/);
      expect(code).toBe(0);
    },
    LONG_MS,
  );
});

async function restartWhenWanted(file: string, restart: () => Promise<void>, signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    await delay(50);
    if (!existsSync(file)) continue;
    await restart();
    await rm(file);
    count++;
  }
  return count;
}
