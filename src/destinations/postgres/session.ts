import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ConnectionOptions } from "node:tls";
import type { Client } from "pg";
import type { from } from "pg-copy-streams";
import type { Env } from "../../core/env.ts";
import { EltError } from "../../core/errors.ts";
import { addressOf, invalid, tlsOptions, type Address, type PostgresConfig, type TlsSettings } from "./config.ts";
import { passwordFromFile } from "./passfile.ts";
import { asUnreachable, isConnectionLost, sqlState } from "./refusal.ts";
import { quote } from "./types.ts";

/** A row as texts, in the order of the columns. */
export type Row = readonly (string | null)[];

/** One connection, with the settings that our statements count on. */
export class Session implements AsyncDisposable {
  readonly #client: Client;
  readonly #copyFrom: typeof from;
  #lost = false;

  private constructor(client: Client, copyFrom: typeof from) {
    this.#client = client;
    this.#copyFrom = copyFrom;
    const lost = () => (this.#lost = true);
    client.on("error", lost).on("end", lost); // an idle connection that ends is found out by its next use
  }

  /**
   * Connects, and goes on trying for `connect_timeout_seconds` while the server cannot be reached: it may be restarting.
   * Throws WAREHOUSE_UNREACHABLE or WAREHOUSE_FORBIDDEN, at once when the server refuses us.
   */
  static async open(config: PostgresConfig, env: Env): Promise<Session> {
    const { address, tls } = addressOf(config);
    const ssl = await tlsOptions(tls, address.host);
    const where = `${address.host ?? "localhost"}:${address.port ?? 5_432}`;
    const patience = config.connect_timeout_seconds;
    const started = env.clock.now();
    const until = started + patience * 1_000;
    for (let wait = 100; ; wait = Math.min(5_000, 2 * wait)) {
      const timeoutMs = Math.min(10_000, Math.max(1_000, until - env.clock.now()));
      try {
        return await Session.#connect({ address, mode: tls.mode, ssl, timeoutMs }, config, env);
      } catch (error) {
        if (!isConnectionLost(error)) throw asUnreachable(error, where);
        const now = env.clock.now();
        if (now >= until)
          throw asUnreachable(error, where, `; given up after ${((now - started) / 1_000).toFixed()} seconds`);
        if (wait === 100)
          env.log.warn(asUnreachable(error, where, `; trying again for up to ${patience} seconds`).message);
        await env.clock.sleep(Math.min(wait, until - now), env.signal);
      }
    }
  }

  static async #connect(way: Way, config: PostgresConfig, env: Env): Promise<Session> {
    const { address, mode, ssl, timeoutMs } = way;
    const [{ default: pg }, { default: copyStreams }] = await Promise.all([import("pg"), import("pg-copy-streams")]);
    const client = new pg.Client({
      ...address,
      password: () => passwordFor(address, env),
      ssl,
      connectionTimeoutMillis: timeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 60_000, // before a router forgets a connection that waits for a slow tap
    });
    const session = new Session(client, copyStreams.from);
    try {
      await client.connect();
      await session.#prepare(config);
      if (config.role !== undefined) await session.#setRole(config.role);
      return session;
    } catch (error) {
      client.connection.stream.destroy(); // `end` would wait for the other side
      const isPlainServer = error instanceof Error && error.message.includes("does not support SSL");
      if (mode !== "prefer" || !isPlainServer) throw error;
      return Session.#connect({ ...way, ssl: false }, config, env);
    }
  }

  /** True when it is of no more use. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Runs one statement, or several without values. The rows are those of the last one. */
  async rows(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    const result = await this.#client.query<(string | null)[]>({
      text: sql,
      rowMode: "array",
      types: AS_TEXT,
      ...(values === undefined ? {} : { values: [...values] }),
    });
    const last = Array.isArray(result) ? (result as (typeof result)[]).at(-1) : result;
    return last?.rows ?? [];
  }

  /** Runs one statement; gives its rows with the names and the type oids of their columns. */
  async table(sql: string): Promise<{ names: string[]; types: number[]; rows: Row[] }> {
    const { fields, rows } = await this.#client.query<(string | null)[]>({
      text: sql,
      rowMode: "array",
      types: AS_TEXT,
    });
    return { names: fields.map(({ name }) => name), types: fields.map(({ dataTypeID }) => dataTypeID), rows };
  }

  /** Runs one statement; gives how many rows it changed. */
  async run(sql: string, values?: readonly unknown[]): Promise<number> {
    const { rowCount } = await this.#client.query(sql, values === undefined ? undefined : [...values]);
    return rowCount ?? 0;
  }

  /** Runs `COPY … FROM STDIN` with these bytes. */
  async copy(sql: string, chunks: Iterable<Buffer>): Promise<void> {
    const copy = this.#client.query(this.#copyFrom(sql));
    try {
      await pipeline(Readable.from(chunks, { objectMode: true }), copy);
    } catch (error) {
      // Until the server has ended the statement too, the connection takes no other.
      if (!this.#lost) await this.#client.query("").catch(() => undefined);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  /**
   * What our statements count on, whatever is set for the role, the database or the server. The search path above all:
   * with a schema of somebody else's in it, a function or an operator there could take the place of Postgres's own.
   */
  async #prepare({ lock_timeout_seconds: lock, statement_timeout_seconds: statement }: PostgresConfig): Promise<void> {
    const settings = [
      "SET search_path TO pg_catalog, pg_temp",
      "SET client_encoding TO 'UTF8'",
      "SET timezone TO 'UTC'",
      "SET datestyle TO 'ISO, MDY'",
      "SET intervalstyle TO 'postgres'",
      "SET extra_float_digits TO 1", // doubles as the shortest text that is the same double
      "SET default_transaction_isolation TO 'read committed'",
      `SET lock_timeout TO ${Math.max(1, milliseconds(lock))}`, // to Postgres 0 is for ever
      ...(statement > 0 ? [`SET statement_timeout TO ${milliseconds(statement)}`] : []),
      // A state that is said promises rows that outlive the server's next crash.
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
      // A tap can be silent for hours. But when a machine is gone, the locks of its run are to go in minutes.
      "SET idle_in_transaction_session_timeout TO 0",
      "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'", // since Postgres 14
      "SET tcp_keepalives_idle TO 60",
      "SET tcp_keepalives_interval TO 10",
      "SET tcp_keepalives_count TO 6",
    ];
    await this.#client.query(settings.join("; "));
  }

  async #setRole(role: string): Promise<void> {
    try {
      await this.run(`SET ROLE ${quote(role)}`);
    } catch (error) {
      if (sqlState(error) === "22023") throw invalid(`there is no role ${quote(role)}`);
      throw error;
    }
  }
}

/** How to get to a server. */
interface Way {
  readonly address: Address;
  readonly mode: TlsSettings["mode"];
  readonly ssl: ConnectionOptions | false;
  readonly timeoutMs: number;
}

/** The password, when the server asks for one. */
async function passwordFor(address: Address, env: Env): Promise<string> {
  const password = address.password ?? (await passwordFromFile(address, env.log));
  if (password !== undefined) return password;
  throw new EltError("WAREHOUSE_UNREACHABLE", `Postgres asks for a password for user "${address.user}"; none is given`);
}

const milliseconds = (seconds: number) => Math.ceil(seconds * 1_000);

const AS_TEXT = { getTypeParser: () => (text: string | Buffer) => text };
