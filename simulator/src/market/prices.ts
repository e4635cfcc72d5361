/**
 * The market as orders and REST endpoints see it.
 *
 * @module
 */
import type { EndpointName } from "../protocol/endpoints.ts";
import type { Message } from "../protocol/messages.ts";
import type { HistoryEntry, HistoryKind } from "./history.ts";

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
  /** Shares that it delivers, if it was adjusted; otherwise 100. */
  readonly size?: number;
}

/** What a price model says about a contract. */
export interface Greeks {
  /** -1 to 1; below 0 for puts. */
  readonly delta: number;
  /** Change of delta per dollar of the underlying. */
  readonly gamma: number;
  /** Dollars per day. */
  readonly theta: number;
  /** Dollars per percent of volatility. */
  readonly vega: number;
  /** Dollars per percent of interest. */
  readonly rho: number;
  /** Volatility per year, 0.25 is 25 %. */
  readonly impliedVolatility: number;
}

/** Prices of stocks and option contracts, as the order engine needs them. */
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

/** The two latest daily bars of a symbol, as far as there are any. */
export interface LatestDays {
  /** The running day. */
  readonly today: Message | undefined;
  /** The day before it. */
  readonly before: Message | undefined;
}

/** Prices together with the latest messages, as the REST endpoints need them. */
export interface MarketPrices extends PriceSource {
  /**
   * Latest trade of a stock or contract on a feed, by default `sip` or `opra`;
   * undefined for an unknown symbol.
   */
  latestTrade(symbol: string, feed?: EndpointName): Message | undefined;
  /** Latest quote; as `latestTrade`. */
  latestQuote(symbol: string, feed?: EndpointName): Message | undefined;
  /** Greeks of a contract; undefined for one without a bid, or an unknown one. */
  greeks(symbol: string, feed?: EndpointName): Greeks | undefined;
  /** Latest bar on a feed; undefined before the first one. */
  latestBar(symbol: string, feed: EndpointName): Message | undefined;
  /** Daily bars of a symbol on a feed. */
  latestDays(symbol: string, feed: EndpointName): LatestDays;
  /** What a feed has produced of these symbols, in that order. */
  history(
    feed: EndpointName,
    kind: HistoryKind,
    symbols: ReadonlySet<string>,
  ): readonly HistoryEntry[];
}
