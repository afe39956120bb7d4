import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { createSecureContext, type ConnectionOptions } from "node:tls";
import { EltError } from "../../core/errors.ts";
import type { JsonSchema } from "../../core/json.ts";

export interface PostgresConfig {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly sslmode?: SslMode;
  readonly sslrootcert?: string;
  readonly sslcert?: string;
  readonly sslkey?: string;
  readonly role?: string;
  readonly default_target_schema: string;
  readonly application_name?: string;
  readonly statement_timeout_seconds: number;
  readonly lock_timeout_seconds: number;
  readonly connect_timeout_seconds: number;
}

/** The modes of libpq. https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION */
const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof SSL_MODES)[number];

const text = (title: string, description: string) => ({ type: "string", title, description });
const seconds = (title: string, description: string, byDefault: number) => ({
  type: "number",
  title,
  description,
  default: byDefault,
  minimum: 0,
  maximum: 2_000_000, // the server counts milliseconds in 31 bits
});

export const configSchema: JsonSchema = {
  type: "object",
  properties: {
    url: {
      ...text(
        "URL",
        "postgresql://user:password@host:5432/database?sslmode=verify-full; the settings below win over it.",
      ),
      secret: true,
    },
    host: text("Host", "Server, or the folder of its socket. Without `url` and `host`, PGHOST."),
    port: {
      type: "integer",
      title: "Port",
      description: "Port of the server. Otherwise PGPORT, or 5432.",
      minimum: 1,
      maximum: 65_535,
    },
    user: text("User", "Login role. Otherwise PGUSER, or who runs this."),
    password: { ...text("Password", "Its password. Otherwise PGPASSWORD or ~/.pgpass."), secret: true },
    database: text("Database", "Database to load into. Otherwise PGDATABASE, or the name of the user."),
    sslmode: {
      ...text(
        "TLS mode",
        "As libpq: `prefer` (default), `disable`, `require`, `verify-ca`, `verify-full`; use the last one outside a private network.",
      ),
      enum: [...SSL_MODES],
    },
    sslrootcert: text(
      "CA file",
      "PEM file of the certificate authority that signed the server's certificate; without it, or as `system`, the public ones count.",
    ),
    sslcert: text("Client certificate", "PEM file of a client certificate, where the server asks for one."),
    sslkey: text("Client key", "PEM file of its private key."),
    role: text("Role", "SET ROLE after login: tables belong to this role."),
    application_name: text(
      "Application name",
      "How the run is called in pg_stat_activity. Otherwise PGAPPNAME, or `target-warehouse`.",
    ),
    default_target_schema: {
      ...text("Schema", "Schema that the tables are made in."),
      default: "public",
      minLength: 1,
    },
    statement_timeout_seconds: seconds(
      "Statement timeout",
      "Longest time for one statement; 0 leaves it as the server has it for the role.",
      0,
    ),
    lock_timeout_seconds: seconds(
      "Lock timeout",
      "Seconds to wait for another run of the same state id, and for locks on tables.",
      60,
    ),
    connect_timeout_seconds: seconds(
      "Connect timeout",
      "Seconds to go on trying while the server cannot be reached, at the start or in the middle of a run.",
      60,
    ),
  },
};

/** What `pg.Client` needs to know to find the server; TLS apart, see `tlsOptions`. */
export interface Address {
  /** Without it, localhost. */
  readonly host?: string;
  /** Without it, 5432. */
  readonly port?: number;
  readonly user: string;
  readonly password?: string;
  /** Without it, the one that is called as the user is. */
  readonly database?: string;
  readonly application_name: string;
}

export interface TlsSettings {
  readonly mode: SslMode;
  readonly sslrootcert?: string;
  readonly sslcert?: string;
  readonly sslkey?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What says where the server is: as a setting, as a parameter of a url, and as a variable that psql knows too. */
const SOURCES = [
  ["host", "host", "PGHOST"],
  ["port", "port", "PGPORT"],
  ["user", "user", "PGUSER"],
  ["password", "password", "PGPASSWORD"],
  ["database", "dbname", "PGDATABASE"],
  ["sslmode", "sslmode", "PGSSLMODE"],
  ["sslrootcert", "sslrootcert", "PGSSLROOTCERT"],
  ["sslcert", "sslcert", "PGSSLCERT"],
  ["sslkey", "sslkey", "PGSSLKEY"],
  ["application_name", "application_name", "PGAPPNAME"],
] as const;
/** What one of these sources says, nothing of it checked. */
type Said = { readonly [Setting in (typeof SOURCES)[number][0]]?: string };

/**
 * The server that a config names, and its TLS settings: each from the settings, else the url, else the environment.
 * Throws CONFIG_INVALID, which never repeats the url or the password.
 */
export function addressOf(
  config: PostgresConfig,
  environment: Environment = process.env,
): { address: Address; tls: TlsSettings } {
  const said: Said = {
    ...present(SOURCES.map(([setting, , variable]) => [setting, environment[variable]])),
    ...(config.url === undefined ? {} : parseUrl(config.url)),
    ...present(SOURCES.map(([setting]) => [setting, config[setting]?.toString()])),
  };
  const { user = systemUser(environment), application_name = "target-warehouse", ...rest } = said;
  const { host, port, password, database, sslmode, ...files } = rest;
  if (user === undefined) throw invalid("`user` is missing, and this system does not say who is running this");
  if ((files.sslcert === undefined) !== (files.sslkey === undefined))
    throw invalid("`sslcert` and `sslkey` need each other");
  return {
    address: {
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port: portOf(port) }),
      user,
      ...(password === undefined ? {} : { password }),
      ...(database === undefined ? {} : { database }),
      application_name,
    },
    tls: { mode: modeOf(sslmode, files.sslrootcert), ...files },
  };
}

