/**
 * Market data that Alpaca keeps: the latest values and the history, for snapshots and for what a
 * stream has missed.
 *
 * @module
 */
import type { ChannelEvents } from "../../domain/market/channels.ts";

/** Channels of which the latest events can be looked up. */
export const LATEST_CHANNELS = [
  "stockQuotes",
  "stockTrades",
  "stockBars",
  "optionQuotes",
  "optionTrades",
] as const;

/** One of {@linkcode LATEST_CHANNELS}. */
export type LatestChannel = typeof LATEST_CHANNELS[number];

/** Channels whose past events can be looked up. Bars are minute bars. */
export type HistoryChannel = "stockTrades" | "stockBars" | "optionTrades";

/**
 * What latest events are for: snapshots that streams open with, or the first events of contracts
 * that enter a selection, whose requests have a share of the rate limit.
 */
export type LatestPurpose = "snapshot" | "first_events";

/** Most symbols of one request. */
export const MAX_REQUEST_SYMBOLS = 100;

/** Both ends are included, in wall clock ms. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** Selects past events. */
export interface HistoryQuery {
  /** At most {@linkcode MAX_REQUEST_SYMBOLS}. */
  readonly symbols: readonly string[];
  /** Of the timestamps of events. */
  readonly span: TimeSpan;
  /** Reading ends when there are more; the last page may exceed it. */
  readonly maxEvents: number;
}

/** Past events of several symbols. */
export interface History<E> {
  /** Events by symbol, in the order in which they occurred; no entry where there are none. */
  readonly events: ReadonlyMap<string, readonly E[]>;
  /** Symbols of which events are missing, with the wall clock ms from which on. */
  readonly incomplete: ReadonlyMap<string, number>;
  /** Why events are missing and what was read; `undefined` when all were read. */
  readonly problem: string | undefined;
  /** HTTP status of the last request that failed, if there was a response. */
  readonly status: number | undefined;
}

/** Looks up the latest and the past events of symbols, of the feeds that are followed. */
export interface MarketData {
  /**
   * The latest event of each symbol; symbols without one are left out.
   *
   * @param symbols at most {@linkcode MAX_REQUEST_SYMBOLS}
   * @param purpose by default `snapshot`
   * @throws ApiUnavailable
   */
  latest<C extends LatestChannel>(
    channel: C,
    symbols: readonly string[],
    signal: AbortSignal,
    purpose?: LatestPurpose,
  ): Promise<ReadonlyMap<string, ChannelEvents[C]>>;

  /** What Alpaca's stream has sent within a span; does not reject when a request fails. */
  history<C extends HistoryChannel>(
    channel: C,
    query: HistoryQuery,
    signal: AbortSignal,
  ): Promise<History<ChannelEvents[C]>>;
}
