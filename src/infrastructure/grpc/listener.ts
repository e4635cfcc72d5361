/**
 * Listens for gRPC connections and accepts them within `ConnectionLimits`.
 *
 * @grpc/grpc-js 1.14.7 can listen by itself, but then it owns the sockets: it reports a port that
 * is taken as text on stderr, Nagle's algorithm cannot be switched off, and the only way to force a
 * connection closed makes clients report CANCELLED, which existing ones never retry. They retry
 * after a reset: clients report it as UNAVAILABLE.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { CannotListen } from "../../application/connections/cannot_listen.ts";
import type {
  AcceptedConnection,
  ConnectionLimits,
} from "../../application/connections/connection_limits.ts";
import { WriteCorker } from "./http2_workarounds/cork_writes.ts";

/** Connections that the system queues until they are accepted. */
const BACKLOG = 511;

/** Where to listen, and what serves the connections. */
export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly connections: ConnectionLimits;
  /** Serves a connection; returns whether it is idle. */
  readonly onConnection: (socket: Socket) => Pick<AcceptedConnection, "idleSince">;
  /**
   * Keeps the server accepting after a failed accept, until it is disposed.
   *
   * @default nothing is done
   */
  readonly keepAccepting?: ((server: object) => Disposable) | undefined;
}

/** An open gRPC port. */
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
   * Opens a port.
   *
   * @throws {CannotListen} when the port is taken or may not be opened
   */
  static async open(options: ListenOptions): Promise<Listener> {
    const sockets = new Set<Socket>();
    const corker = new WriteCorker();
    const server = createServer((socket) => {
      // HTTP/2 ends its streams when the socket closes; an error before that has no other listener,
      // and without one it would end the process.
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
      corker.attach(socket);
      served = options.onConnection(socket);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(options.port, options.host, BACKLOG, resolve);
    try {
      await promise;
    } catch (cause) {
      throw new CannotListen({
        ...options,
        purpose: "gRPC",
        variable: "STREAM_PROXY_GRPC_PORT",
      }, cause);
    }
    server.off("error", reject);
    // Node reports a failed accept here; it does not close the port.
    server.on("error", (cause) => options.connections.acceptFailed("gRPC", cause));
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

  /** Stops accepting; resolves when the last connection has closed. */
  close(): Promise<void> {
    this.#accepting?.[Symbol.dispose]();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    return promise;
  }

  /**
   * Resets all open connections: after an orderly close, clients report streams without a status as
   * CANCELLED, which existing ones never retry.
   */
  resetAll(): void {
    for (const socket of [...this.#sockets]) socket.resetAndDestroy();
  }
}
