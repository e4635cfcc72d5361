/**
 * The listening socket and the connections that came through it.
 *
 * grpc-js could listen by itself, but then it owns the sockets: a port that is
 * taken is reported as text on stderr, Nagle's algorithm cannot be switched
 * off, and the only way to force a connection closed makes clients report
 * CANCELLED, which existing ones never retry. A reset connection they retry. So
 * sockets are accepted here, within `ConnectionLimits`; a refused one is reset,
 * which clients report as UNAVAILABLE.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import type {
  AcceptedConnection,
  ConnectionLimits,
} from "../../application/connections/connection_limits.ts";
import { WritePacking } from "./write_packing.ts";

/** Connections that the system queues until they are accepted. */
const BACKLOG = 511;

/** Where to listen, and what takes the connections. */
export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly connections: ConnectionLimits;
  /** Serves a connection; what it returns tells whether that is idle. */
  readonly onConnection: (
    socket: Socket,
  ) => Pick<AcceptedConnection, "idleSince">;
  /**
   * Keeps the server accepting after a failed accept, until it is disposed.
   *
   * @default nothing is done
   */
  readonly keepAccepting?: ((server: object) => Disposable) | undefined;
}

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken; set STREAM_PROXY_GRPC_PORT to a free one",
  EACCES:
    "the port needs privileges; set STREAM_PROXY_GRPC_PORT to one above 1023",
  EADDRNOTAVAIL:
    "this machine has no such address; set STREAM_PROXY_HOST to one it has",
  ENOTFOUND: "the host name is unknown; set STREAM_PROXY_HOST to an address",
};

function listenError(
  { host, port }: ListenOptions,
  cause: Error & { code?: string },
): Error {
  // Deno tells some of these apart less well than the system does.
  const remedy = REMEDIES[cause.code ?? ""] ??
    `${cause.message}; check STREAM_PROXY_HOST and STREAM_PROXY_GRPC_PORT`;
  return new Error(`Cannot serve gRPC on ${host}:${port}: ${remedy}`, {
    cause,
  });
}

/** An open port. */
export class Listener {
  /** The port it listens on. */
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  readonly #accepting: Disposable | undefined;

  private constructor(
    server: Server,
    port: number,
    sockets: Set<Socket>,
    accepting: Disposable | undefined,
  ) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
    this.#accepting = accepting;
  }

  /**
   * Starts to listen.
   *
   * @throws {Error} naming host, port and the variable to change.
   */
  static async open(options: ListenOptions): Promise<Listener> {
    const sockets = new Set<Socket>();
    const packing = new WritePacking();
    const server = createServer((socket) => {
      // HTTP/2 ends its streams when the socket closes; an error before that
      // has no other listener, and without one it would end the process.
      socket.on("error", () => {});
      let served: Pick<AcceptedConnection, "idleSince"> = {};
      const release = options.connections.admit("grpc", {
        close: () => socket.resetAndDestroy(),
        idleSince: () => served.idleSince?.(),
        peer: `${socket.remoteAddress}:${socket.remotePort}`,
      });
      if (release === undefined) {
        socket.resetAndDestroy();
        return;
      }
      sockets.add(socket);
      socket.once("close", () => {
        sockets.delete(socket);
        release();
      });
      socket.setNoDelay(true);
      packing.pack(socket);
      served = options.onConnection(socket);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(options.port, options.host, BACKLOG, resolve);
    try {
      await promise;
    } catch (error) {
      throw listenError(options, error as Error);
    }
    server.off("error", reject);
    // Node reports a failed accept here; it does not close the port.
    server.on(
      "error",
      (cause) => options.connections.acceptFailed("gRPC", cause),
    );
    const address = server.address();
    // A TCP server that listens always has an address object.
    const port = typeof address === "object" && address ? address.port : 0;
    const accepting = options.keepAccepting?.(server);
    return new Listener(server, port, sockets, accepting);
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Stops accepting; resolves when the last connection is gone. */
  close(): Promise<void> {
    this.#accepting?.[Symbol.dispose]();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    return promise;
  }

  /**
   * Breaks all connections that are still open, by a reset: after an orderly
   * close, clients report streams without a status as CANCELLED, which existing
   * ones never retry; a reset they do.
   */
  breakAll(): void {
    for (const socket of [...this.#sockets]) socket.resetAndDestroy();
  }
}
