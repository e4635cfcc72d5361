/**
 * Events of the stock stream.
 *
 * Prices are US dollars as the double that Alpaca sent; sizes are whole shares, and fractional ones
 * are rounded. Codes (exchanges,
 * conditions, tapes) are passed through unchanged, because the same letter has different meanings
 * on different tapes.
 *
 * @module
 */
import type { WithExactValues } from "./exact_value.ts";
import type { Timestamp } from "./timestamp.ts";

/** The national best bid and offer (or the top of the order book of IEX). */
export interface StockQuote extends WithExactValues {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  /** Exchange code of the best bid; empty when Alpaca sends none. */
  readonly bidExchange: string;
  /** USD; 0 means that there is no active bid. */
  readonly bidPrice: number;
  /** Shares, signed 32-bit range. */
  readonly bidSize: number;
  readonly askExchange: string;
  /** USD; 0 means that there is no active ask. */
  readonly askPrice: number;
  readonly askSize: number;
  /** Condition codes in Alpaca's order; may be empty. */
  readonly conditions: readonly string[];
  /** `A`, `B`, `C`, `N` or `O`; empty when Alpaca sends none. */
  readonly tape: string;
}

/** One execution reported to the tape. */
export interface StockTrade extends WithExactValues {
  readonly symbol: string;
  readonly timestamp: Timestamp;
  /** Exact; a `bigint` only where a double would lose digits. */
  readonly tradeId: number | bigint;
  readonly exchange: string;
  /** USD. */
  readonly price: number;
  /** Shares. */
  readonly size: number;
  readonly conditions: readonly string[];
  readonly tape: string;
}

/** The bar channel: minute bars, corrected minute bars, running daily bars. */
export type BarKind = "minute" | "updated" | "daily";

/** Aggregated trades of one minute, or of the running day. */
export interface StockBar extends WithExactValues {
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
  /** Volume-weighted average price in USD; 0 when Alpaca sends none. */
  readonly vwap: number;
  /** Number of trades; 0 when Alpaca sends none. */
  readonly tradeCount: number;
}

/** A wrongly reported trade and its correction. */
export interface StockCorrection extends WithExactValues {
  readonly kind: "corrected";
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

/** A cancelled trade (`C`), or one that was reported in error (`E`). */
export interface StockCancel extends WithExactValues {
  readonly kind: "cancelled";
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly tradeId: number | bigint;
  readonly exchange: string;
  readonly price: number;
  readonly size: number;
  /** `C` for a cancellation, `E` for an error; other values pass through. */
  readonly action: string;
  readonly tape: string;
}

/** What becomes of a trade after it was reported. */
export type TradeCorrection = StockCorrection | StockCancel;

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
