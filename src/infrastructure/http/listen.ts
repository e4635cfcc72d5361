/**
 * Opens a port and serves HTTP/1.x on it, in bounded time and memory.
 *
 * `Deno.serve` of Deno 2.9.6 cannot be used: it stops for good when one accept
 * fails (out of descriptors, for example), keeps idle connections without a
 * limit in number or time, and answers a bad `Host` with 500. node:http has
 * deadlines for requests. What it lacks is added here: the number of
 * connections is limited by `ConnectionLimits`, the requests of one connection
 * are answered one after the other, and an answer has to be taken in time.
 *
 * Disposing a port closes idle connections, lets answers that are under way
 * complete within a second, then closes the rest.
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
import type { Socket } from "node:net";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { hasBody, routeRequest, sendAnswer } from "./node_messages.ts";
import { type ParsedInput, parseInPieces } from "./parse_in_pieces.ts";
import { type Handler, text } from "./routes.ts";

/** How long answers that are under way may take when a port closes, in ms. */
const LAST_ANSWERS_MS = 1_000;

/** Longest time between two checks of deadlines, in ms. */
const CHECK_MS = 1_000;

/** How long bytes that are not wanted are read and dropped, in ms. */
const LINGER_MS = 1_000;

/** Largest request line and headers, in bytes: browsers send all their cookies. */
const MAX_HEAD_BYTES = 32 * 1024;

/** Requests that one connection may send before the first is answered. */
const MAX_PIPELINED = 8;

/** Connections that the system queues until they are accepted. */
const BACKLOG = 511;

/** Thrown when a port cannot be opened; the message says which and why. */
export class CannotListen extends Error {
  override readonly name = "CannotListen";
}

/** What to listen on, and which variable sets it. */
export interface Address {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** What the port is for, in a word: "health". */
  readonly purpose: string;
  /** The environment variable that sets the port. */
  readonly variable: string;
}

/** What a port is served with. */
export interface PortOptions {
  readonly handler: Handler;
  readonly connections: ConnectionLimits;
  readonly clock: Clock;
  /**
   * Longest wait for a client, in ms: for the next request, for the rest of a
   * request, and until an answer or one event is taken.
   */
  readonly idleMs: number;
  /**
   * Keeps the server accepting after a failed accept, until it is disposed.
   *
   * @default nothing is done
   */
  readonly keepAccepting?: ((server: object) => Disposable) | undefined;
}

/** An open port; disposing it closes it, idempotent. */
export interface Port extends AsyncDisposable {
  readonly number: number;
  /** Resolves when the port is closed; nothing else ends it. */
  readonly finished: Promise<void>;
}

/**
 * Serves HTTP on an address.
 *
 * @throws {CannotListen} when the port is taken or may not be opened.
 */
export async function listen(
  address: Address,
  options: PortOptions,
): Promise<Port> {
  const port = new HttpPort({ ...options, name: address.purpose });
  const number = await port.open(address);
  let closing: Promise<void> | undefined;
  return {
    number,
    finished: port.finished,
    [Symbol.asyncDispose]: () => closing ??= port.close(),
  };
}

/** What is known of an open connection. */
interface Connection {
  /** Requests that are not answered yet. */
  pending: number;
  /** Monotonic ms since which there are none. */
  idleSince: number;
  /** Settles after the last answer of those that are pending. */
  answered: Promise<void>;
  /** Ends the parsing after what was no request. */
  readonly input: ParsedInput;
}

class HttpPort {
  readonly finished: Promise<void>;
  readonly #server: Server;
  readonly #options: PortOptions & { readonly name: string };
  readonly #open = new Map<Socket, Connection>();
  #closing = false;
  #accepting: Disposable | undefined;

  constructor(options: PortOptions & { readonly name: string }) {
    this.#options = options;
    const { idleMs } = options;
    const server = createServer({
      headersTimeout: idleMs,
      requestTimeout: idleMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, idleMs / 4),
      maxHeaderSize: MAX_HEAD_BYTES,
      // The answer of node:http gives no reason.
      requireHostHeader: false,
    });
    server.on("connection", (socket) => this.#admit(socket));
    server.on("request", (request, response) => {
      this.#enqueue(request.socket, () => this.#answer(request, response));
    });
    server.on("clientError", (error: { readonly code?: string }, socket) => {
      this.#refuse(socket as Socket, error.code);
    });
    this.finished = new Promise((resolve) => server.once("close", resolve));
    this.#server = server;
  }

