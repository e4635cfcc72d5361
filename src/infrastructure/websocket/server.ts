/**
 * The Alpaca-compatible WebSocket port: accepts connections, and makes the session of the stream
 * that the path of each names.
 *
 * Requests that cannot be served for the moment are answered with 503, because the Go SDK does not
 * try again after a status of 4xx.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { PeerCertificate } from "../../application/access/access.ts";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { ConnectionSecurity } from "../../application/connections/connection_security.ts";
import { openPort } from "../../application/connections/open_port.ts";
import { OpeningRate } from "../../application/limits/opening_rate.ts";
import type { Tracing } from "../../application/ports/tracing.ts";
import type { MessageFormat } from "../../application/relay/relayed_message.ts";
import {
  type CryptoLocation,
  type FeedId,
  type FeedKind,
  FEEDS,
} from "../../domain/connection/feed.ts";
import type { ClientSession, HeaderLogin, SessionContext } from "./client_session.ts";
import { ClientSocket, type IncomingLimits } from "./client_socket.ts";
import { mayKeepContext, readsCompressed } from "./deflate.ts";
import { type Endpoint, endpointOf } from "./endpoints.ts";
import { FlushScheduler } from "./flush_scheduler.ts";
import type { Opcode } from "./frame_header.ts";
import { BatchFrames } from "./frames.ts";
import { MarketSession } from "./market_session.ts";
import { MessageBudget } from "./message_budget.ts";
import { OrderSession } from "./order_session.ts";
import { ReadRate } from "./read_rate.ts";
import { CONTEXT_BYTES } from "./receiver_limits.ts";
import { Turns } from "./turns.ts";

/** Time between two checks of what depends on time, in ms. */
const TICK_MS = 1_000;
/** Pings without a sign of life of the client after which it is disconnected. */
const MAX_SILENT_PINGS = 2;
/** Time in which a client has to send its request, in ms. */
const REQUEST_MS = 10_000;
/** Largest request line and headers, in bytes. */
const MAX_HEAD_BYTES = 16 * 1024;
/** Time in which a client has to reply to a close frame, in ms. */
const CLOSE_MS = 2_000;
/**
 * What is kept of compressed messages, as a part of the limit of messages. Then clients are not
 * offered compression that need it.
 */
const CONTEXT_SHARE = 1 / 4;
/** Characters of a client's name for itself that are kept. */
const MAX_AGENT = 200;

const SERVER_OPTIONS = {
  noServer: true,
  clientTracking: false,
  // Clients may compress; what they receive is compressed by `BatchFrames`, if at all.
  // Clients decide whether their messages refer to earlier ones: Alpaca's JavaScript SDK fails when
  // the answer has `client_no_context_takeover` and its offer does not.
  perMessageDeflate: { threshold: Infinity, serverNoContextTakeover: true },
  maxFragments: 1_024,
  maxBufferedChunks: 4_096,
  skipUTF8Validation: true,
  closeTimeout: CLOSE_MS,
};

/** What a {@linkcode WebSocketApi} needs. */
interface WebSocketApiOptions extends Omit<SessionContext, "scheduler" | "turns"> {
  readonly host: string;
  /** 0 for a free port. */
  readonly port: number;
  /** Time between two pings, in ms. */
  readonly pingMs: number;
  /** Bytes of the largest message of a client that is logged in. */
  readonly maxMessageBytes: number;
  /** Bytes of the messages of all clients that are unfinished or not handled. */
  readonly maxPendingMessageBytes: number;
  /** Time in which a message has to arrive whole, in ms. */
  readonly messageTimeoutMs: number;
  /** Bytes of the smallest frame that is compressed for clients that can read it; 0 for none. */
  readonly compressFromBytes: number;
  /** Enabled feeds. */
  readonly feeds: ReadonlySet<FeedId>;
  /** What each feed carries. */
  readonly kinds: Readonly<Record<FeedId, FeedKind>>;
  /** Where the crypto is traded that the proxy carries. */
  readonly cryptoLocation: CryptoLocation;
  /** How the frames of each feed are encoded. */
  readonly formats: Readonly<Record<FeedId, MessageFormat>>;
  /** Origins of web pages that may connect while authentication is off; `*` is every page. */
  readonly origins: readonly string[];
  /** Opcode of the frames of the trading stream: Alpaca's are binary on paper. */
  readonly orderOpcode: Opcode;
  /** Counts and limits the connections of this and all other ports. */
  readonly connections: ConnectionLimits;
  /** Encrypts the connections. @default none */
  readonly security?: ConnectionSecurity<Socket> | undefined;
  /** Limits how often streams are opened. @default no limit */
  readonly openings?: OpeningRate | undefined;
  readonly tracing: Tracing;
}

