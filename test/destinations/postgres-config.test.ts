import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openWarehouse } from "../../src/cli/warehouse.ts";
import { loadConfig } from "../../src/core/config.ts";
import { asEltError } from "../../src/core/errors.ts";
import type { Log } from "../../src/core/log.ts";
import { silentLog } from "../../src/core/log.ts";
import {
  addressOf,
  configSchema,
  placeOf,
  tlsOptions,
  type PostgresConfig,
} from "../../src/destinations/postgres/config.ts";
import { passwordFromFile } from "../../src/destinations/postgres/passfile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { testEnv } from "../support/loading.ts";

const SCHEMA_AND_TIMES = {
  default_target_schema: "public",
  statement_timeout_seconds: 0,
  lock_timeout_seconds: 60,
  connect_timeout_seconds: 60,
};

/** The environment of a process that says nothing but who runs it. */
const BARE = { USER: "ada" };

const found = (config: Partial<PostgresConfig>, environment: Record<string, string> = BARE) =>
  addressOf({ ...SCHEMA_AND_TIMES, ...config }, environment);
const address = (config: Partial<PostgresConfig>, environment?: Record<string, string>) =>
  found(config, environment).address;

function refused(config: Partial<PostgresConfig>, environment?: Record<string, string>): string {
  try {
    found(config, environment);
  } catch (error) {
    expect(asEltError(error).code).toBe("CONFIG_INVALID");
    return asEltError(error).message;
  }
  throw new Error("it was accepted");
}

describe("a url", () => {
  test("has all parts, and postgres:// is the same as postgresql://", () => {
    const parts = { host: "db.test", port: 5433, user: "loader", password: "pw", database: "calls" };
    for (const scheme of ["postgres", "postgresql"])
      expect(address({ url: `${scheme}://loader:pw@db.test:5433/calls` })).toEqual({
        ...parts,
        application_name: "target-warehouse",
      });
  });

  test("lacks parts, which the environment then says", () => {
    expect(address({ url: "postgresql://" })).toEqual({ user: "ada", application_name: "target-warehouse" });
    expect(address({ url: "postgresql://db.test" })).toMatchObject({ host: "db.test", user: "ada" });
    expect(address({ url: "postgresql:///calls" })).toMatchObject({ database: "calls" });
    expect(address({ url: "postgresql://:5433" })).toMatchObject({ port: 5433 });
    expect(address({ url: "postgresql://loader@:5433/calls" })).toMatchObject({ user: "loader", port: 5433 });
    expect(address({ url: "postgresql://loader@/calls" }, { PGHOST: "db.test" })).toMatchObject({ host: "db.test" });
  });

  test.each([
    ["p%40ss%2Fw%3Ard%3F%23%25", "p@ss/w:rd?#%"],
    ["p@ss", "p@ss"],
    ["p:a:s", "p:a:s"],
    ["a+b", "a+b"],
    ["%F0%9F%94%91 spaced", "🔑 spaced"],
  ])("has the password %s", (written, meant) => {
    expect(address({ url: `postgresql://me%40corp:${written}@db.test/a%20b` })).toMatchObject({
      host: "db.test",
      user: "me@corp",
      password: meant,
      database: "a b",
    });
  });

  test("names a socket's folder in its host or in a parameter", () => {
    const socket = { host: "/var/run/pg", port: 5433, database: "calls" };
    expect(address({ url: "postgresql:///calls?host=/var/run/pg&port=5433" })).toMatchObject(socket);
    expect(address({ url: "postgresql://%2Fvar%2Frun%2Fpg:5433/calls" })).toMatchObject(socket);
    expect(address({ host: "/var/run/pg", port: 5433, database: "calls" })).toMatchObject(socket);
  });

  test("has an IPv6 address in brackets", () => {
    expect(address({ url: "postgresql://u@[2001:db8::1]:5433/d" })).toMatchObject({ host: "2001:db8::1", port: 5433 });
    expect(address({ url: "postgresql://[::1]/d" })).toMatchObject({ host: "::1" });
  });

  test("has parameters, which win over its parts; a plus there is a plus", () => {
    const query = "user=b&password=a%26b+c&dbname=e&sslmode=disable&application_name=nightly%20load";
    expect(found({ url: `postgresql://a:pw@db.test/d?${query}` })).toEqual({
      address: { host: "db.test", user: "b", password: "a&b+c", database: "e", application_name: "nightly load" },
      tls: { mode: "disable" },
    });
  });

  test("that asks for channel binding gets a server that proves its name", () => {
    expect(found({ url: "postgresql://db.test/d?sslmode=require&channel_binding=require" }).tls.mode).toBe(
      "verify-full",
    );
    expect(found({ url: "postgresql://db.test/d?sslmode=require&channel_binding=prefer" }).tls.mode).toBe("require");
  });

  test("with an unknown parameter is refused, and the parameter named", () => {
    expect(refused({ url: "postgresql://u:canary@db.test/d?pgbouncer=true" })).toBe(
      'the config of the Postgres destination: url has the parameter "pgbouncer", which is not known; it can have host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, application_name',
    );
  });

  test.each([
    "canary",
    "mysql://u:canary@h/d",
    "postgresql:u:canary@h/d",
    "postgresql://u:12/canary@h/d",
    "postgresql://u:12#canary@h/d",
    "postgresql://u:12?canary@h/d",
    "postgresql://u:canary%@h/d",
    "postgresql://u:canary%zz@h/d",
    "postgresql://u:canary@h:port/d",
    "postgresql://u:canary@h:70000/d",
    "postgresql://u:canary@one,two/d",
    "postgresql://u:canary@one:1,two:2/d",
    "postgresql://u:canary@h/d?sslmode=canary",
    "postgresql://u:canary@h/d?port=canary",
    "postgresql://u:canary@h/d#canary",
    "postgresql://u:canary@h/d/canary",
  ])("that cannot be used is not repeated: %s", (url) => {
    expect(refused({ url })).not.toContain("canary");
  });
});

