/**
 * Opens a port and serves HTTP/1.x on it, in bounded time and memory.
 *
 * `Deno.serve` of Deno 2.9.6 cannot be used: it stops after one failed accept (out of descriptors,
 * for example), keeps idle connections without a limit in number or time, and responds to an
 * invalid `Host` with 500. node:http has deadlines for requests. This file adds what it lacks:
 * `ConnectionLimits` limits the number of connections, the requests of one connection are answered
 * one after the other, and the client has to read a response in time.
 *
 * Disposing a port closes idle connections, gives responses that are under way a second to
 * complete, then closes the rest.
 *
 * @module
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { ConnectionSecurity } from "../../application/connections/connection_security.ts";
import { type ListenAddress, openPort } from "../../application/connections/open_port.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { hasBody, routeRequest, sendResponse } from "./node_messages.ts";
import { type ParsedInput, parseInPieces } from "./parse_in_pieces.ts";
import { type Handler, text } from "./routes.ts";
import type { ServeRpc } from "./rpc.ts";

/** Time for responses that are under way when a port closes, in ms. */
const CLOSE_GRACE_MS = 1_000;

/** Longest time between two checks of deadlines, in ms. */
const CHECK_MS = 1_000;

/** How long unneeded bytes are read and dropped, in ms. */
const LINGER_MS = 1_000;

/** Largest request line and headers, in bytes; browsers send all their cookies. */
const MAX_HEAD_BYTES = 32 * 1024;

/** Requests that one connection may have in the pipeline. */
const MAX_PIPELINED = 8;

/** How an {@linkcode HttpPort} serves. */
interface PortOptions {
  readonly handler: Handler;
  /** Serves calls of services. @default none */
  readonly serveRpc?: ServeRpc | undefined;
  readonly connections: ConnectionLimits;
  readonly clock: Clock;
  /** Encrypts the connections. @default none */
  readonly security?: ConnectionSecurity<Socket> | undefined;
  /**
   * Longest wait for a client, in ms: for the next request, for the rest of a request, and until it
   * has read a response or one event.
   */
  readonly idleMs: number;
}

/** An open connection. */
interface Connection {
  /** Requests that are not answered yet. */
  pending: number;
  /** Monotonic ms since which none is pending. */
  idleSince: number;
  /** Settles after the last pending request. */
  answered: Promise<void>;
  /** Ends the parsing after an invalid request; undefined before the TLS handshake is complete. */
  input: ParsedInput | undefined;
}