  /** @returns the port number */
  async open(address: Address): Promise<number> {
    const { connections, name, keepAccepting } = this.#options;
    const server = this.#server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(address.port, address.host, BACKLOG, resolve);
    try {
      await promise;
    } catch (cause) {
      throw new CannotListen(explain(address, cause), { cause });
    }
    server.off("error", reject);
    server.on("error", (cause) => connections.acceptFailed(name, cause));
    this.#accepting = keepAccepting?.(server);
    const bound = server.address();
    // A TCP server that listens always has an address object.
    return typeof bound === "object" && bound ? bound.port : 0;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#accepting?.[Symbol.dispose]();
    this.#server.close();
    for (const [socket, { pending }] of this.#open) {
      if (pending === 0) socket.destroy();
    }
    const patience = new AbortController();
    await Promise.race([
      this.finished,
      this.#options.clock.sleep(LAST_ANSWERS_MS, patience.signal),
    ]);
    patience.abort();
    for (const socket of this.#open.keys()) socket.destroy();
    await this.finished;
  }

  #admit(socket: Socket): void {
    const { connections, clock } = this.#options;
    const connection: Connection = {
      pending: 0,
      idleSince: clock.monotonic(),
      answered: Promise.resolve(),
      input: parseInPieces(socket),
    };
    const release = connections.admit("http", {
      close: () => socket.destroy(),
      idleSince: () =>
        connection.pending > 0 ? undefined : connection.idleSince,
      peer: `${socket.remoteAddress}:${socket.remotePort}`,
    });
    if (release === undefined) {
      socket.destroy();
      return;
    }
    this.#open.set(socket, connection);
    socket.once("close", () => {
      this.#open.delete(socket);
      release();
    });
  }

  /** Answers after all earlier requests of the connection. */
  #enqueue(socket: Socket, answer: () => Promise<void>): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || socket.destroyed) return;
    if (++connection.pending > MAX_PIPELINED) {
      socket.destroy();
      return;
    }
    connection.answered = connection.answered.then(async () => {
      try {
        if (!socket.destroyed) await answer();
      } catch {
        // The connection is gone, or the handler has failed.
        socket.destroy();
      }
      connection.pending--;
      connection.idleSince = this.#options.clock.monotonic();
      if (this.#closing && connection.pending === 0) socket.destroySoon();
    });
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse<IncomingMessage>,
  ): Promise<void> {
    const { promise: completed, resolve } = Promise.withResolvers<void>();
    const withBody = hasBody(request);
    if (withBody) await this.#dropBody(request);
    const asked = routeRequest(request);
    const invalid = typeof asked === "string";
    try {
      let answer = text("Shutting down\n", 503);
      if (invalid) answer = text(`${asked}\n`, 400);
      else if (!this.#closing) {
        answer = await this.#options.handler({ request: asked, completed });
      }
      await sendAnswer(answer, response, {
        patienceMs: this.#options.idleMs,
        keepAlive: response.shouldKeepAlive && !withBody && !invalid &&
          !this.#closing,
      });
    } finally {
      resolve();
    }
  }

  /** Waits a moment for the end of a body: unread bytes reset the connection. */
  async #dropBody(request: IncomingMessage): Promise<void> {
    const patience = new AbortController();
    request.once("close", () => patience.abort());
    request.resume();
    await this.#options.clock.sleep(LINGER_MS, patience.signal);
  }

  /** Answers what is no request, and closes. */
  #refuse(socket: Socket, code: string | undefined): void {
    const connection = this.#open.get(socket);
    if (
      connection === undefined || connection.input.ended ||
      !socket.writable || code === "ERR_HTTP_REQUEST_TIMEOUT"
    ) {
      socket.destroy();
      return;
    }
    connection.input.end();
    this.#enqueue(socket, async () => {
      const patience = new AbortController();
      socket.once("close", () => patience.abort());
      socket.resume();
      socket.end(refusal(code === "HPE_HEADER_OVERFLOW" ? 431 : 400));
      await this.#options.clock.sleep(LINGER_MS, patience.signal);
      socket.destroy();
    });
  }
}

const REASONS = {
  400: "This is not a request of HTTP/1.1 without TLS\n",
  431: "The request line and headers are too long\n",
};

/** A whole answer to what is no request. */
function refusal(status: keyof typeof REASONS): string {
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

function explain(address: Address, cause: unknown): string {
  const { host, port, purpose, variable } = address;
  const where = `Cannot listen on ${host}:${port} for ${purpose}`;
  const { code, message } = cause as Error & { readonly code?: string };
  switch (code) {
    case "EADDRINUSE":
      return `${where}: another process has the port. ` +
        `Stop it, or set ${variable} to a free port`;
    // Deno 2.9.6 reports EADDRNOTAVAIL as EINVAL.
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return `${where}: this machine has no such address. ` +
        `Set STREAM_PROXY_HOST to one of its own, or to 0.0.0.0 for all`;
    case "EACCES":
      return `${where}: not permitted. ` +
        `Set ${variable} to a port of 1024 or above`;
  }
  return `${where}: ${message}. Check STREAM_PROXY_HOST and ${variable}`;
}
