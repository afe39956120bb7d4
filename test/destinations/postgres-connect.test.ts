import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { Env } from "../../src/core/env.ts";
import { asEltError, type EltError } from "../../src/core/errors.ts";
import type { PostgresConfig } from "../../src/destinations/postgres/config.ts";
import { isConnectionLost, reasonOf } from "../../src/destinations/postgres/refusal.ts";
import { Session } from "../../src/destinations/postgres/session.ts";
import { run } from "../e2e/pipe.ts";
import { temporaryFolder } from "../support/folder.ts";
import { describeOwnPostgres, describePostgres, startPostgres } from "../support/own-postgres.ts";
import { configFor, realEnv, SCHEMA_AND_TIMES } from "../support/postgres-connecting.ts";

const fixture = (name: string) => new URL(`../fixtures/tls/${name}`, import.meta.url).pathname;

/** A server with this certificate, on a port; the role `loader` needs a certificate of its own, others need nothing. */
const withTls = (certificate: "localhost" | "elsewhere") =>
  startPostgres({
    tcp: true,
    settings: { ssl: "on", ssl_cert_file: "server.crt", ssl_key_file: "server.key", ssl_ca_file: "ca.crt" },
    files: {
      "server.crt": readFileSync(fixture(`${certificate}.crt`)),
      "server.key": readFileSync(fixture(`${certificate}.key`)),
      "ca.crt": readFileSync(fixture("ca.crt")),
    },
    hba: ["hostssl all loader 127.0.0.1/32 cert", "host all all 127.0.0.1/32 trust"],
  });

/** The version of TLS that a connection has, or "plain". */
async function tlsOf(config: PostgresConfig): Promise<string> {
  await using session = await Session.open(config, realEnv());
  const sql = "SELECT coalesce(version, 'plain') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  return String((await session.rows(sql))[0]?.[0]);
}

/** The error that ends an attempt, and how many seconds it took. */
async function refusal(config: PostgresConfig, env: Env = realEnv()): Promise<EltError & { seconds: number }> {
  const started = performance.now();
  const error = await Session.open(config, env).then(
    () => undefined,
    (thrown: unknown) => asEltError(thrown),
  );
  if (error === undefined) throw new Error("it connected");
  return Object.assign(error, { seconds: (performance.now() - started) / 1_000 });
}