/** An open port; disposing it closes it, idempotent. */
export class HttpPort implements AsyncDisposable {
  /** Resolves when the port is closed; nothing else ends it. */
  readonly finished: Promise<void>;
  readonly #server: Server;
  /** The server that accepts connections: `#server`, or one of TCP where they are encrypted. */
  readonly #listener: TcpServer;
  readonly #options: PortOptions;
  readonly #open = new Map<Socket, Connection>();
  #number = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: PortOptions) {
    this.#options = options;
    const { idleMs, security } = options;
    const server = createServer({
      headersTimeout: idleMs,
      requestTimeout: idleMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, idleMs / 4),
      maxHeaderSize: MAX_HEAD_BYTES,
      // The response of node:http has no reason.
      requireHostHeader: false,
    });
    server.on("request", (request, response) => {
      this.#enqueue(request.socket, () => this.#respond(request, response));
    });
    server.on("clientError", (error: { readonly code?: string }, socket) => {
      this.#reject(socket as Socket, error.code);
    });
    this.#server = server;
    this.#listener = security === undefined ? server : createTcpServer({ pauseOnConnect: true });
    this.finished = new Promise((resolve) => this.#listener.once("close", resolve));
    this.#listener.on("connection", (socket) => {
      const connection = this.#admit(socket);
      if (connection === undefined) return;
      if (security === undefined) {
        connection.input = parseInPieces(socket);
        return;
      }
      // HTTP reports an error once it has the socket.
      socket.on("error", () => {});
      security.secure(socket, (secured) => this.#serveSecured(secured, connection));
    });
    // node:http begins to check its deadlines when it listens.
    if (security !== undefined) server.emit("listening");
  }

  /**
   * Serves HTTP on an address.
   *
   * @throws {CannotListen} when the port is taken or may not be opened
   */
  static async open(address: ListenAddress, options: PortOptions): Promise<HttpPort> {
    const port = new HttpPort(options);
    port.#number = await openPort(port.#listener, address, options.connections);
    return port;
  }

  /** The port number. */
  get number(): number {
    return this.#number;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#listener.close();
    if (this.#listener !== this.#server) this.#server.close();
    for (const [socket, { pending }] of this.#open) {
      if (pending === 0) socket.destroy();
    }
    const closed = new AbortController();
    await Promise.race([
      this.finished,
      this.#options.clock.sleep(CLOSE_GRACE_MS, closed.signal),
    ]);
    closed.abort();
    for (const socket of this.#open.keys()) socket.destroy();
    await this.finished;
  }

  /** Counts a connection as open until it closes; undefined when it is refused. */
  #admit(socket: Socket): Connection | undefined {
    const { connections, clock } = this.#options;
    const connection: Connection = {
      pending: 0,
      idleSince: clock.monotonic(),
      answered: Promise.resolve(),
      input: undefined,
    };
    const release = connections.admit("http", {
      close: () => socket.destroy(),
      bytes: () => ({ received: socket.bytesRead, sent: socket.bytesWritten }),
      idleSince: () => connection.pending > 0 ? undefined : connection.idleSince,
      address: socket.remoteAddress,
      port: socket.remotePort,
    });
    if (release === undefined) {
      socket.destroy();
      return undefined;
    }
    this.#open.set(socket, connection);
    socket.once("close", () => {
      this.#open.delete(socket);
      release();
    });
    return connection;
  }

  /** Serves a connection whose handshake is complete. */
  #serveSecured(secured: Socket, connection: Connection): void {
    if (this.#closing) {
      secured.destroy();
      return;
    }
    this.#open.set(secured, connection);
    secured.once("close", () => this.#open.delete(secured));
    this.#server.emit("connection", secured);
    connection.input = parseInPieces(secured);
  }

  /** Responds after all earlier requests of the connection. */
  #enqueue(socket: Socket, respond: () => Promise<void>): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || socket.destroyed) return;
    if (++connection.pending > MAX_PIPELINED) {
      socket.destroy();
      return;
    }
    connection.answered = connection.answered.then(async () => {
      try {
        if (!socket.destroyed) await respond();
      } catch {
        // The connection has closed, or the handler has failed.
        socket.destroy();
      }
      connection.pending--;
      connection.idleSince = this.#options.clock.monotonic();
      if (this.#closing && connection.pending === 0) socket.destroySoon();
    });
  }

  async #respond(
    request: IncomingMessage,
    response: ServerResponse<IncomingMessage>,
  ): Promise<void> {
    const { promise: completed, resolve } = Promise.withResolvers<void>();
    const withBody = hasBody(request);
    const routed = routeRequest(request);
    const invalid = typeof routed === "string";
    const call = invalid || this.#closing
      ? undefined
      : this.#options.serveRpc?.(new URL(routed.url), request, response);
    if (call) {
      await call;
      if (request.complete || request.socket.destroyed) return;
      await this.#dropBody(request);
      request.socket.destroy();
      return;
    }
    if (withBody) await this.#dropBody(request);
    try {
      let content = text("Shutting down\n", 503);
      if (invalid) content = text(`${routed}\n`, 400);
      else if (!this.#closing) {
        const { remoteAddress: address = "" } = request.socket;
        content = await this.#options.handler({ request: routed, address, completed });
      }
      await sendResponse(content, response, {
        timeoutMs: this.#options.idleMs,
        keepAlive: response.shouldKeepAlive && !withBody && !invalid &&
          !this.#closing,
      });
    } finally {
      resolve();
    }
  }

  /** Waits briefly for the end of a body: unread bytes reset the connection. */
  async #dropBody(request: IncomingMessage): Promise<void> {
    const closed = new AbortController();
    request.once("close", () => closed.abort());
    request.resume();
    await this.#options.clock.sleep(LINGER_MS, closed.signal);
  }

  /** Responds to bytes that are not a request, and closes. */
  #reject(socket: Socket, code: string | undefined): void {
    const connection = this.#open.get(socket);
    if (
      connection?.input === undefined || connection.input.ended ||
      !socket.writable || code === "ERR_HTTP_REQUEST_TIMEOUT"
    ) {
      socket.destroy();
      return;
    }
    connection.input.end();
    this.#enqueue(socket, async () => {
      const closed = new AbortController();
      socket.once("close", () => closed.abort());
      socket.resume();
      socket.end(errorResponse(code === "HPE_HEADER_OVERFLOW" ? 431 : 400));
      await this.#options.clock.sleep(LINGER_MS, closed.signal);
      socket.destroy();
    });
  }
}

const REASONS = {
  400: "This is not a request of HTTP/1.1 without TLS\n",
  431: "The request line and headers are too long\n",
};

/** A whole response to bytes that are not a request. */
function errorResponse(status: keyof typeof REASONS): string {
  const reason = REASONS[status];
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...[...text(reason).headers].map(([name, value]) => `${name}: ${value}`),
    `content-length: ${reason.length}`,
    `date: ${new Date().toUTCString()}`,
    "connection: close",
    "",
    reason,
  ].join("\r\n");
}
