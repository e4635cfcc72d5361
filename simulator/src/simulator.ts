/**
 * A local Alpaca on one port: market-data streams, trade updates and the REST
 * endpoints around them, from a seeded market.
 *
 * It is written against Alpaca's published protocol and shares no code with any
 * client of it. SDKs that accept another address can connect to it.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { Connections } from "./connections.ts";
import { answerControl } from "./control_api.ts";
import { Faults, TRADING_ENDPOINT } from "./faults.ts";
import { Ledger } from "./ledger.ts";
import { Market } from "./market/market.ts";
import {
  resolveOptions,
  sessionPolicy,
  type SimulatorOptions,
  type SimulatorSettings,
} from "./options.ts";
import { type Encoded, type Encoding, encodingFor } from "./protocol/encoding.ts";
import {
  type Endpoint,
  type EndpointName,
  endpointNamed,
  ENDPOINTS,
  findEndpoint,
} from "./protocol/endpoints.ts";
import type { Encodable, StreamMessage } from "./protocol/messages.ts";
import { SeededRandom } from "./random.ts";
import { RestApi } from "./rest/rest_api.ts";
import { type Server, startServer, type UpgradeDecision } from "./server.ts";
import { MarketSession, type SessionDependencies } from "./session/market_session.ts";
import { type LoggedRequest, RequestLog } from "./session/request_log.ts";
import { SessionRegistry } from "./session/session_registry.ts";
import { Subscribers } from "./session/subscribers.ts";
import { Socket, type SocketHandler } from "./socket.ts";
import { Trading } from "./trading/trading.ts";

/** Path of the trading stream. */
const TRADING_PATH = "/stream";

/** One session as `sessions()` reports it. */
export interface SessionInfo {
  /** Number of the connection. */
  readonly connection: number;
  /** Market endpoint or `trading`. */
  readonly endpoint: string;
  /** `ghost`: ended uncleanly and still holds its slot. */
  readonly state: "connected" | "authenticated" | "ghost";
  /** Key id of the account after the login. */
  readonly account: string | undefined;
  /** Encoding of its frames; undefined on the trading stream. */
  readonly encoding: "json" | "msgpack" | undefined;
  /** Symbols by channel; empty on the trading stream. */
  readonly subscriptions: Readonly<Record<string, readonly string[]>>;
  /** Bytes that wait because the client is slow. */
  readonly pendingBytes: number;
}

/** A running simulator. */
export class Simulator implements AsyncDisposable {
  /** Fault injection. */
  readonly faults: Faults = new Faults();
  /** The open connections: drop, mute or half-open them. */
  readonly connections: Connections = new Connections();
  /** What was produced and sent, with the option `ledgerCapacity`. */
  readonly ledger: Ledger;
  /** Prices and option chains; `messagesPerSecond` is settable. */
  readonly market: Market;
  /** Order engines and the trading stream. */
  readonly trading: Trading;
  readonly #settings: SimulatorSettings;
  readonly #rest: RestApi;
  readonly #subscribers: ReadonlyMap<EndpointName, Subscribers>;
  readonly #registry: SessionRegistry<MarketSession>;
  readonly #requests = new RequestLog();
  #server: Server | undefined;

