/**
 * The options of a simulator with their defaults and ranges.
 *
 * @module
 */
import { type Account, PLANS } from "./accounts.ts";
import { type Clock, systemClock } from "./clock.ts";
import { MAX_RATE } from "./market/engine.ts";
import type { FractionalSizes } from "./market/sizes.ts";
import { MAX_UNIVERSE } from "./market/universe.ts";
import type { RestOptions } from "./rest/rest_api.ts";
import type { SessionPolicy } from "./session/market_session.ts";
import { STOCK_SYMBOL, type SymbolCounting } from "./session/subscription_state.ts";
import type { TradingOptions } from "./trading/trading.ts";
import type { TradingFrames } from "./trading/trading_stream.ts";

/** The default account. */
export const DEMO_ACCOUNT: Account = {
  key: "SIM_KEY",
  secret: "SIM_SECRET",
  plan: "plus",
  token: "SIM_TOKEN",
};

/**
 * Options of a simulator. Behaviour that Alpaca's documents leave open is an
 * option, with the likeliest behaviour as its default.
 */
export interface SimulatorOptions {
  /** Port to listen on. Default 0: any free one. */
  readonly port?: number;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly hostname?: string;
  /** Seed of everything random. Default `alpaca`. */
  readonly seed?: string | number;
  /** Accounts that may log in. Default: `SIM_KEY`/`SIM_SECRET` on Plus. */
  readonly accounts?: readonly Account[];
  /**
   * Quotes and trades a second, 0 to 200 000, which all subscriptions share.
   * With `messagesPerSymbol`, the maximum total. Default 100; with
   * `messagesPerSymbol`, 10 000.
   */
  readonly messagesPerSecond?: number;
  /**
   * Quotes and trades a second of each subscribed symbol, independent of other
   * subscriptions up to the total; above it, all symbols slow down evenly.
   * 0 for a fixed total. Default 0.
   */
  readonly messagesPerSymbol?: number;
  /**
   * Whether the market has only what is emitted or replayed: no messages, prices and order books of
   * its own, in streams and in REST. Default false.
   */
  readonly emittedOnly?: boolean;
  /** Number of stocks, 1 to 11 000. Default: the well-known ones, 70. */
  readonly universeSize?: number;
  /** Length of a bar in seconds. Default 60. */
  readonly barSeconds?: number;
  /** Mean seconds between halts; 0 for none. Default 300. */
  readonly haltEverySeconds?: number;
  /**
   * Whether one in 1,000 trades is late (with the time of the bar before) and
   * one in 4,000 each is corrected and cancelled, as on the tape. Without them a
   * history by time has every trade of a span. Default true.
   */
  readonly irregularTrades?: boolean;
  /** Mean seconds between articles of the news stream; 0 for none. Default 20. */
  readonly newsEverySeconds?: number;
  /** Bytes of the longest content of an article. Default 1.5 MiB. */
  readonly newsMaxBytes?: number;
  /** Which sizes of trades and quotes of stocks have a fraction. Default: none. */
  readonly fractionalSizes?: FractionalSizes;
  /**
   * Trades, and as many bars, that each stream keeps at least for the REST
   * endpoints. Default 100 000; 0 keeps none.
   */
  readonly historyCapacity?: number;
  /**
   * How long the market of a symbol goes on after the end of a session that
   * subscribed to it, so that REST has what the session missed. Default 120 s.
   */
  readonly keepMarketSeconds?: number;
  /**
   * Entries of the ledger to keep at least, for tests. Default 0: nothing is
   * recorded.
   */
  readonly ledgerCapacity?: number;
  /** Milliseconds between two ticks of the market. Default 10. */
  readonly tickMs?: number;
  /** Source of time. Default: the system's. */
  readonly clock?: Clock;
  /** How long a ghost session keeps its slot. Default 90 s. */
  readonly ghostSeconds?: number;
  /** Seconds between the server's pings; 0 sends none. Default 10. */
  readonly pingSeconds?: number;
  /** Seconds without data from the client that end a connection. Default 20. */
  readonly pongTimeoutSeconds?: number;
  /** Seconds in which a client must log in. Default 10. */
  readonly authTimeoutSeconds?: number;
  /** Bytes that may wait for a slow client before 407. Default 64 MiB. */
  readonly slowClientBytes?: number;
  /** Bytes in a socket above which messages coalesce. Default 256 KiB. */
  readonly coalesceAboveBytes?: number;
  /** Bytes at which a data frame is complete. Default 256 KiB. */
  readonly maxFrameBytes?: number;
  /** Accept permessage-deflate. Default true. */
  readonly compression?: boolean;
  /** Reject messages not in the negotiated encoding with 400. Default false. */
  readonly strictEncoding?: boolean;
  /** How the stock symbol limit counts. Default `trades_and_quotes`. */
  readonly symbolCounting?: SymbolCounting;
  /** Well-formed stock symbols; others are rejected with 400. */
  readonly stockSymbolPattern?: RegExp;
  /** Opcode of trading frames. Default `binary`, as on the paper host. */
  readonly tradingFrames?: TradingFrames;
  /** Settings of orders, of the trading stream and of the auto trader. */
  readonly trading?: TradingOptions;
  /** Request limits of the REST endpoints, and which contracts are not tradable. */
  readonly rest?: RestOptions;
}

