/** Names of databases that a test made; on a server that others use too, only these are ours to drop. */
export const PREFIX: string;

/** There is no Postgres to start on this machine. Tests are skipped for this reason and for no other. */
export class NoPostgres extends Error {}

/** How a server goes down: after its open transactions are rolled back; at once, to be recovered at the next start; or lost. */
export type How = "fast" | "immediate" | "kill";

export interface Options {
  /** Also listens on 127.0.0.1, on a free port that it keeps over restarts. */
  tcp?: boolean;
  /**
   * Keeps the defaults that make a commit survive a loss of power, such as fsync, and the data on disk: without it they are in
   * memory where there is room, unless TMPDIR says where. For benchmarks.
   */
  durable?: boolean;
  /** Lines of postgresql.conf, by name. */
  settings?: Record<string, string>;
  /** Lines of pg_hba.conf in place of "everybody is trusted". `postgres` stays trusted on the socket. */
  hba?: readonly string[];
  /** Files to put into the data directory, by name, readable by the server alone: certificates, for one. */
  files?: Record<string, string | Uint8Array>;
}

/** A database of its own for one test; it is dropped at the end, with whatever is still connected. */
export interface Database extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  query(sql: string): Promise<Row[]>;
}

/** Columns as the `pg` package reads them. */
export type Row = Record<string, unknown>;

/** A server to make databases on, as its superuser. */
export interface Postgres {
  /** The socket's folder, or a host name. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  /** Such as "18.4", and the first number of it. */
  readonly version: string;
  readonly major: number;
  /** The url of a database, `postgres` unless said. */
  url(database?: string): string;
  /** Runs statements on a connection of their own; gives the rows of the last one. */
  query(sql: string, database?: string): Promise<Row[]>;
  database(): Promise<Database>;
  /** Makes an empty database in UTF-8 and the C locale, and gives its name. */
  createDatabase(name?: string): Promise<string>;
  dropDatabase(name: string): Promise<void>;
}

/** A server of our own. Nothing of it is left when `stop` is done, or when this process has ended in any way. */
export interface Server extends Postgres, AsyncDisposable {
  readonly tcpPort: number | undefined;
  readonly dataDirectory: string;
  /** Of the postmaster; undefined while it is down. */
  readonly pid: number | undefined;
  /** What the server has written to its log so far, all starts included. */
  log(): string;
  /** Brings it down and leaves the data; `start` brings it back at the same address. */
  halt(how?: How): Promise<void>;
  start(): Promise<void>;
  restart(how?: How): Promise<void>;
  stop(how?: How): Promise<void>;
  /** `stop("kill")`. */
  kill(): Promise<void>;
}

/** Rejects with NoPostgres where there is none for this platform. */
export function startPostgres(options?: Options): Promise<Server>;

/**
 * The server at a url that somebody else runs. It is never stopped or changed, only databases with our prefix are made and
 * dropped.
 */
export function connectPostgres(url: string, prefix?: string): Promise<Postgres>;

/**
 * Drops the databases of a run, whose names begin with the prefix, once this process ends or calls what this gives. A test that
 * was cut short cannot drop its own.
 */
export function dropAtTheEnd(url: string, prefix: string): Promise<() => Promise<void>>;

/** Paths of the binaries that `startPostgres` runs. Rejects with NoPostgres as well. */
export function findPostgres(): Promise<{ postgres: string; initdb: string; version: string }>;
