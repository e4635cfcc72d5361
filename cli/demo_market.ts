/**
 * The server side of the demo: a local Alpaca with the proxy in front of it, and
 * the proxy's log.
 *
 * @module
 */
import type { Credentials } from "../client/credentials.ts";
import type { Log, LogFields } from "../src/application/ports/log.ts";
import { BASE_FEEDS, FEED_NAMES, type FeedId } from "../src/domain/connection/feed.ts";
import { parseConfig } from "../src/infrastructure/config/parse_config.ts";
import { noTracing } from "../src/infrastructure/telemetry/tracing.ts";
import { startProxy } from "../src/composition/proxy.ts";
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import type { DemoAddresses, DemoEvent } from "./demo_recorder.ts";
import { type DemoSecurity, makeDemoSecurity } from "./demo_security.ts";
import { UsageError } from "./flags.ts";

/** Length of a bar; a minute, as at Alpaca, is too long for a demo. */
const BAR_SECONDS = 5;

/** Heartbeat interval and timeout of the demo, in seconds. */
const HEARTBEAT_SECONDS = "2";

const HOST = "127.0.0.1";

/** The default ports, used where they are free. */
const PORTS = { grpc: 50052, websocket: 8765, health: 8082, metrics: 9090 } as const;

/** What the demo follows. */
export interface DemoMarketOptions {
  /** Quotes and trades of all symbols together. */
  readonly messagesPerSecond: number;
  /** Stocks. */
  readonly symbols: readonly string[];
  readonly seed: string;
  /** Whether the gRPC port has TLS, and clients need a token. */
  readonly secure: boolean;
}

/** A running simulator with a proxy; disposing it stops both. */
export interface DemoMarket extends AsyncDisposable {
  readonly addresses: DemoAddresses;
  /** The same as `addresses`, by IP address. */
  readonly dial: { readonly grpc: string; readonly metrics: string };
  /** What its own client presents. */
  readonly credentials: Credentials;
  /** TLS and the access policy; undefined without `secure`. */
  readonly security: DemoSecurity | undefined;
  readonly stocks: readonly string[];
  /** Option contracts to follow, by OCC symbol. */
  readonly options: readonly string[];
  /** Drops a connection to Alpaca, each in turn; describes what it did. */
  drop(): string;
  /** Mutes a connection but leaves it open, each in turn; describes it. */
  mute(): string;
}

/**
 * Starts both, the simulator first.
 *
 * @throws {UsageError} for a symbol that the market does not list.
 */
