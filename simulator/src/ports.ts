/**
 * What the parts of the simulator know of each other.
 *
 * The market streams, the trading stream and the REST routes are three
 * products of one simulated exchange. They share a clock, a source of chance,
 * a market, accounts and a set of faults, and nothing else: each of them takes
 * these as arguments, so that a test can hand in its own.
 *
 * @module
 */

/** A running timer; cancelling one that has fired does nothing. */
export interface SimTimer extends Disposable {
  /** Stops the timer; the callback will not run any more. */
  cancel(): void;
}

/** Time as the simulator sees it: real, or turned by hand in a test. */
export interface SimClock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Nanoseconds since the Unix epoch, never earlier than the call before. */
  nowNanos(): bigint;
  /** Runs `callback` once after `delayMs` milliseconds. */
  setTimer(delayMs: number, callback: () => void): SimTimer;
}

/** Seeded chance: the same seed gives the same numbers in the same order. */
export interface SimulatorRandom {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number in [0, limit). */
  below(limit: number): number;
  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T;
  /** A normally distributed number with mean 0 and deviation 1. */
  gaussian(): number;
  /** A version 4 UUID made from this sequence. */
  uuid(): string;
  /** An independent sequence; the same label always gives the same one. */
  fork(label: string): SimulatorRandom;
}

/** The best bid and ask of a stock or an option contract. */
export interface PriceQuote {
  /** Best bid price in dollars. */
  readonly bid: number;
  /** Size at the bid: shares for stocks, contracts for options. */
  readonly bidSize: number;
  /** Best ask price in dollars; never below the bid. */
  readonly ask: number;
  /** Size at the ask: shares for stocks, contracts for options. */
  readonly askSize: number;
}

/** One listed option contract of the simulated market. */
export interface OptionContract {
  /** Compact OCC symbol, for example `SPY261218C00650000`. */
  readonly symbol: string;
  /** OCC root; differs from the underlying for SPXW and adjusted contracts. */
  readonly root: string;
  /** The underlying's own symbol. */
  readonly underlying: string;
  /** Expiration day as `YYYY-MM-DD`. */
  readonly expiration: string;
  /** Whether the contract is a call or a put. */
  readonly type: "call" | "put";
  /** Strike price in dollars. */
  readonly strike: number;
  /** European for indexes, American otherwise. */
  readonly style: "american" | "european";
}

/** What one value inside a wire element may be. */
export type WireValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly WireValue[]
  | { readonly [key: string]: WireValue };

/**
 * One element of a market-data stream as a plain object. Timestamps (`t`) are
 * RFC 3339 text with up to nine fractional digits; ids may be bigint.
 */
export interface WireElement {
  /** Message type: `t`, `q`, `b`, `u`, `d`, `c`, `x`, `l`, `s` or `i`. */
  readonly T: string;
  /** The symbol. */
  readonly S: string;
  readonly [key: string]: WireValue;
}

/** Prices of the simulated market, for stocks and option contracts alike. */
export interface PriceSource {
  /** Last traded price in dollars; undefined for an unknown symbol. */
  lastPrice(symbol: string): number | undefined;
  /** Current best bid and ask; undefined for an unknown symbol. */
  quote(symbol: string): PriceQuote | undefined;
  /** Contracts of one underlying, or of all; in symbol order. */
  optionContracts(underlying?: string): readonly OptionContract[];
  /** One listed contract by its OCC symbol. */
  optionContract(symbol: string): OptionContract | undefined;
  /** Every stock symbol of the universe. */
  stockSymbols(): readonly string[];
}

/**
 * What the data REST endpoints show of a symbol. Elements are those of the
 * stream; REST leaves out `T` and `S`.
 */
export interface MarketView extends PriceSource {
  /** Latest trade of a stock or contract; undefined when it is unknown. */
  latestTrade(symbol: string): WireElement | undefined;
  /** Latest quote of a stock or contract; undefined when it is unknown. */
  latestQuote(symbol: string): WireElement | undefined;
  /** Latest finished or running bar of a stock; undefined when it is unknown. */
  minuteBar(symbol: string): WireElement | undefined;
  /** Running daily bar of a stock; undefined when it is unknown. */
  dailyBar(symbol: string): WireElement | undefined;
  /** The daily bar of the day before; undefined when it is unknown. */
  previousDailyBar(symbol: string): WireElement | undefined;
}

/** The server's end of one WebSocket, as the trading stream sees it. */
export interface StreamSocket {
  /** Sends text (a string) or binary (bytes); ignored after the close. */
  send(data: string | Uint8Array): void;
  /** Starts a clean close with a code and a reason. */
  close(code: number, reason: string): void;
  /** Ends the TCP connection without a close frame. */
  terminate(): void;
}

/** What the owner of a socket tells the protocol behind it. */
export interface StreamConnection {
  /** One whole message of the client: a string when it came as text. */
  receive(data: string | Uint8Array): void;
  /** The socket is gone; `clean` when a close frame was seen. */
  closed(clean: boolean): void;
}

/** Plans an account may be on; the limits are in `plans.ts`. */
export type PlanName =
  | "basic"
  | "plus"
  | "broker_standard"
  | "broker_plus_10000";

/** One account that may log in. */
export interface Account {
  /** API key id. */
  readonly key: string;
  /** API secret. */
  readonly secret: string;
  /** Plan that decides feeds and limits. */
  readonly plan: PlanName;
  /** OAuth or AuthX token that may stand in for the key pair. */
  readonly token?: string;
}

/** How trading frames go out: Alpaca's paper host sends JSON in binary. */
export type TradingFrames = "binary" | "text";

/** Faults that concern the trading stream, consulted at the named points. */
export interface TradingFaults {
  /**
   * How many copies of the next order event to send: normally 1, more for a
   * duplicate, 0 for a lost one. Each call uses up one planned fault.
   */
  takeOrderEventCopies(): number;
  /** Extra delay in milliseconds before an order event is sent; 0 is none. */
  orderEventDelayMs(): number;
  /**
   * How many copies of the next `listening` acknowledgement to send:
   * normally 1, 0 for a lost one. Each call uses up one planned fault.
   */
  takeAckCopies(endpoint: string): number;
  /** Delay in milliseconds before an acknowledgement is sent; 0 is none. */
  ackDelayMs(endpoint: string): number;
  /** Planned error for the next login: any number means "refuse it". */
  takeError(endpoint: string, action: "auth" | "subscribe"): number | undefined;
}

/** Faults that concern REST requests. */
export interface RestFaults {
  /** HTTP status planned for this request; undefined to carry it out. */
  takeRestStatus(path: string): number | undefined;
  /** Milliseconds to wait before this request is answered; 0 is none. */
  restDelayMs(path: string): number;
}

/** What the trading stream and the order engine are built from. */
export interface TradingDependencies {
  readonly clock: SimClock;
  readonly random: SimulatorRandom;
  readonly prices: PriceSource;
  readonly accounts: readonly Account[];
  readonly faults: TradingFaults;
  /** Default `binary`. */
  readonly frames: TradingFrames;
}

/** The name the faults know the trading stream by. */
export const TRADING_ENDPOINT = "trading";
