/**
 * The listening socket and the connections that came through it.
 *
 * grpc-js could listen by itself, but then it owns the sockets: a port that is
 * taken is reported as text on stderr, Nagle's algorithm cannot be switched
 * off, and the only way to force a connection closed tells clients CANCEL,
 * which existing ones take as "never come back". A broken connection they
 * retry. So sockets are accepted here and handed on.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { WritePacking } from "./write_packing.ts";

/** Where to listen, and who takes the connections. */
export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly onConnection: (socket: Socket) => void;
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

  private constructor(server: Server, port: number, sockets: Set<Socket>) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
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
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      // HTTP/2 ends its streams when the socket closes; an error before that
      // has nobody else to hear it, and unheard it would end the process.
      socket.on("error", () => {});
      socket.setNoDelay(true);
      packing.pack(socket);
      options.onConnection(socket);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
    try {
      await promise;
    } catch (error) {
      throw listenError(options, error as Error);
    }
    server.off("error", reject);
    const address = server.address();
    // A TCP server that listens always has an address object.
    const port = typeof address === "object" && address ? address.port : 0;
    return new Listener(server, port, sockets);
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Stops accepting; resolves when the last connection is gone. */
  close(): Promise<void> {
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
