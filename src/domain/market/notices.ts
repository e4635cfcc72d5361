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
export const GAP_REASONS = [
  "slow_client",
  "upstream_lost",
  "unreadable",
  "not_retained",
  "not_subscribed",
] as const;

/** One reason for which messages are missing. */
export type GapReason = typeof GAP_REASONS[number];

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

/** Makes one gap of two for the same reason; the count is unknown if one of both is. */
export function mergeGaps(some: Gap, other: Gap): Gap {
  const isKnown = some.count > 0 && other.count > 0;
  const symbols = [...new Set([...some.symbols, ...other.symbols])];
  const isListed = some.symbols.length > 0 && other.symbols.length > 0 &&
    symbols.length <= MAX_GAP_SYMBOLS;
  return {
    reason: some.reason,
    count: isKnown ? some.count + other.count : 0,
    firstSequence: some.firstSequence,
    lastSequence: other.lastSequence,
    symbols: isListed ? symbols : [],
    startTime: earliest(some.startTime, other.startTime),
    endTime: latest(some.endTime, other.endTime),
  };
}

function earliest(some: number | undefined, other: number | undefined): number | undefined {
  return some === undefined || other === undefined ? undefined : Math.min(some, other);
}

function latest(some: number | undefined, other: number | undefined): number | undefined {
  return some === undefined || other === undefined ? undefined : Math.max(some, other);
}

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