/** What an open connection does. */
interface ConnectionState {
  /** Monotonic ms since which no client is served on it; `undefined` while one is. */
  idleSince: number | undefined;
  /** @default none yet */
  session?: ClientSession;
  /** That of the client, which TLS has verified. @default none */
  certificate?: PeerCertificate | undefined;
}

/** The port and its clients. */
export class WebSocketApi implements AsyncDisposable {
  readonly #options: WebSocketApiOptions;
  readonly #context: SessionContext;
  readonly #server: Server;
  /** The server that accepts connections: `#server`, or one of TCP where they are encrypted. */
  readonly #listener: TcpServer;
  readonly #upgrader: WebSocketServer;
  /** Accepts clients without compression. */
  readonly #plainUpgrader: WebSocketServer;
  readonly #frames: ReadonlyMap<FeedId, BatchFrames>;
  readonly #openings: OpeningRate;
  readonly #incoming: Omit<IncomingLimits, "onRefused">;
  readonly #sockets = new Map<Socket, ConnectionState>();
  /** Sessions, with the pings since the client has last sent or taken anything. */
  readonly #sessions = new Map<ClientSession, { readonly socket: ClientSocket; silent: number }>();
  readonly #ended = new AbortController();
  #port = 0;
  #stopped: Promise<void> | undefined;

