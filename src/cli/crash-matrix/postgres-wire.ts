import { once } from "node:events";
import { connect as connectSocket, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { addressOf, tlsOptions, type PostgresConfig } from "../../destinations/postgres/config.ts";
import { EltError } from "../../core/errors.ts";

/** How to get between a target and its server. */
export interface Wire {
  /** The socket file that a client looks for in a folder that it is given as its host. */
  readonly socketFile: string;
  /** What sends a target to the socket in this folder, whatever its config says. */
  environment(folder: string): Record<string, string>;
  /** Opens a connection to the server, encrypted where the config asks for it. */
  connect(): Promise<Duplex>;
}

/**
 * The target speaks to us through a socket file, and so without TLS; it is we who speak TLS with the server. So it can be
 * seen what is sent, and nothing leaves this machine otherwise than the config wants it.
 */
export function postgresWire(config: PostgresConfig): Wire {
  const { address, tls } = addressOf(config);
  const host = address.host ?? process.env["PGHOST"] ?? "localhost";
  const port = address.port ?? Number(process.env["PGPORT"] ?? 5432);
  return {
    socketFile: ".s.PGSQL.5432",
    environment: (folder) => ({ TARGET_WAREHOUSE_HOST: folder, TARGET_WAREHOUSE_PORT: "5432" }),
    async connect() {
      const path = `${host}/.s.PGSQL.${port}`;
      const socket = host.startsWith("/") ? connectSocket(path) : connectSocket(port, host);
      await once(socket, "connect");
      const options = await tlsOptions(tls, host);
      if (options === false || !(await offersTls(socket, tls.mode === "prefer"))) return socket;
      const secure = connectTls({ socket, ...(isIP(host) === 0 ? { servername: host } : {}), ...options });
      await once(secure, "secureConnect");
      return secure;
    },
  };
}

/** Asks a server for TLS. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL */
async function offersTls(socket: Socket, mayRefuse: boolean): Promise<boolean> {
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.pause();
  if (answer.toString("latin1") === "S") return true;
  if (mayRefuse) return false;
  throw new EltError("WAREHOUSE_UNREACHABLE", "Postgres: the server does not support SSL connections");
}
