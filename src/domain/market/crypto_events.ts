/**
 * Events of the crypto stream. Prices are in the second currency of the pair, sizes and volumes are
 * coins, with fractions, as the double that Alpaca sent.
 *
 * @module
 */
import type { WithExactValues } from "./exact_value.ts";
import type { BarKind } from "./stock_events.ts";
import type { Timestamp } from "./timestamp.ts";

/** Best bid and offer of one pair. */
export interface CryptoQuote extends WithExactValues {
  /** With a slash, for example `BTC/USD`. */
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly bidPrice: number;
  readonly bidSize: number;
  readonly askPrice: number;
  readonly askSize: number;
}

/** One execution of a pair. */
export interface CryptoTrade extends WithExactValues {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  /** Exact; a `bigint` only where a double would lose digits. */
  readonly tradeId: number | bigint;
  readonly price: number;
  readonly size: number;
  /** `B` when the taker bought, `S` when it sold; empty when Alpaca sends none. */
  readonly takerSide: string;
}

/** Aggregated trades of one minute, or of the running day. */
export interface CryptoBar extends WithExactValues {
  readonly kind: BarKind;
  readonly symbol: string;
  /** Start of the interval. */
  readonly timestamp: Timestamp;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** 0 for a bar without trades, which has prices of quotes. */
  readonly volume: number;
  /** Volume-weighted average price; 0 when Alpaca sends none. */
  readonly vwap: number;
  /** Number of trades; 0 when Alpaca sends none. */
  readonly tradeCount: number;
}

/** One price of an order book. */
export interface BookLevel {
  readonly price: number;
  /** Coins at this price; 0 deletes the level. */
  readonly size: number;
}

/** An order book, or what has changed in it. */
export interface Orderbook extends WithExactValues {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly bids: readonly BookLevel[];
  readonly asks: readonly BookLevel[];
  /** Whether these are all levels, which replace those before; otherwise they are changes. */
  readonly reset: boolean;
}