describe("where a value comes from", () => {
  const environment = {
    ...BARE,
    PGHOST: "env.test",
    PGPORT: "1111",
    PGUSER: "env",
    PGPASSWORD: "env",
    PGDATABASE: "env",
    PGSSLMODE: "disable",
    PGSSLROOTCERT: "env.crt",
    PGSSLCERT: "env-client.crt",
    PGSSLKEY: "env.key",
    PGAPPNAME: "env",
  };

  test("the environment, as psql has it", () => {
    expect(found({}, environment)).toEqual({
      address: { host: "env.test", port: 1111, user: "env", password: "env", database: "env", application_name: "env" },
      tls: { mode: "disable", sslrootcert: "env.crt", sslcert: "env-client.crt", sslkey: "env.key" },
    });
  });

  test("the url wins over the environment, the settings over the url", () => {
    const url = "postgresql://url:url@url.test:2222/url?sslmode=require&application_name=url&sslrootcert=url.crt";
    expect(found({ url }, environment)).toEqual({
      address: { host: "url.test", port: 2222, user: "url", password: "url", database: "url", application_name: "url" },
      tls: { mode: "require", sslrootcert: "url.crt", sslcert: "env-client.crt", sslkey: "env.key" },
    });
    const config = {
      host: "set.test",
      port: 3333,
      user: "set",
      password: "set",
      database: "set",
      sslmode: "verify-full",
      sslrootcert: "set.crt",
      sslcert: "set-client.crt",
      sslkey: "set.key",
      application_name: "set",
    } as const;
    expect(found({ url, ...config }, environment)).toEqual({
      address: { host: "set.test", port: 3333, user: "set", password: "set", database: "set", application_name: "set" },
      tls: { mode: "verify-full", sslrootcert: "set.crt", sslcert: "set-client.crt", sslkey: "set.key" },
    });
  });

  test("an empty value is as good as none", () => {
    expect(address({ host: "", password: "" }, { ...BARE, PGHOST: "", PGUSER: "", PGPORT: "" })).toEqual({
      user: "ada",
      application_name: "target-warehouse",
    });
  });

  test("TARGET_WAREHOUSE_… has every setting", async () => {
    const settings = {
      url: "postgresql://h/d",
      host: "h",
      port: 5433,
      user: "u",
      password: "p",
      database: "d",
      sslmode: "require",
      sslrootcert: "ca.crt",
      sslcert: "c.crt",
      sslkey: "c.key",
      role: "r",
      application_name: "a",
      default_target_schema: "s",
      statement_timeout_seconds: 1.5,
      lock_timeout_seconds: 2,
      connect_timeout_seconds: 3,
    };
    expect(Object.keys(settings).sort()).toEqual(Object.keys(configSchema["properties"] as object).sort());
    const environment = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [`TARGET_WAREHOUSE_${name.toUpperCase()}`, String(value)]),
    );
    expect(await loadConfig(configSchema, { files: [], environment, prefix: "TARGET_WAREHOUSE" })).toEqual(settings);
  });

  test("a port that is none, and half of a client certificate, are refused", () => {
    expect(refused({}, { ...BARE, PGPORT: "0" })).toContain("a number from 1 to 65535");
    expect(refused({ sslcert: "client.crt" })).toContain("`sslcert` and `sslkey` need each other");
  });
});

describe("which database is meant", () => {
  // Whether a config is one for Postgres shows in who refuses it.
  const refusedBy = async (settings: object) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "config.json");
    await writeFile(file, JSON.stringify(settings));
    const log = { ...silentLog, hide: () => undefined, critical: () => undefined, scrubbed: (text: string) => text };
    const error: unknown = await openWarehouse([file], { ...testEnv(), log }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return asEltError(error).message;
  };

  test.each([{ url: "postgresql://h:none/d" }, { host: "h", sslcert: "only.crt" }])(
    "%j without `destination` means Postgres",
    async (settings) => {
      expect(await refusedBy(settings)).toContain("the config of the Postgres destination:");
    },
  );

  test("`destination` wins", async () => {
    expect(
      await refusedBy({ destination: "duckdb", url: "postgresql://h:none/d", path: "/nowhere/x.duckdb" }),
    ).toContain("/nowhere");
    expect(await refusedBy({ destination: "postgres", sslcert: "only.crt" })).toContain("the Postgres destination:");
  });
});

