import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Log } from "../../core/log.ts";
import type { Address, Environment } from "./config.ts";

/**
 * The password that the user's file has for this server, or undefined: ~/.pgpass, or what PGPASSFILE names. A file that
 * others may read is passed over, with a warning. https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export async function passwordFromFile(
  { host = "localhost", port = 5_432, user, database = user }: Address,
  log: Log,
  environment: Environment = process.env,
): Promise<string | undefined> {
  const windows = process.platform === "win32";
  const usual = windows
    ? join(environment["APPDATA"] ?? homedir(), "postgresql", "pgpass.conf")
    : join(homedir(), ".pgpass");
  const path = environment["PGPASSFILE"] || usual;
  const mode = await stat(path).then(
    (found) => found.mode,
    () => undefined,
  );
  if (mode === undefined) return undefined;
  if (!windows && (mode & 0o077) !== 0) {
    log.warn(`${path} is passed over: others may read it; chmod 600 takes that away`);
    return undefined;
  }
  const wanted = [host, String(port), database, user];
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    const fields = ENTRY.exec(line.replace(/\r$/, ""))?.slice(1).map(unescaped);
    const fits = (one: string, i: number) =>
      fields?.[i] === "*" || fields?.[i] === one || (i === 0 && one.startsWith("/") && fields?.[i] === "localhost");
    if (fields !== undefined && wanted.every(fits)) return fields[4];
  }
  return undefined;
}

/** host:port:database:user:password; a colon or a backslash in one of them has a backslash before it. */
const ENTRY = /^(?!#)((?:\\.|[^:\\])+):((?:\\.|[^:\\])+):((?:\\.|[^:\\])+):((?:\\.|[^:\\])+):((?:\\.|[^:\\])+)/;

const unescaped = (field: string) => field.replace(/\\(.)/g, "$1");