await describeOwnPostgres("TLS with a real server", () => {
  const ca = { sslrootcert: fixture("ca.crt") };
  const otherCa = { sslrootcert: fixture("other-ca.crt") };

  test("is on in every mode but `disable`, and the certificate fits by name and by address", async () => {
    await using server = await withTls("localhost");
    const modes: Partial<PostgresConfig>[] = [
      {},
      { sslmode: "prefer" },
      { sslmode: "require" },
      { sslmode: "verify-ca", ...ca },
      { sslmode: "verify-full", ...ca },
      { sslmode: "verify-full", ...ca, host: "127.0.0.1" },
    ];
    for (const mode of modes) expect([mode, await tlsOf(configFor(server, mode))]).toEqual([mode, "TLSv1.3"]);
    expect(await tlsOf(configFor(server, { sslmode: "disable" }))).toBe("plain");
  });

  test("ends at once when the authority is not the one to trust", async () => {
    await using server = await withTls("localhost");
    const modes: Partial<PostgresConfig>[] = [
      { sslmode: "verify-full" },
      { sslmode: "verify-full", ...otherCa },
      { sslmode: "verify-ca", ...otherCa },
      { sslmode: "require", ...otherCa },
      { sslmode: "prefer", ...otherCa }, // a server that cannot be trusted is no reason to do without TLS
    ];
    for (const mode of modes) {
      const { code, message, seconds } = await refusal(configFor(server, mode));
      expect([mode, code]).toEqual([mode, "WAREHOUSE_UNREACHABLE"]);
      expect(message).toContain("; `sslrootcert` names the file of the authority to trust");
      expect(seconds).toBeLessThan(5);
    }
  });

  test("ends at once when the certificate is for another name, where the name counts", async () => {
    await using server = await withTls("elsewhere");
    expect(await tlsOf(configFor(server, { sslmode: "require" }))).toBe("TLSv1.3");
    expect(await tlsOf(configFor(server, { sslmode: "verify-ca", ...ca }))).toBe("TLSv1.3");
    for (const host of ["localhost", "127.0.0.1"]) {
      const { code, message, seconds } = await refusal(configFor(server, { host, sslmode: "verify-full", ...ca }));
      expect([code, seconds < 5]).toEqual(["WAREHOUSE_UNREACHABLE", true]);
      expect(message).toMatch(/does not match certificate's altnames/);
    }
  });

  test("is done without on a plain server with `prefer`, and with no other mode that wants it", async () => {
    await using server = await startPostgres({ tcp: true });
    expect(await tlsOf(configFor(server))).toBe("plain");
    for (const mode of [{ sslmode: "require" }, { sslmode: "verify-ca", ...ca }, { sslmode: "verify-full" }] as const) {
      const { code, message, seconds } = await refusal(configFor(server, mode));
      expect([code, seconds < 5]).toEqual(["WAREHOUSE_UNREACHABLE", true]);
      expect(message).toContain("The server does not support SSL connections");
    }
  });

  test("shows who we are with a client certificate", async () => {
    await using server = await withTls("localhost");
    await server.query("CREATE ROLE loader LOGIN");
    const config = configFor(server, { user: "loader", sslmode: "verify-full", ...ca });
    const certificate = { sslcert: fixture("loader.crt"), sslkey: fixture("loader.key") };
    expect(await tlsOf({ ...config, ...certificate })).toBe("TLSv1.3");
    const without = await refusal(config);
    expect([without.code, without.seconds < 5]).toEqual(["WAREHOUSE_UNREACHABLE", true]);
    expect(without.message).toContain("connection requires a valid client certificate (28000)");
    const server2 = { sslcert: fixture("elsewhere.crt"), sslkey: fixture("elsewhere.key") };
    const another = await refusal({ ...config, ...server2 });
    expect([another.code, another.seconds < 5, another.message]).toEqual([
      "WAREHOUSE_UNREACHABLE",
      true,
      expect.stringContaining('certificate authentication failed for user "loader"'),
    ]);
  });
});

await describeOwnPostgres("a server that asks for passwords", () => {
  beforeEach(() => {
    vi.stubEnv("PGPASSWORD", "");
    vi.stubEnv("PGPASSFILE", "/nowhere/pgpass");
    return () => vi.unstubAllEnvs();
  });

  const CANARY = "canary-7c1e@/:?#%";
  const askingForPasswords = async () => {
    const server = await startPostgres({
      tcp: true,
      hba: ["host all all 127.0.0.1/32 scram-sha-256"],
      settings: { password_encryption: "scram-sha-256" }, // not the default before 14
    });
    await server.query("CREATE ROLE loader LOGIN PASSWORD 'made up'");
    return server;
  };

  test("lets in who knows it, from the settings, the url or a file", async () => {
    await using server = await askingForPasswords();
    await using folder = await temporaryFolder();
    const config = configFor(server, { user: "loader" });
    const user = async (config: PostgresConfig) => {
      await using session = await Session.open(config, realEnv());
      return (await session.rows("SELECT current_user"))[0];
    };
    expect(await user({ ...config, password: "made up" })).toEqual(["loader"]);
    const url = `postgresql://loader:made%20up@localhost:${server.tcpPort}/postgres`;
    expect(await user({ ...SCHEMA_AND_TIMES, url })).toEqual(["loader"]);
    const file = join(folder.path, "pgpass");
    await writeFile(file, `localhost:${server.tcpPort}:*:loader:made up\n`);
    await chmod(file, 0o600);
    vi.stubEnv("PGPASSFILE", file);
    expect(await user(config)).toEqual(["loader"]);
  });

  test("refuses a wrong one and none at once", async () => {
    await using server = await askingForPasswords();
    const wrong = await refusal(configFor(server, { user: "loader", password: CANARY }));
    expect(wrong.message).toBe(
      `Postgres at localhost:${server.tcpPort}: password authentication failed for user "loader" (28P01)`,
    );
    const none = await refusal(configFor(server, { user: "loader" }));
    expect(none.message).toBe('Postgres asks for a password for user "loader"; none is given');
    for (const { code, seconds } of [wrong, none]) expect([code, seconds < 5]).toEqual(["WAREHOUSE_UNREACHABLE", true]);
  });

  // What other levels show, `debug` shows too.
  test.each(["debug", "info"])(
    "a password is never shown, nor a url with one in it, with LOGLEVEL=%s",
    async (level) => {
      await using server = await askingForPasswords();
      await using folder = await temporaryFolder();
      const at = `localhost:${server.tcpPort}/postgres`;
      const written = encodeURIComponent(CANARY);
      const configs: [object, number][] = [
        [{ host: "localhost", port: server.tcpPort, user: "loader", database: "postgres", password: CANARY }, 41],
        [{ url: `postgresql://loader:${written}@${at}` }, 41],
        [{ url: `postgresql://loader@${at}?password=${written}` }, 41],
        [{ url: `postgresql://loader:${written}@${at}?unknown=1` }, 11],
        [{ url: `postgresql://loader:${CANARY}@${at}` }, 11],
        [{ url: `postgresql://loader:${written}@localhost:${server.tcpPort}/missing`, sslmode: "require" }, 41],
        [{ host: "localhost", port: CANARY, password: CANARY }, 11],
      ];
      for (const [config, exit] of configs) {
        const file = join(folder.path, "config.json");
        await writeFile(file, JSON.stringify(config));
        const { code, stdout, stderr } = await run("target-warehouse", ["--config", file], "", { LOGLEVEL: level });
        expect([code, stdout]).toEqual([exit, ""]);
        expect(stderr).not.toMatch(/canary|postgresql:\/\/loader/);
        const lines = stderr.trim().split("\n");
        expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual(lines.map(() => "level"));
      }
    },
  );
});

await describeOwnPostgres("a server that is not there", () => {
  test("is waited for, and that is said once", async () => {
    await using server = await startPostgres({ tcp: true });
    await server.halt();
    const env = realEnv();
    const connecting = Session.open(configFor(server), env);
    await systemClock.sleep(2_000);
    await server.start();
    await using session = await connecting;
    expect(await session.rows("SELECT 1")).toEqual([["1"]]);
    expect(env.warnings).toEqual([expect.stringMatching(/ECONNREFUSED .*; trying again for up to 30 seconds$/)]);
  });

  test("ends the run when the time is over, and how long that was is said", async () => {
    await using server = await startPostgres({ tcp: true });
    await server.halt();
    const file = await configFile({ ...configFor(server), connect_timeout_seconds: 1.5 });
    const started = performance.now();
    const { code, stderr } = await run("target-warehouse", ["--config", file.path, "--test"]);
    expect([code, performance.now() - started > 1_500]).toEqual([41, true]);
    expect(stderr).toMatch(
      /WAREHOUSE_UNREACHABLE: Postgres at localhost:\d+: .*ECONNREFUSED.*; given up after 2 seconds/,
    );
    await file[Symbol.asyncDispose]();
  });

  test("counts as not there while it takes connections and says nothing", async () => {
    await using silent = await listening(() => undefined);
    const { code, message, seconds } = await refusal(configFor(silent, { connect_timeout_seconds: 1 }));
    expect([code, message]).toEqual([
      "WAREHOUSE_UNREACHABLE",
      `Postgres at localhost:${silent.tcpPort}: timeout expired; given up after 1 seconds`,
    ]);
    expect(seconds).toBeLessThan(5);
  });

  test("counts as not there while it hangs up", async () => {
    await using rude = await listening((socket) => socket.destroy());
    const { code, message } = await refusal(configFor(rude, { connect_timeout_seconds: 0 }));
    expect([code, message]).toEqual(["WAREHOUSE_UNREACHABLE", expect.stringMatching(/given up after 0 seconds$/)]);
  });

  test("is waited for while it recovers", async () => {
    await using server = await startPostgres({ tcp: true, settings: { hot_standby: "off" } });
    await server.halt();
    await writeFile(join(server.dataDirectory, "standby.signal"), ""); // recovers until somebody promotes it
    const before = server.log().length;
    const started = server.start();
    const refusing = () => expect(server.log().slice(before)).toMatch(/FATAL: {2}the database system is/);
    await vi.waitFor(refusing, { timeout: 10_000 });
    const env = realEnv();
    const connecting = Session.open(configFor(server), env);
    await vi.waitFor(() => expect(env.warnings.join()).toContain("(57P03); trying again"), { timeout: 10_000 });
    await writeFile(join(server.dataDirectory, "promote"), "");
    process.kill(server.pid!, "SIGUSR1");
    await started;
    await using session = await connecting;
    expect(await session.rows("SELECT pg_is_in_recovery()")).toEqual([["f"]]);
  });

  test("stops being waited for when the run is asked to stop", async () => {
    const abort = new AbortController();
    const env = { ...realEnv(), signal: abort.signal };
    await using server = await startPostgres({ tcp: true });
    await server.halt();
    const connecting = Session.open(configFor(server), env);
    setTimeout(() => abort.abort(new Error("asked to stop")), 200);
    await expect(connecting).rejects.toThrow("asked to stop");
  });
});

await describePostgres("what no time can change", (server) => {
  const config = (more: Partial<PostgresConfig>): PostgresConfig =>
    configFor({ tcpPort: server.port }, { host: server.host, user: server.user, ...more });

  test("a database that does not exist", async () => {
    const { code, message, seconds } = await refusal(config({ database: "missing" }));
    expect([code, seconds < 5]).toEqual(["WAREHOUSE_UNREACHABLE", true]);
    expect(message).toMatch(/database "missing" does not exist \(3D000\); create it, or correct `database`$/);
  });

  test("a user or a role that does not exist", async () => {
    expect((await refusal(config({ user: "missing" }))).message).toMatch(/role "missing" does not exist \(28000\)$/);
    const { code, message } = await refusal(config({ role: 'miss"ing' }));
    expect([code, message]).toEqual(["CONFIG_INVALID", expect.stringContaining('there is no role "miss""ing"')]);
  });
});

/** A listener that is no Postgres. */
async function listening(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.add(socket);
    onSocket(socket);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    tcpPort: (listener.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}

async function configFile(config: object) {
  const folder = await temporaryFolder();
  const path = join(folder.path, "config.json");
  await writeFile(path, JSON.stringify(config));
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describe("what is said", () => {
  const refused = (code: string, message: string, more: object = {}) =>
    Object.assign(new Error(message), { code, ...more });

  test.each([
    ['invalid input syntax for type bigint: "canary"', "invalid input syntax for type bigint … (22P02)"],
    ['value "canary" is out of range for type integer', "value … is out of range for type integer (22P02)"],
    ["ungültige Eingabesyntax für Typ bigint: »canary«", "ungültige Eingabesyntax für Typ bigint … (22P02)"],
    [
      "syntaxe en entrée invalide pour le type bigint : « canary »",
      "syntaxe en entrée invalide pour le type bigint … (22P02)",
    ],
    ['bigint型の入力構文が不正です: "canary"', "bigint型の入力構文が不正です … (22P02)"],
  ])("a value is not: %s", (words, said) => {
    expect(reasonOf(refused("22P02", words))).toBe(said);
  });

  test("what a trigger says is not, whatever code it comes with", () => {
    expect(reasonOf(refused("23514", "canary", { routine: "exec_stmt_raise" }))).toBe(
      "a trigger raised an exception (23514)",
    );
  });

  test("of a host with several addresses, what each of them said", () => {
    const each = [new Error("connect ECONNREFUSED ::1:5432"), new Error("connect ECONNREFUSED 127.0.0.1:5432")];
    const error = Object.assign(new AggregateError(each, ""), { code: "ECONNREFUSED" });
    expect([isConnectionLost(error), reasonOf(error)]).toEqual([
      true,
      "connect ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432",
    ]);
  });

  test.each([
    ["ECONNRESET", true],
    ["EPIPE", true],
    ["ETIMEDOUT", true],
    ["EAI_AGAIN", true],
    ["ENOTFOUND", true],
    ["ERR_STREAM_PREMATURE_CLOSE", true],
    ["57P01", true],
    ["08006", true],
    ["EACCES", false],
    ["EPROTO", false],
    ["ERR_SSL_WRONG_VERSION_NUMBER", false],
    ["CERT_HAS_EXPIRED", false],
    ["28P01", false],
    ["57014", false],
  ])("%s: worth another attempt: %s", (code, again) => {
    expect(isConnectionLost(refused(code, "words"))).toBe(again);
  });
});
