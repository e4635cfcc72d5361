/**
 * What the stock stream says, in the field's own words.
 *
 * Prices are US dollars as the double that upstream sent; sizes are shares.
 * Codes (exchanges, conditions, tapes) are passed through as they came, because
 * the same letter means different things on different tapes and only the
 * consumer knows which table it needs.
 *
 * @module
 */
import type { Timestamp } from "./timestamp.ts";

/** The national best bid and offer (or the top of one book, on IEX). */
export interface StockQuote {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  /** Venue code of the best bid; empty when upstream names none. */
  readonly bidExchange: string;
  /** USD; 0 means that there is no active bid. */
  readonly bidPrice: number;
  /** Shares, signed 32-bit range. */
  readonly bidSize: number;
  readonly askExchange: string;
  /** USD; 0 means that there is no active ask. */
  readonly askPrice: number;
  readonly askSize: number;
  /** Condition codes in upstream's order; may be empty. */
  readonly conditions: readonly string[];
  /** `A`, `B`, `C`, `N` or `O`; empty when upstream names none. */
  readonly tape: string;
}

/** One execution reported to the tape. */
export interface StockTrade {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  /** Exact: a `bigint` only where a double would lose digits. */
  readonly tradeId: number | bigint;
  readonly exchange: string;
  /** USD. */
  readonly price: number;
  /** Shares. */
  readonly size: number;
  readonly conditions: readonly string[];
  readonly tape: string;
}

/** Which of the three bar channels a bar came from. */
export type BarKind = "minute" | "updated" | "daily";

/** Aggregated trades of one minute, or of the running day. */
export interface StockBar {
  readonly kind: BarKind;
  readonly symbol: string;
  /** Start of the interval. */
  readonly timestamp: Timestamp;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Shares; a `bigint` only where a double would lose digits. */
  readonly volume: number | bigint;
  /** Volume-weighted average price in USD; 0 when upstream has none. */
  readonly vwap: number;
  /** Number of trades; 0 when upstream has none. */
  readonly tradeCount: number;
}

/** A trade that was reported wrongly, and what it should have said. */
export interface StockCorrection {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly exchange: string;
  readonly originalId: number | bigint;
  readonly originalPrice: number;
  readonly originalSize: number;
  readonly originalConditions: readonly string[];
  readonly correctedId: number | bigint;
  readonly correctedPrice: number;
  readonly correctedSize: number;
  readonly correctedConditions: readonly string[];
  readonly tape: string;
}

/** A trade that never happened: cancelled (`C`) or reported in error (`E`). */
export interface StockCancel {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly tradeId: number | bigint;
  readonly exchange: string;
  readonly price: number;
  readonly size: number;
  /** `C` for a cancellation, `E` for an error; other words pass through. */
  readonly action: string;
  readonly tape: string;
}

/** Limit-up/limit-down band of a security. */
export interface StockLuld {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly limitUp: number;
  readonly limitDown: number;
  readonly indicator: string;
  readonly tape: string;
}

/** A trading halt, resumption or similar state of a security. */
export interface StockTradingStatus {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly statusCode: string;
  readonly statusMessage: string;
  readonly reasonCode: string;
  readonly reasonMessage: string;
  readonly tape: string;
}

/** Order imbalance during a limit-up/limit-down halt. */
export interface StockImbalance {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly price: number;
  readonly tape: string;
}
