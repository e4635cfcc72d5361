/**
 * A faithful local Alpaca: market-data streams, trade updates and the REST
 * endpoints around them, on one port, from a seeded market.
 *
 * It is written against Alpaca's published protocol and shares no code with
 * any client of it. Whatever SDK can be pointed at another address can be
 * pointed here; see `environment()` and `streamUrls`.
 *
 * ```ts
 * await using simulator = await startSimulator({ messagesPerSecond: 0 });
 * simulator.emit("sip", [{ T: "q", S: "AAPL", bp: 1, ap: 2, t: "…" }]);
 * simulator.faults.rejectUpgrades("sip", 429, 2);
 * simulator.connections.drop({ endpoint: "opra" });
 * ```
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import { Connections } from "./connections.ts";
import { answerControl } from "./faults/control_api.ts";
import { Faults } from "./faults/faults.ts";
import { Market } from "./market/market.ts";
import {
  resolveOptions,
  type SimulatorOptions,
  type SimulatorSettings,
} from "./options.ts";
import { type StreamConnection, TRADING_ENDPOINT } from "./ports.ts";
import type { Encodable, HandMadeElement } from "./protocol/elements.ts";
import { encodingFor } from "./protocol/encoding.ts";
import {
  type Endpoint,
  type EndpointName,
  endpointNamed,
  ENDPOINTS,
  findEndpoint,
} from "./protocol/endpoints.ts";
import { SeededRandom } from "./random.ts";
import { feedHistories } from "./rest/feed_histories.ts";
import type { MarketHistory } from "./rest/market_history.ts";
import { RecordingAudience } from "./rest/recording_audience.ts";
import {
  type RestDependencies,
  restDependencies,
} from "./rest/rest_context.ts";
import { handleRest } from "./rest/routes.ts";
import { Audience } from "./session/audience.ts";
import { MarketSession } from "./session/market_session.ts";
import { type LoggedRequest, RequestLog } from "./session/request_log.ts";
import { SessionRegistry } from "./session/session_registry.ts";
import type { SessionServices } from "./session/session_services.ts";
import { type SessionInfo, sessionInfo, tradingInfo } from "./session_info.ts";
import { sessionPolicy } from "./session_policy.ts";
import { Trading } from "./trading/trading.ts";
import {
  type Server,
  startServer,
  type UpgradeDecision,
} from "./transport/server.ts";
import { SimSocket } from "./transport/sim_socket.ts";

/** Path of the trading stream. */
const TRADING_PATH = "/stream";

/** A running simulator. */
export class Simulator implements AsyncDisposable {
  /** Faults on command. */
  readonly faults: Faults = new Faults();
  /** The open connections, and how to drop, mute or half-open them. */
  readonly connections: Connections = new Connections();
  /** Prices, chains and bars; `messagesPerSecond` is settable. */
  readonly market: Market;
  /** Order engines and the trade-updates stream. */
  readonly trading: Trading;
  readonly #settings: SimulatorSettings;
  readonly #histories: ReadonlyMap<EndpointName, MarketHistory>;
  readonly #rest: RestDependencies;
  readonly #audiences: ReadonlyMap<EndpointName, Audience>;
  readonly #registry: SessionRegistry<MarketSession>;
  readonly #requests = new RequestLog();
  #server: Server | undefined;