/** Options with every default filled in. */
export type SimulatorSettings = Required<SimulatorOptions>;

const DEFAULTS: SimulatorSettings = {
  port: 0,
  hostname: "127.0.0.1",
  seed: "alpaca",
  accounts: [DEMO_ACCOUNT],
  messagesPerSecond: 100,
  messagesPerSymbol: 0,
  emittedOnly: false,
  universeSize: 70,
  barSeconds: 60,
  haltEverySeconds: 300,
  irregularTrades: true,
  newsEverySeconds: 20,
  newsMaxBytes: 1.5 * 1024 * 1024,
  fractionalSizes: {},
  historyCapacity: 100_000,
  keepMarketSeconds: 120,
  ledgerCapacity: 0,
  tickMs: 10,
  clock: systemClock,
  ghostSeconds: 90,
  pingSeconds: 10,
  pongTimeoutSeconds: 20,
  authTimeoutSeconds: 10,
  slowClientBytes: 64 * 1024 * 1024,
  coalesceAboveBytes: 256 * 1024,
  maxFrameBytes: 256 * 1024,
  compression: true,
  strictEncoding: false,
  symbolCounting: "trades_and_quotes",
  stockSymbolPattern: STOCK_SYMBOL,
  tradingFrames: "binary",
  trading: {},
  rest: {},
};

/** The default maximum total with a rate per symbol: 100 symbols of 100 a second. */
const MAX_TOTAL_OF_SYMBOLS = 10_000;

const RANGES: readonly [keyof SimulatorOptions, number, number][] = [
  ["port", 0, 65_535],
  ["messagesPerSecond", 0, MAX_RATE],
  ["messagesPerSymbol", 0, MAX_RATE],
  ["universeSize", 1, MAX_UNIVERSE],
  ["barSeconds", 1, 86_400],
  ["haltEverySeconds", 0, Infinity],
  ["newsEverySeconds", 0, Infinity],
  ["newsMaxBytes", 200, 16 * 1024 * 1024],
  ["historyCapacity", 0, 1_000_000],
  ["keepMarketSeconds", 0, Infinity],
  ["ledgerCapacity", 0, 10_000_000],
  ["tickMs", 1, 1000],
  ["ghostSeconds", 0, Infinity],
  ["pingSeconds", 0, Infinity],
  ["pongTimeoutSeconds", 0, Infinity],
  ["authTimeoutSeconds", 0, Infinity],
  ["slowClientBytes", 0, Infinity],
  ["coalesceAboveBytes", 0, Infinity],
  ["maxFrameBytes", 1, Infinity],
];

/** Options that must be integers. */
const WHOLE: ReadonlySet<string> = new Set([
  "port",
  "universeSize",
  "barSeconds",
  "historyCapacity",
  "ledgerCapacity",
]);

/**
 * Fills in the defaults. Throws one RangeError that names every option out of
 * range with its value and range.
 */
export function resolveOptions(options: SimulatorOptions): SimulatorSettings {
  const total = options.messagesPerSymbol ? { messagesPerSecond: MAX_TOTAL_OF_SYMBOLS } : {};
  const settings = { ...DEFAULTS, ...total, ...options };
  const problems: string[] = [];
  for (const [name, min, max] of RANGES) {
    const value = settings[name];
    const isWhole = !WHOLE.has(name) || Number.isInteger(value);
    if (typeof value === "number" && value >= min && value <= max && isWhole) {
      continue;
    }
    problems.push(`${name} must be from ${min} to ${max}, received ${value}`);
  }
  const { share = 0 } = settings.fractionalSizes;
  if (!(share >= 0 && share <= 1)) {
    problems.push(`fractionalSizes.share must be from 0 to 1, received ${share}`);
  }
  if (settings.accounts.length === 0) problems.push("accounts is empty");
  for (const { plan } of settings.accounts) {
    if (plan in PLANS) continue;
    const known = Object.keys(PLANS).join(", ");
    problems.push(`plan must be one of ${known}, received "${plan}"`);
  }
  if (problems.length > 0) throw new RangeError(problems.join("; "));
  return settings.emittedOnly
    ? { ...settings, messagesPerSecond: 0, messagesPerSymbol: 0 }
    : settings;
}

/** The settings that concern single sessions. */
export function sessionPolicy(settings: SimulatorSettings): SessionPolicy {
  const { slowClientBytes, coalesceAboveBytes, maxFrameBytes } = settings;
  return {
    authTimeoutMs: settings.authTimeoutSeconds * 1000,
    strictEncoding: settings.strictEncoding,
    symbolCounting: settings.symbolCounting,
    stockSymbolPattern: settings.stockSymbolPattern,
    outbox: { maxBytes: slowClientBytes, coalesceAboveBytes, maxFrameBytes },
  };
}
