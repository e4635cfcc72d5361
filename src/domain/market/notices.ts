/**
 * What a stream can report about its own completeness: gaps, freshness and the origin of messages.
 *
 * Times are wall clock ms.
 *
 * @module
 */

/**
 * Where a message comes from: Alpaca's stream; the last known value; retained by the proxy and sent
 * again; fetched from REST after an outage; an order event derived from REST.
 */
export type Origin = "live" | "snapshot" | "replay" | "backfill" | "reconciled";

/**
 * Why messages are missing: the stream's queue overflowed; the session with Alpaca was down or
 * Alpaca dropped data; a message could not be decoded or encoded; a resume asked for more than is
 * retained; the symbol was rejected or over the quota.
 */
export type GapReason =
  | "slow_client"
  | "upstream_lost"
  | "unreadable"
  | "not_retained"
  | "not_subscribed";

/** Messages that are missing in a stream. */
export interface Gap {
  readonly reason: GapReason;
  /** Number of missing messages; 0 when it is unknown. */
  readonly count: number;
  /** Positions of the first and the last missing message; 0 when they are unknown. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Affected symbols, at most {@linkcode MAX_GAP_SYMBOLS}; empty means more, or unknown. */
  readonly symbols: readonly string[];
  readonly startTime: number | undefined;
  readonly endTime: number | undefined;
}

/** Most symbols that a gap lists. */
export const MAX_GAP_SYMBOLS = 32;

/**
 * Whether data is current: `stale` means silent although data is expected, or without a session;
 * `recovering`, connected again and not complete yet; `closed`, no session of the market is open.
 */
export type Freshness = "live" | "stale" | "recovering" | "closed";

/** The freshness of a feed, or of some of its symbols. */
export interface FeedNotice {
  readonly freshness: Freshness;
  readonly since: number;
  /** Empty for `live`. */
  readonly reason: string;
  /** Symbols concerned; empty means the whole feed. */
  readonly symbols: readonly string[];
}
