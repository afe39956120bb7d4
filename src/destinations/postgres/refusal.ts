import { EltError, type ErrorCode } from "../../core/errors.ts";

/** What Postgres says when it refuses. https://www.postgresql.org/docs/current/protocol-error-fields.html */
interface Refusal extends Error {
  /** SQLSTATE, five characters; errors of Node have codes such as ECONNRESET. */
  readonly code?: string;
  readonly detail?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** The function of the server's source that refused. */
  readonly routine?: string;
}

/** The SQLSTATE of an error of the server, or undefined. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlState(error: unknown): string | undefined {
  const code = (error as Refusal | undefined)?.code;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code) ? code : undefined;
}

/** True when the connection is gone or the server is restarting: the same batch can be sent again. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return error instanceof Error && !(error instanceof EltError) && isOfSocket(error);
  return state.startsWith("08") || ["57P01", "57P02", "57P03", "53300", "25P03", "57P05"].includes(state);
}

/** True when the transaction only had bad luck: a deadlock, or a serialization failure. */
export function isBadLuck(error: unknown): boolean {
  return ["40001", "40P01"].includes(sqlState(error) ?? "");
}

/** True when a row is what the database refuses, and another one it would take: bad data, constraints, limits. */
export function isAboutRow(error: unknown): boolean {
  const state = sqlState(error) ?? "";
  return state.startsWith("22") || state.startsWith("23") || state === "54000" || state === "P0001";
}

export const UNIQUE_VIOLATION = "23505";

const CODES: Record<string, ErrorCode> = {
  "55P03": "WAREHOUSE_LOCKED", // lock_not_available
  "40P01": "WAREHOUSE_LOCKED", // deadlock_detected, again and again
  "53100": "WAREHOUSE_FULL", // disk_full
  "25006": "WAREHOUSE_READ_ONLY", // read_only_sql_transaction
  "42501": "WAREHOUSE_FORBIDDEN", // insufficient_privilege
  "3D000": "WAREHOUSE_UNREACHABLE", // the database does not exist
};

/** The error that a run ends with. The server's words without the values in them: they can be somebody's words. */
export function asRefusal(error: unknown): EltError {
  if (error instanceof EltError) return error;
  const state = sqlState(error);
  const lost = isConnectionLost(error) || state?.startsWith("28"); // 28: authentication
  const code = CODES[state ?? ""] ?? (lost ? "WAREHOUSE_UNREACHABLE" : "WAREHOUSE_REFUSED");
  return new EltError(code, `Postgres: ${reasonOf(error)}${adviceOn(error)}`, { cause: error });
}

/** The error when no connection comes about; `where` is the server. */
export function asUnreachable(error: unknown, where: string, more = ""): EltError {
  if (error instanceof EltError) return error;
  const code = CODES[sqlState(error) ?? ""] ?? "WAREHOUSE_UNREACHABLE";
  return new EltError(code, `Postgres at ${where}: ${reasonOf(error)}${adviceOn(error)}${more}`, { cause: error });
}

/** Why the server refused, in its own words but without values. */
export function reasonOf(error: unknown): string {
  const { column, constraint, routine } = error as Refusal;
  const state = sqlState(error);
  // What a trigger raises is its author's own text, whatever SQLSTATE it comes with.
  if (state === "P0001" || routine === "exec_stmt_raise") return `a trigger raised an exception (${state ?? "P0001"})`;
  const words = state?.startsWith("22") ? withoutValues(messageOf(error)) : messageOf(error);
  const where = [
    column === undefined ? "" : `column "${column}"`,
    constraint === undefined ? "" : `constraint "${constraint}"`,
  ];
  const facts = [...where.filter((fact) => fact !== "" && !words.includes(fact)), state ?? ""].filter(
    (fact) => fact !== "",
  );
  return facts.length === 0 ? words : `${words} (${facts.join(", ")})`;
}

/** Of a host with several addresses Node gives an error for each, and no words for all. Of OpenSSL's words a part says it. */
function messageOf(error: unknown): string {
  const each = error instanceof AggregateError ? (error.errors as Error[]) : [error as Error];
  return each.map(({ message }) => /error:[0-9A-F]+:([^:]*:[^:]*:[^:\n]*)/.exec(message)?.[1] ?? message).join(", ");
}

/** A server may speak another language, and that has other quotes. */
function withoutValues(words: string): string {
  return words.replace(/\s*[::]?\s*["«»‹›„“”‚‘’「『'].*["«»‹›„“”‚‘’」』']/su, " …");
}

/** What to do, where the server's words do not say it. It says them in English, unless it was set up otherwise. */
function adviceOn(error: unknown): string {
  const { message, detail = "" } = error as Refusal;
  switch (sqlState(error)) {
    case "3D000":
      return "; create it, or correct `database`";
    case "57014":
      return message.includes("statement timeout") ? "; `statement_timeout_seconds` sets how long it may take" : "";
    case "0A000":
      return detail === "" ? "" : `; ${detail}`; // names what a column is needed for
    case "42501":
      return NEEDED.find(([words]) => words.test(`${message} ${detail}`))?.[1] ?? "";
    default:
      return TLS_ADVICE[(error as Refusal).code ?? ""] ?? "";
  }
}

const NEEDED: readonly (readonly [RegExp, string])[] = [
  [/CONNECT privilege/, "; the role needs CONNECT on it"],
  [/^permission denied for database/, "; the role needs CREATE on it, or the schema has to be there already"],
  [/^permission denied to create temporary tables/, "; the role needs TEMPORARY on it"],
  [/^permission denied for schema/, "; the role needs USAGE and CREATE on it"],
  [/^permission denied for table|^must be owner of/, "; the role has to own it, as it owns the tables that it makes"],
  [/^permission denied to set role/, "; the user has to be a member of that role"],
];

const TLS_ADVICE: Record<string, string> = {
  SELF_SIGNED_CERT_IN_CHAIN: "; `sslrootcert` names the file of the authority to trust",
  DEPTH_ZERO_SELF_SIGNED_CERT: "; `sslrootcert` names the file of the certificate to trust",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "; `sslrootcert` names the file of the authority to trust",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "; `sslrootcert` names the file of the authority to trust",
};

/** Refused for good, by this machine or by what TLS has found out. */
const LASTING = ["EACCES", "EPERM", "EPROTO", "EINVAL", "ENAMETOOLONG"];

function isOfSocket(error: Error): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (LASTING.includes(code)) return false;
  return (
    /^(?:E(?!RR_)[A-Z_]{3,}|ERR_STREAM_)/.test(code) ||
    /connection (?:terminated|error|timeout)|timeout expired|not queryable|stream (?:was )?destroyed|Premature close|error establishing an SSL connection/i.test(
      error.message,
    )
  );
}