  /** Serves once `open` has opened the port. */
  constructor(options: WebSocketApiOptions) {
    const { clock, log, formats, security, maxMessageBytes } = options;
    this.#options = options;
    this.#openings = options.openings ?? new OpeningRate(0, clock);
    const onError = (cause: unknown) => log.error("A message could not be transcoded", { cause });
    this.#frames = new Map(
      FEEDS.map((feed) => {
        const frames = { isCrypto: feed === "crypto", compressFrom: options.compressFromBytes };
        return [feed, new BatchFrames(formats[feed], onError, frames)];
      }),
    );
    const clear = () => this.#frames.forEach((frames) => frames.clear());
    const turns = new Turns(clock, this.#ended.signal);
    const budget = new MessageBudget(options.maxPendingMessageBytes, clock);
    const contexts = new MessageBudget(CONTEXT_SHARE * options.maxPendingMessageBytes);
    const { messageTimeoutMs } = options;
    const rate = new ReadRate(maxMessageBytes, clock);
    this.#incoming = {
      budget,
      contexts,
      turns,
      rate,
      clock,
      maxMessageBytes,
      messageTimeoutMs,
    };
    this.#context = { ...options, scheduler: new FlushScheduler(clock, clear), turns };
    const upgrading = { ...SERVER_OPTIONS, maxPayload: maxMessageBytes };
    this.#upgrader = new WebSocketServer(upgrading);
    this.#plainUpgrader = new WebSocketServer({ ...upgrading, perMessageDeflate: false });
    this.#server = this.#createServer();
    this.#listener = security === undefined
      ? this.#server
      : createTcpServer({ pauseOnConnect: true });
    this.#listener.on("connection", (socket) => this.#connect(socket));
    // node:http begins to check its deadlines when it listens.
    if (security !== undefined) this.#server.emit("listening");
  }

  /** The listening port. */
  get port(): number {
    return this.#port;
  }

  /** Number of clients, logged in or not. */
  get clients(): number {
    return this.#sessions.size;
  }

  /**
   * Opens the port.
   *
   * @throws {CannotListen} when the address cannot be used, with the variable to change
   */
  async open(): Promise<void> {
    const { host, port, connections } = this.#options;
    const purpose = "the WebSocket API";
    const address = { host, port, purpose, variable: "STREAM_PROXY_WEBSOCKET_PORT" };
    this.#port = await openPort(this.#listener, address, connections);
    void this.#keepTime();
  }

  /**
   * Closes the port, and connections without a client; the registry of streams ends the clients.
   * Connections that are open after `graceMs` are cut.
   */
  stop(graceMs: number, reason: string): Promise<void> {
    return this.#stopped ??= this.#stop(graceMs, reason);
  }

  /** Cuts every connection; idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0, "The proxy is shutting down");
  }

  async #stop(graceMs: number, reason: string): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    if (this.#listener !== this.#server) this.#server.close();
    for (const [socket, { idleSince }] of this.#sockets) {
      if (idleSince !== undefined) socket.destroy();
    }
    const done = new AbortController();
    await Promise.race([closed, this.#options.clock.sleep(graceMs, done.signal)]);
    done.abort();
    this.#ended.abort();
    for (const session of [...this.#sessions.keys()]) session.terminate(reason);
    for (const socket of this.#sockets.keys()) socket.destroy();
    await closed;
  }

  #createServer(): Server {
    const server = createServer({
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: REQUEST_MS,
      connectionsCheckingInterval: TICK_MS,
      maxHeaderSize: MAX_HEAD_BYTES,
    });
    server.on("request", (_request, response) => {
      response.writeHead(426, { connection: "close", upgrade: "websocket" });
      response.end("This port serves WebSocket clients of Alpaca's streams\n");
    });
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    server.on("clientError", (_error, socket) => socket.destroy());
    return server;
  }

  #connect(socket: Socket): void {
    const { connections, security, clock } = this.#options;
    const connectedAt = clock.monotonic();
    const state: ConnectionState = { idleSince: connectedAt };
    const release = connections.admit("websocket", {
      close: () => socket.destroy(),
      bytes: () => ({ received: socket.bytesRead, sent: socket.bytesWritten }),
      // So that clients without access cannot keep others out.
      idleSince: () => state.session?.isLoggedIn === false ? connectedAt : state.idleSince,
      address: socket.remoteAddress,
      port: socket.remotePort,
    });
    if (release === undefined) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.#sockets.set(socket, state);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      release();
    });
    if (security === undefined) return;
    socket.on("error", () => {});
    security.secure(socket, (secured, certificate) => {
      state.certificate = certificate;
      this.#sockets.set(secured, state);
      secured.once("close", () => this.#sockets.delete(secured));
      this.#server.emit("connection", secured);
    });
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // The client may disconnect before the reply.
    socket.on("error", () => {});
    const endpoint = endpointOf(request.url ?? "/");
    if (endpoint === undefined) return refuse(socket, 404);
    if (!this.#isAllowed(request.headers.origin)) return refuse(socket, 403);
    const { drainReason, connections } = this.#options;
    const { remoteAddress = "", remotePort } = socket;
    if (drainReason() !== undefined || this.#stopped) return refuse(socket, 503);
    const tooOften = this.#openings.connection(remoteAddress)();
    if (tooOften) {
      connections.refused("stream_openings", `${remoteAddress}:${remotePort}`, tooOften.message);
      return refuse(socket, 503);
    }
    const hasRoom = this.#incoming.contexts.hasRoom(CONTEXT_BYTES) ||
      !mayKeepContext(request.headers["sec-websocket-extensions"] ?? "");
    const upgrader = hasRoom ? this.#upgrader : this.#plainUpgrader;
    upgrader.handleUpgrade(request, socket, head, (ws) => {
      this.#serve(endpoint, { ws, request, raw: socket });
    });
  }

  #serve(endpoint: Endpoint, { ws, request, raw }: {
    readonly ws: WebSocket;
    readonly request: IncomingMessage;
    readonly raw: Socket;
  }): void {
    const { tracing, connections } = this.#options;
    const { remoteAddress: address = "", remotePort } = raw;
    const [path = "/"] = (request.url ?? "/").split("?");
    const peer = `${address}:${remotePort}`;
    const socket = new ClientSocket(ws, raw as Duplex, {
      ...this.#incoming,
      onRefused: (limit, reason) => connections.refused(limit, peer, reason),
    });
    const state = this.#sockets.get(raw);
    const client = {
      socket,
      path,
      address,
      peer,
      certificate: state?.certificate,
      userAgent: request.headers["user-agent"]?.slice(0, MAX_AGENT),
      span: tracing.span("websocket.session", { "url.path": path, "client.address": peer }),
    };
    const isMsgpack = /^application\/msgpack\s*(?:;|$)/i
      .test(request.headers["content-type"] ?? "");
    const session = endpoint.feed === "trading"
      ? new OrderSession(this.#context, client, {
        isCarried: this.#isCarried(endpoint),
        opcode: isMsgpack ? undefined : this.#options.orderOpcode,
      })
      : new MarketSession(this.#context, client, {
        feed: endpoint.feed,
        isCarried: this.#isCarried(endpoint),
        // Alpaca sends options in MessagePack only.
        format: isMsgpack || endpoint.feed === "opra" ? "msgpack" : "json",
        isCompressed: ws.extensions !== "" &&
          readsCompressed(request.headers["sec-websocket-extensions"] ?? ""),
        frames: this.#frames.get(endpoint.feed) as BatchFrames,
      });
    this.#sessions.set(session, { socket, silent: 0 });
    if (state) {
      state.idleSince = undefined;
      state.session = session;
    }
    ws.once("close", () => this.#sessions.delete(session));
    session.start(loginOf(request));
  }

  /**
   * Whether a page may connect: without authentication, every page that a user opens could read the
   * account's orders. Programs send no origin.
   */
  #isAllowed(origin: string | undefined): boolean {
    const { access, origins } = this.#options;
    return origin === undefined || access.isOn || origins.includes("*") || origins.includes(origin);
  }

  /** Whether the feed of a path is enabled and carries its product. */
  #isCarried({ feed, kind, location }: Endpoint): boolean {
    const { feeds, kinds, cryptoLocation } = this.#options;
    if (location !== undefined && location !== cryptoLocation) return false;
    return feeds.has(feed) && (kind === undefined || kind === kinds[feed]);
  }

  /** Checks what depends on time, until the port is closed. */
  async #keepTime(): Promise<void> {
    const { clock, pingMs } = this.#options;
    let pingAt = clock.monotonic() + pingMs;
    while (!this.#ended.signal.aborted) {
      await clock.sleep(Math.min(TICK_MS, pingMs), this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      const now = clock.now();
      const monotonic = clock.monotonic();
      for (const [session, { socket }] of [...this.#sessions]) {
        session.tick(now);
        socket.checkTime(monotonic);
      }
      if (clock.monotonic() < pingAt) continue;
      pingAt = clock.monotonic() + pingMs;
      this.#ping();
    }
  }

  #ping(): void {
    for (const [session, state] of [...this.#sessions]) {
      state.silent = state.socket.takeActivity() ? 0 : state.silent + 1;
      if (state.silent > MAX_SILENT_PINGS) session.terminate("no reply to pings");
      else state.socket.ping();
    }
  }
}

/** Answers an upgrade request with a status. */
function refuse(socket: Socket, status: number): void {
  const text = STATUS_CODES[status] ?? "";
  const body = JSON.stringify({ message: text });
  const retry = status === 503 ? "Retry-After: 1\r\n" : "";
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\nConnection: close\r\n${retry}` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

/** The login in the headers of an upgrade request, if there is one. */
function loginOf({ headers }: IncomingMessage): HeaderLogin | undefined {
  const key = headers["apca-api-key-id"];
  const secret = headers["apca-api-secret-key"];
  if (typeof key === "string" || typeof secret === "string") {
    return { key: String(key ?? ""), secret: String(secret ?? "") };
  }
  const [, scheme = "", value = ""] = /^(\w+) +(\S+) *$/.exec(headers.authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return { key: "access_token", secret: value };
  if (scheme.toLowerCase() !== "basic") return undefined;
  const [name = "", ...rest] = Buffer.from(value, "base64").toString().split(":");
  return { key: name, secret: rest.join(":") };
}
