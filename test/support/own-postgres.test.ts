import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { access, chmod, cp, lstat, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import { describe, expect, test, vi } from "vitest";
import { findPostgres } from "../../scripts/postgres.mjs";
import { temporaryFolder } from "./folder.ts";
import { describeOwnPostgres, describePostgres, startPostgres } from "./own-postgres.ts";

const LAUNCHER = new URL("../../scripts/postgres.mjs", import.meta.url).href;
const WAIT = { timeout: 10_000, interval: 20 };
const asRoot = process.getuid?.() === 0;

await describePostgres("the Postgres of a run", (postgres) => {
  test("a test gets a database of its own, in UTF-8 and the C locale, and it goes away with the test", async () => {
    let name: string;
    {
      await using db = await postgres.database();
      name = db.name;
      const [settings] = await db.query(
        "SELECT current_database() AS name, pg_encoding_to_char(encoding) AS encoding, datcollate AS locale " +
          "FROM pg_database WHERE datname = current_database()",
      );
      expect(settings).toEqual({ name, encoding: "UTF8", locale: "C" });
      const open = new Client(db.url);
      open.on("error", () => undefined);
      await open.connect(); // a forgotten connection is no obstacle
    }
    expect(await postgres.query(`SELECT 1 FROM pg_database WHERE datname = '${name}'`)).toEqual([]);
  });

  test("tests that make databases at the same time do not wait for each other's end", async () => {
    const databases = await Promise.all([1, 2, 3].map(() => postgres.database()));
    expect(new Set(databases.map((db) => db.name)).size).toBe(3);
    await Promise.all(databases.map((db) => db[Symbol.asyncDispose]()));
  });

  test("on a server that stays, the databases of a run go when the run is cut short, and no others", async () => {
    await using other = await postgres.database();
    const prefix = `${other.name}_`;
    await postgres.createDatabase(`${prefix}1`);
    const child = launch(
      `await dropAtTheEnd(${JSON.stringify(postgres.url())}, "${prefix}");
       console.log("ready");
       setInterval(() => {}, 1000);`,
    );
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await vi.waitFor(async () => {
      const names = await postgres.query(`SELECT datname FROM pg_database WHERE starts_with(datname, '${other.name}')`);
      expect(names).toEqual([{ datname: other.name }]);
    }, WAIT);
  });
});

await describeOwnPostgres("a Postgres of one's own", () => {
  test("listens on no port, keeps what was committed over every kind of restart, and leaves no trace when stopped", async () => {
    await using server = await startPostgres();
    const { host, dataDirectory } = server;
    expect(await server.query("SHOW data_directory")).toEqual([{ data_directory: dataDirectory }]);
    expect(await server.query("SHOW listen_addresses")).toEqual([{ listen_addresses: "" }]);
    expect(await server.query("SHOW server_version")).toEqual([{ server_version: server.version }]);
    const pids = [server.pid!];
    await server.query("CREATE TABLE t (n INT)");
    for (const how of ["fast", "immediate", "kill"] as const) {
      await server.query(`INSERT INTO t SELECT ${pids.length}`);
      await server.restart(how);
      pids.push(server.pid!);
      expect(await server.query("SELECT n FROM t ORDER BY n")).toHaveLength(pids.length - 1);
    }
    expect(server.log()).toContain("automatic recovery in progress");
    await server.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    await expect(access(host)).rejects.toThrow("ENOENT");
  });

  test("a halted server refuses connections and comes back at the same address", async () => {
    await using server = await startPostgres({ tcp: true });
    const { port, tcpPort } = server;
    await server.halt();
    expect(server.pid).toBeUndefined();
    await expect(server.query("SELECT 1")).rejects.toThrow(/ENOENT|ECONNREFUSED/);
    await server.start();
    expect([server.port, server.tcpPort]).toEqual([port, tcpPort]);
    expect(await server.query("SELECT 1 AS n")).toEqual([{ n: 1 }]);
  });

  test("takes settings, files and lines for passwords", async () => {
    await using server = await startPostgres({
      tcp: true,
      hba: ["host all all 127.0.0.1/32 scram-sha-256"],
      settings: { max_connections: "7", password_encryption: "scram-sha-256" },
      files: { "server.crt": "not one" },
    });
    await server.query("CREATE ROLE loader LOGIN PASSWORD 'made up'");
    const signIn = async (password: string) => {
      const client = new Client({
        host: "127.0.0.1",
        port: server.tcpPort!,
        user: "loader",
        password,
        database: "postgres",
      });
      try {
        await client.connect();
        return (await client.query<{ name: string }>("SELECT current_user AS name")).rows;
      } finally {
        await client.end();
      }
    };
    expect(await signIn("made up")).toEqual([{ name: "loader" }]);
    await expect(signIn("guessed")).rejects.toMatchObject({ code: "28P01" });
    expect(await server.query("SHOW max_connections")).toEqual([{ max_connections: "7" }]);
    expect(await server.query("SELECT pg_read_file('server.crt') AS text")).toEqual([{ text: "not one" }]);
  });

  test("a server that cannot start says why, and leaves nothing", async () => {
    await using folder = await openFolder();
    const child = launch(`await startPostgres({ settings: { shared_buffers: "many" } })`, { TMPDIR: folder.path });
    expect(await text(child.stderr)).toContain('invalid value for parameter "shared_buffers": "many"');
    expect(await readdir(folder.path)).toEqual([]);
  });

  test.concurrent.each(["starting", "running", "forgotten"])(
    "when the process ends with a server %s, the server and its folder go too",
    async (moment) => {
      await using folder = await openFolder();
      const started = `const server = await startPostgres(); console.log(server.pid);`;
      const child = launch(moment === "forgotten" ? started : `${started} setInterval(() => {}, 1000)`, {
        TMPDIR: folder.path,
      });
      let pid: number | undefined;
      if (moment === "starting")
        await vi.waitFor(async () => {
          expect(await filesIn(folder.path)).toContain("data");
        }, WAIT);
      else pid = Number(String(((await once(child.stdout, "data")) as [Buffer])[0]));
      if (moment === "forgotten") await once(child, "exit");
      else child.kill("SIGKILL");
      await vi.waitFor(async () => {
        expect(await readdir(folder.path)).toEqual([]);
      }, WAIT);
      if (pid !== undefined) expect(isAlive(pid)).toBe(false);
    },
  );

  test.runIf(asRoot)("works for a normal user as well", async (context) => {
    const child = launch(
      `const server = await startPostgres();
       console.log(process.getuid(), (await server.query("SELECT 1 + 1 AS n"))[0].n);
       await server.stop();`,
      { TMPDIR: "/tmp" },
      1000,
    );
    const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
    if (/EACCES|ERR_MODULE_NOT_FOUND/.test(error)) context.skip("other users cannot read this checkout");
    expect([out, error]).toEqual(["1000 2\n", ""]);
  });

  test("runs from a package without its links, and from where only root gets to", async () => {
    await using folder = await openFolder();
    const { postgres, version } = await findPostgres();
    const native = dirname(dirname(postgres));
    const hidden = join(folder.path, "hidden");
    const plain = { recursive: true, filter: async (path: string) => !(await lstat(path)).isSymbolicLink() };
    await cp(native, join(hidden, "native"), plain);
    await cp(join(dirname(native), "scripts"), join(hidden, "scripts"), { recursive: true });
    await chmod(hidden, 0o700);
    const child = launch(`console.log((await findPostgres()).version)`, {
      TMPDIR: folder.path,
      CHORUS_ELT_POSTGRES: hidden,
    });
    expect([await text(child.stdout), await text(child.stderr)]).toEqual([`${version}\n`, ""]);
  });
});

describe("where there is no Postgres", () => {
  test("the reason is said", async () => {
    const child = launch(
      `await findPostgres().catch((error) => console.log(error.name, error.message))`,
      { CHORUS_ELT_POSTGRES: "" },
      undefined,
      ["--import", "data:text/javascript,Object.defineProperty(process,'arch',{value:'abacus'})"],
    );
    expect(await text(child.stdout)).toContain("-abacus is not installed, or there is none for this platform");
  });

  test("a folder that was named is never passed over", async () => {
    const child = launch(`await findPostgres()`, { CHORUS_ELT_POSTGRES: "/nowhere" });
    expect(await text(child.stderr)).toContain("no bin/postgres in /nowhere");
  });
});

/** A process of its own that uses the launcher. */
function launch(
  body: string,
  env: NodeJS.ProcessEnv = {},
  uid?: number,
  options: string[] = [],
): ChildProcessWithoutNullStreams {
  const code = `import { dropAtTheEnd, findPostgres, startPostgres } from ${JSON.stringify(LAUNCHER)};\n${body}`;
  return spawn(process.execPath, [...options, "--input-type=module", "-e", code], {
    env: { ...process.env, ...env },
    ...(uid === undefined ? {} : { uid, gid: uid, cwd: "/" }),
  });
}

/** A temporary folder that the user of a server may pass through. */
async function openFolder() {
  const folder = await temporaryFolder();
  await chmod(folder.path, 0o755);
  return folder;
}

async function filesIn(folder: string): Promise<string[]> {
  return readdir(folder, { recursive: true }).then((paths) => paths.map((path) => path.split("/")[1] ?? ""));
}

/** A process that has ended but whose parent has not asked for its exit code is still listed, without a command. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}