/** Which database that is, with nothing left out: `host:port` and its name. A socket is this machine's. */
export function placeOf({ host = "localhost", port = 5432, user, database = user }: Address) {
  const name = host.startsWith("/") ? "localhost" : host;
  return { server: `${name.includes(":") ? `[${name}]` : name}:${port}`, database };
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536) return Number(text);
  throw invalid("the port must be a number from 1 to 65535");
}

function modeOf(wanted: string | undefined, rootCert: string | undefined): SslMode {
  const mode = SSL_MODES.find((one) => one === (wanted ?? (rootCert === SYSTEM ? "verify-full" : "prefer")));
  if (mode === undefined) throw invalid(`sslmode must be one of ${SSL_MODES.join(", ")}`);
  if (mode === "verify-ca" && rootCert === undefined) throw invalid("sslmode verify-ca needs `sslrootcert`");
  // Anybody can get a certificate from a public authority; only the name in it says whose it is.
  if (rootCert === SYSTEM && mode !== "verify-full") throw invalid("sslrootcert `system` needs sslmode verify-full");
  return mode;
}

/** Whom psql would take; in a container the number of a user need not have a name. */
function systemUser(environment: Environment): string | undefined {
  try {
    return environment["USER"] ?? userInfo().username;
  } catch {
    return undefined;
  }
}

/** libpq's word for the authorities that everybody trusts; without any `sslrootcert` they count too. */
const SYSTEM = "system";

/** TLS for a connection, or false for none. Throws CONFIG_UNREADABLE when a file cannot be read or used. */
export async function tlsOptions(settings: TlsSettings, host: string | undefined): Promise<ConnectionOptions | false> {
  const { mode, sslrootcert, sslcert, sslkey } = settings;
  if (mode === "disable" || host?.startsWith("/")) return false; // a socket on this machine has no TLS
  const files = {
    ...(sslrootcert === undefined || sslrootcert === SYSTEM ? {} : { ca: await pem(sslrootcert, "sslrootcert") }),
    ...(sslcert === undefined ? {} : { cert: await pem(sslcert, "sslcert") }),
    ...(sslkey === undefined ? {} : { key: await pem(sslkey, "sslkey") }),
  };
  try {
    createSecureContext(files);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EltError("CONFIG_UNREADABLE", `the TLS files ${Object.keys(files).join(", ")} cannot be used: ${why}`, {
      cause,
    });
  }
  return {
    ...files,
    rejectUnauthorized: mode.startsWith("verify-") || sslrootcert !== undefined, // libpq too verifies when a CA is given
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
}

async function pem(path: string, setting: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new EltError("CONFIG_UNREADABLE", `cannot read the file of ${setting}, ${path}`, { cause });
  }
  // Node takes a file without an authority for no file, and trusts the public ones.
  if (!text.includes("-----BEGIN ")) throw new EltError("CONFIG_UNREADABLE", `${setting}, ${path}, is not a PEM file`);
  return text;
}

// Stricter than `new URL`: that makes a host out of the user when the password has a `/`, `?` or `#`, and so a part of the
// password becomes the name of a database, which goes to a stranger and into messages.
const URL_PARTS =
  /^postgres(?:ql)?:\/\/(?:([^:@/?#]*)(?::([^/?#]*))?@)?(\[[^\]@/?#]*\]|[^:@/?#,]*)(?::(\d*))?(?:\/([^@/?#]*))?(?:\?([^@#]*))?$/;

function parseUrl(url: string): Said {
  const parts = URL_PARTS.exec(url);
  if (parts === null) {
    throw invalid(
      "url must look like postgresql://user:password@host:5432/database; each of : / ? # @ , % in a name or a password is percent-encoded (@ is %40)",
    );
  }
  const [user, password, host, port, database] = parts.slice(1, 6).map(decoded);
  const query = new URLSearchParams(parts[6]?.replaceAll("+", "%2B")); // a plus is a plus, as libpq has it
  const parameters = SOURCES.map(([, parameter]) => parameter);
  for (const name of query.keys()) {
    if (name === "channel_binding" || parameters.some((parameter) => parameter === name)) continue;
    throw invalid(`url has the parameter "${name}", which is not known; it can have ${parameters.join(", ")}`);
  }
  // Some providers ask for it. To know the server by its certificate serves the same purpose.
  if (query.get("channel_binding") === "require") query.set("sslmode", "verify-full");
  return {
    ...present(Object.entries({ user, password, host: host?.replace(/^\[|\]$/g, ""), port, database })),
    ...present(SOURCES.map(([setting, parameter]) => [setting, query.get(parameter)])),
  };
}

function decoded(part: string | undefined): string | undefined {
  try {
    return part === undefined ? undefined : decodeURIComponent(part);
  } catch {
    throw invalid("url has a % that does not begin a percent-encoded character; a % itself is %25");
  }
}

/** An object of what is there; an empty text is as good as none. */
function present(entries: readonly (readonly [string, string | null | undefined])[]): Said {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null && value !== ""));
}

export const invalid = (what: string) =>
  new EltError("CONFIG_INVALID", `the config of the Postgres destination: ${what}`);