describe("TLS", () => {
  const fixture = (name: string) => new URL(`../fixtures/tls/${name}`, import.meta.url).pathname;
  const options = (config: Partial<PostgresConfig>) => {
    const { address, tls } = found({ host: "db.test", ...config });
    return tlsOptions(tls, address.host);
  };

  test("is off with `disable`, and on a socket whatever the mode", async () => {
    expect(await options({ sslmode: "disable" })).toBe(false);
    expect(await options({ host: "/var/run/pg", sslmode: "verify-full" })).toBe(false);
  });

  test("verifies nothing, the authority, or the name too", async () => {
    const checks = async (config: Partial<PostgresConfig>) => {
      const found = await options(config);
      if (found === false) throw new Error("no TLS");
      return { authority: found.rejectUnauthorized, name: found.checkServerIdentity === undefined };
    };
    const ca = fixture("ca.crt");
    expect(await checks({})).toEqual({ authority: false, name: false });
    expect(await checks({ sslmode: "require" })).toEqual({ authority: false, name: false });
    expect(await checks({ sslmode: "require", sslrootcert: ca })).toEqual({ authority: true, name: false });
    expect(await checks({ sslmode: "verify-ca", sslrootcert: ca })).toEqual({ authority: true, name: false });
    expect(await checks({ sslmode: "verify-full", sslrootcert: ca })).toEqual({ authority: true, name: true });
    expect(await checks({ sslmode: "verify-full" })).toEqual({ authority: true, name: true });
    expect(await checks({ sslrootcert: "system" })).toEqual({ authority: true, name: true });
  });

  test("that would prove nothing is refused", () => {
    expect(refused({ sslmode: "verify-ca" })).toContain("needs `sslrootcert`");
    expect(refused({ sslmode: "require", sslrootcert: "system" })).toContain("needs sslmode verify-full");
    expect(refused({}, { ...BARE, PGSSLMODE: "allow" })).toContain("sslmode must be one of disable, prefer");
  });

  test("says which file cannot be read or used", async () => {
    await expect(options({ sslrootcert: "/nowhere/ca.crt" })).rejects.toMatchObject({
      code: "CONFIG_UNREADABLE",
      message: "cannot read the file of sslrootcert, /nowhere/ca.crt",
    });
    await expect(options({ sslrootcert: fixture("README.md") })).rejects.toThrow(/README.md, is not a PEM file/);
    const mixed = options({ sslcert: fixture("loader.crt"), sslkey: fixture("localhost.key") });
    await expect(mixed).rejects.toThrow(/^the TLS files cert, key cannot be used: .*key values mismatch/);
  });
});

describe("a password file", () => {
  const SERVER = { host: "db.test", port: 5433, user: "loader", database: "calls", application_name: "test" };

  async function look(text: string, server: Partial<typeof SERVER> = {}, mode = 0o600) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "pgpass");
    await writeFile(path, text);
    await chmod(path, mode);
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (words) => warnings.push(words) };
    const password = await passwordFromFile({ ...SERVER, ...server }, log, { PGPASSFILE: path });
    return { password, warnings };
  }

  test("gives the first entry that fits", async () => {
    const text = "#db.test:5433:calls:loader:comment\nother:5433:*:*:no\ndb.test:*:calls:loader:yes\n*:*:*:*:late\n";
    expect((await look(text)).password).toBe("yes");
    expect((await look(text, { host: "third.test" })).password).toBe("late");
    expect((await look("db.test:5433:calls:other:no\n")).password).toBeUndefined();
  });

  test("has colons and backslashes behind backslashes, and may have Windows line ends", async () => {
    expect((await look("\\:\\:1:*:*:*:a\\:b\\\\c\r\n", { host: "::1" })).password).toBe("a:b\\c");
  });

  test("calls a socket localhost, or by its folder", async () => {
    expect((await look("localhost:*:*:*:yes\n", { host: "/var/run/pg" })).password).toBe("yes");
    expect((await look("/var/run/pg:*:*:*:yes\n", { host: "/var/run/pg" })).password).toBe("yes");
  });

  test("that others may read is passed over, and that is said", async () => {
    const { password, warnings } = await look("*:*:*:*:yes\n", {}, 0o640);
    expect([password, warnings]).toEqual([undefined, [expect.stringContaining("others may read it")]]);
  });

  test("that is not there gives nothing", async () => {
    expect(await passwordFromFile(SERVER, silentLog, { PGPASSFILE: "/nowhere/pgpass" })).toBeUndefined();
  });
});

test.each<[Partial<PostgresConfig>, string, string]>([
  [{ user: "loader" }, "localhost:5432", "loader"],
  [{ user: "loader", host: "db.test", port: 5433, database: "calls" }, "db.test:5433", "calls"],
  [{ user: "loader", host: "/var/run/pg", database: "calls" }, "localhost:5432", "calls"],
  [{ user: "loader", host: "::1", database: "calls" }, "[::1]:5432", "calls"],
])("%j is the database that lineage names", (config, server, database) => {
  expect(placeOf(address(config))).toEqual({ server, database });
});