  /** Use `startSimulator`; this makes the parts and listens nowhere. */
  constructor(settings: SimulatorSettings) {
    this.#settings = settings;
    const { clock, ghostSeconds } = settings;
    const random = new SeededRandom(settings.seed);
    const { faults } = this;
    this.#registry = new SessionRegistry(clock, ghostSeconds * 1000);
    this.#histories = feedHistories(
      settings.universeSize,
      settings.rest.historyPerSymbol,
    );
    this.#audiences = new Map(
      ENDPOINTS.map(({ name }) => {
        const history = this.#histories.get(name);
        return [
          name,
          history ? new RecordingAudience(history) : new Audience(),
        ];
      }),
    );
    this.market = new Market({
      ...settings,
      random: random.fork("market"),
      faults,
      audiences: this.#audiences,
    });
    this.trading = new Trading({
      clock,
      random: random.fork("trading"),
      prices: this.market,
      accounts: settings.accounts,
      faults,
      frames: settings.tradingFrames,
    }, settings.trading);
    this.#rest = restDependencies({
      clock,
      random: random.fork("rest"),
      accounts: settings.accounts,
      market: this.market,
      trading: this.trading,
      faults,
      historyOf: (feed) => this.#histories.get(feed),
    }, settings.rest);
  }

  /** Opens the port; called once by `startSimulator`. */
  async listen(): Promise<void> {
    const { hostname, port, maxMessageBytes, compression } = this.#settings;
    this.#server = await startServer({
      hostname,
      port,
      maxMessageBytes,
      compression,
      decideUpgrade: (request) => this.#decideUpgrade(request),
      handleHttp: (request) => this.#handleHttp(request),
    });
  }

  /** Base of the REST endpoints, for example `http://127.0.0.1:8765`. */
  get url(): string {
    const { hostname } = this.#settings;
    const host = hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
    const name = host.includes(":") ? `[${host}]` : host;
    return `http://${name}:${this.#server?.port ?? this.#settings.port}`;
  }

  /** Addresses of the WebSockets. */
  get streamUrls(): {
    stocks(feed?: string): string;
    options(feed?: string): string;
    readonly trading: string;
  } {
    const base = this.url.replace("http", "ws");
    const of = (feed: string) => base + endpointNamed(feed).paths[0];
    return {
      stocks: (feed = "sip") => of(feed),
      options: (feed = "opra") => of(feed),
      trading: base + TRADING_PATH,
    };
  }

  /** Variables that point the proxy here, for the first account. */
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
      ALPACA_TRADING_STREAM_URL: streamUrls.trading,
      ALPACA_TRADING_API_URL: url,
      ALPACA_DATA_API_URL: url,
    };
  }

  /**
   * Sends exactly these elements, at once and in one frame per session, to
   * every session that subscribes to them. Returns how many deliveries that
   * made. Throws a RangeError for an unknown endpoint.
   */
  emit(endpoint: string, elements: readonly HandMadeElement[]): number {
    const { name } = endpointNamed(endpoint);
    const audience = this.#audiences.get(name);
    let delivered = 0;
    for (const element of elements) {
      if (this.faults.isSymbolMuted(element.S)) continue;
      this.market.observe(name, element);
      delivered += audience?.publish(element) ?? 0;
    }
    audience?.flush();
    return delivered;
  }

  /**
   * Sends a frame to every authenticated session of an endpoint, subscribed or
   * not: text or bytes as they are, a list of values as one array in the
   * session's own encoding. `trading` takes text and bytes only. Returns how
   * many sessions got it.
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

  /** Who is connected, and which ghosts still hold a place. */
  sessions(): readonly SessionInfo[] {
    const open = this.connections.select().map((connection) => {
      const { number, endpoint, session } = connection;
      if (session) return sessionInfo(session);
      return tradingInfo(number, endpoint);
    });
    const ghosts = this.#registry.ghosts().map((session) => ({
      ...sessionInfo(session),
      state: "ghost" as const,
    }));
    return [...open, ...ghosts];
  }

  /** Every client request of the market streams, oldest first. */
  requests(): readonly LoggedRequest[] {
    return this.#requests.all();
  }

  /** Frees the places of all ghost sessions now. */
  clearGhosts(): void {
    this.#registry.clearGhosts();
  }

  /** Stops the market, cuts every connection and frees the port. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.market[Symbol.dispose]();
    this.trading[Symbol.dispose]();
    this.#registry[Symbol.dispose]();
    await this.#server?.[Symbol.asyncDispose]();
  }

  #decideUpgrade(request: IncomingMessage): UpgradeDecision {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const endpoint = findEndpoint(path);
    if (!endpoint && path !== TRADING_PATH) return { status: 404 };
    const name = endpoint?.name ?? TRADING_ENDPOINT;
    const status = this.faults.takeUpgradeStatus(name) ??
      (endpoint ? undefined : this.trading.stream.refuseUpgrade());
    if (status !== undefined) return { status };
    return {
      accept: (ws) =>
        endpoint
          ? this.#acceptMarket(ws, request, endpoint)
          : this.#acceptTrading(ws, request),
    };
  }

  #acceptMarket(ws: WebSocket, request: IncomingMessage, endpoint: Endpoint) {
    const socket = this.#socket(ws);
    const number = this.connections.nextNumber();
    const contentType = request.headers["content-type"];
    const encoding = encodingFor(endpoint.kind, contentType);
    const session = new MarketSession(
      { number, endpoint, encoding, socket },
      this.#services(endpoint),
      request.headers,
    );
    this.connections.add({ number, endpoint: endpoint.name, socket, session });
    socket.attach(this.#tracked(number, session));
  }

  #acceptTrading(ws: WebSocket, request: IncomingMessage) {
    const socket = this.#socket(ws);
    const number = this.connections.nextNumber();
    const contentType = request.headers["content-type"] ?? null;
    const stream = this.trading.stream.connect(socket, { contentType });
    const endpoint = TRADING_ENDPOINT;
    this.connections.add({ number, endpoint, socket, session: undefined });
    socket.attach(this.#tracked(number, stream));
  }

  #tracked(number: number, connection: StreamConnection): StreamConnection {
    return {
      receive: (data) => connection.receive(data),
      closed: (clean) => {
        this.connections.remove(number);
        connection.closed(clean);
      },
    };
  }

  #socket(ws: WebSocket): SimSocket {
    const { clock, pingSeconds, pongTimeoutSeconds } = this.#settings;
    const keepalive = {
      pingIntervalMs: pingSeconds * 1000,
      pongTimeoutMs: pongTimeoutSeconds * 1000,
    };
    return new SimSocket(ws, { clock, keepalive });
  }

  #services({ name }: Endpoint): SessionServices {
    const audience = this.#audiences.get(name);
    if (!audience) throw new RangeError(`no audience for "${name}"`);
    return {
      clock: this.#settings.clock,
      accounts: this.#settings.accounts,
      registry: this.#registry,
      faults: this.faults,
      requests: this.#requests,
      audience,
      policy: sessionPolicy(this.#settings),
    };
  }

  async #handleHttp(request: Request): Promise<Response> {
    return await answerControl(request, this) ??
      await handleRest(request, this.#rest) ??
      Response.json({ message: "endpoint not found" }, { status: 404 });
  }
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
