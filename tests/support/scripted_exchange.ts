/**
 * An upstream that a test scripts: a real WebSocket
 * server on a port of its own, which sends nothing by itself.
 *
 * A test takes each connection with {@linkcode ScriptedExchange.accept} and
 * plays the server's part on it, step by step. Waiting for something that does
 * not come fails after five seconds instead of hanging.
 *
 * @module
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  STATUS_CODES,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

const PATIENCE_MS = 5_000;

/** A frame as the client sent it. */
export interface SentFrame {
  readonly binary: boolean;
  readonly bytes: Uint8Array;
  /** The bytes as UTF-8. */
  readonly text: string;
}

/** How a connection ended, as the server saw it. */
export interface SeenClose {
  /** 1006 when the client vanished without a close frame. */
  readonly code: number;
  readonly reason: string;
}

/** A queue of received items. */
class Arrivals<T> {
  readonly #what: string;
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  constructor(what: string) {
    this.#what = what;
  }

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  get waiting(): number {
    return this.#items.length;
  }

  async take(): Promise<T> {
    if (this.#items.length > 0) return this.#items.shift() as T;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = setTimeout(
      () => reject(new Error(`No ${this.#what} in ${PATIENCE_MS} ms`)),
      PATIENCE_MS,
    );
    this.#takers.push(resolve);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The server's side of one connection. */
export class ScriptedPeer {
  /** Headers of the upgrade request. */
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly #socket: WebSocket;
  readonly #transport: Duplex;
  readonly #frames = new Arrivals<SentFrame>("frame from the client");
  readonly #closes = new Arrivals<SeenClose>("end of the connection");

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.headers = request.headers;
    this.path = request.url ?? "";
    this.#socket = socket;
    this.#transport = request.socket;
    socket.on("message", (data: Uint8Array, binary: boolean) => {
      const bytes = new Uint8Array(data);
      const text = new TextDecoder().decode(bytes);
      this.#frames.put({ binary, bytes, text });
    });
    socket.on("close", (code: number, reason: Uint8Array) => {
      this.#closes.put({ code, reason: new TextDecoder().decode(reason) });
    });
    socket.on("error", () => {}); // An abrupt end also shows as a close.
  }

  /** Sends text as a text frame, bytes as a binary one, a value as JSON text. */
  send(data: string | Uint8Array | readonly unknown[] | object): void {
    const raw = typeof data === "string" || data instanceof Uint8Array;
    this.#socket.send(raw ? data : JSON.stringify(data));
  }

  /** Sends frames back to back, in one segment of the transport. */
  sendTogether(
    ...frames: readonly (string | Uint8Array | readonly unknown[] | object)[]
  ): void {
    this.#transport.cork();
    for (const frame of frames) this.send(frame);
    this.#transport.uncork();
  }

  /** Sends text as one message of several fragments. */
  sendInFragments(text: string, fragmentLength: number): void {
    for (let at = 0; at < text.length; at += fragmentLength) {
      const end = at + fragmentLength;
      this.#socket.send(text.slice(at, end), { fin: end >= text.length });
    }
  }

  /** Pings; resolves when the client has answered. */
  async ping(): Promise<void> {
    const pongs = new Arrivals<void>("pong");
    this.#socket.once("pong", () => pongs.put());
    this.#socket.ping();
    await pongs.take();
  }

  /** The next frame of the client. */
  receive(): Promise<SentFrame> {
    return this.#frames.take();
  }

  /** Frames of the client that the test has not taken. */
  get unread(): number {
    return this.#frames.waiting;
  }

  /** Resolves when the connection has ended. */
  closed(): Promise<SeenClose> {
    return this.#closes.take();
  }

  /** Starts the closing handshake. */
  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }

  /** Stops reading: later messages of the client receive no reply. */
  turnDeaf(): void {
    this.#socket.pause();
  }

  /** Does not reply to close frames any more; the transport is still read. */
  ignoreClose(): void {
    // `ws` replies by this method.
    this.#socket.close = () => {};
  }

  /** Cuts the transport without a close frame. */
  drop(): void {
    this.#socket.terminate();
  }
}

/** How an upgrade is answered: opened, with an HTTP status, or never. */
export type UpgradeAnswer = "open" | "never" | number;

/** The server. Disposing cuts every connection. */
export class ScriptedExchange implements AsyncDisposable {
  /** What the next upgrade requests are answered with. */
  upgrades: UpgradeAnswer = "open";
  /** Sent with an HTTP status. */
  retryAfter: string | undefined;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #transports = new Set<Duplex>();
  readonly #peers = new Arrivals<ScriptedPeer>("connection");
  readonly #requests = new Arrivals<IncomingHttpHeaders>("upgrade request");
  readonly #ends = new Arrivals<void>("end of a transport");

  private constructor(server: Server) {
    this.#server = server;
    server.on("upgrade", (request: IncomingMessage, socket, head) => {
      this.#upgrade(request, socket, head);
    });
  }

  /** Listens on a port that the system chooses. */
  static async start(): Promise<ScriptedExchange> {
    const server = createServer();
    const exchange = new ScriptedExchange(server);
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    return exchange;
  }

  /** Where clients connect. */
  get url(): string {
    return `ws://${this.host}/v2/sip`;
  }

  /** Host and port, as failures name them. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections whose transport is open. */
  get connections(): number {
    return this.#transports.size;
  }

  /** The next connection that is opened. */
  accept(): Promise<ScriptedPeer> {
    return this.#peers.take();
  }

  /** Resolves when the next upgrade request has arrived. */
  requested(): Promise<IncomingHttpHeaders> {
    return this.#requests.take();
  }

  /** Resolves when the transport of a connection has ended. */
  transportEnded(): Promise<void> {
    return this.#ends.take();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const transport of this.#transports) transport.destroy();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    this.#transports.add(socket);
    socket.on("close", () => {
      this.#transports.delete(socket);
      this.#ends.put();
    });
    socket.on("error", () => {}); // Shows as a close too.
    this.#requests.put(request.headers);
    const answer = this.upgrades;
    if (answer === "never") {
      // Only a transport that is read notices that the client has gone.
      socket.on("end", () => socket.destroy()).resume();
      return;
    }
    if (answer !== "open") {
      socket.end(
        `HTTP/1.1 ${answer} ${STATUS_CODES[answer] ?? ""}\r\n` +
          (this.retryAfter ? `Retry-After: ${this.retryAfter}\r\n` : "") +
          "Content-Length: 0\r\nConnection: close\r\n\r\n",
      );
      return;
    }
    // The types need Node's Buffer; at run time it is one.
    const rest = head as Parameters<WebSocketServer["handleUpgrade"]>[2];
    this.#sockets.handleUpgrade(request, socket, rest, (peer) => {
      this.#peers.put(new ScriptedPeer(peer, request));
    });
  }
}