  /** Use `startSimulator`: the constructor does not open a port. */
  constructor(settings: SimulatorSettings) {
    this.#settings = settings;
    const { clock, ghostSeconds } = settings;
    const random = new SeededRandom(settings.seed);
    const { faults } = this;
    this.#registry = new SessionRegistry(clock, ghostSeconds * 1000);
    this.ledger = new Ledger(clock, settings.ledgerCapacity);
    const ledger = this.ledger.isEnabled ? this.ledger : undefined;
    const keepMs = settings.keepMarketSeconds * 1000;
    this.#subscribers = new Map(
      ENDPOINTS.map(({ name }) => {
        return [name, new Subscribers({ endpoint: name, clock, keepMs, faults, ledger })];
      }),
    );
    this.market = new Market({
      ...settings,
      random: random.fork("market"),
      faults,
      subscribers: this.#subscribers,
    });
    this.trading = new Trading({
      clock,
      random: random.fork("trading"),
      prices: this.market,
      accounts: settings.accounts,
      faults,
      frames: settings.tradingFrames,
      ledgerCapacity: settings.ledgerCapacity,
    }, settings.trading);
    this.#rest = new RestApi({
      clock,
      random: random.fork("rest"),
      accounts: settings.accounts,
      market: this.market,
      trading: this.trading,
      faults,
    }, settings.rest);
  }

  /**
   * Opens the port; `startSimulator` calls it once.
   *
   * @internal
   */
  async listen(): Promise<void> {
    const { hostname, port, compression } = this.#settings;
    this.#server = await startServer({
      hostname,
      port,
      compression,
      decideUpgrade: (request) => this.#decideUpgrade(request),
      handleHttp: (request) => this.#handleHttp(request),
    });
  }

  /** Base URL of the REST endpoints, for example `http://127.0.0.1:8760`. */
  get url(): string {
    const { hostname } = this.#settings;
    const host = hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
    const name = host.includes(":") ? `[${host}]` : host;
    return `http://${name}:${this.#server?.port ?? this.#settings.port}`;
  }

  /** URLs of the streams. */
  get streamUrls(): {
    stocks(feed?: string): string;
    options(feed?: string): string;
    /** A location: `us`, `us-1` or `eu-1`. */
    crypto(location?: string): string;
    readonly news: string;
    readonly trading: string;
  } {
    const base = this.url.replace("http", "ws");
    const of = (feed: string) => base + endpointNamed(feed).paths[0];
    return {
      stocks: (feed = "sip") => of(feed),
      options: (feed = "opra") => of(feed),
      crypto: (location = "us") => of(`crypto/${location}`),
      news: of("news"),
      trading: base + TRADING_PATH,
    };
  }

  /**
   * Key id of the first account.
   *
   * @internal
   */
  get defaultAccount(): string {
    return this.#settings.accounts[0]?.key ?? "";
  }

  /** Environment variables of the proxy for this simulator and its first account. */
  environment(): Record<string, string> {
    const [account] = this.#settings.accounts;
    const basic = account?.plan === "basic";
    const { streamUrls, url } = this;
    return {
      ALPACA_KEY: account?.key ?? "",
      ALPACA_SECRET: account?.secret ?? "",
      ALPACA_FEED: basic ? "iex" : "sip",
      ALPACA_OPTIONS_FEED: basic ? "indicative" : "opra",
      ALPACA_STOCK_STREAM_URL: streamUrls.stocks(basic ? "iex" : "sip"),
      ALPACA_OPTION_STREAM_URL: streamUrls.options(
        basic ? "indicative" : "opra",
      ),
      ALPACA_CRYPTO_STREAM_URL: streamUrls.crypto(),
      ALPACA_NEWS_STREAM_URL: streamUrls.news,
      ALPACA_TRADING_STREAM_URL: streamUrls.trading,
      ALPACA_TRADING_API_URL: url,
      ALPACA_DATA_API_URL: url,
    };
  }

  /**
   * Sends these messages unchanged, in one frame per session, to the sessions
   * that subscribe to them. Returns the number of deliveries. Throws a
   * RangeError for an unknown endpoint.
   */
  emit(endpoint: string, messages: readonly StreamMessage[]): number {
    const { name } = endpointNamed(endpoint);
    const subscribers = this.#subscribersOf(name);
    let delivered = 0;
    for (const message of messages) {
      this.market.observe(name, message);
      delivered += subscribers.publish(message);
    }
    subscribers.flush();
    return delivered;
  }

  /**
   * Sends a recorded message in the encodings that it has to the sessions that subscribe to it, and
   * makes it the latest of its symbol. `flush` ends their frame. Returns the number of deliveries.
   *
   * @internal
   */
  publishRecorded(
    endpoint: EndpointName,
    message: StreamMessage,
    known: Partial<Record<Encoding, Encoded>>,
  ): number {
    this.market.observe(endpoint, message);
    return this.#subscribersOf(endpoint).publish(message, known);
  }

  /**
   * Sends what was published.
   *
   * @internal
   */
  flush(endpoint: EndpointName): void {
    this.#subscribersOf(endpoint).flush();
  }

  /**
   * Whether a session subscribes to anything on an endpoint.
   *
   * @internal
   */
  hasSubscribers(endpoint: EndpointName): boolean {
    return !this.#subscribersOf(endpoint).isEmpty;
  }

  /**
   * Sends a frame to every authenticated session of an endpoint, subscribed or
   * not: text or bytes unchanged, a list of values as one array in the session's
   * encoding. `trading` takes text and bytes only. Returns the number of
   * sessions. Throws a RangeError for an unknown endpoint.
   */
  emitRaw(
    endpoint: string,
    frame: string | Uint8Array | readonly Encodable[],
  ): number {
    const isBytes = frame instanceof Uint8Array;
    if (endpoint === TRADING_ENDPOINT) {
      if (typeof frame !== "string" && !isBytes) {
        throw new RangeError("the trading stream takes text or bytes");
      }
      this.trading.stream.emitFrame(frame);
      return this.trading.stream.listeners;
    }
    const sessions = this.connections.sessions(endpointNamed(endpoint).name);
    for (const session of sessions) {
      if (typeof frame === "string" || isBytes) session.deliverRaw(frame);
      else session.deliverFrame(frame);
    }
    return sessions.length;
  }

  /** The connections and the ghost sessions. */
  sessions(): readonly SessionInfo[] {
    const open = this.connections.select().map((connection) => {
      const { number, endpoint, session, trading } = connection;
      const account = trading?.account?.key;
      return session ? sessionInfo(session) : {
        connection: number,
        endpoint,
        state: account === undefined ? "connected" as const : "authenticated" as const,
        account,
        encoding: undefined,
        subscriptions: {},
        pendingBytes: 0,
      };
    });
    const ghosts = this.#registry.ghosts().map((session) => ({
      ...sessionInfo(session),
      state: "ghost" as const,
    }));
    return [...open, ...ghosts];
  }

  /** The latest client requests of the market streams, oldest first. */
  requests(): readonly LoggedRequest[] {
    return this.#requests.all();
  }

  /** Ends all ghost sessions. */
  clearGhosts(): void {
    this.#registry.clearGhosts();
  }

  /** Stops the market, cuts every connection and closes the port. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.market[Symbol.dispose]();
    this.trading[Symbol.dispose]();
    this.#registry[Symbol.dispose]();
    await this.#server?.[Symbol.asyncDispose]();
  }

  #decideUpgrade(request: IncomingMessage): UpgradeDecision {
    // Some SDKs end paths with a slash.
    const path = new URL(request.url ?? "/", "http://localhost").pathname.replace(/\/$/, "");
    const endpoint = findEndpoint(path);
    if (!endpoint && path !== TRADING_PATH) return { status: 404 };
    const name = endpoint?.name ?? TRADING_ENDPOINT;
    const status = this.faults.takeUpgradeStatus(name);
    if (status !== undefined) return { status };
    return {
      accept: (ws) =>
        endpoint ? this.#acceptMarket(ws, request, endpoint) : this.#acceptTrading(ws, request),
    };
  }

  #acceptMarket(ws: WebSocket, request: IncomingMessage, endpoint: Endpoint) {
    const socket = this.#socket(ws, endpoint.name);
    const number = this.connections.nextNumber();
    const contentType = request.headers["content-type"];
    const encoding = encodingFor(endpoint.kind, contentType);
    const session = new MarketSession(
      { number, endpoint, encoding, socket },
      this.#sessionDependencies(endpoint.name),
      request.headers,
    );
    this.connections.add({ number, endpoint: endpoint.name, socket, session });
    socket.attach(this.#tracked(number, session));
  }

  #acceptTrading(ws: WebSocket, request: IncomingMessage) {
    const socket = this.#socket(ws, TRADING_ENDPOINT);
    const number = this.connections.nextNumber();
    const contentType = request.headers["content-type"];
    const session = this.trading.stream.connect(socket, { contentType, number });
    const endpoint = TRADING_ENDPOINT;
    this.connections.add({ number, endpoint, socket, session: undefined, trading: session });
    socket.attach(this.#tracked(number, session));
  }

  /** Removes the connection when its socket has ended. */
  #tracked(number: number, handler: SocketHandler): SocketHandler {
    return {
      receive: (data) => handler.receive(data),
      closed: (clean) => {
        this.connections.remove(number);
        handler.closed(clean);
      },
    };
  }

  #socket(ws: WebSocket, endpoint: string): Socket {
    const { clock, pingSeconds, pongTimeoutSeconds } = this.#settings;
    const keepalive = {
      pingIntervalMs: pingSeconds * 1000,
      pongTimeoutMs: pongTimeoutSeconds * 1000,
    };
    const sendsPongs = () => !this.faults.isStreamSilent(endpoint);
    return new Socket(ws, { clock, keepalive, sendsPongs });
  }

  #sessionDependencies(endpoint: EndpointName): SessionDependencies {
    return {
      clock: this.#settings.clock,
      accounts: this.#settings.accounts,
      registry: this.#registry,
      faults: this.faults,
      ledger: this.ledger.isEnabled ? this.ledger : undefined,
      requests: this.#requests,
      subscribers: this.#subscribersOf(endpoint),
      orderBooks: (symbol) => this.market.orderBooks(endpoint, symbol),
      policy: sessionPolicy(this.#settings),
    };
  }

  #subscribersOf(endpoint: EndpointName): Subscribers {
    const subscribers = this.#subscribers.get(endpoint);
    // The constructor creates them for every endpoint.
    if (!subscribers) throw new RangeError(`unknown endpoint "${endpoint}"`);
    return subscribers;
  }

  async #handleHttp(request: Request): Promise<Response> {
    return await answerControl(request, this) ??
      await this.#rest.handle(request) ??
      Response.json({ message: "endpoint not found" }, { status: 404 });
  }
}

function sessionInfo(session: MarketSession): SessionInfo {
  const account = session.account?.key;
  return {
    connection: session.number,
    endpoint: session.endpoint.name,
    state: account === undefined ? "connected" : "authenticated",
    account,
    encoding: session.encoding,
    subscriptions: session.subscriptions,
    pendingBytes: session.pendingBytes,
  };
}

/**
 * Starts a simulator. Rejects with a RangeError for options out of range and
 * with the system's error when the port is taken.
 */
export async function startSimulator(
  options: SimulatorOptions = {},
): Promise<Simulator> {
  const simulator = new Simulator(resolveOptions(options));
  try {
    await simulator.listen();
  } catch (error) {
    await simulator[Symbol.asyncDispose]();
    throw error;
  }
  return simulator;
}