export async function startDemoMarket(
  task: DemoMarketOptions,
  log: Log,
): Promise<DemoMarket> {
  await using parts = new AsyncDisposableStack();
  const simulator = parts.use(await startDemoSimulator(task));
  const stocks = listed(task.symbols, simulator);
  const options = chooseContracts(stocks, simulator.market);
  // Of each symbol, so that other clients of the demo do not change what it shows.
  simulator.market.messagesPerSymbol = task.messagesPerSecond / (stocks.length + options.length);
  const security = task.secure ? await makeDemoSecurity(stocks) : undefined;
  const config = parseConfig({
    ...simulator.environment(),
    ...security?.settings,
    STREAM_PROXY_HOST: HOST,
    STREAM_PROXY_GRPC_PORT: freePort(PORTS.grpc),
    STREAM_PROXY_WEBSOCKET_PORT: freePort(PORTS.websocket),
    STREAM_PROXY_HEALTH_PORT: freePort(PORTS.health),
    STREAM_PROXY_METRICS_PORT: freePort(PORTS.metrics),
    STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: HEARTBEAT_SECONDS,
    STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: HEARTBEAT_SECONDS,
  });
  const { ports } = parts.use(
    await startProxy(config, { log, tracing: noTracing }),
  );
  const running = parts.move();
  const metrics = ports.metrics ?? ports.health;
  const scheme = security ? "https://" : "";
  return {
    addresses: {
      grpc: `${scheme}localhost:${ports.grpc}`,
      health: `localhost:${ports.health}`,
      metrics: `localhost:${metrics}`,
    },
    security,
    credentials: security ? { token: security.trader.token, tls: { ca: security.ca } } : {},
    dial: { grpc: `${scheme}${HOST}:${ports.grpc}`, metrics: `${HOST}:${metrics}` },
    stocks,
    options,
    ...faultsOf(simulator),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function startDemoSimulator(task: DemoMarketOptions): Promise<Simulator> {
  return startSimulator({
    seed: task.seed,
    barSeconds: BAR_SECONDS,
    // Short, so that the age of a message is its transit time, not the tick.
    tickMs: 2,
    // A dropped connection may reconnect immediately.
    ghostSeconds: 0,
    trading: {
      autoTrader: { ordersPerSecond: 1, symbols: task.symbols.slice(0, 5) },
    },
  });
}

function listed(
  symbols: readonly string[],
  { market }: Simulator,
): readonly string[] {
  const unknown = symbols.find((one) => market.lastPrice(one) === undefined);
  if (unknown === undefined) return symbols;
  const known = market.stockSymbols().join(" ");
  throw new UsageError(
    `--symbols ${unknown}`,
    `the simulated market lists ${known}`,
  );
}

/** The port as a setting, or 0 when it is in use. */
function freePort(port: number): string {
  try {
    Deno.listen({ hostname: HOST, port }).close();
    return String(port);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return "0";
    throw error;
  }
}

/** Attempts that fail after a drop, so that the retries are visible. */
const REJECTIONS = 2;

function faultsOf(
  { connections, faults }: Simulator,
): Pick<DemoMarket, "drop" | "mute"> {
  const drop = rotating((endpoint) => {
    if (connections.drop({ endpoint }) === 0) return undefined;
    faults.rejectUpgrades(endpoint, 502, REJECTIONS);
    return `you dropped the feed ${FEED_NAMES[endpoint]}; Alpaca rejects it ${REJECTIONS} times`;
  });
  const mute = rotating((endpoint) =>
    connections.mute({ endpoint }) > 0
      ? `you muted the feed ${FEED_NAMES[endpoint]}: its socket stays open without data`
      : undefined
  );
  return { drop, mute };
}

/** Applies a fault to the next connected feed, in rotation. */
function rotating(fault: (feed: FeedId) => string | undefined): () => string {
  let turn = 0;
  return () => {
    for (let tries = 0; tries < BASE_FEEDS.length; tries++) {
      const feed = BASE_FEEDS[turn++ % BASE_FEEDS.length];
      const done = feed && fault(feed);
      if (done !== undefined) return done;
    }
    return "no feed is connected";
  };
}

/** The properties of a contract that the choice depends on. */
interface Contract {
  readonly symbol: string;
  readonly expiration: string;
  readonly strike: number;
  readonly type: "call" | "put";
}

/** The part of the market that the choice depends on. */
export interface ContractSource {
  lastPrice(symbol: string): number | undefined;
  optionContracts(underlying?: string): readonly Contract[];
}

/** Underlyings whose contracts are followed. */
const MAX_UNDERLYINGS = 4;

/**
 * The call and the put nearest to the money that expire first, for the first
 * few stocks that have options.
 */
export function chooseContracts(
  stocks: readonly string[],
  market: ContractSource,
): readonly string[] {
  const pairs = stocks.map((stock) => {
    const chain = market.optionContracts(stock);
    const last = market.lastPrice(stock) ?? 0;
    return [
      nearest(chain, { last, type: "call" }),
      nearest(chain, { last, type: "put" }),
    ];
  });
  return pairs.filter((pair) => pair.some(Boolean))
    .slice(0, MAX_UNDERLYINGS)
    .flat()
    .filter((symbol) => symbol !== undefined);
}

function nearest(
  chain: readonly Contract[],
  { last, type }: { readonly last: number; readonly type: "call" | "put" },
): string | undefined {
  const [first] = chain.filter((contract) => contract.type === type)
    .toSorted((a, b) =>
      a.expiration.localeCompare(b.expiration) ||
      Math.abs(a.strike - last) - Math.abs(b.strike - last) ||
      a.strike - b.strike
    );
  return first?.symbol;
}

/** Receives the tone and the text of an event. */
export type Reporter = (tone: DemoEvent["tone"], text: string) => void;

/** Lines that are kept until there is a reporter; the proxy logs few at start. */
const MAX_EARLY = 20;

/** State that a log shares with those that `with` makes. */
interface SharedLog {
  readonly early: Parameters<Reporter>[];
  reporter?: Reporter;
}

/** The proxy's log as events. */
export class DemoLog implements Log {
  readonly #fields: LogFields;
  readonly #shared: SharedLog;
  readonly info = this.#line("good");
  readonly warn = this.#line("bad");
  readonly error = this.#line("bad");

  constructor(fields: LogFields = {}, shared: SharedLog = { early: [] }) {
    this.#fields = fields;
    this.#shared = shared;
  }

  /** Reports to `reporter` from now on, the lines so far first. */
  reportTo(reporter: Reporter): void {
    this.#shared.reporter = reporter;
    for (const line of this.#shared.early.splice(0)) reporter(...line);
  }

  /** Does nothing: debug lines are not shown. */
  debug(): void {}

  with(fields: LogFields): Log {
    return new DemoLog({ ...this.#fields, ...fields }, this.#shared);
  }

  #line(tone: DemoEvent["tone"]): Log["info"] {
    return (message, fields) => {
      const { early, reporter } = this.#shared;
      const text = describe(message, { ...this.#fields, ...fields });
      if (reporter) reporter(tone, text);
      else if (early.length < MAX_EARLY) early.push([tone, text]);
    };
  }
}

/** `Stocks: Feed connection failed, retrying in 0.7 s (Cannot connect to …: HTTP 502)`. */
function describe(message: string, fields: LogFields): string {
  const { feed, cause, delay_ms: delay } = fields;
  const name = BASE_FEEDS.find((one) => one === feed);
  const subject = name ? `${FEED_NAMES[name]}: ` : "";
  const when = typeof delay === "number" ? ` in ${(delay / 1000).toFixed(1)} s` : "";
  const reason = cause instanceof Error ? cause.message : cause;
  const why = typeof reason === "string" && reason !== "" ? ` (${reason})` : "";
  return `${subject}${message}${when}${why}`;
}
